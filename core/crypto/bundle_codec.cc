#include "core/crypto/bundle_codec.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/encoding.h"
#include "core/crypto/certificate.h"
#include "core/crypto/json_check.h"
#include "core/crypto/jwk.h"
#include "core/crypto/openssl.h"
#include "core/crypto/pem.h"

namespace signet::crypto {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBundleBytes = 1024 * 1024;
constexpr std::size_t kMaxJsonDepth = 8;
constexpr std::string_view kX509Use = "x509-svid";
constexpr std::string_view kJwtUse = "jwt-svid";
constexpr std::string_view kPemLabel = "CERTIFICATE";

Json WriteKey(std::string_view use, const JwkKey& key) {
  Json jwk = {{"use", use}, {"kty", key.kty}};
  if (key.kty == "EC") {
    jwk["crv"] = key.crv;
    jwk["x"] = key.x;
    jwk["y"] = key.y;
  } else {
    jwk["n"] = key.n;
    jwk["e"] = key.e;
  }
  return jwk;
}

Result<Json> WriteX509(const spiffe::X509Authority& authority) {
  SIGNET_TRY(ValidateAuthority(authority.der));
  SIGNET_TRY_ASSIGN(const Certificate certificate, Certificate::Parse(authority.der));
  SIGNET_TRY_ASSIGN(const JwkKey key, JwkFromSpki(certificate.spki));
  Json jwk = WriteKey(kX509Use, key);
  jwk["x5c"] = Json::array({Base64Encode(authority.der)});
  return jwk;
}

Result<Json> WriteX509Keys(const spiffe::Bundle& bundle) {
  Json keys = Json::array();
  for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
    SIGNET_TRY_ASSIGN(Json jwk, WriteX509(authority).Context("X.509 authority"));
    keys.push_back(std::move(jwk));
  }
  return keys;
}

Result<Json> WriteJwt(const spiffe::JwtAuthority& authority) {
  if (authority.key_id.empty()) {
    return InvalidArgument("key has no id");
  }
  SIGNET_TRY_ASSIGN(const JwkKey key, JwkFromSpki(authority.spki));
  Json jwk = WriteKey(kJwtUse, key);
  jwk["kid"] = authority.key_id;
  return jwk;
}

