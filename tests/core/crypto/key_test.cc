#include "core/crypto/key.h"

#include <thread>

#include "core/base/encoding.h"
#include "core/crypto/hash.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;

namespace {
constexpr KeyType kAllTypes[] = {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048,
                                 KeyType::kRsa3072, KeyType::kRsa4096};
}  // namespace

TEST_CASE("hashes match the published vectors of FIPS 180") {
  CHECK(HexEncode(Sha1(AsBytes("abc"))) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(HexEncode(Sha256(AsBytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256Stream stream;
  stream.Update(AsBytes("a"));
  stream.Update({});
  stream.Update(AsBytes("bc"));
  CHECK(stream.Finish() == Sha256(AsBytes("abc")));
}

TEST_CASE("constant-time comparison tells equal from different") {
  CHECK(ConstantTimeEqual(AsBytes("token"), AsBytes("token")));
  CHECK(ConstantTimeEqual({}, {}));
  CHECK_FALSE(ConstantTimeEqual(AsBytes("token"), AsBytes("tokem")));
  CHECK_FALSE(ConstantTimeEqual(AsBytes("token"), AsBytes("toke")));
}

TEST_CASE("key types have the configuration's names") {
  for (const KeyType type : kAllTypes) {
    CHECK(*ParseKeyType(KeyTypeName(type)) == type);
  }
  REQUIRE_ERROR(ParseKeyType("rsa-1024"), Code::kInvalidArgument, "rsa-2048");
}

TEST_CASE("a key of each type signs, verifies, and survives PKCS#8") {
  for (const KeyType type : kAllTypes) {
    INFO(KeyTypeName(type));
    const auto key = PrivateKey::Generate(type);
    REQUIRE_OK(key);
    const PublicKey& pub = (*key)->public_key();
    CHECK(pub.type() == type);
    const auto again = PublicKey::FromSpki(pub.spki());
    REQUIRE_OK(again);
    CHECK(*again == pub);
    CHECK(again->subject_key_id() == pub.subject_key_id());
    const auto signature = (*key)->Sign(AsBytes("message"));
    REQUIRE_OK(signature);
    const SignatureAlgorithm algorithm = DefaultSignatureAlgorithm(type);
    REQUIRE_OK(again->Verify(algorithm, AsBytes("message"), *signature));
    REQUIRE_ERROR(pub.Verify(algorithm, AsBytes("massage"), *signature), Code::kPermissionDenied,
                  "does not fit");
    const auto pkcs8 = (*key)->ToPkcs8();
    REQUIRE_OK(pkcs8);
    const auto loaded = PrivateKey::FromPkcs8(*pkcs8);
    REQUIRE_OK(loaded);
    CHECK((*loaded)->public_key() == pub);
  }
}

TEST_CASE("one key signs on many threads at once") {
  const auto key = *PrivateKey::Generate(KeyType::kEcP256);
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&key, &good, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string text = std::to_string(t * 1000 + i);
        const auto signature = key->Sign(AsBytes(text));
        good += signature.ok() &&
                key->public_key()
                    .Verify(SignatureAlgorithm::kEcdsaSha256, AsBytes(text), *signature)
                    .ok();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(good == 200);
}
