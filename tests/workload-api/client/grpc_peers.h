#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "tests/workload-api/client/test_pki.h"
#include "workload-api/client/grpc_server.h"

namespace signet::client::test {

/// GrpcServer is a server on loopback that tells each caller who it is (PeerId).
class GrpcServer {
 public:
  /// With our credentials.
  GrpcServer(std::shared_ptr<const X509Provider> source, Authorizer authorizer,
             GrpcServerOptions options = {});
  /// Without TLS.
  GrpcServer();
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  const std::string& target() const;

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

}  // namespace signet::client::test
