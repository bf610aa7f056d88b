#pragma once

#include <functional>
#include <memory>

#include "core/base/result.h"
#include "workload-api/client/peer_judge.h"

namespace grpc::experimental {
class CertificateVerifier;
}  // namespace grpc::experimental

namespace signet::client {

/// MakeGrpcVerifier lets a function decide about the peer after each handshake, and before the
/// first byte of HTTP/2. The peer only sees that the connection ends. The function must not block.
std::shared_ptr<grpc::experimental::CertificateVerifier> MakeGrpcVerifier(
    std::function<Status(const PresentedChain&)> judge);

}  // namespace signet::client
