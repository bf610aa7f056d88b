#pragma once

#include "ca/rpc/services.h"
#include "core/rpc/call.h"
#include "core/rpc/methods.h"

namespace signet::ca_rpc {

/// TcpMethods is what the port serves: the server API and our change stream.
rpc::MethodTable TcpMethods(Services& services);
/// UnixMethods adds what only the socket serves: Logger, Debug, health and reflection.
rpc::MethodTable UnixMethods(Services& services);

/// Guard is the interceptor of both: nothing is reached without a row in the authorization table.
rpc::Interceptor Guard(Services& services);

/// One function for each service adds its methods.
void AddAgentMethods(rpc::MethodTable& table, Services& services);
void AddAttestMethod(rpc::MethodTable& table, Services& services);
void AddEntryMethods(rpc::MethodTable& table, Services& services);
void AddSyncMethod(rpc::MethodTable& table, Services& services);
void AddSvidMethods(rpc::MethodTable& table, Services& services);
void AddBundleMethods(rpc::MethodTable& table, Services& services);
void AddLocalAuthorityMethods(rpc::MethodTable& table, Services& services);
void AddTrustDomainMethods(rpc::MethodTable& table);
void AddCrossCertificateMethods(rpc::MethodTable& table, Services& services);
void AddPodsMethod(rpc::MethodTable& table, Services& services);
void AddWatchMethod(rpc::MethodTable& table, Services& services);
void AddLoggerMethods(rpc::MethodTable& table);
void AddDebugMethods(rpc::MethodTable& table, Services& services);

}  // namespace signet::ca_rpc
