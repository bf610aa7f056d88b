#include "core/crypto/jws.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/encoding.h"
#include "core/crypto/der.h"
#include "core/crypto/json_check.h"
#include "core/crypto/jwk.h"
#include "core/crypto/key_impl.h"

namespace signet::crypto {

struct JwsKey::Handle {
  Pkey key;
};

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 8;

struct AlgorithmInfo {
  JwsAlgorithm algorithm;
  std::string_view name;
  std::string_view kty;
  std::string_view crv;
  std::size_t coordinate_bytes;  ///< of an EC signature's r and s (RFC 7518 §3.4)
  SignatureAlgorithm signature;
};
constexpr std::array<AlgorithmInfo, 4> kAlgorithms = {{
    {JwsAlgorithm::kRs256, "RS256", "RSA", "", 0, SignatureAlgorithm::kRsaSha256},
    {JwsAlgorithm::kEs256, "ES256", "EC", "P-256", 32, SignatureAlgorithm::kEcdsaSha256},
    {JwsAlgorithm::kEs384, "ES384", "EC", "P-384", 48, SignatureAlgorithm::kEcdsaSha384},
    {JwsAlgorithm::kEs512, "ES512", "EC", "P-521", 66, SignatureAlgorithm::kEcdsaSha512},
}};

const AlgorithmInfo& InfoOf(JwsAlgorithm algorithm) {
  return kAlgorithms.at(static_cast<std::size_t>(algorithm));
}

/// ReadObject gives a JSON object none of whose objects has a member twice.
Result<Json> ReadObject(std::string_view text) {
  SIGNET_TRY(CheckJson(text, kMaxDepth));
  Json root = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) {
    return InvalidArgument("is no JSON object");
  }
  return root;
}

/// TextAt gives a member that is text, nothing if it is missing or something else.
std::optional<std::string> TextAt(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_string()) {
    return std::nullopt;
  }
  return member->get<std::string>();
}

Status ReadHeader(std::string_view text, Jws& out) {
  SIGNET_TRY_ASSIGN(const Json header, ReadObject(text));
  const auto name = TextAt(header, "alg");
  if (!name) {
    return InvalidArgument("names no algorithm");
  }
  if (header.contains("kid")) {
    const auto key_id = TextAt(header, "kid");
    if (!key_id || key_id->size() > kMaxKeyIdBytes) {
      return InvalidArgument("has a key id that is no text of at most 1024 bytes");
    }
    out.key_id = *key_id;
  }
  if (header.contains("crit")) {
    return PermissionDenied("demands extensions (crit), of which none is known here");
  }
  const auto* const info = std::ranges::find(kAlgorithms, *name, &AlgorithmInfo::name);
  if (info == kAlgorithms.end()) {
    return PermissionDenied("names an algorithm that is not RS256, ES256, ES384 or ES512");
  }
  out.algorithm = info->algorithm;
  return {};
}

/// EcSignature turns r ‖ s into what libcrypto reads.
Result<Bytes> EcSignature(ByteView raw, std::size_t coordinate_bytes) {
  if (raw.size() != 2 * coordinate_bytes) {
    return PermissionDenied("signature is not of its algorithm's size");
  }
  return der::Sequence(
      {der::Unsigned(raw.first(coordinate_bytes)), der::Unsigned(raw.subspan(coordinate_bytes))});
}

/// LoadKey reads an SPKI by libcrypto's decoder: slow (0.25 ms), but keys are loaded once an hour.
/// It also refuses points that are off their curve.
Result<Pkey> LoadKey(const Bytes& spki) {
  const std::uint8_t* next = spki.data();
  Pkey key(d2i_PUBKEY(nullptr, &next, static_cast<long>(spki.size())));
  if (!key) {
    DropOpenSslErrors();
    return InvalidArgument("is no valid key");
  }
  return key;
}

