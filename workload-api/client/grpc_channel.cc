#include "workload-api/client/grpc_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <vector>

#include "workload-api/client/grpc_verifier.h"
#include "workload-api/client/identity_file.h"
#include "workload-api/client/peer_judge.h"

namespace signet::client {
namespace {

namespace tls = grpc::experimental;

std::shared_ptr<tls::CertificateProviderInterface> Provide(const IdentityPem& pem) {
  return std::make_shared<tls::StaticDataCertificateProvider>(
      std::vector<tls::IdentityKeyCertPair>{{pem.key, pem.chain}});
}

}  // namespace

struct SpiffeChannel::Impl {
  Result<std::shared_ptr<grpc::Channel>> Open(const X509Snapshot& snapshot) const {
    SIGNET_TRY_ASSIGN(const IdentityPem pem, IdentityPem::From(*snapshot));
    tls::TlsChannelCredentialsOptions credentials;
    // The library's own checks know no SPIFFE; ours does all of it.
    credentials.set_verify_server_certs(false);
    credentials.set_check_call_host(false);
    credentials.set_certificate_verifier(
        MakeGrpcVerifier([judge = judge](const PresentedChain& chain) -> Status {
          SIGNET_TRY(judge->AtHandshake(chain));
          return {};
        }));
    credentials.set_certificate_provider(Provide(pem));
    credentials.watch_identity_key_cert_pairs();
    grpc::ChannelArguments arguments;
    if (options.arguments) {
      options.arguments(arguments);
    }
    // Else the new channel would go on over the connection of the old one.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(target, tls::TlsCredentials(credentials), arguments);
  }

  const std::string target;
  const GrpcChannelOptions options;
  const std::shared_ptr<const PeerJudge> judge;
  std::mutex mutex;
  X509Snapshot seen;   // what the source said last
  X509Snapshot shown;  // what `channel` shows
  std::shared_ptr<grpc::Channel> channel;
};

Result<std::shared_ptr<SpiffeChannel>> SpiffeChannel::Create(
    std::string target, std::shared_ptr<const X509Provider> source, Authorizer authorizer,
    GrpcChannelOptions options) {
  if (source == nullptr) {
    return InvalidArgument("a source is needed");
  }
  auto judge =
      std::make_shared<const PeerJudge>(std::move(source), std::move(authorizer),
                                        PeerJudge::Options{options.clock, options.on_refused});
  std::unique_ptr<Impl> impl(
      new Impl{std::move(target), std::move(options), std::move(judge), {}, {}, {}, {}});
  return std::shared_ptr<SpiffeChannel>(new SpiffeChannel(std::move(impl)));
}

SpiffeChannel::SpiffeChannel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SpiffeChannel::~SpiffeChannel() = default;

Result<std::shared_ptr<grpc::Channel>> SpiffeChannel::Channel() {
  std::shared_ptr<grpc::Channel> retired;  // ends after the lock is let go
  const std::lock_guard lock(impl_->mutex);
  const auto ours = impl_->judge->Ours();
  if (!ours.ok()) {
    retired = std::exchange(impl_->channel, nullptr);
    impl_->seen = nullptr;
    return ours.error();
  }
  if (std::exchange(impl_->seen, *ours) != *ours) {
    auto opened = impl_->Open(*ours);
    if (opened.ok()) {
      retired = std::exchange(impl_->channel, *std::move(opened));
      impl_->shown = *ours;
    } else {
      impl_->judge->Refused(opened.error().Context("identity of the gRPC channel"));
    }
  }
  if (impl_->channel == nullptr || PeerJudge::HasExpired(*impl_->shown, impl_->judge->Now())) {
    return Unavailable("no identity of ours that a channel can show");
  }
  return impl_->channel;
}

}  // namespace signet::client
