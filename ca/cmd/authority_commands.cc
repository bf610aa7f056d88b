#include <google/protobuf/empty.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <ostream>

#include "ca/cmd/commands.h"
#include "core/base/clock.h"
#include "core/base/encoding.h"
#include "core/base/files.h"
#include "core/config/schema.h"
#include "core/crypto/csr.h"
#include "core/crypto/pem.h"
#include "core/spiffe/spiffe_id.h"
#include "spire/api/server/bundle/v1/bundle.pb.h"
#include "spire/api/server/localauthority/v1/localauthority.pb.h"
#include "spire/api/server/svid/v1/svid.pb.h"

namespace signet::ca_cmd {
namespace {

namespace svid_v1 = spire::api::server::svid::v1;

struct Minted {
  Secret key;  ///< PKCS#8
  std::vector<Bytes> chain;
  std::vector<Bytes> roots;
};

// WarnIfCapped tells of a life that is shorter than the one that was asked for.
void WarnIfCapped(std::int64_t ttl_seconds, std::int64_t expires_at, std::ostream& err) {
  constexpr std::int64_t kSlack = 10;  // clocks and the way there
  if (UnixSeconds(RealClock().Now()) + ttl_seconds > expires_at + kSlack) {
    err << "Warning: the X509-SVID ends with its authority, before the -ttl asked for: "
        << TimeText(expires_at) << "\n";
  }
}

Result<svid_v1::MintX509SVIDRequest> MintRequest(const config::FlagValues& flags,
                                                 const crypto::Signer& key) {
  const std::string id_text = flags.Get("spiffeID");
  if (id_text.empty()) {
    return InvalidArgument("-spiffeID is required");
  }
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId id,
                    spiffe::SpiffeId::Parse(id_text).Context("-spiffeID"));
  std::int64_t seconds = 0;
  if (flags.Given("ttl")) {
    SIGNET_TRY_ASSIGN(const std::int64_t ms,
                      config::ParseDurationMs(flags.Get("ttl")).Context("-ttl"));
    seconds = (ms + 999) / 1000;
    if (seconds > std::numeric_limits<std::int32_t>::max()) {
      return InvalidArgument("-ttl is too long");
    }
  }
  SIGNET_TRY_ASSIGN(const Bytes csr, crypto::BuildCsr(key, {.uri_sans = {id.ToString()},
                                                            .dns_sans = flags.All("dns")}));
  svid_v1::MintX509SVIDRequest request;
  request.set_csr(ToString(csr));
  request.set_ttl(static_cast<std::int32_t>(seconds));
  return request;
}

Result<Minted> MintSvid(Session& session) {
  SIGNET_TRY_ASSIGN(const auto key, crypto::PrivateKey::Generate(crypto::KeyType::kEcP256));
  SIGNET_TRY_ASSIGN(const auto request, MintRequest(session.flags, *key));
  svid_v1::MintX509SVIDResponse response;
  SIGNET_TRY(session.Call("/spire.api.server.svid.v1.SVID/MintX509SVID", request, response));
  spire::api::types::Bundle bundle;
  SIGNET_TRY(session.Call("/spire.api.server.bundle.v1.Bundle/GetBundle",
                          spire::api::server::bundle::v1::GetBundleRequest(), bundle));
  if (response.svid().cert_chain().empty() || bundle.x509_authorities().empty()) {
    return Internal("the server's answer lacks the certificate or the bundle");
  }
  WarnIfCapped(request.ttl(), response.svid().expires_at(), session.io.err);
  Minted out;
  SIGNET_TRY_ASSIGN(out.key, key->ToPkcs8());
  for (const std::string& der : response.svid().cert_chain()) {
    out.chain.push_back(ToBytes(der));
  }
  for (const auto& authority : bundle.x509_authorities()) {
    out.roots.push_back(ToBytes(authority.asn1()));
  }
  return out;
}

Status WriteMinted(const std::string& folder, const Minted& minted, std::ostream& out) {
  struct Part {
    const char* what;
    const char* file;
    std::string text;
    mode_t mode;
  };
  Part parts[] = {
      {"X509-SVID", "svid.pem", CertificatesPem(minted.chain), 0644},
      {"Private key", "key.pem", crypto::PemEncode("PRIVATE KEY", minted.key.RevealSecret()), 0600},
      {"Root CAs", "bundle.pem", CertificatesPem(minted.roots), 0644},
  };
  for (Part& part : parts) {
    const std::string path = folder + "/" + part.file;
    const Status written = WriteFileAtomic(path, AsBytes(part.text), part.mode);
    WipeBytes({reinterpret_cast<std::uint8_t*>(part.text.data()), part.text.size()});
    SIGNET_TRY(written);
    out << part.what << " written to " << path << "\n";
  }
  return {};
}

void PrintMintedJson(const Minted& minted, std::ostream& out) {
  nlohmann::json json = {{"x509_svid", nlohmann::json::array()},
                         {"private_key", Base64Encode(minted.key.RevealSecret())},
                         {"root_cas", nlohmann::json::array()}};
  for (const Bytes& der : minted.chain) {
    json["x509_svid"].push_back(Base64Encode(der));
  }
  for (const Bytes& der : minted.roots) {
    json["root_cas"].push_back(Base64Encode(der));
  }
  out << json.dump() << "\n";
}

Status MintX509(Session& session) {
  SIGNET_TRY_ASSIGN(const Minted minted, MintSvid(session));
  const std::string folder = session.flags.Get("write");
  if (!folder.empty()) {
    return WriteMinted(folder, minted, session.io.out);
  }
  if (session.json()) {
    PrintMintedJson(minted, session.io.out);
    return {};
  }
  session.io.out << "X509-SVID:\n"
                 << CertificatesPem(minted.chain) << "\nPrivate key:\n"
                 << crypto::PemEncode("PRIVATE KEY", minted.key.RevealSecret()) << "\nRoot CAs:\n"
                 << CertificatesPem(minted.roots) << "\n";
  return {};
}

Status ShowAuthorities(Session& session) {
  using namespace spire::api::server::localauthority::v1;
  GetX509AuthorityStateResponse state;
  SIGNET_TRY(
      session.Call("/spire.api.server.localauthority.v1.LocalAuthority/GetX509AuthorityState",
                   GetX509AuthorityStateRequest(), state));
  return session.Print(state, [&]() -> Status {
    PrintAuthorities(state, session.io.out);
    return {};
  });
}

Status CheckHealth(Session& session) {
  constexpr int kServing = 1;
  if (session.flags.GetBool("verbose")) {
    session.io.out << "Checking server health...\n";
  }
  // grpc.health.v1's messages on the wire: the request's service is "", the response's status is an
  // enum in field 1, which Int32Value reads.
  google::protobuf::Int32Value status;
  SIGNET_TRY(session.Call("/grpc.health.v1.Health/Check", google::protobuf::Empty(), status)
                 .Context("server is unhealthy"));
  if (status.value() != kServing) {
    return Unavailable("server is unhealthy: it answers but does not serve yet; see its log");
  }
  session.io.out << "Server is healthy.\n";
  return {};
}

}  // namespace

std::vector<Verb> AuthorityVerbs() {
  return {
      {"x509 mint",
       "Makes a key and an X509-SVID for it.",
       {{.name = "spiffeID", .help = "SPIFFE ID of the X509-SVID."},
        {.name = "ttl", .help = "Its life, e.g. 1h. Default: the server's."},
        {.name = "dns", .help = "DNS name in the X509-SVID.", .repeated = true},
        {.name = "write", .help = "Folder for svid.pem, key.pem and bundle.pem."}},
       MintX509},
      {"localauthority x509 show", "Shows the server's X.509 authorities.", {}, ShowAuthorities},
      {"healthcheck",
       "Asks the server whether it serves.",
       {{.name = "shallow",
         .help = "Accepted for SPIRE's sake; the check is the same.",
         .boolean = true},
        {.name = "verbose", .help = "Say more.", .boolean = true}},
       CheckHealth},
  };
}

}  // namespace signet::ca_cmd
