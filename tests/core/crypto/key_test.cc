#include "core/crypto/key.h"

#include <atomic>
#include <thread>

#include "core/base/encoding.h"
#include "core/crypto/hash.h"
#include "tests/core/crypto/vectors.h"
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

TEST_CASE("public keys of another implementation are accepted or refused with the reason") {
  for (const test::Vector& vector : test::ReadVectors("keys.txt")) {
    INFO(vector.name);
    const auto key = PublicKey::FromSpki(vector.der);
    if (vector.want == "ok") {
      REQUIRE_OK(key);
      CHECK(key->spki() == vector.der);
      std::string name(KeyTypeName(key->type()));
      CHECK((name == vector.name || name == "ec-" + vector.name));
    } else {
      REQUIRE_ERROR(key, Code::kInvalidArgument, vector.want);
    }
  }
}

TEST_CASE("a public key cut at any byte or with a flipped bit is refused or another key") {
  const Bytes good = (*PrivateKey::Generate(KeyType::kEcP256))->public_key().spki();
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_FALSE(PublicKey::FromSpki(ByteView(good).first(size)).ok());
  }
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes changed = good;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    INFO(bit);
    CHECK_FALSE(PublicKey::FromSpki(changed).ok());
  }
}

TEST_CASE("a signature of the other family or with another digest does not fit") {
  const auto ec = *PrivateKey::Generate(KeyType::kEcP256);
  const Bytes signature = *ec->Sign(AsBytes("m"));
  for (const auto algorithm : {SignatureAlgorithm::kEcdsaSha384, SignatureAlgorithm::kEcdsaSha512,
                               SignatureAlgorithm::kRsaSha256, SignatureAlgorithm::kRsaSha384,
                               SignatureAlgorithm::kRsaSha512}) {
    CHECK(ec->public_key().Verify(algorithm, AsBytes("m"), signature).code() ==
          Code::kPermissionDenied);
  }
  for (std::size_t size = 0; size < signature.size(); ++size) {
    CHECK_FALSE(
        ec->public_key()
            .Verify(SignatureAlgorithm::kEcdsaSha256, AsBytes("m"), ByteView(signature).first(size))
            .ok());
  }
}

TEST_CASE("PKCS#8 that is cut, padded, of a refused type or of two keys is refused") {
  const auto key = *PrivateKey::Generate(KeyType::kEcP256);
  const Secret good = *key->ToPkcs8();
  const Bytes bytes = ToBytes(good.RevealSecret());
  const auto load = [](Bytes der) { return PrivateKey::FromPkcs8(Secret(std::move(der))); };
  REQUIRE_OK(load(bytes));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    INFO(size);
    CHECK(load(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size))).code() ==
          Code::kInvalidArgument);
  }
  Bytes padded = bytes;
  padded.push_back(0);
  CHECK_FALSE(load(padded).ok());
  // The example of RFC 8410 §10.3.
  const char* ed25519 =
      "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f4475"
      "5842";
  REQUIRE_ERROR(load(*HexDecode(ed25519)), Code::kInvalidArgument, "neither EC nor RSA");
  // The public half, at the end of the structure, of another key.
  const auto other = *PrivateKey::Generate(KeyType::kEcP256);
  const Bytes& other_spki = other->public_key().spki();
  Bytes mixed = bytes;
  std::copy(other_spki.end() - 65, other_spki.end(), mixed.end() - 65);
  REQUIRE_ERROR(load(mixed), Code::kInvalidArgument, "");
}

TEST_CASE("WL-15: a key is written as openssl writes PKCS#8, and not read in its other forms") {
  // openssl pkcs8 -topk8 -nocrypt, openssl ec, openssl pkcs8 -topk8 -v2 aes-128-cbc: the same key.
  const std::string point =
      "034200048e5d10694517a31b78841f945e162a71f4edb654073b44fd0dd74e7581e4472277bc6d19e31d933e5413"
      "29f6d809cc0fc63797aaa6bf364bd0d58f3df1fde2ce";
  const std::string number = "0420bf0a414761efec6fd06f51a656b79aded6283b56907a049c9ba3a2e6306f5850";
  const std::string pkcs8 = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b020101" +
                            number + "a144" + point;
  const std::string sec1 = "3077020101" + number + "a00a06082a8648ce3d030107a144" + point;
  const std::string encrypted =
      "3081eb305606092a864886f70d01050d3049302806092a864886f70d01050c301b0408909b3437ef170656020101"
      "300c06082a864886f70d02090500301d060960864801650304010204100e27b6ba99d0a6e8971216f27ca3a08004"
      "8190e1b74574e9be3cc784c23083c38b47091a699a186ffad080b3bc5e400c5b936f45bcf84d39aea0d91c9e79a7"
      "2ebf518277c9855a17ad2fe65c5594fb1d9534c7f31f5bb33f0e947548a62b39886dfae23e00a680699dadfd52ae"
      "06015ece9e7e1dcbf98ddc2079446302f9240837dace1a0d54cdbca0b0082e1a663d175125c4f5660b48215e65da"
      "4a4483b9d967b3a6";
  const auto load = [](const std::string& hex) {
    return PrivateKey::FromPkcs8(Secret(*HexDecode(hex)));
  };
  const auto key = load(pkcs8);
  REQUIRE_OK(key);
  CHECK(HexEncode((*key)->ToPkcs8()->RevealSecret()) == pkcs8);
  REQUIRE_ERROR(load(sec1), Code::kInvalidArgument, "not one PKCS#8");
  REQUIRE_ERROR(load(encrypted), Code::kInvalidArgument, "not one PKCS#8");
}
