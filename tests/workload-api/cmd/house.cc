#include "tests/workload-api/cmd/house.h"

#include <grpcpp/create_channel.h>

#include <chrono>
#include <thread>

#include "core/base/check.h"
#include "core/base/files.h"
#include "core/crypto/bundle_codec.h"
#include "spire/api/server/agent/v1/agent.grpc.pb.h"
#include "spire/api/server/bundle/v1/bundle.grpc.pb.h"
#include "spire/api/server/entry/v1/entry.grpc.pb.h"
#include "workload.grpc.pb.h"

namespace signet::test {
namespace {

namespace agent_v1 = spire::api::server::agent::v1;
namespace bundle_v1 = spire::api::server::bundle::v1;
namespace entry_v1 = spire::api::server::entry::v1;

constexpr char kTrustDomain[] = "example.org";

std::shared_ptr<grpc::Channel> Dial(const std::string& socket_path) {
  grpc::ChannelArguments arguments;
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  return grpc::CreateCustomChannel("unix:" + socket_path, grpc::InsecureChannelCredentials(),
                                   arguments);
}

template <class T>
T Must(Result<T> result, const char* what) {
  SIGNET_CHECK(result.ok(), std::string(what) + ": " + result.error().message);
  return std::move(result).value();
}

void Must(const grpc::Status& status, const char* what) {
  SIGNET_CHECK(status.ok(), std::string(what) + ": " + status.error_message());
}

void SetId(spire::api::types::SPIFFEID& id, const std::string& path) {
  id.set_trust_domain(kTrustDomain);
  id.set_path(path);
}

std::string AgentPath(const std::string& token) { return "/spire/agent/join_token/" + token; }

}  // namespace

struct House::Operator {
  explicit Operator(const std::string& socket_path)
      : channel(Dial(socket_path)),
        agents(agent_v1::Agent::NewStub(channel)),
        bundles(bundle_v1::Bundle::NewStub(channel)),
        entries(entry_v1::Entry::NewStub(channel)) {}
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<agent_v1::Agent::Stub> agents;
  std::unique_ptr<bundle_v1::Bundle::Stub> bundles;
  std::unique_ptr<entry_v1::Entry::Stub> entries;
};

House::House(std::function<void(ca_cmd::ServerConfig&)> adjust)
    : config_{.trust_domain = Must(spiffe::TrustDomain::Parse(kTrustDomain), "trust domain"),
              .bind_address = "127.0.0.1",
              .bind_port = 0,
              .socket_path = dir.File("server/api.sock"),
              .data_dir = dir.File("server/data")} {
  config_.ratelimit_attestation = false;
  if (adjust) {
    adjust(config_);
  }
  StartServer();
  WriteBundle();
}

House::~House() = default;

void House::StartServer() {
  server_ = Must(ca_cmd::RunningServer::Start(config_, {clock_, random_, logger}), "server");
  config_.bind_port = server_->tcp_port();
  operator_ = std::make_unique<Operator>(config_.socket_path);
}

void House::WriteBundle() {
  grpc::ClientContext context;
  spire::api::types::Bundle response;
  Must(operator_->bundles->GetBundle(&context, {}, &response), "GetBundle");
  spiffe::Bundle bundle{.trust_domain = config_.trust_domain};
  for (const auto& authority : response.x509_authorities()) {
    bundle.x509_authorities.push_back({ToBytes(authority.asn1())});
  }
  const Status written =
      WriteFileAtomic(dir.File("bundle.pem"), AsBytes(crypto::WriteBundlePem(bundle)));
  SIGNET_CHECK(written.ok(), "bundle file");
}

Result<std::unique_ptr<agent_cmd::RunningAgent>> House::StartAgent(const std::string& join_token) {
  agent_cmd::AgentConfig config{.trust_domain = config_.trust_domain,
                                .server_address = "127.0.0.1",
                                .server_port = config_.bind_port,
                                .data_dir = dir.File("agent/data"),
                                .socket_path = socket_path(),
                                .join_token = Secret(ToBytes(join_token)),
                                .trust_bundle_path = dir.File("bundle.pem")};
  if (adjust_agent) {
    adjust_agent(config);
  }
  return agent_cmd::RunningAgent::Start(std::move(config), {clock_, random_, logger});
}

std::string House::JoinToken() {
  grpc::ClientContext context;
  agent_v1::CreateJoinTokenRequest request;
  request.set_ttl(600);
  spire::api::types::JoinToken response;
  Must(operator_->agents->CreateJoinToken(&context, request, &response), "CreateJoinToken");
  return response.value();
}

std::string House::CreateEntry(const std::string& token, const std::string& path,
                               const std::vector<spiffe::Selector>& selectors) {
  return CreateFederatedEntry(token, path, selectors, {});
}

std::string House::CreateFederatedEntry(const std::string& token, const std::string& path,
                                        const std::vector<spiffe::Selector>& selectors,
                                        const std::string& trust_domain) {
  grpc::ClientContext context;
  entry_v1::BatchCreateEntryRequest request;
  auto& entry = *request.add_entries();
  SetId(*entry.mutable_parent_id(), AgentPath(token));
  SetId(*entry.mutable_spiffe_id(), path);
  if (!trust_domain.empty()) {
    entry.add_federates_with(trust_domain);
  }
  for (const spiffe::Selector& selector : selectors) {
    auto& added = *entry.add_selectors();
    added.set_type(selector.type);
    added.set_value(selector.value);
  }
  entry_v1::BatchCreateEntryResponse response;
  Must(operator_->entries->BatchCreateEntry(&context, request, &response), "BatchCreateEntry");
  SIGNET_CHECK(response.results(0).status().code() == 0, response.results(0).status().message());
  return response.results(0).entry().id();
}

void House::DeleteEntry(const std::string& id) {
  grpc::ClientContext context;
  entry_v1::BatchDeleteEntryRequest request;
  request.add_ids(id);
  entry_v1::BatchDeleteEntryResponse response;
  Must(operator_->entries->BatchDeleteEntry(&context, request, &response), "BatchDeleteEntry");
}

void House::SetBundle(const std::string& trust_domain, const std::vector<Bytes>& x509_authorities) {
  grpc::ClientContext context;
  bundle_v1::BatchSetFederatedBundleRequest request;
  auto& bundle = *request.add_bundle();
  bundle.set_trust_domain(trust_domain);
  for (const Bytes& der : x509_authorities) {
    bundle.add_x509_authorities()->set_asn1(std::string(AsText(der)));
  }
  bundle_v1::BatchSetFederatedBundleResponse response;
  Must(operator_->bundles->BatchSetFederatedBundle(&context, request, &response), "SetBundle");
  SIGNET_CHECK(response.results(0).status().code() == 0, response.results(0).status().message());
}

void House::BanAgent(const std::string& token) {
  grpc::ClientContext context;
  agent_v1::BanAgentRequest request;
  SetId(*request.mutable_id(), AgentPath(token));
  google::protobuf::Empty response;
  Must(operator_->agents->BanAgent(&context, request, &response), "BanAgent");
}

void House::EvictAgent(const std::string& token) {
  grpc::ClientContext context;
  agent_v1::DeleteAgentRequest request;
  SetId(*request.mutable_id(), AgentPath(token));
  google::protobuf::Empty response;
  Must(operator_->agents->DeleteAgent(&context, request, &response), "DeleteAgent");
}

struct SvidStream::Impl {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<SpiffeWorkloadAPI::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<X509SVIDResponse>> reader;
  bool ended = false;
};

SvidStream::SvidStream(const std::string& socket_path, bool security_header)
    : impl_(std::make_unique<Impl>()) {
  impl_->channel = Dial(socket_path);
  impl_->stub = SpiffeWorkloadAPI::NewStub(impl_->channel);
  impl_->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  if (security_header) {
    impl_->context.AddMetadata("workload.spiffe.io", "true");
  }
  impl_->reader = impl_->stub->FetchX509SVID(&impl_->context, X509SVIDRequest());
}

SvidStream::~SvidStream() {
  if (!impl_->ended) {
    impl_->context.TryCancel();
    (void)impl_->reader->Finish();
  }
}

Result<Fetched> SvidStream::Next() {
  X509SVIDResponse response;
  if (!impl_->reader->Read(&response)) {
    const grpc::Status status = impl_->reader->Finish();
    impl_->ended = true;
    return Error{static_cast<Code>(status.error_code()), status.error_message()};
  }
  Fetched fetched;
  for (const X509SVID& svid : response.svids()) {
    fetched.ids.push_back(svid.spiffe_id());
    fetched.chains.push_back(ToBytes(svid.x509_svid()));
  }
  fetched.bundle = ToBytes(response.svids(0).bundle());
  return fetched;
}

}  // namespace signet::test
