#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "workload-api/client/x509_context.h"

namespace signet::client::test {

/// FakeWorkloadApi serves FetchX509SVID with the gRPC library's own server: a peer that shares no
/// code with core/rpc.
class FakeWorkloadApi {
 public:
  /// Listens on the endpoint ("unix:/path" or "127.0.0.1:0"); REQUIREs that it works.
  explicit FakeWorkloadApi(const std::string& address);
  /// Breaks every stream.
  ~FakeWorkloadApi();
  FakeWorkloadApi(const FakeWorkloadApi&) = delete;
  FakeWorkloadApi& operator=(const FakeWorkloadApi&) = delete;

  /// Say sends the message on every open stream, and first on every new one.
  void Say(const X509Message& message);
  /// Deny ends every stream, and every new one, with the error, until something is said again.
  void Deny(const Error& error);

  int port() const;
  /// calls so far, and the values of the security header that the last one carried.
  int calls() const;
  std::vector<std::string> last_header() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace signet::client::test
