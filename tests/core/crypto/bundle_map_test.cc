// The SPIFFE bundle map, by the rules of its two readers: Envoy's SPIFFE validator
// (`trust_bundles`) and gRPC (proposal A87). Both refuse the whole map for one bad entry.
#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/key.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;
using Json = nlohmann::json;

namespace {

spiffe::Bundle MakeBundle(const std::string& trust_domain) {
  spiffe::Bundle bundle{.trust_domain = *spiffe::TrustDomain::Parse(trust_domain)};
  for (const char* type : {"EC", "RSA"}) {
    test::CertOptions options = test::TestCa::CaOptions(trust_domain);
    options.key_type = type;
    bundle.x509_authorities.push_back({test::TestCa::WithOptions(options).der()});
  }
  bundle.jwt_authorities.push_back(
      {.spki = (*PrivateKey::Generate(KeyType::kEcP256))->public_key().spki(), .key_id = "k"});
  bundle.sequence = 7;
  return bundle;
}

}  // namespace

TEST_CASE("a bundle map has X.509 entries alone, each with one certificate") {
  const std::vector<spiffe::Bundle> bundles = {
      MakeBundle("example.org"),
      MakeBundle("other.org"),
      {.trust_domain = *spiffe::TrustDomain::Parse("empty.org")}};
  const auto text = WriteBundleMapJson(bundles);
  REQUIRE_OK(text);
  const Json map = Json::parse(*text);
  CHECK(map.size() == 1);
  const Json& trust_domains = map["trust_domains"];
  REQUIRE(trust_domains.size() == 2);  // an empty one would make Envoy refuse the map
  for (const spiffe::Bundle& bundle : {bundles[0], bundles[1]}) {
    const Json& entry = trust_domains[bundle.trust_domain.name()];
    REQUIRE(entry["keys"].size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      const Json& key = entry["keys"][i];
      CHECK(key["use"] == "x509-svid");
      CHECK(key["kty"] == (i == 0 ? "EC" : "RSA"));
      CHECK(key["x5c"] == Json::array({Base64Encode(bundle.x509_authorities[i].der)}));
      CHECK_FALSE(key.contains("kid"));
    }
  }
}

TEST_CASE("each bundle of a map is a bundle that the codec reads back") {
  const spiffe::Bundle bundle = MakeBundle("example.org");
  const Json map = Json::parse(*WriteBundleMapJson({bundle}));
  const auto read =
      ParseBundleJson(bundle.trust_domain, map["trust_domains"]["example.org"].dump());
  REQUIRE_OK(read);
  CHECK(read->x509_authorities == bundle.x509_authorities);
  CHECK(read->jwt_authorities.empty());
}

TEST_CASE("a map with something that is no authority is not written") {
  spiffe::Bundle bundle = MakeBundle("example.org");
  const test::TestCa ca("example.org");
  bundle.x509_authorities.push_back({ca.IssueSvid("spiffe://example.org/web").der});
  REQUIRE_ERROR(WriteBundleMapJson({bundle}), Code::kInvalidArgument,
                "example.org: X.509 authority");
}
