#include "core/crypto/csr.h"

#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;

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
