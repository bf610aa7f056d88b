#include "workload-api/upstream/grpc_upstream.h"

#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <utility>

#include "signet/api/server/v1/cross_certificates.grpc.pb.h"
#include "signet/api/server/v1/pods.grpc.pb.h"
#include "spire/api/server/agent/v1/agent.grpc.pb.h"
#include "spire/api/server/bundle/v1/bundle.grpc.pb.h"
#include "spire/api/server/entry/v1/entry.grpc.pb.h"
#include "spire/api/server/svid/v1/svid.grpc.pb.h"
#include "workload-api/upstream/channel.h"
#include "workload-api/upstream/convert.h"
#include "workload-api/upstream/sync_entries.h"
#include "workload-api/upstream/watch_stream.h"

namespace signet::upstream {
namespace {

namespace agent_v1 = spire::api::server::agent::v1;
namespace bundle_v1 = spire::api::server::bundle::v1;
namespace entry_v1 = spire::api::server::entry::v1;
namespace svid_v1 = spire::api::server::svid::v1;
namespace own_v1 = signet::api::server::v1;
using manager::Answer;

/// An answer must stay below the library's 4 MiB.
constexpr int kTrustDomainsAtOnce = 16;
constexpr auto kShortCall = std::chrono::seconds(10);
constexpr auto kLongCall = std::chrono::seconds(30);
constexpr auto kAttestCall =
    std::chrono::seconds(60);  // the server may let many agents of one address wait in line

class GrpcUpstream final : public StoppableUpstream {
 public:
  GrpcUpstream(GrpcUpstreamOptions options, std::string target, const Clock& clock, Logger& logger)
      : target_(std::move(target)),
        judge_(std::make_shared<ServerJudge>(options.trust_domain, clock)),
        trust_domain_(options.trust_domain),
        logger_(logger) {}

  void Stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    if (running_ != nullptr) {
      running_->TryCancel();
    }
  }

  void Trust(std::shared_ptr<const crypto::TrustStores> stores) override {
    judge_->Trust(std::move(stores));
  }

  void Use(std::shared_ptr<const manager::AgentIdentity> identity) override {
    ReplaceWatch(nullptr);
    identity_ = std::move(identity);
    channel_.reset();
  }

  Answer<manager::AttestedAgent> Attest(attestor::NodeProver& prover, const Bytes& csr) override;
  Answer<std::vector<Bytes>> Renew(const Bytes& csr) override;
  Answer<> PostStatus(std::uint64_t bundle_sequence, const std::string& version) override;
  Answer<spiffe::Bundle> FetchBundle() override;
  Answer<std::optional<spiffe::Bundle>> FetchFederatedBundle(
      const spiffe::TrustDomain& trust_domain) override;
  Answer<std::map<spiffe::TrustDomain, std::vector<Bytes>>> FetchCrossCertificates(
      const std::set<spiffe::TrustDomain>& trust_domains) override;
  Answer<std::vector<svids::Entry>> SyncEntries(const std::vector<svids::Entry>& known) override;
  Answer<manager::IssuedChains> NewX509Svids(
      const std::vector<manager::SvidRequest>& requests) override;
  Answer<manager::IssuedChains> NewPodX509Svids(
      const std::vector<manager::PodSvidRequest>& requests) override;

  void Watch(const std::vector<std::string>& authority_ids,
             std::function<void()> on_change) override {
    if (const auto channel = Channel(); channel.ok()) {
      ReplaceWatch(std::make_shared<WatchStream>(*channel, authority_ids, std::move(on_change)));
    }
  }
  manager::WatchState watch_state() const override {
    const auto watch = CurrentWatch();
    return watch == nullptr ? manager::WatchState::kClosed : watch->state();
  }
  manager::ServerState server_state() const override {
    const auto watch = CurrentWatch();
    return watch == nullptr ? manager::ServerState{} : watch->server_state();
  }
  void Acknowledge(const std::vector<std::string>& authority_ids) override {
    if (const auto watch = CurrentWatch(); watch != nullptr) {
      watch->Acknowledge(authority_ids);
    }
  }

 private:
  /// Running makes a call's context reachable for Stop.
  class Running {
   public:
    Running(GrpcUpstream& upstream, std::chrono::seconds deadline) : upstream_(upstream) {
      context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                        gpr_time_from_seconds(deadline.count(), GPR_TIMESPAN)));
      const std::lock_guard lock(upstream_.mutex_);
      upstream_.running_ = &context;
      if (upstream_.stopped_) {
        context.TryCancel();
      }
    }
    ~Running() {
      const std::lock_guard lock(upstream_.mutex_);
      upstream_.running_ = nullptr;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    grpc::ClientContext context;

   private:
    GrpcUpstream& upstream_;
  };

  Result<std::shared_ptr<grpc::Channel>> Channel() {
    if (channel_ == nullptr) {
      SIGNET_TRY_ASSIGN(channel_, OpenChannel(target_, judge_, identity_.get()));
    }
    return channel_;
  }

