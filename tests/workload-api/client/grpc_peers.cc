#include "tests/workload-api/client/grpc_peers.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <condition_variable>
#include <mutex>
#include <set>

#include "core/crypto/pem.h"
#include "tests/support/result.h"
#include "workload.grpc.pb.h"

namespace signet::client::test {
namespace {

namespace tls = grpc::experimental;

// Any service would do; this one is compiled already.
struct WhoAmI final : SpiffeWorkloadAPI::Service {
  grpc::Status ValidateJWTSVID(grpc::ServerContext* context, const ValidateJWTSVIDRequest*,
                               ValidateJWTSVIDResponse* response) override {
    Note(*context);
    const auto peer = PeerId(*context);
    if (!peer.ok()) {
      return {grpc::StatusCode::FAILED_PRECONDITION, peer.error().message};
    }
    response->set_spiffe_id(peer->ToString());
    return grpc::Status::OK;
  }

  grpc::Status FetchX509SVID(grpc::ServerContext*, const X509SVIDRequest*,
                             grpc::ServerWriter<X509SVIDResponse>* writer) override {
    writer->Write({});
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return finishing; });
    lock.unlock();
    writer->Write({});
    return grpc::Status::OK;
  }

  void Note(const grpc::ServerContext& context) {
    const auto leaf = context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    const std::lock_guard lock(mutex);
    for (const grpc::string_ref& pem : leaf) {
      clients.emplace(pem.data(), pem.size());
    }
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool finishing = false;
  std::set<std::string> clients;
};

struct Seen {
  std::mutex mutex;
  Bytes leaf;
};

tls::IdentityKeyCertPair PairOf(const Leaf& identity) {
  tls::IdentityKeyCertPair pair;
  pair.private_key = crypto::PemEncode("PRIVATE KEY", identity.pkcs8);
  for (const Bytes& der : identity.chain) {
    pair.certificate_chain += crypto::PemEncode("CERTIFICATE", der);
  }
  return pair;
}

class Spy final : public tls::ExternalCertificateVerifier {
 public:
  explicit Spy(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
  bool Verify(tls::TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status*) override {
    const grpc::string_ref pem = request->peer_cert();
    const std::lock_guard lock(seen_->mutex);
    seen_->leaf = crypto::PemDecode({pem.data(), pem.size()}).value().front().content;
    return true;
  }
  void Cancel(tls::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::shared_ptr<Seen> seen_;
};

std::shared_ptr<grpc::ServerCredentials> StaticCredentials(const Leaf& identity) {
  const tls::IdentityKeyCertPair pair = PairOf(identity);
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  options.pem_key_cert_pairs = {{pair.private_key, pair.certificate_chain}};
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(const Leaf& identity,
                                                      std::shared_ptr<Seen> seen) {
  tls::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(tls::ExternalCertificateVerifier::Create<Spy>(std::move(seen)));
  if (!identity.chain.empty()) {
    options.set_certificate_provider(std::make_shared<tls::StaticDataCertificateProvider>(
        std::vector<tls::IdentityKeyCertPair>{PairOf(identity)}));
    options.watch_identity_key_cert_pairs();
  }
  return tls::TlsCredentials(options);
}

class HeaderRefuser final : public grpc::AuthMetadataProcessor {
 public:
  explicit HeaderRefuser(std::string header) : header_(std::move(header)) {}
  bool IsBlocking() const override { return true; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext*, OutputMetadata*,
                       OutputMetadata*) override {
    return metadata.count(header_) == 0
               ? grpc::Status::OK
               : grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the program refuses");
  }

 private:
  const std::string header_;
};

Status ToStatus(const grpc::Status& status) {
  if (!status.ok()) {
    return Error{static_cast<Code>(status.error_code()), status.error_message()};
  }
  return {};
}

Result<std::string> Ask(SpiffeWorkloadAPI::Stub& stub, const std::string& header) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  if (!header.empty()) {
    context.AddMetadata(header, "1");
  }
  ValidateJWTSVIDResponse response;
  SIGNET_TRY(ToStatus(stub.ValidateJWTSVID(&context, {}, &response)));
  return response.spiffe_id();
}

}  // namespace

std::shared_ptr<grpc::AuthMetadataProcessor> RefuseCallsWith(const std::string& header) {
  return std::make_shared<HeaderRefuser>(header);
}

struct GrpcServer::Impl {
  explicit Impl(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", credentials, &port);
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
    REQUIRE(server != nullptr);
    target = "ipv4:127.0.0.1:" + std::to_string(port);
  }

