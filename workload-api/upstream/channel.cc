#include "workload-api/upstream/channel.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "core/crypto/pem.h"
#include "workload-api/client/grpc_verifier.h"

namespace signet::upstream {
namespace {

namespace tls = grpc::experimental;

Result<tls::IdentityKeyCertPair> PairOf(const manager::AgentIdentity& identity) {
  SIGNET_TRY_ASSIGN(const Secret key, identity.key->ToPkcs8());
  tls::IdentityKeyCertPair pair;
  pair.private_key = crypto::PemEncode("PRIVATE KEY", key.RevealSecret());
  for (const Bytes& certificate : identity.chain) {
    pair.certificate_chain += crypto::PemEncode("CERTIFICATE", certificate);
  }
  return pair;
}

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  // A connection per channel, so that a new identity never travels over the old one's connection.
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // When to try again is the manager's decision; the library must not hold back longer.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   2000);  // in fact the time a connection may take to come up
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Notices a dead server under the push stream; without calls nothing is sent, which a stock
  // server would punish.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  arguments.SetMaxReceiveMessageSize(16 * 1024 * 1024);
  return arguments;
}

}  // namespace

void ServerJudge::Trust(std::shared_ptr<const crypto::TrustStores> stores) {
  const std::lock_guard lock(mutex_);
  stores_ = std::move(stores);
}

Status ServerJudge::Judge(std::string_view pem_chain) const {
  std::shared_ptr<const crypto::TrustStores> stores;
  {
    const std::lock_guard lock(mutex_);
    stores = stores_;
  }
  SIGNET_TRY_ASSIGN(std::vector<crypto::PemBlock> blocks, crypto::PemDecode(pem_chain));
  std::vector<Bytes> chain;
  for (crypto::PemBlock& block : blocks) {
    chain.push_back(std::move(block.content));
  }
  SIGNET_TRY_ASSIGN(const crypto::X509Svid svid,
                    stores == nullptr ? crypto::X509Svid::FromChain(chain)
                                      : crypto::VerifyX509Svid(chain, *stores, clock_.Now()));
  if (!svid.id.is_server() || svid.id.trust_domain() != trust_domain_) {
    return Unauthenticated("the peer is " + svid.id.ToString() + ", not the server of " +
                           trust_domain_.name());
  }
  return {};
}

Result<std::string> TargetOf(const std::string& address, std::uint16_t port) {
  in_addr v4{};
  in6_addr v6{};
  const std::string suffix = ":" + std::to_string(port);
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    return "ipv4:" + address + suffix;
  }
  if (::inet_pton(AF_INET6, address.c_str(), &v6) == 1) {
    return "ipv6:[" + address + "]" + suffix;
  }
  if (address.empty() || address.size() > 253 ||
      address.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") !=
          std::string::npos) {
    return InvalidArgument("server_address '" + address +
                           "' is no host name and no numeric address");
  }
  return "dns:///" + address + suffix;
}

Result<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& target,
                                                   std::shared_ptr<const ServerJudge> judge,
                                                   const manager::AgentIdentity* identity) {
  tls::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(
      false);  // the library's check knows no SPIFFE; ours does all of it
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      client::MakeGrpcVerifier([judge = std::move(judge)](const client::PresentedChain& shown) {
        return judge->Judge(shown.others);
      }));
  if (identity != nullptr) {
    SIGNET_TRY_ASSIGN(tls::IdentityKeyCertPair pair, PairOf(*identity));
    options.set_certificate_provider(std::make_shared<tls::StaticDataCertificateProvider>(
        std::vector<tls::IdentityKeyCertPair>{std::move(pair)}));
    options.watch_identity_key_cert_pairs();
  }
  return grpc::CreateCustomChannel(target, tls::TlsCredentials(options), Arguments());
}

}  // namespace signet::upstream