  /// Call runs one unary RPC of a service on the present channel.
  template <class Service, class Method, class Request, class Response>
  grpc::Status Call(Method method, std::chrono::seconds deadline, const Request& request,
                    Response* response) {
    const auto channel = Channel();
    if (!channel.ok()) {
      return {grpc::StatusCode::INTERNAL, channel.error().message};
    }
    Running running(*this, deadline);
    const auto stub = Service::NewStub(*channel);
    return (stub.get()->*method)(&running.context, request, response);
  }

  std::shared_ptr<WatchStream> CurrentWatch() const {
    const std::lock_guard lock(mutex_);
    return watch_;
  }
  void ReplaceWatch(std::shared_ptr<WatchStream> watch) {
    const std::lock_guard lock(mutex_);
    watch_.swap(watch);
  }

  const std::string target_;
  const std::shared_ptr<ServerJudge> judge_;
  const spiffe::TrustDomain trust_domain_;
  Logger& logger_;
  std::shared_ptr<const manager::AgentIdentity> identity_;
  std::shared_ptr<grpc::Channel> channel_;

  mutable std::mutex mutex_;
  bool stopped_ = false;
  grpc::ClientContext* running_ = nullptr;
  std::shared_ptr<WatchStream> watch_;
};

using AttestStream =
    grpc::ClientReaderWriter<agent_v1::AttestAgentRequest, agent_v1::AttestAgentResponse>;

/// Converse sends the evidence and answers challenges until the result is there; nullopt: the
/// stream broke.
Result<std::optional<agent_v1::AttestAgentResponse::Result>> Converse(AttestStream& stream,
                                                                      attestor::NodeProver& prover,
                                                                      const Bytes& csr) {
  agent_v1::AttestAgentRequest request;
  SIGNET_TRY_ASSIGN(const Secret payload, prover.Payload());
  request.mutable_params()->mutable_data()->set_type(std::string(prover.type()));
  request.mutable_params()->mutable_data()->set_payload(Text(payload.RevealSecret()));
  request.mutable_params()->mutable_params()->set_csr(Text(csr));
  agent_v1::AttestAgentResponse response;
  while (stream.Write(request) && stream.Read(&response)) {
    if (response.has_result()) {
      return std::optional(response.result());
    }
    SIGNET_TRY_ASSIGN(const Secret answer, prover.Respond(AsBytes(response.challenge())));
    request.set_challenge_response(Text(answer.RevealSecret()));
  }
  return std::optional<agent_v1::AttestAgentResponse::Result>();
}

Answer<manager::AttestedAgent> GrpcUpstream::Attest(attestor::NodeProver& prover,
                                                    const Bytes& csr) {
  // On a connection without a client certificate, whatever identity there may still be (spire-api
  // §8.1).
  const auto channel = OpenChannel(target_, judge_, nullptr);
  if (!channel.ok()) {
    return {channel.error()};
  }
  Running running(*this, kAttestCall);
  const auto stub = agent_v1::Agent::NewStub(*channel);
  const auto stream = stub->AttestAgent(&running.context);
  auto result = Converse(*stream, prover, csr);
  stream->WritesDone();
  if (!result.ok() || result->has_value()) {
    running.context.TryCancel();
  }
  const grpc::Status status = stream->Finish();
  if (!result.ok()) {
    return {std::move(result).error()};
  }
  if (!result->has_value()) {
    return status.ok() ? Answer<manager::AttestedAgent>{Unavailable(
                             "the server ended the attestation too early")}
                       : FailureOf<manager::AttestedAgent>(status);
  }
  Result<std::vector<Bytes>> chain = ChainOf((*result)->svid());
  if (!chain.ok()) {
    return {std::move(chain).error()};
  }
  return {manager::AttestedAgent{std::move(*chain), (*result)->reattestable()}};
}

Answer<std::vector<Bytes>> GrpcUpstream::Renew(const Bytes& csr) {
  agent_v1::RenewAgentRequest request;
  request.mutable_params()->set_csr(Text(csr));
  agent_v1::RenewAgentResponse response;
  const grpc::Status status =
      Call<agent_v1::Agent>(&agent_v1::Agent::Stub::RenewAgent, kLongCall, request, &response);
  return status.ok() ? Answer<std::vector<Bytes>>{ChainOf(response.svid())}
                     : FailureOf<std::vector<Bytes>>(status);
}

Answer<> GrpcUpstream::PostStatus(std::uint64_t bundle_sequence, const std::string& version) {
  agent_v1::PostStatusRequest request;
  request.set_current_bundle_serial(bundle_sequence);
  request.set_agent_version(version);
  agent_v1::PostStatusResponse response;
  const grpc::Status status =
      Call<agent_v1::Agent>(&agent_v1::Agent::Stub::PostStatus, kShortCall, request, &response);
  return status.ok() ? Answer<>{} : FailureOf<void>(status);
}