  WhoAmI service;
  std::unique_ptr<grpc::Server> server;
  std::string target;
};

GrpcServer::GrpcServer(std::shared_ptr<const X509Provider> source, Authorizer authorizer,
                       GrpcServerOptions options)
    : impl_(std::make_unique<Impl>(
          MakeGrpcServerCredentials(std::move(source), std::move(authorizer), std::move(options))
              .value())) {}
GrpcServer::GrpcServer(const Leaf& identity)
    : impl_(std::make_unique<Impl>(StaticCredentials(identity))) {}
GrpcServer::GrpcServer() : impl_(std::make_unique<Impl>(grpc::InsecureServerCredentials())) {}
GrpcServer::~GrpcServer() { impl_->server->Shutdown(std::chrono::system_clock::now()); }

const std::string& GrpcServer::target() const { return impl_->target; }

std::size_t GrpcServer::clients_seen() const {
  const std::lock_guard lock(impl_->service.mutex);
  return impl_->service.clients.size();
}

void GrpcServer::FinishStreams() {
  const std::lock_guard lock(impl_->service.mutex);
  impl_->service.finishing = true;
  impl_->service.changed.notify_all();
}

struct PlainClient::Impl {
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  std::unique_ptr<SpiffeWorkloadAPI::Stub> stub;
};

PlainClient::PlainClient(const std::string& target, const Leaf* identity)
    : impl_(std::make_unique<Impl>()) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  impl_->stub = SpiffeWorkloadAPI::NewStub(
      grpc::CreateCustomChannel(target,
                                identity == nullptr ? grpc::InsecureChannelCredentials()
                                                    : Credentials(*identity, impl_->seen),
                                arguments));
}
PlainClient::~PlainClient() = default;
PlainClient::PlainClient(PlainClient&&) noexcept = default;

Result<std::string> PlainClient::Call(const std::string& header) {
  return Ask(*impl_->stub, header);
}

Bytes PlainClient::server_leaf() const {
  const std::lock_guard lock(impl_->seen->mutex);
  return impl_->seen->leaf;
}

Result<std::string> CallOn(const std::shared_ptr<SpiffeChannel>& channel) {
  SIGNET_TRY_ASSIGN(const auto stub, SpiffeStub<SpiffeWorkloadAPI>(channel).Get());
  return Ask(*stub, "");
}

struct OpenStream::Impl {
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<X509SVIDResponse>> reader;
};

OpenStream::OpenStream(const std::shared_ptr<SpiffeChannel>& channel)
    : impl_(std::make_unique<Impl>()) {
  const auto stub = SpiffeStub<SpiffeWorkloadAPI>(channel).Get();
  REQUIRE_OK(stub);
  impl_->reader = (*stub)->FetchX509SVID(&impl_->context, {});
  X509SVIDResponse response;
  REQUIRE(impl_->reader->Read(&response));
}
OpenStream::~OpenStream() = default;

Status OpenStream::Finish() {
  X509SVIDResponse response;
  int messages = 0;
  while (impl_->reader->Read(&response)) {
    ++messages;
  }
  SIGNET_TRY(ToStatus(impl_->reader->Finish()));
  return messages == 1 ? Status() : Internal("the second message is missing");
}

}  // namespace signet::client::test
