#include "ca/rpc/method_tables.h"

#include <optional>

#include "ca/rpc/status.h"

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
  AddWatchMethod(table, services);
  return table;
}

rpc::MethodTable UnixMethods(Services& services) {
  rpc::MethodTable table = TcpMethods(services);
  AddLoggerMethods(table);
  AddDebugMethods(table, services);
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
