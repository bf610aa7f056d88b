#include "workload-api/sds/secret_name.h"

#include "tests/support/result.h"

namespace signet::sds {
namespace {

using Kind = SecretName::Kind;

TEST_CASE("SDS-34: a secret's name says what is meant") {
  struct Case {
    std::string text;
    Kind kind;
    std::string id = {};
    std::string hint = {};
    bool tls_only = false;
  };
  const std::vector<Case> cases = {
      {"default", Kind::kDefaultSvid},
      {"default#internal", Kind::kDefaultSvid, "", "internal"},
      {"default#a#b", Kind::kDefaultSvid, "", "a#b"},
      {"default#", Kind::kUnknown},
      {"spiffe://example.org/web", Kind::kSvid, "spiffe://example.org/web"},
      {"spiffe://example.org", Kind::kBundle, "spiffe://example.org"},
      {"ROOTCA", Kind::kOwnBundle},
      {"ALL", Kind::kAllBundles},
      {"tls-only:ROOTCA", Kind::kOwnBundle, "", "", true},
      {"tls-only:spiffe://other.org", Kind::kBundle, "spiffe://other.org", "", true},
      {"tls-only:default", Kind::kUnknown, "", "", true},
      {"ticket-keys", Kind::kTicketKeys},
      {"file-root:system", Kind::kSystemRoots},
      {"file-root:/etc/ca.pem", Kind::kOtherFile},
      {"file-cert:/a.pem~/a.key", Kind::kOtherFile},
      {"rootca", Kind::kUnknown},
      {"", Kind::kUnknown},
      {"spiffe://Example.org/web", Kind::kUnknown},
      {"spiffe://example.org/", Kind::kUnknown},
      {std::string("default\0", 8), Kind::kUnknown},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const SecretName name = ParseSecretName(c.text, {});
    CHECK(name.kind == c.kind);
    CHECK((name.id ? name.id->ToString() : "") == c.id);
    CHECK(name.hint == c.hint);
    CHECK(name.tls_only == c.tls_only);
  }
}

TEST_CASE("SDS-34: names can be chosen, as Istio's operators do") {
  const Options istio{.default_bundle_name = "null", .default_all_bundles_name = "ROOTCA"};
  CHECK(ParseSecretName("ROOTCA", istio).kind == Kind::kAllBundles);
  CHECK(ParseSecretName("null", istio).kind == Kind::kOwnBundle);
  CHECK(ParseSecretName("ALL", istio).kind == Kind::kUnknown);
  const Options with_flag{.rootca_includes_federated = true};
  CHECK(ParseSecretName("ROOTCA", with_flag).kind == Kind::kOwnOrAllBundles);
  CHECK(ParseSecretName("ALL", with_flag).kind == Kind::kAllBundles);
  CHECK(ParseSecretName("me", {.default_svid_name = "me"}).kind == Kind::kDefaultSvid);
}

}  // namespace
}  // namespace signet::sds