/// StringAt gives a member that is a string, else "".
std::string StringAt(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

JwkKey ReadKey(const Json& jwk) {
  return {.kty = StringAt(jwk, "kty"),
          .crv = StringAt(jwk, "crv"),
          .x = StringAt(jwk, "x"),
          .y = StringAt(jwk, "y"),
          .n = StringAt(jwk, "n"),
          .e = StringAt(jwk, "e")};
}

/// ReadX509 gives nothing for an entry that is to be passed over. Only the first x5c value counts
/// (X509-33, X509-34).
std::optional<Bytes> ReadX509(const Json& jwk) {
  const auto x5c = jwk.find("x5c");
  if (x5c == jwk.end() || !x5c->is_array() || x5c->empty() || !x5c->front().is_string()) {
    return std::nullopt;
  }
  auto der = Base64Decode(x5c->front().get_ref<const std::string&>());
  if (!der.ok() || !ValidateAuthority(*der).ok()) {
    return std::nullopt;
  }
  const auto certificate = Certificate::Parse(*der);
  const auto key = SpkiFromJwk(ReadKey(jwk));
  if (!certificate.ok() || !key.ok() || *key != certificate->spki) {
    return std::nullopt;
  }
  return *std::move(der);
}

std::optional<spiffe::JwtAuthority> ReadJwt(const Json& jwk) {
  std::string key_id = StringAt(jwk, "kid");
  auto spki = SpkiFromJwk(ReadKey(jwk));
  if (key_id.empty() || !spki.ok()) {
    return std::nullopt;
  }
  return spiffe::JwtAuthority{.spki = *std::move(spki), .key_id = std::move(key_id)};
}

void AddX509(spiffe::Bundle& bundle, Bytes der) {
  const auto same = [&der](const spiffe::X509Authority& known) { return known.der == der; };
  auto& all = bundle.x509_authorities;
  if (std::none_of(all.begin(), all.end(), same)) {
    all.push_back({std::move(der)});
  }
}

void AddJwt(spiffe::Bundle& bundle, spiffe::JwtAuthority authority) {
  const auto same = [&](const auto& known) { return known.key_id == authority.key_id; };
  auto& all = bundle.jwt_authorities;
  if (std::none_of(all.begin(), all.end(), same)) {
    all.push_back(std::move(authority));
  }
}

void AddEntry(spiffe::Bundle& bundle, const Json& jwk) {
  const std::string use = jwk.is_object() ? StringAt(jwk, "use") : std::string();
  if (use == kX509Use) {
    if (auto der = ReadX509(jwk)) {
      AddX509(bundle, *std::move(der));
    }
  } else if (use == kJwtUse) {
    if (auto authority = ReadJwt(jwk)) {
      AddJwt(bundle, *std::move(authority));
    }
  }
}

/// UnsignedAt gives a member that is an integer from 0 to max; 0 when it is not there.
Result<std::uint64_t> UnsignedAt(const Json& object, const char* name, std::uint64_t max) {
  const auto member = object.find(name);
  if (member == object.end()) {
    return std::uint64_t{0};
  }
  if (!member->is_number_unsigned() || member->get<std::uint64_t>() > max) {
    return InvalidArgument(std::string("bundle: ") + name + " is not an integer from 0 to " +
                           std::to_string(max));
  }
  return member->get<std::uint64_t>();
}

std::string Dump(const Json& root) {
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

Result<std::string> WriteBundleJson(const spiffe::Bundle& bundle) {
  SIGNET_TRY_ASSIGN(Json keys, WriteX509Keys(bundle));
  for (const spiffe::JwtAuthority& authority : bundle.jwt_authorities) {
    SIGNET_TRY_ASSIGN(Json jwk, WriteJwt(authority).Context("JWT authority"));
    keys.push_back(std::move(jwk));
  }
  Json root = {{"keys", std::move(keys)}, {"spiffe_sequence", bundle.sequence}};
  if (bundle.refresh_hint_seconds > 0) {
    root["spiffe_refresh_hint"] = bundle.refresh_hint_seconds;
  }
  return Dump(root);
}

Result<std::string> WriteBundleMapJson(const std::vector<spiffe::Bundle>& bundles) {
  Json trust_domains = Json::object();
  for (const spiffe::Bundle& bundle : bundles) {
    if (bundle.x509_authorities.empty()) {
      continue;
    }
    SIGNET_TRY_ASSIGN(Json keys, WriteX509Keys(bundle).Context(bundle.trust_domain.name()));
    trust_domains[bundle.trust_domain.name()] = {{"keys", std::move(keys)}};
  }
  return Dump({{"trust_domains", std::move(trust_domains)}});
}

Result<spiffe::Bundle> ParseBundleJson(const spiffe::TrustDomain& trust_domain,
                                       std::string_view json) {
  if (json.size() > kMaxBundleBytes) {
    return InvalidArgument("bundle is longer than 1 MiB");
  }
  SIGNET_TRY(CheckJson(json, kMaxJsonDepth).Context("bundle"));
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  const auto keys = root.is_object() ? root.find("keys") : root.end();
  if (!root.is_object() || keys == root.end() || !keys->is_array()) {
    return InvalidArgument("bundle has no array \"keys\"");  // BUN-05
  }
  spiffe::Bundle bundle{.trust_domain = trust_domain};
  SIGNET_TRY_ASSIGN(bundle.sequence, UnsignedAt(root, "spiffe_sequence", UINT64_MAX));
  SIGNET_TRY_ASSIGN(const std::uint64_t hint, UnsignedAt(root, "spiffe_refresh_hint", INT64_MAX));
  bundle.refresh_hint_seconds = static_cast<std::int64_t>(hint);
  for (const Json& jwk : *keys) {
    AddEntry(bundle, jwk);
  }
  return bundle;
}

std::string WriteBundlePem(const spiffe::Bundle& bundle) {
  std::string out;
  for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
    out += PemEncode(kPemLabel, authority.der);
  }
  return out;
}

Result<spiffe::Bundle> ParseBundlePem(const spiffe::TrustDomain& trust_domain,
                                      std::string_view pem) {
  SIGNET_TRY_ASSIGN(std::vector<PemBlock> blocks, PemDecode(pem));
  if (blocks.empty()) {
    return InvalidArgument("bundle holds no certificate");
  }
  spiffe::Bundle bundle{.trust_domain = trust_domain};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::string where = "bundle, block " + std::to_string(i + 1);
    if (blocks[i].label != kPemLabel) {
      return InvalidArgument(where + ": a CERTIFICATE was expected");
    }
    SIGNET_TRY(ValidateAuthority(blocks[i].content).Context(where));
    AddX509(bundle, std::move(blocks[i].content));
  }
  return bundle;
}

Bytes ConcatenateX509(const spiffe::Bundle& bundle) {
  Bytes out;
  for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
    Append(out, authority.der);
  }
  return out;
}

Status ValidateAuthority(ByteView der) {
  SIGNET_TRY_ASSIGN(const Certificate certificate, Certificate::Parse(der));
  if (!certificate.is_ca) {
    return InvalidArgument("certificate is not a CA's");
  }
  if (certificate.key_usage && (*certificate.key_usage & kKeyCertSign) == 0) {
    return InvalidArgument("CA certificate's key usage lacks keyCertSign");
  }
  // Whoever reads it next believes in other limits than our reader: a name that is no UTF-8 makes a
  // server refuse its whole CA file, and Envoy the roots of all other trust domains beside it.
  SIGNET_TRY(LoadX509(der));
  return {};
}

}  // namespace signet::crypto
