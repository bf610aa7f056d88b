#include "workload-api/client/x509_context.h"

#include "tests/support/result.h"
#include "tests/workload-api/client/test_pki.h"

namespace signet::client {
namespace {

using test::Authority;
using test::MessageFor;
using test::WireSvid;

constexpr const char* kWeb = "spiffe://example.org/web";

spiffe::TrustDomain Domain(const char* name) { return spiffe::TrustDomain::Parse(name).value(); }

TEST_CASE(
    "WL-11, WL-41: a message becomes identities, the first the default, and a trust store per "
    "domain") {
  const Authority own("example.org");
  const Authority friends("friends.example");
  X509Message message = MessageFor(own, kWeb);
  message.svids.push_back(WireSvid(own, "spiffe://example.org/second", "second"));
  message.federated_bundles["spiffe://friends.example"] = friends.der();
  const auto context = BuildX509Context(std::move(message));
  REQUIRE_OK(context);
  REQUIRE(context->identities.size() == 2);
  CHECK(context->default_identity().id().ToString() == kWeb);
  CHECK(context->identities[1].hint == "second");
  CHECK(context->identities[0].key->public_key().spki() == context->identities[0].svid.leaf().spki);
  CHECK(context->trust_stores.size() == 2);
  CHECK(context->bundles.at(Domain("example.org")) == std::vector<Bytes>{own.der()});
  CHECK(context->bundles.at(Domain("friends.example")) == std::vector<Bytes>{friends.der()});
  CHECK(context->warnings.empty());
  const auto peer = friends.Issue({.uris = {"spiffe://friends.example/x"}});
  CHECK(crypto::VerifyX509Svid(peer.chain, context->trust_stores, RealClock().Now()).ok());
}

TEST_CASE("WL-10: a message that lacks a mandatory field is dropped as a whole") {
  const Authority own("example.org");
  REQUIRE_ERROR(BuildX509Context({}), Code::kInvalidArgument, "svids is empty");
  const std::pair<void (*)(X509Message::Svid&), const char*> rows[] = {
      {[](X509Message::Svid& s) { s.spiffe_id.clear(); }, "spiffe_id"},
      {[](X509Message::Svid& s) { s.x509_svid.clear(); }, "x509_svid"},
      {[](X509Message::Svid& s) { s.key = Secret(); }, "x509_svid_key"},
      {[](X509Message::Svid& s) { s.bundle.clear(); }, "bundle"},
  };
  for (const auto& [spoil, field] : rows) {
    X509Message message = MessageFor(own, kWeb);
    message.svids.push_back(WireSvid(own, "spiffe://example.org/second"));
    spoil(message.svids[1]);
    const auto context = BuildX509Context(std::move(message));
    REQUIRE_ERROR(context, Code::kInvalidArgument,
                  std::string("svids[1]: the mandatory field ") + field + " is empty");
  }
}

TEST_CASE("An identity that does not hold is refused with its place and reason") {
  const Authority own("example.org");
  using Spoil = std::function<void(X509Message::Svid&)>;
  const std::pair<Spoil, const char*> rows[] = {
      {[](auto& s) { s.spiffe_id = "https://example.org/web"; }, "svids[0]"},
      {[](auto& s) { s.spiffe_id = "spiffe://example.org/other"; },
       "is for spiffe://example.org/web"},
      {[&](auto& s) { s.key = Secret(own.Issue().pkcs8); }, "private key does not belong"},
      {[](auto& s) { s.key = Secret(ToBytes("no key")); }, "svids[0]"},
      {[](auto& s) { s.x509_svid.push_back(0); }, "svids[0]"},
      {[](auto& s) { s.x509_svid = ToBytes("-----BEGIN CERTIFICATE-----\n"); }, "svids[0]"},
      {[](auto& s) { s.x509_svid.pop_back(); }, "svids[0]"},
      {[](auto& s) { s.bundle = ToBytes("no bundle"); }, "svids[0].bundle"},
      {[&](auto& s) { s.bundle = own.Issue().chain[0]; }, "svids[0].bundle"},
      {[&](auto& s) { s.x509_svid = own.der(); }, "svids[0]"},
  };
  for (const auto& [spoil, why] : rows) {
    INFO(why);
    X509Message message = MessageFor(own, kWeb);
    spoil(message.svids[0]);
    REQUIRE_ERROR(BuildX509Context(std::move(message)), Code::kInvalidArgument, why);
  }
}

TEST_CASE("WL-19: of two identities with the same hint the first wins, empty hints may repeat") {
  const Authority own("example.org");
  X509Message message;
  message.svids.push_back(WireSvid(own, "spiffe://example.org/a", "h"));
  message.svids.push_back(WireSvid(own, "spiffe://example.org/b", "h"));
  message.svids.push_back(WireSvid(own, "spiffe://example.org/c"));
  message.svids.push_back(WireSvid(own, "spiffe://example.org/d"));
  const auto context = BuildX509Context(std::move(message));
  REQUIRE_OK(context);
  REQUIRE(context->identities.size() == 3);
  CHECK(context->identities[0].id().path() == "/a");
  CHECK(context->identities[1].id().path() == "/c");
  REQUIRE(context->warnings.size() == 1);
  CHECK_THAT(context->warnings[0], Catch::Contains("svids[1]"));
}

TEST_CASE("A broken federated bundle costs its own trust domain and nothing else") {
  const Authority own("example.org");
  const Authority friends("friends.example");
  X509Message message = MessageFor(own, kWeb);
  message.federated_bundles["spiffe://broken.example"] = ToBytes("junk");
  message.federated_bundles["spiffe://Not.A.Domain"] = friends.der();
  message.federated_bundles["spiffe://friends.example"] = friends.der();
  const auto context = BuildX509Context(std::move(message));
  REQUIRE_OK(context);
  CHECK(context->warnings.size() == 2);
  CHECK(context->trust_stores.size() == 2);
  CHECK(context->trust_stores.contains(Domain("friends.example")));
}

TEST_CASE(
    "FED-07: a federated entry cannot replace the bundle of the own trust domain, nor join it") {
  const Authority own("example.org");
  const Authority impostor("example.org");
  X509Message message = MessageFor(own, kWeb);
  message.federated_bundles["spiffe://example.org"] = impostor.der();
  const auto context = BuildX509Context(std::move(message));
  REQUIRE_OK(context);
  const SystemTime now = RealClock().Now();
  CHECK(crypto::VerifyX509Svid(own.Issue().chain, context->trust_stores, now).ok());
  CHECK_FALSE(crypto::VerifyX509Svid(impostor.Issue().chain, context->trust_stores, now).ok());
  CHECK(context->bundles.at(Domain("example.org")) == std::vector<Bytes>{own.der()});
}

TEST_CASE("A picker chooses the default identity, and may find none suitable") {
  const Authority own("example.org");
  const auto message = [&own] {
    X509Message m = MessageFor(own, kWeb);
    m.svids.push_back(WireSvid(own, "spiffe://example.org/second", "second"));
    return m;
  };
  const auto context = BuildX509Context(message(), [](const auto& all) { return all.size() - 1; });
  REQUIRE_OK(context);
  CHECK(context->default_identity().hint == "second");
  REQUIRE_ERROR(BuildX509Context(message(), [](const auto& all) { return all.size(); }),
                Code::kInvalidArgument, "picker");
}

}  // namespace
}  // namespace signet::client
