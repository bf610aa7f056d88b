#pragma once

#include <functional>
#include <memory>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/client/authorizer.h"
#include "workload-api/client/x509_source.h"

namespace grpc {
class AuthMetadataProcessor;
class ServerContextBase;
class ServerCredentials;
}  // namespace grpc

namespace signet::client {

/// LivePeers says when the calls of a connection that is open already are refused.
enum class LivePeers {
  kKeep,  ///< never: what was said at its first call holds for the connection
  /// Once no authority of the bundle vouches for the peer's certificate any more, the authorizer
  /// changes its mind, or our own identities are taken away.
  kUntilRootRemoved,
  kUntilExpiry,  ///< Then, and once the certificate that was shown at the handshake has expired.
};

struct GrpcServerOptions {
  const Clock* clock = nullptr;  ///< null: the machine's clock; else it must outlive the server
  /// on_refused hears why a peer, a call or a new identity of ours was refused. From any thread.
  std::function<void(const Error&)> on_refused = {};
  LivePeers live_peers = LivePeers::kUntilRootRemoved;
  /// A processor of the program's own runs after our check of each call.
  std::shared_ptr<grpc::AuthMetadataProcessor> processor = {};
};

/// MakeGrpcServerCredentials binds gRPC servers to a source for mutual TLS:
///
/// - new connections are shown the default identity, at most 1.5 s after it has changed; it never
///   lies on a disk, and a key that does not fit its certificate never replaces the last good pair;
/// - after each handshake, and before any HTTP/2, the peer is verified as an X509-SVID against the
///   bundle of its own trust domain as it is at that moment, then the authorizer is asked;
/// - every call is judged again, as `live_peers` says;
/// - without a valid identity of ours no handshake succeeds; clients see UNAVAILABLE.
///
/// For any number of ports and servers. It keeps the source alive. Do not call
/// SetAuthMetadataProcessor on it: that would replace our check of each call, and PeerId would
/// fail. A connection lives on while certificates rotate: clients that never reconnect need
/// GRPC_ARG_MAX_CONNECTION_AGE_MS on the server, shorter than authorities (kUntilExpiry: than half
/// a certificate's life). INVALID_ARGUMENT: no source; FAILED_PRECONDITION: no /proc.
Result<std::shared_ptr<grpc::ServerCredentials>> MakeGrpcServerCredentials(
    std::shared_ptr<const X509Provider> source, Authorizer authorizer,
    GrpcServerOptions options = {});

/// PeerId is who makes this call: verified and authorized by MakeGrpcServerCredentials, on this
/// very connection. FAILED_PRECONDITION on a port with other credentials.
Result<spiffe::SpiffeId> PeerId(const grpc::ServerContextBase& context);

}  // namespace signet::client
