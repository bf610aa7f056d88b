#include "core/crypto/csr.h"

#include <chrono>

#include "tests/core/crypto/vectors.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;

namespace {

Bytes GoodCsr(const std::string& name) {
  for (const test::Vector& vector : test::ReadVectors("csrs.txt")) {
    if (vector.name == name) {
      return vector.der;
    }
  }
  FAIL("no such vector: " << name);
  return {};
}

}  // namespace

TEST_CASE("a CSR that we build is read back with its names") {
  for (const KeyType type : {KeyType::kEcP256, KeyType::kEcP384, KeyType::kRsa2048}) {
    const auto key = *PrivateKey::Generate(type);
    const auto der = BuildCsr(*key, {{"spiffe://example.org/web"}, {"web.example.org", "web"}});
    REQUIRE_OK(der);
    const auto csr = ParseCsr(*der);
    REQUIRE_OK(csr);
    CHECK(csr->public_key == key->public_key());
    CHECK(csr->uri_sans == std::vector<std::string>{"spiffe://example.org/web"});
    CHECK(csr->dns_sans == std::vector<std::string>{"web.example.org", "web"});
  }
}

TEST_CASE("a CSR without names carries C=US, O=SPIRE and the key alone") {
  const auto key = *PrivateKey::Generate(KeyType::kEcP256);
  const auto csr = ParseCsr(*BuildCsr(*key));
  REQUIRE_OK(csr);
  CHECK(csr->uri_sans.empty());
  CHECK(csr->dns_sans.empty());
  // Laid out by hand: PrintableString, one attribute in each set.
  CHECK(HexEncode(csr->subject) ==
        "301d310b3009060355040613025553310e300c060355040a13055350495245");
}

TEST_CASE("CSRs of another implementation are accepted or refused with the reason") {
  for (const test::Vector& vector : test::ReadVectors("csrs.txt")) {
    INFO(vector.name);
    const auto csr = ParseCsr(vector.der);
    if (vector.want == "ok") {
      REQUIRE_OK(csr);
    } else {
      REQUIRE_ERROR(csr, Code::kInvalidArgument, vector.want);
    }
  }
}

TEST_CASE("a CSR's names are read, what else it asks for is passed over") {
  const auto names = ParseCsr(GoodCsr("names"));
  REQUIRE_OK(names);
  CHECK(names->uri_sans == std::vector<std::string>{"spiffe://example.org/web"});
  CHECK(names->dns_sans == std::vector<std::string>{"a.example.org", "b"});
  const auto greedy = ParseCsr(GoodCsr("greedy"));
  REQUIRE_OK(greedy);
  CHECK(greedy->uri_sans.size() == 3);
  CHECK(ParseCsr(GoodCsr("no-subject"))->subject == Bytes{0x30, 0x00});
}

TEST_CASE("a CSR cut at any byte, or with anything after it, is refused") {
  const Bytes good = GoodCsr("names");
  for (std::size_t size = 0; size < good.size(); ++size) {
    INFO(size);
    CHECK(ParseCsr(ByteView(good).first(size)).code() == Code::kInvalidArgument);
  }
}

TEST_CASE("no bit of a CSR can be flipped without refusal") {
  for (const char* name : {"names", "rsa-2048"}) {
    const Bytes good = GoodCsr(name);
    REQUIRE_OK(ParseCsr(good));
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      Bytes changed = good;
      changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      INFO(name << ", bit " << bit);
      CHECK(ParseCsr(changed).code() == Code::kInvalidArgument);
    }
  }
}

TEST_CASE("a CSR is judged by size first, whatever it holds") {
  REQUIRE_ERROR(ParseCsr(Bytes(kMaxCsrBytes + 1, 0x30)), Code::kInvalidArgument, "8193 bytes");
  REQUIRE_ERROR(ParseCsr(Bytes(10'000'000, 0x30)), Code::kInvalidArgument, "at most 8192");
}

TEST_CASE("the key policy comes before the signature, so that a hostile key costs nothing") {
  // Each of these would take milliseconds to verify, or loop, if the signature came first.
  const auto start = std::chrono::steady_clock::now();
  int count = 0;
  for (int i = 0; i < 200; ++i) {
    for (const char* name : {"rsa-huge-exponent", "explicit-curve", "infinity"}) {
      static const std::vector<test::Vector> all = test::ReadVectors("csrs.txt");
      for (const test::Vector& vector : all) {
        if (vector.name == name) {
          const auto csr = ParseCsr(vector.der);
          REQUIRE_ERROR(csr, Code::kInvalidArgument, "CSR key refused");
          ++count;
        }
      }
    }
  }
  CHECK(count == 600);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

TEST_CASE("no message about a CSR shows its bytes") {
  for (const test::Vector& vector : test::ReadVectors("csrs.txt")) {
    const auto csr = ParseCsr(vector.der);
    if (!csr.ok()) {
      CHECK(csr.error().message.find("example.org") == std::string::npos);
      CHECK(csr.error().message.size() < 200);
    }
  }
}
