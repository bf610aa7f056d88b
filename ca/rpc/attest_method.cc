#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "ca/rpc/convert.h"
#include "ca/rpc/method_tables.h"
#include "ca/rpc/strand.h"
#include "ca/rpc/unary.h"
#include "spire/api/server/agent/v1/agent.pb.h"

namespace signet::ca_rpc {
namespace {

namespace api = spire::api::server::agent::v1;

/// AttestCall is one AttestAgent stream. What it does blocks (platforms are asked, the record is
/// committed), so the event loop only hands messages on to its strand.
class AttestCall : public std::enable_shared_from_this<AttestCall> {
 public:
  AttestCall(Services& services, std::shared_ptr<rpc::Call> call)
      : services_(services),
        call_(std::move(call)),
        strand_(std::make_shared<Strand>(services.network_pool)) {}

  /// Message: on the event loop.
  void Message(std::string_view raw) {
    auto request = std::make_shared<api::AttestAgentRequest>();
    if (!request->ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
      call_->Finish({Code::kInternal, "request message does not parse"});
      return;
    }
    const auto step = [self = shared_from_this(), request] { self->Step(*request); };
    if (seen_first_) {
      Post(step);
      return;
    }
    seen_first_ = true;
    RunLimited(services_, service::Bucket::kAttest, 1, call_,
               [self = shared_from_this(), step] { self->Post(step); });
  }

  void HalfClose() {
    if (!seen_first_) {
      call_->Finish({Code::kInvalidArgument, "failed to receive request from stream: EOF"});
      return;
    }
    // The answer may still be on its way; only one that waits for a challenge's response, now or
    // later, will never get it.
    half_closed_ = true;
    Post([self = shared_from_this()] {
      if (self->attestation_) {
        self->FinishWithoutResponse();
      }
    });
  }

 private:
  void Post(std::function<void()> step) {
    if (!strand_->Post(std::move(step))) {
      call_->Finish({Code::kResourceExhausted, "server is busy; try again"});
    }
  }

  void FinishWithoutResponse() {
    attestation_.reset();
    call_->Finish(
        {Code::kInvalidArgument, "failed to receive challenge response from stream: EOF"});
  }

  void Step(const api::AttestAgentRequest& request) {
    if (call_->over()) {
      return;
    }
    Result<service::Attestation::Outcome> outcome = Advance(request);
    if (!outcome.ok()) {
      services_.context.logger.Info(
          "attestation refused",
          {{"address", call_->info().peer->address}, {"reason", outcome.error()}});
      attestation_.reset();
      call_->Finish(rpc::RpcStatus::Of(Status(std::move(outcome).error())));
      return;
    }
    Answer(*outcome);
  }

  Result<service::Attestation::Outcome> Advance(const api::AttestAgentRequest& request) {
    if (attestation_) {
      if (request.step_case() != api::AttestAgentRequest::kChallengeResponse) {
        return InvalidArgument("expected a challenge response");
      }
      return attestation_->Respond(AsBytes(request.challenge_response()));
    }
    if (begun_ || request.step_case() != api::AttestAgentRequest::kParams) {
      return InvalidArgument("malformed param: missing params");
    }
    begun_ = true;
    const auto& params = request.params();
    if (!params.has_data()) {
      return InvalidArgument("malformed param: missing attestation data");
    }
    if (!params.has_params()) {
      return InvalidArgument("malformed param: missing X509-SVID parameters");
    }
    SIGNET_TRY_ASSIGN(attestation_,
                      services_.attestation.Begin({.type = params.data().type(),
                                                   .payload = ToBytes(params.data().payload()),
                                                   .csr = ToBytes(params.params().csr())}));
    return attestation_->Start();
  }

  void Answer(const service::Attestation::Outcome& outcome) {
    api::AttestAgentResponse response;
    if (const auto* challenge = std::get_if<Bytes>(&outcome)) {
      if (half_closed_) {
        FinishWithoutResponse();
        return;
      }
      response.set_challenge(challenge->data(), challenge->size());
      call_->Write(std::make_shared<const std::string>(response.SerializeAsString()));
      return;
    }
    const auto& issued = std::get<service::IssuedAgentSvid>(outcome);
    SetX509Svid(response.mutable_result()->mutable_svid(), issued.id, issued.svid);
    response.mutable_result()->set_reattestable(issued.reattestable);
    attestation_.reset();
    call_->Write(std::make_shared<const std::string>(response.SerializeAsString()));
    call_->Finish({});
  }

  Services& services_;
  const std::shared_ptr<rpc::Call> call_;
  const std::shared_ptr<Strand> strand_;
  bool seen_first_ = false;  ///< event loop alone
  std::atomic<bool> half_closed_{false};
  bool begun_ = false;  ///< strand alone, as what follows
  std::unique_ptr<service::Attestation> attestation_;
};

class AttestHandler final : public rpc::CallHandler {
 public:
  explicit AttestHandler(std::shared_ptr<AttestCall> call) : call_(std::move(call)) {}
  void OnMessage(std::string_view message) override { call_->Message(message); }
  void OnHalfClose() override { call_->HalfClose(); }

 private:
  const std::shared_ptr<AttestCall> call_;
};

}  // namespace

void AddAttestMethod(rpc::MethodTable& table, Services& services) {
  table.Add("/spire.api.server.agent.v1.Agent/AttestAgent",
            [&services](std::shared_ptr<rpc::Call> call) -> std::unique_ptr<rpc::CallHandler> {
              return std::make_unique<AttestHandler>(
                  std::make_shared<AttestCall>(services, std::move(call)));
            });
}

}  // namespace signet::ca_rpc
