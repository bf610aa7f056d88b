#include "ca/rpc/unary.h"

namespace signet::ca_rpc {

void RunLimited(Services& services, service::Bucket bucket, std::size_t cost,
                const std::shared_ptr<rpc::Call>& call, std::function<void()> work) {
  const rpc::CallInfo& info = call->info();
  Duration wait = Duration::zero();
  if (!info.peer->process) {
    const Duration left =
        info.deadline ? *info.deadline - services.context.clock.Mono() : Duration::max();
    Result<Duration> reserved = services.limiter.Reserve(bucket, info.peer->address, cost, left);
    if (!reserved.ok()) {
      call->Finish(rpc::RpcStatus::Of(Status(std::move(reserved).error())));
      return;
    }
    wait = *reserved;
  }
  const auto busy = [call] {
    call->Finish({Code::kResourceExhausted, "server is busy; try again"});
  };
  const bool taken = services.deferrals.RunAfter(
      wait,
      [call, work = std::move(work)] {
        if (!call->over()) {
          work();
        }
      },
      busy);
  if (!taken) {
    busy();
  }
}

Result<spiffe::SpiffeId> AgentOf(Services& services, const rpc::CallInfo& info) {
  const auto caller = services.callers.Identify(info.peer);
  if (!caller->svid) {
    return PermissionDenied("caller has no agent SVID");
  }
  return caller->svid->id;
}

}  // namespace signet::ca_rpc
