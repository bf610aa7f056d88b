#include "workload-api/sds/secrets.h"

#include <fstream>
#include <iterator>

#include "core/crypto/hash.h"
#include "core/crypto/pem.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/sds/holdings.h"
#include "workload-api/sds/subscription.h"

namespace signet::sds {
namespace {

using envoy::extensions::transport_sockets::tls::v3::SPIFFECertValidatorConfig;
using Envelope = envoy::extensions::transport_sockets::tls::v3::Secret;
using svids::test::Td;
using test::OtherCa;
using test::OwnCa;
using test::RealSvid;

std::shared_ptr<const svids::Identity> MakeIdentity(const std::string& path,
                                                    const std::string& hint = {}) {
  svids::Entry entry = svids::test::MakeEntry("1", path, {{"unix", "uid:1"}});
  entry.hint = hint;
  const std::string id = entry.spiffe_id.ToString();
  return std::make_shared<const svids::Identity>(svids::Identity{entry, RealSvid(OwnCa(), id)});
}

/// World is a workload with two identities that knows two trust domains.
struct World {
  Envelope Find(const std::string& name) {
    const auto found = Make().Find(name);
    REQUIRE_OK(found);
    Envelope secret;
    REQUIRE(secret.ParseFromString(*found->secret));
    CHECK(secret.name() == name);
    return secret;
  }
  Result<Resource> Try(const std::string& name) { return Make().Find(name); }
  Secrets Make() { return Secrets(holdings, client, {options, ticket_keys, system_roots}); }

