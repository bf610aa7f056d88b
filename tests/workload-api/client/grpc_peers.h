#pragma once

#include <memory>
#include <string>
#include <thread>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "tests/workload-api/client/test_pki.h"
#include "workload-api/client/grpc_channel.h"
#include "workload-api/client/grpc_server.h"

namespace signet::client::test {

/// GrpcServer is a server on loopback that tells each caller who it is (PeerId).
class GrpcServer {
 public:
  /// With our credentials.
  GrpcServer(std::shared_ptr<const X509Provider> source, Authorizer authorizer,
             GrpcServerOptions options = {});
  /// With the gRPC library's own credentials: an identity that never changes, any client is let in.
  explicit GrpcServer(const Leaf& identity);
  /// Without TLS.
  GrpcServer();
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  const std::string& target() const;
  /// clients_seen counts the different certificates that callers have shown.
  std::size_t clients_seen() const;
  /// Streams say one thing when they start, and a second one once this was called.
  void FinishStreams();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// RefuseCallsWith makes a processor of the program's own: it refuses calls that carry the header.
std::shared_ptr<grpc::AuthMetadataProcessor> RefuseCallsWith(const std::string& header);

/// PlainClient uses the gRPC library alone: an identity that never changes, and no check of the
/// server. It keeps its connection.
class PlainClient {
 public:
  /// null: without TLS. An empty chain: TLS without a certificate.
  PlainClient(const std::string& target, const Leaf* identity);
  ~PlainClient();
  PlainClient(PlainClient&&) noexcept;

  /// Call gives the ID that the server knows us by.
  Result<std::string> Call(const std::string& header = "");
  /// server_leaf is what the server showed last, DER; empty before.
  Bytes server_leaf() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// CallOn makes a call with the stub of the moment and gives the ID that the server knows us by.
Result<std::string> CallOn(const std::shared_ptr<SpiffeChannel>& channel);

/// OpenStream is a call that goes on until FinishStreams.
class OpenStream {
 public:
  /// Waits for the first message.
  explicit OpenStream(const std::shared_ptr<SpiffeChannel>& channel);
  ~OpenStream();
  /// Waits for the second message and the end.
  Status Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Soon waits until the condition holds, but not for ever. The library reads a server's identity
/// once a second.
template <class Condition>
bool Soon(Condition condition) {
  const MonoTime end = RealClock().Mono() + std::chrono::seconds(20);
  while (!condition()) {
    if (RealClock().Mono() > end) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace signet::client::test
