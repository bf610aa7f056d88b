#include "ca/rpc/method_tables.h"

#include <optional>

#include "ca/rpc/status.h"
#include "core/rpc/health.h"
#include "core/rpc/reflection.h"

namespace signet::ca_rpc {

rpc::MethodTable TcpMethods(Services& services) {
  rpc::MethodTable table;
  AddAgentMethods(table, services);
  AddAttestMethod(table, services);
  AddEntryMethods(table, services);
  AddSyncMethod(table, services);
  AddSvidMethods(table, services);
  AddBundleMethods(table, services);
  AddLocalAuthorityMethods(table, services);
  AddTrustDomainMethods(table);
  AddCrossCertificateMethods(table, services);
  AddPodsMethod(table, services);
  AddWatchMethod(table, services);
  return table;
}

rpc::MethodTable UnixMethods(Services& services) {
  rpc::MethodTable table = TcpMethods(services);
  AddLoggerMethods(table);
  AddDebugMethods(table, services);
  rpc::AddHealth(table, [&services] { return services.server_svid.current() != nullptr; });
  rpc::AddReflection(table,
                     {"spire.api.server.agent.v1.Agent", "spire.api.server.bundle.v1.Bundle",
                      "spire.api.server.debug.v1.Debug", "spire.api.server.entry.v1.Entry",
                      "spire.api.server.localauthority.v1.LocalAuthority",
                      "spire.api.server.logger.v1.Logger", "spire.api.server.svid.v1.SVID",
                      "spire.api.server.trustdomain.v1.TrustDomain", "signet.api.server.v1.Changes",
                      "signet.api.server.v1.CrossCertificates", "signet.api.server.v1.Pods"});
  return table;
}

rpc::Interceptor Guard(Services& services) {
  return [&services](const rpc::CallInfo& info) -> rpc::RpcStatus {
    const auto caller = services.callers.Identify(info.peer);
    const std::optional<service::Denial> denial = services.authorizer.Check(info.method, *caller);
    return denial ? ToRpcStatus(*denial) : rpc::RpcStatus{};
  };
}

}  // namespace signet::ca_rpc
