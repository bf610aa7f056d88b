#pragma once

#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/result.h"
#include "core/spiffe/trust_domain.h"
#include "workload-api/manager/upstream.h"

namespace signet::upstream {

struct GrpcUpstreamOptions {
  spiffe::TrustDomain trust_domain;
  std::string server_address;  ///< host name or numeric address
  std::uint16_t server_port = 8081;
};

/// StoppableUpstream is an Upstream whose running call can be cut short.
class StoppableUpstream : public manager::Upstream {
 public:
  /// Stop cancels what is running and lets later calls fail at once. Any thread.
  virtual void Stop() = 0;
};

/// MakeGrpcUpstream speaks the SPIRE server API over TLS, with the gRPC library. The server is
/// whoever shows an X509-SVID for spiffe://<trust domain>/spire/server that verifies by the trust
/// of the moment; names and addresses play no part. Each identity has a channel of its own. Clock
/// and logger must outlive it.
Result<std::unique_ptr<StoppableUpstream>> MakeGrpcUpstream(GrpcUpstreamOptions options,
                                                            const Clock& clock, Logger& logger);

}  // namespace signet::upstream
