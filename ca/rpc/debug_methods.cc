#include "ca/rpc/convert.h"
#include "ca/rpc/method_tables.h"
#include "ca/rpc/unary.h"
#include "core/crypto/certificate.h"
#include "spire/api/server/debug/v1/debug.pb.h"
#include "spire/api/server/logger/v1/logger.pb.h"
#include "spire/api/types/logger.pb.h"

namespace signet::ca_rpc {
namespace {

namespace debug = spire::api::server::debug::v1;
namespace logger = spire::api::server::logger::v1;
using rpc::AnswerOf;
using rpc::CallInfo;

Error LevelsNotOffered() {
  return Unimplemented("changing the log level of a running server is not offered by this version");
}

AnswerOf<debug::GetInfoResponse> GetInfo(Services& services) {
  debug::GetInfoResponse response;
  if (const auto svid = services.server_svid.current()) {
    for (const Bytes& der : svid->chain) {
      SIGNET_TRY_ASSIGN(const auto certificate, crypto::Certificate::Parse(der));
      auto* added = response.add_svid_chain();
      added->set_expires_at(UnixSeconds(certificate.not_after));
      if (certificate.uri_sans.size() == 1) {
        if (const auto id = spiffe::SpiffeId::Parse(certificate.uri_sans.front()); id.ok()) {
          SetId(added->mutable_id(), *id);
        }
      }
    }
  }
  const Duration uptime = services.context.clock.Mono() - services.started;
  response.set_uptime(
      static_cast<std::int32_t>(std::chrono::duration_cast<std::chrono::seconds>(uptime).count()));
  services.context.registry.Read([&](const service::RegistryTables& tables) {
    response.set_agents_count(static_cast<std::int32_t>(tables.agents().size()));
    response.set_entries_count(static_cast<std::int32_t>(tables.entries().size()));
    response.set_federated_bundles_count(static_cast<std::int32_t>(tables.bundles().size()));
  });
  return response;
}

}  // namespace

void AddDebugMethods(rpc::MethodTable& table, Services& s) {
  table.Add("/spire.api.server.debug.v1.Debug/GetInfo",
            Pooled<debug::GetInfoRequest, debug::GetInfoResponse>(
                s, [&s](const CallInfo&, const auto&) { return GetInfo(s); }));
}

void AddLoggerMethods(rpc::MethodTable& table) {
  using Logger = spire::api::types::Logger;
  const std::string base = "/spire.api.server.logger.v1.Logger/";
  table.Add(base + "GetLogger", Refusing<logger::GetLoggerRequest, Logger>(LevelsNotOffered()));
  table.Add(base + "SetLogLevel", Refusing<logger::SetLogLevelRequest, Logger>(LevelsNotOffered()));
  table.Add(base + "ResetLogLevel",
            Refusing<logger::ResetLogLevelRequest, Logger>(LevelsNotOffered()));
}

}  // namespace signet::ca_rpc
