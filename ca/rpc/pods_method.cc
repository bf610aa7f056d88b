#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ca/rpc/convert.h"
#include "ca/rpc/method_tables.h"
#include "ca/rpc/status.h"
#include "ca/rpc/unary.h"
#include "signet/api/server/v1/pods.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = signet::api::server::v1;
using rpc::AnswerOf;

constexpr int kMaxItems = static_cast<int>(service::PodSvids::kMaxItems);

Status CheckSize(const api::BatchNewPodX509SVIDRequest& request) {
  if (request.params().empty()) {
    return InvalidArgument("missing parameters");
  }
  if (request.params_size() > kMaxItems) {
    return InvalidArgument("more than " + std::to_string(kMaxItems) + " items in one batch");
  }
  return {};
}

AnswerOf<api::BatchNewPodX509SVIDResponse> BatchNew(
    Services& services, const rpc::CallInfo& info, const api::BatchNewPodX509SVIDRequest& request) {
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId agent, AgentOf(services, info));
  std::vector<service::PodSvidRequest> requests;
  requests.reserve(static_cast<std::size_t>(request.params_size()));
  for (const api::NewPodX509SVIDParams& params : request.params()) {
    requests.push_back({.pod = {params.pod_uid(), params.pod_namespace(), params.pod_name()},
                        .csr = AsBytes(params.csr()),
                        .token = params.workload_token()});
  }
  api::BatchNewPodX509SVIDResponse response;
  for (const Result<service::PodSvid>& issued : services.pods->BatchNewX509(agent, requests)) {
    auto* result = response.add_results();
    SetItemStatus(result->mutable_status(), issued.ok() ? Status{} : Status(issued.error()));
    if (issued.ok()) {
      SetX509Svid(result->mutable_svid(), issued->entry->spiffe_id, issued->svid);
      SetEntry(result->mutable_entry(), *issued->entry, nullptr);
    }
  }
  return response;
}

void Answer(Services& services, const std::shared_ptr<rpc::Call>& call,
            const api::BatchNewPodX509SVIDRequest& request) {
  AnswerOf<api::BatchNewPodX509SVIDResponse> answer = BatchNew(services, call->info(), request);
  if (answer.status.code == Code::kOk) {
    call->Write(std::make_shared<const std::string>(answer.response.SerializeAsString()));
  }
  call->Finish(std::move(answer.status));
}

/// Begin checks the batch's size before it costs any tokens of the rate limit. The work then goes
/// from the pool, where its turn comes, to the pool for what asks other systems.
void Begin(Services& services, const std::shared_ptr<rpc::Call>& call, std::string_view raw) {
  auto request = std::make_shared<api::BatchNewPodX509SVIDRequest>();
  if (!request->ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
    call->Finish({Code::kInternal, "request message does not parse"});
    return;
  }
  if (const Status size = CheckSize(*request); !size.ok()) {
    call->Finish(rpc::RpcStatus::Of(size));
    return;
  }
  const auto cost = static_cast<std::size_t>(request->params_size());
  RunLimited(services, service::Bucket::kCsr, cost, call, [&services, call, request] {
    if (!services.network_pool.Submit(
            [&services, call, request] { Answer(services, call, *request); })) {
      call->Finish({Code::kResourceExhausted, "server is busy; try again"});
    }
  });
}

}  // namespace

void AddPodsMethod(rpc::MethodTable& table, Services& services) {
  const std::string method = "/signet.api.server.v1.Pods/BatchNewX509SVID";
  if (services.pods == nullptr) {
    table.Add(method, Refusing<api::BatchNewPodX509SVIDRequest, api::BatchNewPodX509SVIDResponse>(
                          Unimplemented("this server gives no identities without registration; see "
                                        "kubernetes.clusters in its configuration")));
    return;
  }
  table.Add(method, rpc::Unary([&services](const std::shared_ptr<rpc::Call>& call,
                                           std::string_view raw) { Begin(services, call, raw); }));
}

}  // namespace signet::ca_rpc
