#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "ca/rpc/method_tables.h"
#include "ca/rpc/status.h"
#include "signet/api/server/v1/changes.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = signet::api::server::v1;

/// Bounds of an acknowledgement: a bundle has a handful of authorities, an id is 40 hex digits.
constexpr int kMaxAuthorities = 256;
constexpr std::size_t kMaxAuthorityIdBytes = 64;

/// CallSink pushes states into the stream; one that was not sent yet is replaced by the newest.
class CallSink final : public service::WatchSink {
 public:
  explicit CallSink(std::shared_ptr<rpc::Call> call) : call_(std::move(call)) {}

  void Push(const service::WatchState& state) override {
    api::WatchResponse response;
    response.set_revision(state.revision);
    response.set_bundle_sequence(state.bundle_sequence);
    call_->WriteLatest(std::make_shared<const std::string>(response.SerializeAsString()));
  }
  void End(const service::Denial& why) override { call_->Finish(ToRpcStatus(why)); }

 private:
  const std::shared_ptr<rpc::Call> call_;
};

/// WatchHandler is one Changes/Watch stream, open as long as its agent is good.
class WatchHandler final : public rpc::CallHandler {
 public:
  WatchHandler(Services& services, std::shared_ptr<rpc::Call> call)
      : services_(services), call_(std::move(call)) {
    const auto caller = services_.callers.Identify(call_->info().peer);
    if (!caller->svid) {
      call_->Finish({Code::kPermissionDenied, "caller has no agent SVID"});
      return;
    }
    watch_ = services_.hub.Open(caller->svid->id, caller->svid->not_after,
                                std::make_shared<CallSink>(call_));
    // A ban between the guard and Open reached no stream: look once more.
    if (const auto denial = services_.authorizer.CheckAgent(*caller)) {
      call_->Finish(ToRpcStatus(*denial));
    }
  }

  void OnMessage(std::string_view raw) override {
    api::WatchRequest request;
    if (!request.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
      call_->Finish({Code::kInternal, "request message does not parse"});
      return;
    }
    std::set<std::string> ids(request.x509_authority_ids().begin(),
                              request.x509_authority_ids().end());
    const bool too_long = std::any_of(
        ids.begin(), ids.end(), [](const auto& id) { return id.size() > kMaxAuthorityIdBytes; });
    if (too_long || request.x509_authority_ids_size() > kMaxAuthorities) {
      call_->Finish({Code::kInvalidArgument, "x509_authority_ids: at most 256 of 64 bytes each"});
      return;
    }
    if (watch_) {
      services_.hub.Acknowledge(*watch_, std::move(ids));
    }
  }
  void OnHalfClose() override {}  // it only means that no further acknowledgement comes
  void OnDone() override {
    if (watch_) {
      services_.hub.Close(*watch_);
    }
  }

 private:
  Services& services_;
  const std::shared_ptr<rpc::Call> call_;
  std::optional<service::ChangeHub::WatchId> watch_;
};

}  // namespace

void AddWatchMethod(rpc::MethodTable& table, Services& services) {
  table.Add("/signet.api.server.v1.Changes/Watch",
            [&services](std::shared_ptr<rpc::Call> call) -> std::unique_ptr<rpc::CallHandler> {
              return std::make_unique<WatchHandler>(services, std::move(call));
            });
}

}  // namespace signet::ca_rpc