  svids::Holdings holdings{
      .trust_domain = Td(),
      .identities = {MakeIdentity("/web"), MakeIdentity("/api", "internal")},
      .bundles = {{Td(), std::make_shared<const Bytes>(OwnCa().der())},
                  {Td("other.org"), std::make_shared<const Bytes>(OtherCa().der())}}};
  Client client;
  Options options;
  FakeClock clock;
  FakeRandom random;
  TicketKeys ticket_keys{clock, random};
  SystemRoots system_roots{""};
};

std::string Pem(const Bytes& der) { return crypto::PemEncode("CERTIFICATE", der); }

SPIFFECertValidatorConfig Validator(const Envelope& secret) {
  const auto& custom = secret.validation_context().custom_validator_config();
  CHECK(custom.name() == "envoy.tls.cert_validator.spiffe");
  CHECK(custom.typed_config().type_url() ==
        "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig");
  CHECK_FALSE(secret.validation_context().has_trusted_ca());
  SPIFFECertValidatorConfig config;
  REQUIRE(config.ParseFromString(custom.typed_config().value()));
  return config;
}

std::string PlainCa(const Envelope& secret) {
  CHECK_FALSE(secret.validation_context().has_custom_validator_config());
  return secret.validation_context().trusted_ca().inline_bytes();
}

TEST_CASE(
    "SDS-34, SDS-35: SVIDs go out under every name that means them, as PEM: the chain and its "
    "key") {
  World world;
  const auto& web = world.holdings.identities[0]->svid;
  const auto& api = world.holdings.identities[1]->svid;
  const std::vector<std::pair<std::string, const svids::WorkloadSvid*>> cases = {
      {"default", web.get()},
      {"spiffe://example.org/web", web.get()},
      {"default#internal", api.get()},
      {"spiffe://example.org/api", api.get()},
  };
  for (const auto& [name, svid] : cases) {
    const Envelope secret = world.Find(name);
    CHECK(secret.tls_certificate().certificate_chain().inline_bytes() == Pem(svid->chain));
    CHECK(secret.tls_certificate().private_key().inline_bytes() ==
          crypto::PemEncode("PRIVATE KEY", svid->key.RevealSecret()));
  }
}

TEST_CASE(
    "SDS-35: a chain with an intermediate is one PEM block for each certificate, leaf first") {
  World world;
  svids::WorkloadSvid svid{
      .chain = OwnCa().der(), .key = Secret(Bytes{1}), .times = {}, .authority_id = ""};
  Append(svid.chain, OtherCa().der());
  svids::Identity identity{world.holdings.identities[0]->entry,
                           std::make_shared<const svids::WorkloadSvid>(std::move(svid))};
  world.holdings.identities = {std::make_shared<const svids::Identity>(std::move(identity))};
  CHECK(world.Find("default").tls_certificate().certificate_chain().inline_bytes() ==
        Pem(OwnCa().der()) + Pem(OtherCa().der()));
}

TEST_CASE(
    "SDS-36: bundles go to Envoy's SPIFFE validator, a store for each trust domain in order") {
  World world;
  const SPIFFECertValidatorConfig all = Validator(world.Find("ALL"));
  REQUIRE(all.trust_domains_size() == 2);
  CHECK(all.trust_domains(0).name() == "example.org");
  CHECK(all.trust_domains(0).trust_bundle().inline_bytes() == Pem(OwnCa().der()));
  CHECK(all.trust_domains(1).name() == "other.org");
  CHECK(all.trust_domains(1).trust_bundle().inline_bytes() == Pem(OtherCa().der()));
  for (const char* name : {"ROOTCA", "spiffe://example.org"}) {
    const SPIFFECertValidatorConfig own = Validator(world.Find(name));
    REQUIRE(own.trust_domains_size() == 1);
    CHECK(own.trust_domains(0).name() == "example.org");
  }
  const SPIFFECertValidatorConfig other = Validator(world.Find("spiffe://other.org"));
  REQUIRE(other.trust_domains_size() == 1);
  CHECK(other.trust_domains(0).name() == "other.org");
}

TEST_CASE(
    "SDS-38: a plain context comes by tls-only, by metadata, by configuration, and for old "
    "Envoys") {
  World world;
  CHECK(PlainCa(world.Find("tls-only:ROOTCA")) == Pem(OwnCa().der()));
  CHECK(PlainCa(world.Find("tls-only:spiffe://other.org")) == Pem(OtherCa().der()));
  world.client.disable_spiffe_validation = true;
  CHECK(PlainCa(world.Find("ROOTCA")) == Pem(OwnCa().der()));
  world.client = {.before_spiffe_validator = true};
  CHECK(PlainCa(world.Find("ROOTCA")) == Pem(OwnCa().der()));
  world.client = {};
  world.options.disable_spiffe_cert_validation = true;
  CHECK(PlainCa(world.Find("ROOTCA")) == Pem(OwnCa().der()));
  world.client.disable_spiffe_validation = false;
  Validator(world.Find("ROOTCA"));
}

TEST_CASE(
    "FED-07, SDS-37: without the validator the roots of several trust domains share no context") {
  World world;
  world.client.disable_spiffe_validation = true;
  REQUIRE_ERROR(world.Try("ALL"), Code::kFailedPrecondition, "forge");
  REQUIRE_ERROR(world.Try("tls-only:ALL"), Code::kFailedPrecondition, "forge");
  world.options.rootca_includes_federated = true;
  CHECK(PlainCa(world.Find("ROOTCA")) == Pem(OwnCa().der()));
  world.holdings.bundles.erase(Td("other.org"));
  CHECK(PlainCa(world.Find("ALL")) == Pem(OwnCa().der()));
}

TEST_CASE("SDS-49: ROOTCA means all for Istio where the operator says so") {
  World world;
  world.options.rootca_includes_federated = true;
  CHECK(Validator(world.Find("ROOTCA")).trust_domains_size() == 2);
}

TEST_CASE("SDS-36: an empty bundle is left out, since Envoy would refuse all of them for it") {
  World world;
  world.holdings.bundles[Td("other.org")] = std::make_shared<const Bytes>();
  CHECK(Validator(world.Find("ALL")).trust_domains_size() == 1);
  REQUIRE_ERROR(world.Try("spiffe://other.org"), Code::kNotFound, "no bundle");
}

TEST_CASE("SDS-18, SDS-40: what the caller may not have, or what means nothing, says why") {
  World world;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"spiffe://example.org/db", "no such identity"},
      {"default#none", "no identity has this hint"},
      {"spiffe://third.org", "federates"},
      {"nonsense", "means nothing"},
      {"file-cert:/a~/b", "WORKLOAD_IDENTITY_SOCKET_FILE"},
      {"file-root:/a", "file-credential"},
      {"file-root:system", "system_roots_path"},
  };
  for (const auto& [name, why] : cases) {
    INFO(name);
    REQUIRE_ERROR(world.Try(name), Code::kNotFound, why);
  }
  world.holdings.identities.clear();
  REQUIRE_ERROR(world.Try("default"), Code::kNotFound, "no identity has a valid X509-SVID");
  REQUIRE_ERROR(world.Try("ticket-keys"), Code::kNotFound, "no identity");
}

TEST_CASE("SDS-49: file-root:system is the configured file") {
  signet::test::TempDir dir;
  std::ofstream(dir.File("roots.pem")) << Pem(OtherCa().der());
  World world;
  SystemRoots roots(dir.File("roots.pem"));
  Secrets secrets(world.holdings, world.client, {world.options, world.ticket_keys, roots});
  const auto found = secrets.Find("file-root:system");
  REQUIRE_OK(found);
  Envelope secret;
  REQUIRE(secret.ParseFromString(*found->secret));
  CHECK(PlainCa(secret) == Pem(OtherCa().der()));
}

