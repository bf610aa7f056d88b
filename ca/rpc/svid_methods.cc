#include <utility>
#include <vector>

#include "ca/rpc/convert.h"
#include "ca/rpc/method_tables.h"
#include "ca/rpc/status.h"
#include "ca/rpc/unary.h"
#include "spire/api/server/svid/v1/svid.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = spire::api::server::svid::v1;
using rpc::AnswerOf;
using rpc::CallInfo;

Error JwtNotOffered() {
  return Unimplemented("JWT-SVIDs are not offered by this version of the server");
}
Error WitNotOffered() {
  return Unimplemented("WIT-SVIDs are not offered by this version of the server");
}
Error DownstreamNotOffered() {
  return Unimplemented("downstream authorities are not offered by this version of the server");
}

AnswerOf<api::MintX509SVIDResponse> Mint(Services& services,
                                         const api::MintX509SVIDRequest& request) {
  SIGNET_TRY_ASSIGN(const service::WorkloadSvid minted,
                    services.svids.MintX509(AsBytes(request.csr()), request.ttl()));
  api::MintX509SVIDResponse response;
  SetX509Svid(response.mutable_svid(), minted.id, minted.svid);
  return response;
}

AnswerOf<api::BatchNewX509SVIDResponse> BatchNew(Services& services, const CallInfo& info,
                                                 const api::BatchNewX509SVIDRequest& request) {
  if (request.params().empty()) {
    return InvalidArgument("missing parameters");
  }
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId agent, AgentOf(services, info));
  std::vector<service::SvidRequest> requests;
  requests.reserve(static_cast<std::size_t>(request.params_size()));
  for (const api::NewX509SVIDParams& params : request.params()) {
    requests.push_back({params.entry_id(), AsBytes(params.csr())});
  }
  api::BatchNewX509SVIDResponse response;
  for (const Result<service::WorkloadSvid>& issued : services.svids.BatchNewX509(agent, requests)) {
    auto* result = response.add_results();
    SetItemStatus(result->mutable_status(), issued.ok() ? Status{} : Status(issued.error()));
    if (issued.ok()) {
      SetX509Svid(result->mutable_svid(), issued->id, issued->svid);
    }
  }
  return response;
}

}  // namespace

void AddSvidMethods(rpc::MethodTable& table, Services& s) {
  const std::string base = "/spire.api.server.svid.v1.SVID/";
  table.Add(base + "MintX509SVID",
            Pooled<api::MintX509SVIDRequest, api::MintX509SVIDResponse>(
                s, [&s](const CallInfo&, const auto& request) { return Mint(s, request); }));
  table.Add(
      base + "BatchNewX509SVID",
      Limited<api::BatchNewX509SVIDRequest, api::BatchNewX509SVIDResponse>(
          s, service::Bucket::kCsr,
          [](const auto& request) { return static_cast<std::size_t>(request.params_size()); },
          [&s](const CallInfo& info, const auto& request) { return BatchNew(s, info, request); }));
  table.Add(base + "MintJWTSVID",
            Refusing<api::MintJWTSVIDRequest, api::MintJWTSVIDResponse>(JwtNotOffered()));
  table.Add(base + "NewJWTSVID",
            Refusing<api::NewJWTSVIDRequest, api::NewJWTSVIDResponse>(JwtNotOffered()));
  table.Add(base + "MintWITSVID",
            Refusing<api::MintWITSVIDRequest, api::MintWITSVIDResponse>(WitNotOffered()));
  table.Add(base + "BatchNewWITSVID",
            Refusing<api::BatchNewWITSVIDRequest, api::BatchNewWITSVIDResponse>(WitNotOffered()));
  table.Add(base + "NewDownstreamX509CA",
            Refusing<api::NewDownstreamX509CARequest, api::NewDownstreamX509CAResponse>(
                DownstreamNotOffered()));
}

}  // namespace signet::ca_rpc
