// Invariant: a key that was taken is of a kind and size that is believed, and says so again when
// its parts are written down anew.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/check.h"
#include "core/crypto/jwk.h"
#include "core/crypto/jws.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  const auto keys = crypto::ParseJwks(AsText({data, size}));
  if (!keys.ok()) {
    SIGNET_CHECK(keys.code() == Code::kInvalidArgument, "another code");
    return 0;
  }
  SIGNET_CHECK(keys->size() <= crypto::kMaxJwksKeys, "too many keys");
  for (const crypto::JwsKey& key : *keys) {
    SIGNET_CHECK(key.id().size() <= crypto::kMaxKeyIdBytes, "key id is too long");
    const auto jwk = crypto::JwkFromSpki(key.spki());
    SIGNET_CHECK(jwk.ok(), "a key without a JWK");
    const bool rsa = key.algorithm() == crypto::JwsAlgorithm::kRs256;
    SIGNET_CHECK(rsa == (jwk->kty == "RSA"), "algorithm of another key type");
    SIGNET_CHECK(!rsa || (jwk->e == "AQAB" && jwk->n.size() >= 341 && jwk->n.size() <= 683),
                 "a weak or slow RSA key");
  }
  return 0;
}
