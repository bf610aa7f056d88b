#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "workload-api/client/x509_source.h"

namespace signet::client::test {

/// FakeProvider holds what the test puts into it.
class FakeProvider final : public X509Provider {
 public:
  explicit FakeProvider(X509Snapshot snapshot = nullptr) : snapshot_(std::move(snapshot)) {}
  X509Snapshot Current() const override {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }
  void Set(X509Snapshot snapshot) {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(snapshot);
  }

 private:
  mutable std::mutex mutex_;
  X509Snapshot snapshot_;
};

}  // namespace signet::client::test
