#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/unique_fd.h"
#include "tests/support/pki.h"

namespace signet::test {

/// FakeConnection is the server's end of a connection. Reads give what there is when the client
/// closes early; writes to a client that is gone do nothing.
class FakeConnection {
 public:
  explicit FakeConnection(UniqueFd fd) : fd_(std::move(fd)) {}
  void Send(const std::string& bytes);
  std::string Read(std::size_t n);
  /// ReadUntil reads up to and with `end`.
  std::string ReadUntil(const std::string& end);
  /// SpeakTls shakes hands with this certificate, in TLS 1.2 or 1.3 alone, and insists on a client
  /// certificate. Returns whether the handshake came to its end.
  bool SpeakTls(const TestCert& certificate, int version);
  /// End says that nothing more comes, and waits until the client has gone.
  void End();

 private:
  UniqueFd fd_;
};

/// FakeServer takes one connection after the other and has each talked to by the next of its
/// scripts; the last script is used again.
class FakeServer {
 public:
  using Script = std::function<void(FakeConnection&)>;
  /// On 127.0.0.1, or at the path of a Unix socket.
  explicit FakeServer(std::vector<Script> scripts, const std::string& path = {});
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  const std::string& address() const { return address_; }

 private:
  void Run();
  std::vector<Script> scripts_;
  UniqueFd listener_;
  std::string address_;
  std::thread thread_;
};

}  // namespace signet::test
