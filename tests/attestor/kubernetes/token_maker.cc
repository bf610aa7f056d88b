#include "tests/attestor/kubernetes/token_maker.h"

#include <nlohmann/json.hpp>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/base/files.h"
#include "core/crypto/jwk.h"
#include "core/crypto/pem.h"

namespace signet::test {
namespace {

using Json = nlohmann::json;

/// SharedKey: making an RSA key takes a tenth of a second; tests differ in the id alone. Another id
/// than the first gets a second key.
std::shared_ptr<const crypto::PrivateKey> SharedKey(bool first) {
  static const auto one = *crypto::PrivateKey::Generate(crypto::KeyType::kRsa2048);
  static const auto other = *crypto::PrivateKey::Generate(crypto::KeyType::kRsa2048);
  return first ? one : other;
}

}  // namespace

std::string TokenClaimsJson(std::string_view patch) {
  Json claims = Json::parse(R"({
    "aud": ["spiffe-ca"],
    "iss": "https://kubernetes.default.svc",
    "jti": "4a4ce9b1-5f0a-4a6c-9b0e-0d6f5ad0e7a1",
    "sub": "system:serviceaccount:spire:agent",
    "kubernetes.io": {
      "namespace": "spire",
      "serviceaccount": {"name": "agent", "uid": "0b1f7a52-3f0e-4a53-8a8e-8e4a4f0d9a01"},
      "pod": {"name": "agent-x7k2p", "uid": "6b1a9a6e-9f1c-4f0e-8b3b-2f5c7e1d0a11"},
      "node": {"name": "worker-1", "uid": "f3d0c9c2-6a53-4b0d-8a55-0c1f6a2e7b02"}
    }
  })");
  claims["iat"] = kTokenTime - 60;
  claims["nbf"] = kTokenTime - 60;
  claims["exp"] = kTokenTime + 540;
  return MergeClaims(claims.dump(), patch);
}

std::string MergeClaims(std::string_view claims, std::string_view patch) {
  Json merged = Json::parse(claims);
  merged.merge_patch(Json::parse(patch));
  return merged.dump();
}

TokenKey::TokenKey(std::string id) : id_(std::move(id)), key_(SharedKey(id_ == "key-1")) {}

TokenKey TokenKey::FromPem(const std::string& file, std::string id) {
  const auto text = ReadFile(file, 64 * 1024);
  SIGNET_CHECK(text.ok(), "cannot read the API server's signing key");
  auto blocks = crypto::PemDecode(AsText(*text));
  SIGNET_CHECK(blocks.ok() && !blocks->empty(), "the API server's signing key is no PEM");
  auto key = crypto::PrivateKey::FromPkcs8(Secret(std::move(blocks->front().content)));
  SIGNET_CHECK(key.ok(), key.ok() ? "" : key.error().message);
  return {std::move(id), *std::move(key)};
}

std::string TokenKey::Sign(std::string_view claims, std::string_view header_patch) const {
  Json header = {{"alg", "RS256"}, {"kid", id_}};
  header.merge_patch(Json::parse(header_patch));
  const std::string input =
      Base64UrlEncode(AsBytes(header.dump())) + "." + Base64UrlEncode(AsBytes(claims));
  return input + "." + Base64UrlEncode(*key_->Sign(AsBytes(input)));
}

std::string TokenKey::Jwk() const {
  const auto jwk = *crypto::JwkFromSpki(key_->public_key().spki());
  return Json{{"kty", jwk.kty}, {"kid", id_}, {"use", "sig"},
              {"alg", "RS256"}, {"n", jwk.n}, {"e", jwk.e}}
      .dump();
}

}  // namespace signet::test