TEST_CASE("SDS-39: ticket keys are 80 bytes, and others once an identity or a root is another") {
  World world;
  const auto first = [&] {
    const Envelope secret = world.Find("ticket-keys");
    REQUIRE(secret.session_ticket_keys().keys_size() == 1);
    return secret.session_ticket_keys().keys(0).inline_bytes();
  };
  const std::string before = first();
  CHECK(before.size() == 80);
  CHECK(first() == before);
  auto roots = std::make_shared<Bytes>(OwnCa().der());
  Append(*roots, OtherCa().der());
  world.holdings.bundles[Td()] = roots;
  const std::string other_roots = first();
  CHECK(other_roots != before);
  world.holdings.identities.pop_back();
  CHECK(first() != other_roots);
}

TEST_CASE("SDS-15: a version is that of the content: the same again, another for other content") {
  World world;
  const auto version = [&](const std::string& name) {
    const auto found = world.Try(name);
    REQUIRE_OK(found);
    CHECK(found->version.size() == 32);
    return found->version;
  };
  const std::string before = version("ROOTCA");
  CHECK(version("ROOTCA") == before);
  CHECK(version("ALL") != before);
  world.holdings.bundles[Td()] = std::make_shared<const Bytes>(OtherCa().der());
  CHECK(version("ROOTCA") != before);
}

TEST_CASE(
    "SDS-25, SDS-26: who asks for all gets IDs, and the log can tell what a caller could ask for") {
  World world;
  world.holdings.identities.push_back(MakeIdentity("/web"));
  CHECK(world.Make().Names() ==
        std::vector<std::string>{"spiffe://example.org/web", "spiffe://example.org/api",
                                 "spiffe://example.org", "spiffe://other.org"});
  CHECK(world.Make().Menu() ==
        "default, ROOTCA, ALL, default#internal, spiffe://example.org/web, "
        "spiffe://example.org/api, spiffe://example.org, spiffe://other.org");
}

/// Recorded is a first request of an Istio proxy, byte for byte (tests/data/sds/istio/README.md).
Ask Recorded(const std::string& name) {
  std::ifstream file(std::string(SIGNET_TEST_DATA) + "/sds/istio/" + name + ".bin",
                     std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  auto ask = ParseAsk(Variant::kSotw, bytes);
  REQUIRE_OK(ask);
  return *std::move(ask);
}

TEST_CASE("SDS-49: an Istio proxy's recorded requests get what its TLS contexts wait for") {
  signet::test::TempDir dir;
  const std::string roots = dir.path() + "/roots.pem";
  std::ofstream(roots) << Pem(OtherCa().der());
  World world;
  world.options = {.rootca_includes_federated = true, .system_roots_path = roots};
  SystemRoots system_roots(roots);
  const auto answer = [&](const std::string& name) {
    const Ask ask = Recorded(name);
    REQUIRE(ask.client);
    CHECK(ask.client->node_id ==
          "sidecar~10.244.1.7~httpbin-7d4f8c9b5-x2x9p.default~default.svc.cluster.local");
    Secrets secrets(world.holdings, *ask.client, {world.options, world.ticket_keys, system_roots});
    Subscription subscription(Variant::kSotw);
    const auto due = subscription.Take(ask);
    REQUIRE_OK(due);
    CHECK(*due);
    return subscription.Advance(secrets, "nonce");
  };
  const auto secret = [&](const std::string& name) {
    const auto next = answer(name);
    REQUIRE(next.answer.items.size() == 1);
    Envelope parsed;
    REQUIRE(parsed.ParseFromString(*next.answer.items[0].resource.secret));
    return parsed;
  };
  CHECK(secret("default").tls_certificate().certificate_chain().inline_bytes() ==
        Pem(world.holdings.identities[0]->svid->chain));
  CHECK(Validator(secret("ROOTCA")).trust_domains_size() == 2);
  CHECK(PlainCa(secret("file-root-system")) == Pem(OtherCa().der()));
  const auto file_cert = answer("file-cert");
  CHECK(file_cert.answer.items.empty());
  REQUIRE(file_cert.missing.size() == 1);
  CHECK_THAT(file_cert.missing[0].second.message, Catch::Contains("Istio"));
}

}  // namespace
}  // namespace signet::sds
