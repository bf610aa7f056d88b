#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/support/kubernetes/stub/http.h"

namespace signet::test::kube {

/// HttpsServer is the wire of the stub: TLS with optional client certificates, HTTP/1.1, one thread
/// a connection, since every watch holds its own.
class HttpsServer {
 public:
  /// `pki` is a folder of MakeKubePki; port 0 takes a free one. Aborts with text if it cannot.
  HttpsServer(const std::string& pki, int port);
  ~HttpsServer();

  int port() const { return port_; }
  /// Start serves on a thread of its own, for ever: the process ends it.
  void Start(std::function<Answer(const Request&)> handler);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  int port_ = 0;
};

}  // namespace signet::test::kube