/// ReadKey: an error is the reason for passing a key over.
Result<JwsKey> ReadKey(const Json& jwk) {
  const auto text = [&jwk](const char* name) { return TextAt(jwk, name).value_or(std::string()); };
  const std::string crv = text("crv");
  const std::string kty = text("kty");
  const auto* const info = std::ranges::find_if(kAlgorithms, [&](const AlgorithmInfo& known) {
    return known.kty == kty && (known.crv.empty() || known.crv == crv);
  });
  if (info == kAlgorithms.end()) {
    return InvalidArgument("is of another kind");
  }
  if (jwk.contains("use") && text("use") != "sig") {
    return InvalidArgument("is for another use");
  }
  if (jwk.contains("alg") && text("alg") != info->name) {
    return InvalidArgument("is for another algorithm");
  }
  const auto id = TextAt(jwk, "kid");
  if ((jwk.contains("kid") && !id) || (id && id->size() > kMaxKeyIdBytes)) {
    return InvalidArgument("has a malformed id");
  }
  SIGNET_TRY_ASSIGN(Bytes spki, SpkiFromJwk({.kty = kty,
                                             .crv = crv,
                                             .x = text("x"),
                                             .y = text("y"),
                                             .n = text("n"),
                                             .e = text("e")}));
  if (info->algorithm != JwsAlgorithm::kEs512) {
    SIGNET_TRY(PublicKey::FromSpki(spki));  // sizes and exponent
  }
  SIGNET_TRY_ASSIGN(Pkey key, LoadKey(spki));
  auto handle = std::make_shared<JwsKey::Handle>();
  handle->key = std::move(key);
  return JwsKey(id.value_or(std::string()), info->algorithm, std::move(spki), std::move(handle));
}

}  // namespace

std::string_view JwsAlgorithmName(JwsAlgorithm algorithm) { return InfoOf(algorithm).name; }

Result<Jws> Jws::Parse(std::string_view compact) {
  if (compact.size() > kMaxJwsBytes) {
    return InvalidArgument("is longer than 16 KiB");
  }
  const std::size_t first = compact.find('.');
  const std::size_t second = first == compact.npos ? first : compact.find('.', first + 1);
  if (second == compact.npos || compact.find('.', second + 1) != compact.npos) {
    return InvalidArgument("is not made of three parts joined by dots");
  }
  const auto header = Base64UrlDecode(compact.substr(0, first));
  auto payload = Base64UrlDecode(compact.substr(first + 1, second - first - 1));
  auto signature = Base64UrlDecode(compact.substr(second + 1));
  if (!header.ok() || !payload.ok() || !signature.ok()) {
    return InvalidArgument("has a part that is not base64url without padding");
  }
  Jws out{.payload = *std::move(payload),
          .signing_input = std::string(compact.substr(0, second)),
          .signature = *std::move(signature)};
  SIGNET_TRY(ReadHeader(AsText(*header), out).Context("header"));
  return out;
}

Status JwsKey::Verify(const Jws& jws) const {
  const AlgorithmInfo& info = InfoOf(algorithm_);
  if (jws.algorithm != algorithm_) {
    return PermissionDenied("is signed by " + std::string(JwsAlgorithmName(jws.algorithm)) +
                            ", but its key is for " + std::string(info.name));
  }
  Bytes signature = jws.signature;
  if (info.coordinate_bytes != 0) {
    SIGNET_TRY_ASSIGN(signature, EcSignature(jws.signature, info.coordinate_bytes));
  }
  const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, handle_->key.get(), nullptr));
  if (!context || EVP_PKEY_verify_init(context.get()) != 1 ||
      (info.coordinate_bytes == 0 && !UsePkcs1(context.get(), DigestFor(info.signature)))) {
    return OpenSslError("cannot set up a verification");
  }
  const Digest digest = HashFor(info.signature, AsBytes(jws.signing_input));
  if (EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.bytes,
                      digest.size) != 1) {
    DropOpenSslErrors();
    return PermissionDenied("signature does not fit the key");
  }
  return {};
}

Result<std::vector<JwsKey>> ParseJwks(std::string_view json) {
  if (json.size() > kMaxJwksBytes) {
    return InvalidArgument("key set is longer than 256 KiB");
  }
  SIGNET_TRY_ASSIGN(const Json root, ReadObject(json).Context("key set"));
  const auto keys = root.find("keys");
  if (keys == root.end() || !keys->is_array()) {
    return InvalidArgument("key set has no array \"keys\"");
  }
  if (keys->size() > kMaxJwksKeys) {
    return InvalidArgument("key set holds more than 64 keys");
  }
  std::vector<JwsKey> out;
  for (const Json& jwk : *keys) {
    auto key = jwk.is_object() ? ReadKey(jwk) : InvalidArgument("is no object");
    if (key.ok()) {
      out.push_back(*std::move(key));
    }
  }
  return out;
}

}  // namespace signet::crypto
