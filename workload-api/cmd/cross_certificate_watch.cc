#include "workload-api/cmd/cross_certificate_watch.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "core/base/random.h"
#include "signet/api/agent/v1/cross_certificates.grpc.pb.h"
#include "workload-api/client/backoff.h"
#include "workload-api/client/endpoint.h"

namespace signet::agent_cmd {
namespace {

namespace api = signet::api::agent::v1;

/// An agent that does not know the call may be replaced by one that does.
constexpr Duration kAskAgainAfter = std::chrono::minutes(10);

std::string TargetOf(const client::Endpoint& endpoint) {
  const std::string uri = endpoint.ToString();
  if (endpoint.kind == client::Endpoint::Kind::kUnix) {
    return uri;
  }
  const bool v6 = endpoint.ip.find(':') != std::string::npos;
  return (v6 ? "ipv6:" : "ipv4:") + uri.substr(std::string_view("tcp://").size());
}

CrossCertificateWatch::State StateOf(const api::WatchCrossCertificatesResponse& response) {
  CrossCertificateWatch::State state;
  for (const auto& [name, certificates] : response.trust_domains()) {
    const auto trust_domain = spiffe::TrustDomain::Parse(name);
    if (!trust_domain.ok()) {
      continue;
    }
    for (const std::string& der : certificates.der()) {
      state[*trust_domain].push_back(ToBytes(AsBytes(der)));
    }
  }
  return state;
}

}  // namespace

Result<std::unique_ptr<CrossCertificateWatch>> CrossCertificateWatch::Open(
    const std::string& endpoint, Logger& logger, OnState on_state) {
  SIGNET_TRY_ASSIGN(const client::Endpoint parsed, client::ParseEndpoint(endpoint));
  return std::unique_ptr<CrossCertificateWatch>(
      new CrossCertificateWatch(TargetOf(parsed), logger, std::move(on_state)));
}

CrossCertificateWatch::CrossCertificateWatch(std::string target, Logger& logger, OnState on_state)
    : target_(std::move(target)), logger_(logger), on_state_(std::move(on_state)) {
  thread_ = std::thread([this] { Run(); });
}

CrossCertificateWatch::~CrossCertificateWatch() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (stream_ != nullptr) {
      stream_->TryCancel();
    }
    changed_.notify_all();
  }
  thread_.join();
}

void CrossCertificateWatch::Run() {
  SystemRandom random;
  client::Backoff backoff({}, random);
  for (;;) {
    bool told = false;
    const Status ended = WatchOnce(told);
    if (told) {
      backoff.Reset();
    }
    Duration pause = backoff.Next();
    if (ended.code() == Code::kUnimplemented) {
      on_state_({});
      pause = kAskAgainAfter;
    } else if (!ended.ok()) {
      logger_.Debug("the stream of cross-certificates has ended", {{"reason", ended.error()}});
    }
    if (!Pause(pause)) {
      return;
    }
  }
}

Status CrossCertificateWatch::WatchOnce(bool& told) {
  // A connection for each attempt: our own backoff decides when, not the library's.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto stub = api::CrossCertificates::NewStub(
      grpc::CreateCustomChannel(target_, grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  context.AddMetadata("workload.spiffe.io", "true");
  {
    const std::lock_guard lock(mutex_);
    if (ending_) {
      return {};
    }
    stream_ = &context;
  }
  const auto reader = stub->WatchCrossCertificates(&context, {});
  api::WatchCrossCertificatesResponse response;
  while (reader->Read(&response)) {
    told = true;
    on_state_(StateOf(response));
  }
  const grpc::Status status = reader->Finish();
  {
    const std::lock_guard lock(mutex_);
    stream_ = nullptr;
  }
  return status.ok() ? Status()
                     : Error{static_cast<Code>(status.error_code()), status.error_message()};
}

bool CrossCertificateWatch::Pause(Duration time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return ending_; });
}

}  // namespace signet::agent_cmd
