#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "attestor/workload/k8s/pod_facts.h"

namespace signet::attestor::test {

/// FakeFacts holds the pods that a test puts in.
class FakeFacts final : public PodFacts {
 public:
  kubernetes::PodPtr Find(std::string_view uid) const override {
    const std::lock_guard lock(mutex_);
    const auto found = pods_.find(std::string(uid));
    return found == pods_.end() ? nullptr : found->second;
  }
  bool IsAsOf(MonoTime time) const override {
    const std::lock_guard lock(mutex_);
    return time <= as_of_;
  }
  void Refresh() override {
    const std::lock_guard lock(mutex_);
    ++refreshes_;
  }
  void SetListener(std::function<void()> listener) override {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }
  std::string Problem() const override {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

  /// Put replaces a pod and tells.
  void Put(kubernetes::Pod pod) {
    Change([&] { pods_[pod.uid] = std::make_shared<const kubernetes::Pod>(pod); });
  }
  void Remove(const std::string& uid) {
    Change([&] { pods_.erase(uid); });
  }
  void SetAsOf(MonoTime time) {
    Change([&] { as_of_ = time; });
  }
  void SetProblem(std::string problem) {
    Change([&] { problem_ = std::move(problem); });
  }
  int refreshes() const {
    const std::lock_guard lock(mutex_);
    return refreshes_;
  }

 private:
  template <class Body>
  void Change(const Body& body) {
    std::function<void()> listener;
    {
      const std::lock_guard lock(mutex_);
      body();
      listener = listener_;
    }
    if (listener) {
      listener();
    }
  }

  mutable std::mutex mutex_;
  std::map<std::string, kubernetes::PodPtr> pods_;
  MonoTime as_of_ = MonoTime::max();
  std::function<void()> listener_;
  std::string problem_;
  int refreshes_ = 0;
};

}  // namespace signet::attestor::test