Answer<spiffe::Bundle> GrpcUpstream::FetchBundle() {
  spire::api::types::Bundle response;
  const grpc::Status status = Call<bundle_v1::Bundle>(
      &bundle_v1::Bundle::Stub::GetBundle, kShortCall, bundle_v1::GetBundleRequest(), &response);
  if (!status.ok()) {
    return FailureOf<spiffe::Bundle>(status);
  }
  Result<spiffe::Bundle> bundle = BundleOf(response);
  if (bundle.ok() && bundle->trust_domain != trust_domain_) {
    return {Unavailable("the server sent the bundle of " + bundle->trust_domain.name())};
  }
  return {std::move(bundle)};
}

Answer<std::optional<spiffe::Bundle>> GrpcUpstream::FetchFederatedBundle(
    const spiffe::TrustDomain& trust_domain) {
  bundle_v1::GetFederatedBundleRequest request;
  request.set_trust_domain(trust_domain.name());
  spire::api::types::Bundle response;
  const grpc::Status status = Call<bundle_v1::Bundle>(&bundle_v1::Bundle::Stub::GetFederatedBundle,
                                                      kShortCall, request, &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
    return {std::optional<spiffe::Bundle>()};
  }
  if (!status.ok()) {
    return FailureOf<std::optional<spiffe::Bundle>>(status);
  }
  Result<spiffe::Bundle> bundle = BundleOf(response);
  if (!bundle.ok() || bundle->trust_domain != trust_domain) {
    logger_.Warn("federated bundle dropped", {{"trust_domain", trust_domain.name()}});
    return {std::optional<spiffe::Bundle>()};
  }
  return {std::optional(std::move(*bundle))};
}

Answer<std::map<spiffe::TrustDomain, std::vector<Bytes>>> GrpcUpstream::FetchCrossCertificates(
    const std::set<spiffe::TrustDomain>& trust_domains) {
  std::map<spiffe::TrustDomain, std::vector<Bytes>> fetched;
  for (auto next = trust_domains.begin(); next != trust_domains.end();) {
    own_v1::ListCrossCertificatesRequest request;
    for (; next != trust_domains.end() && request.trust_domains_size() < kTrustDomainsAtOnce;
         ++next) {
      request.add_trust_domains(next->name());
    }
    own_v1::ListCrossCertificatesResponse response;
    const grpc::Status status = Call<own_v1::CrossCertificates>(
        &own_v1::CrossCertificates::Stub::ListCrossCertificates, kShortCall, request, &response);
    if (!status.ok()) {
      return FailureOf<std::map<spiffe::TrustDomain, std::vector<Bytes>>>(status);
    }
    AddCrossCertificates(response, fetched);
  }
  return {std::move(fetched)};
}

Answer<std::vector<svids::Entry>> GrpcUpstream::SyncEntries(
    const std::vector<svids::Entry>& known) {
  const auto channel = Channel();
  if (!channel.ok()) {
    return {channel.error()};
  }
  Running running(*this, kLongCall);
  const auto stub = entry_v1::Entry::NewStub(*channel);
  return upstream::SyncEntries(*stub, running.context, known, logger_);
}

Answer<manager::IssuedChains> GrpcUpstream::NewX509Svids(
    const std::vector<manager::SvidRequest>& requests) {
  svid_v1::BatchNewX509SVIDRequest request;
  for (const manager::SvidRequest& wanted : requests) {
    auto& params = *request.add_params();
    params.set_entry_id(wanted.entry_id);
    params.set_csr(Text(wanted.csr));
  }
  svid_v1::BatchNewX509SVIDResponse response;
  const grpc::Status status =
      Call<svid_v1::SVID>(&svid_v1::SVID::Stub::BatchNewX509SVID, kLongCall, request, &response);
  return status.ok() ? Answer<manager::IssuedChains>{ChainsOf(response.results())}
                     : FailureOf<manager::IssuedChains>(status);
}

Answer<manager::IssuedChains> GrpcUpstream::NewPodX509Svids(
    const std::vector<manager::PodSvidRequest>& requests) {
  own_v1::BatchNewPodX509SVIDResponse response;
  const grpc::Status status = Call<own_v1::Pods>(&own_v1::Pods::Stub::BatchNewX509SVID, kLongCall,
                                                 PodRequestOf(requests), &response);
  return status.ok() ? Answer<manager::IssuedChains>{ChainsOf(response.results())}
                     : FailureOf<manager::IssuedChains>(status);
}

}  // namespace

Result<std::unique_ptr<StoppableUpstream>> MakeGrpcUpstream(GrpcUpstreamOptions options,
                                                            const Clock& clock, Logger& logger) {
  SIGNET_TRY_ASSIGN(std::string target, TargetOf(options.server_address, options.server_port));
  return std::unique_ptr<StoppableUpstream>(
      std::make_unique<GrpcUpstream>(std::move(options), std::move(target), clock, logger));
}

}  // namespace signet::upstream
