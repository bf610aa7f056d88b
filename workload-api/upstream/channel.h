#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/crypto/x509_svid.h"
#include "workload-api/manager/agent_identity.h"

namespace signet::upstream {

/// ServerJudge decides at each TLS handshake whether the peer is our server. Safe for several
/// threads.
class ServerJudge {
 public:
  ServerJudge(spiffe::TrustDomain trust_domain, const Clock& clock)
      : trust_domain_(std::move(trust_domain)), clock_(clock) {}
  /// Null trusts whoever shows the server's ID (insecure bootstrap).
  void Trust(std::shared_ptr<const crypto::TrustStores> stores);
  Status Judge(std::string_view pem_chain) const;

 private:
  const spiffe::TrustDomain trust_domain_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const crypto::TrustStores> stores_;
};

/// TargetOf names the server for the library: numeric addresses need no resolver. INVALID_ARGUMENT:
/// not an address.
Result<std::string> TargetOf(const std::string& address, std::uint16_t port);

/// OpenChannel makes a channel that presents the identity (null: no client certificate). It
/// connects at its first call.
Result<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& target,
                                                   std::shared_ptr<const ServerJudge> judge,
                                                   const manager::AgentIdentity* identity);

}  // namespace signet::upstream
