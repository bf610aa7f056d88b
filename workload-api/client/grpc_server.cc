#include "workload-api/client/grpc_server.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server_context.h>

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/ticker.h"
#include "workload-api/client/grpc_verifier.h"
#include "workload-api/client/identity_file.h"

namespace signet::client {
namespace {

namespace tls = grpc::experimental;

// What the auth context of a connection says once a call on it was let in.
constexpr const char* kPeerProperty = "signet_peer_spiffe_id";
constexpr auto kLookForRotation = std::chrono::milliseconds(250);
constexpr unsigned kLibraryReadsSeconds = 1;  // the least that it takes

// What the core library's objects share; it lives as long as one of them.
struct Binding {
  Binding(std::shared_ptr<const X509Provider> provider, Authorizer authorizer,
          GrpcServerOptions chosen, std::unique_ptr<IdentityFile> identity)
      : source(std::move(provider)),
        options(std::move(chosen)),
        judge(source, std::move(authorizer), {options.clock, options.on_refused}),
        file(std::move(identity)) {
    Rotate();
    ticker.emplace([this] {
      Rotate();
      return kLookForRotation;
    });
  }

  void Rotate() noexcept {
    try {
      const Status status = file->Update(source->Current(), judge.Now());
      if (!status.ok()) {
        judge.Refused(status.error().Context("identity of the gRPC server"));
      }
    } catch (...) {
      judge.Refused(Internal("the source of our identities threw an exception"));
    }
  }

  const std::shared_ptr<const X509Provider> source;
  const GrpcServerOptions options;
  const PeerJudge judge;
  const std::unique_ptr<IdentityFile> file;
  std::optional<Ticker> ticker;  // last: it uses the others and ends first
};

std::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

std::string_view Property(const grpc::AuthContext& context, const char* name) {
  const std::vector<grpc::string_ref> values = context.FindPropertyValues(name);
  return values.size() == 1 ? View(values.front()) : std::string_view();
}

// What the peer learns. The reason is for our own log.
grpc::Status Answer(const Error& why) {
  switch (why.code) {
    case Code::kUnavailable:
      return {grpc::StatusCode::UNAVAILABLE, "the server has no identity at the moment"};
    case Code::kPermissionDenied:
      return {grpc::StatusCode::PERMISSION_DENIED, "not authorized"};
    default:
      return {grpc::StatusCode::UNAUTHENTICATED, "the connection's certificate is not trusted"};
  }
}

class CallCheck final : public grpc::AuthMetadataProcessor {
 public:
  explicit CallCheck(std::shared_ptr<const Binding> binding) : binding_(std::move(binding)) {}

  // Ours takes microseconds and must not wait for a thread of its own.
  bool IsBlocking() const override { return Next() != nullptr && Next()->IsBlocking(); }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* consumed, OutputMetadata* response) override {
    try {
      const Status status = Check(*context);
      if (!status.ok()) {
        return Answer(status.error());
      }
      return Next() == nullptr ? grpc::Status::OK
                               : Next()->Process(metadata, context, consumed, response);
    } catch (...) {
      return {grpc::StatusCode::INTERNAL, "the call could not be judged"};
    }
  }

 private:
  grpc::AuthMetadataProcessor* Next() const { return binding_->options.processor.get(); }

  Status Check(grpc::AuthContext& context) {
    PresentedChain shown;
    {
      const std::lock_guard lock(mutex_);
      if (policy() == LivePeers::kKeep && Known(context)) {
        return {};
      }
      shown = {Property(context, GRPC_X509_PEM_CERT_PROPERTY_NAME),
               Property(context, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME)};
    }
    SIGNET_TRY_ASSIGN(const spiffe::SpiffeId id, binding_->judge.AtCall(shown, expired()));
    const std::lock_guard lock(mutex_);
    if (!Known(context)) {
      context.AddProperty(kPeerProperty, id.ToString());
    }
    return {};
  }

  static bool Known(const grpc::AuthContext& context) {
    return !Property(context, kPeerProperty).empty();
  }
  LivePeers policy() const { return binding_->options.live_peers; }
  PeerJudge::Expired expired() const {
    return policy() == LivePeers::kUntilExpiry ? PeerJudge::Expired::kRefuse
                                               : PeerJudge::Expired::kTolerate;
  }

  const std::shared_ptr<const Binding> binding_;
  // A connection's context is not safe for several threads, and its calls come on any of them. It
  // is written to once, under this lock, before the first handler of the connection can read it.
  std::mutex mutex_;
};

tls::TlsServerCredentialsOptions TlsOptionsFor(const std::shared_ptr<Binding>& binding) {
  const std::string& path = binding->file->path();
  tls::TlsServerCredentialsOptions options(
      std::make_shared<tls::FileWatcherCertificateProvider>(path, path, kLibraryReadsSeconds));
  options.watch_identity_key_cert_pairs();
  // The library's own verification knows no SPIFFE and would take one list of roots for all trust
  // domains. Ours does all of it.
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  options.set_certificate_verifier(
      MakeGrpcVerifier([binding](const PresentedChain& chain) -> Status {
        SIGNET_TRY(binding->judge.AtHandshake(chain));
        return {};
      }));
  return options;
}

}  // namespace

Result<std::shared_ptr<grpc::ServerCredentials>> MakeGrpcServerCredentials(
    std::shared_ptr<const X509Provider> source, Authorizer authorizer, GrpcServerOptions options) {
  if (source == nullptr) {
    return InvalidArgument("a source is needed");
  }
  SIGNET_TRY_ASSIGN(auto file, IdentityFile::Create());
  const auto binding = std::make_shared<Binding>(std::move(source), std::move(authorizer),
                                                 std::move(options), std::move(file));
  std::shared_ptr<grpc::ServerCredentials> credentials =
      tls::TlsServerCredentials(TlsOptionsFor(binding));
  credentials->SetAuthMetadataProcessor(std::make_shared<CallCheck>(binding));
  return credentials;
}

Result<spiffe::SpiffeId> PeerId(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  const std::string_view id = peer == nullptr ? std::string_view() : Property(*peer, kPeerProperty);
  if (id.empty()) {
    return FailedPrecondition("no peer was verified for this call");
  }
  return spiffe::SpiffeId::Parse(id);
}

}  // namespace signet::client
