// What is in the files, judged by the openssl command.
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/crypto/pem.h"
#include "tests/support/result.h"
#include "tests/support/shell.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/delivery/folder_view.h"
#include "tests/workload-api/delivery/make_material.h"
#include "workload-api/delivery/layout.h"

using namespace signet;
using namespace signet::delivery;

namespace {

const char* const kId = "spiffe://example.org/web";

/// World is an identity below an intermediate, federated with other.org.
struct World {
  World() { material.chain.push_back(below.der()); }

  std::vector<RenderedFile> Make(std::vector<FileSpec> specs) {
    auto files = Render(material, specs, left_out);
    REQUIRE_OK(files);
    return *std::move(files);
  }

  std::string Text(Content content) {
    std::vector<FileSpec> specs(1);
    specs[0].name = "f";
    specs[0].content = content;
    return ToString(Make(std::move(specs)).front().content.RevealSecret());
  }

  void Federate() { material.bundles[Domain("other.org")] = {other.der()}; }

  test::TestCa ca = MakeCa("example.org");
  test::TestCa below = ca.IssueCa([] {
    auto options = test::TestCa::CaOptions("example.org");
    options.common_name = "intermediate";
    return options;
  }());
  test::TestCa other = MakeCa("other.org");
  Material material = MakeMaterial(ca, below.IssueSvid(kId));
  std::vector<std::string> left_out;
};

void WriteCertificate(const std::string& path, ByteView der) {
  WriteText(path, crypto::PemEncode("CERTIFICATE", der));
}

/// CrossCertificate is a root's name and key, signed by the CA under name constraints: made by
/// openssl.
Bytes CrossCertificate(const test::TestCa& ca, const test::TestCa& root, const std::string& domain,
                       bool constrained = true) {
  const test::TempDir temp;
  WriteCertificate(temp.File("root.pem"), root.der());
  WriteCertificate(temp.File("ca.pem"), ca.der());
  WriteText(temp.File("ca.key"), crypto::PemEncode("PRIVATE KEY", ca.key_pkcs8()));
  WriteText(
      temp.File("ext"),
      std::string("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n") +
          (constrained ? "nameConstraints=critical,permitted;URI:" + domain + "\n" : ""));
  const test::ShellOutput made =
      test::Shell("cd " + temp.path() +
                  " && openssl x509 -in root.pem -noout -pubkey >root.pub && openssl x509 -new "
                  "-force_pubkey root.pub -subj '/C=US/O=TEST/CN=root of " +
                  domain +
                  "' -CA ca.pem -CAkey ca.key -set_serial 7 -days 1 -extfile ext -outform DER "
                  "-out cross.der");
  INFO(made.text);
  REQUIRE(made.status == 0);
  return ToBytes(ReadText(temp.File("cross.der")));
}

/// Verify asks openssl whether a server with this CA file takes the certificate.
test::ShellOutput Verify(const std::string& ca_file, const test::TestCert& leaf) {
  const test::TempDir temp;
  WriteText(temp.File("ca.pem"), ca_file);
  WriteCertificate(temp.File("leaf.pem"), leaf.der);
  return test::Shell("openssl verify -no_check_time -CAfile " + temp.File("ca.pem") + " " +
                     temp.File("leaf.pem"));
}

std::string Pem(const std::vector<Bytes>& certificates) {
  std::string out;
  for (const Bytes& der : certificates) {
    out += crypto::PemEncode("CERTIFICATE", der);
  }
  return out;
}

}  // namespace

TEST_CASE("each PEM content holds its blocks, in its order") {
  World world;
  world.Federate();
  const std::string key = crypto::PemEncode("PRIVATE KEY", world.material.key.RevealSecret());
  const std::string leaf = Pem({world.material.chain[0]});
  const std::string below = Pem({world.below.der()});
  const std::string root = Pem({world.ca.der()});
  const std::string foreign = Pem({world.other.der()});
  const std::pair<Content, std::string> kCases[] = {
      {Content::kChain, leaf + below},
      {Content::kLeaf, leaf},
      {Content::kIntermediates, below},
      {Content::kKey, key},
      {Content::kKeyAndChain, key + leaf + below},
      {Content::kChainAndKey, leaf + below + key},
      {Content::kBundle, root},
      {Content::kBundleAndIntermediates, root + below},
      {Content::kConstrainedBundles, root},
      {Content::kUnconstrainedBundles, root + foreign},
  };
  for (const auto& [content, want] : kCases) {
    INFO(ContentName(content));
    CHECK(world.Text(content) == want);
  }
}

TEST_CASE("openssl takes the key and the chain, and finds that they fit") {
  World world;
  const test::TempDir temp;
  WriteText(temp.File("both.pem"), world.Text(Content::kKeyAndChain));
  WriteText(temp.File("ca.pem"), world.Text(Content::kBundleAndIntermediates));
  const std::string both = temp.File("both.pem");
  const test::ShellOutput public_key = test::Shell("openssl pkey -pubout -in " + both);
  CHECK(public_key.text == test::Shell("openssl x509 -noout -pubkey -in " + both).text);
  CHECK_THAT(public_key.text, Catch::StartsWith("-----BEGIN PUBLIC KEY-----"));
  // The leaf is the file's first certificate, so a server that reads one alone finds it.
  CHECK(test::Shell("openssl verify -no_check_time -CAfile " + temp.File("ca.pem") + " " + both)
            .status == 0);
}

TEST_CASE("files get the modes and owners that are asked for, keys 0600 if nothing is") {
  World world;
  std::vector<FileSpec> specs(4);
  specs[0] = {.name = "key", .content = Content::kKey};
  specs[1] = {.name = "chain", .content = Content::kChain};
  specs[2] = {.name = "shared", .content = Content::kChainAndKey, .mode = 0640, .group = "54321"};
  specs[3] = {.name = "theirs", .content = Content::kLeaf, .owner = "0"};
  const auto files = world.Make(std::move(specs));
  const struct {
    mode_t mode;
    uid_t uid;
    gid_t gid;
  } kWant[] = {{0600, ::geteuid(), ::getegid()},
               {0644, ::geteuid(), ::getegid()},
               {0640, ::geteuid(), 54321},
               {0644, 0, 0}};  // the owner's own group
  for (std::size_t i = 0; i < files.size(); ++i) {
    INFO(files[i].name);
    CHECK(files[i].mode == kWant[i].mode);
    CHECK(files[i].uid == kWant[i].uid);
    CHECK(files[i].gid == kWant[i].gid);
  }
  std::vector<FileSpec> missing(1);
  missing[0] = {.name = "key", .owner = "no-such-user"};
  REQUIRE_ERROR(Render(world.material, missing, world.left_out), Code::kInvalidArgument,
                "file \"key\": there is no user \"no-such-user\"");
}

TEST_CASE("with cross-certificates a neighbour vouches for its own IDs and for no others") {
  World world;
  world.Federate();
  world.material.cross_certificates[Domain("other.org")] = {
      CrossCertificate(world.ca, world.other, "other.org")};
  const std::string constrained = world.Text(Content::kConstrainedBundles);
  CHECK(world.left_out.empty());
  CHECK(constrained ==
        Pem({world.ca.der(), world.material.cross_certificates[Domain("other.org")][0]}));
  const test::TestCert theirs = world.other.IssueSvid("spiffe://other.org/db");
  const test::TestCert forged = world.other.IssueSvid(kId);
  CHECK(Verify(constrained, world.ca.IssueSvid(kId)).status == 0);
  CHECK(Verify(constrained, theirs).status == 0);
  CHECK_THAT(Verify(constrained, forged).text, Catch::Contains("permitted subtree violation"));
  // What a plain list of roots does, and why it is called unconstrained.
  CHECK(Verify(world.Text(Content::kUnconstrainedBundles), forged).status == 0);
}

TEST_CASE("a foreign root without a cross-certificate of our CA is left out, with a reason") {
  World world;
  world.Federate();
  auto& crosses = world.material.cross_certificates[Domain("other.org")];
  const Bytes good = CrossCertificate(world.ca, world.other, "other.org");
  const test::TestCa second = MakeCa("other.org");  // the same name, another key
  const test::TestCa stranger = MakeCa("example.org");
  const struct {
    const char* about;
    std::vector<Bytes> crosses;
  } kCases[] = {
      {"none", {}},
      {"of a key that is no root any more", {CrossCertificate(world.ca, second, "other.org")}},
      {"the root itself", {world.other.der()}},
      {"without limits", {CrossCertificate(world.ca, world.other, "other.org", false)}},
      {"signed by somebody with our CA's name",
       {CrossCertificate(stranger, world.other, "other.org")}},
      {"no certificate", {ToBytes("junk")}},
  };
  for (const auto& c : kCases) {
    INFO(c.about);
    crosses = c.crosses;
    world.left_out.clear();
    CHECK(world.Text(Content::kConstrainedBundles) == Pem({world.ca.der()}));
    REQUIRE(world.left_out.size() == 1);
    CHECK_THAT(world.left_out[0], Catch::StartsWith("f: a root of other.org (SHA-256 "));
  }
  // During a rotation of the neighbour's root: one has its certificate already, one not yet.
  world.material.bundles[Domain("other.org")].push_back(second.der());
  crosses = {good};
  world.left_out.clear();
  CHECK(world.Text(Content::kConstrainedBundles) == Pem({world.ca.der(), good}));
  CHECK(world.left_out.size() == 1);
}

TEST_CASE("a broken foreign root spoils no file, a broken root of our own does") {
  World world;
  world.Federate();
  world.material.bundles[Domain("other.org")].push_back(ToBytes("junk"));
  world.material.bundles[Domain("third.org")] = {world.ca.IssueSvid(kId).der};  // not a CA's
  CHECK(world.Text(Content::kUnconstrainedBundles) == Pem({world.ca.der(), world.other.der()}));
  REQUIRE(world.left_out.size() == 2);
  CHECK_THAT(world.left_out[0], Catch::Contains("a root of other.org"));
  CHECK_THAT(world.left_out[1], Catch::Contains("not a CA"));
  std::vector<FileSpec> specs(1);
  specs[0].name = "f";
  for (const std::vector<Bytes>& own :
       {std::vector<Bytes>{}, {ToBytes("junk")}, {world.ca.der(), ToBytes("junk")}}) {
    world.material.bundles[Domain("example.org")] = own;
    CHECK_FALSE(Render(world.material, specs, world.left_out).ok());
  }
  world.material.bundles[Domain("example.org")] = {world.ca.der()};
  world.material.chain.clear();
  REQUIRE_ERROR(Render(world.material, specs, world.left_out), Code::kFailedPrecondition,
                "no certificate or no key");
}

TEST_CASE("a trust domain cannot take another file's place with its name") {
  World world;
  const char* const kDomains[] = {"other.org", "svid", "..gen-x", "..", "b", "x-b"};
  for (const char* domain : kDomains) {
    world.material.bundles[Domain(domain)] = {world.other.der()};
  }
  world.material.bundles[Domain(std::string(255, 'l'))] = {world.other.der()};
  std::vector<FileSpec> specs(3);
  specs[0] = {.name = "{trust_domain}.pem", .content = Content::kTrustDomainBundles};
  specs[1] = {.name = "svid.pem"};
  specs[2] = {.name = "x-{trust_domain}.pem", .content = Content::kTrustDomainBundles};
  const auto files = world.Make(std::move(specs));
  std::map<std::string, std::string> texts;
  for (const RenderedFile& file : files) {
    CHECK(texts.emplace(file.name, ToString(file.content.RevealSecret())).second);
    REQUIRE_OK(CheckFileName(file.name));
  }
  CHECK(texts["svid.pem"] == world.Text(Content::kChain));
  CHECK(texts["example.org.pem"] == Pem({world.ca.der()}));
  CHECK(texts["other.org.pem"] == Pem({world.other.der()}));
  // "..gen-x" and ".." by the first name, 255 letters by both, "svid" and one of the two "x-b".
  CHECK(world.left_out.size() == 6);
  // The own trust domain's file must be there.
  std::vector<FileSpec> taken(2);
  taken[0] = {.name = "{trust_domain}", .content = Content::kTrustDomainBundles};
  taken[1] = {.name = "example.org"};
  REQUIRE_ERROR(Render(world.material, taken, world.left_out), Code::kInvalidArgument,
                "another file has the name");
}

TEST_CASE(
    "MAP-01, MAP-02, MAP-04: the bundle map has each trust domain with its X.509 roots alone") {
  World world;
  world.Federate();
  world.material.bundles[Domain("other.org")].push_back(MakeCa("other.org").der());
  world.material.bundles[Domain("empty.org")] = {};
  const auto map = nlohmann::json::parse(world.Text(Content::kBundleMap));
  REQUIRE(map["trust_domains"].size() == 2);
  for (const auto& [trust_domain, roots] : world.material.bundles) {
    if (roots.empty()) {
      continue;
    }
    const auto& bundle = map["trust_domains"][trust_domain.name()];
    CHECK(bundle.size() == 1);
    REQUIRE(bundle["keys"].size() == roots.size());
    for (std::size_t i = 0; i < roots.size(); ++i) {
      const auto& key = bundle["keys"][i];
      CHECK(key["use"] == "x509-svid");
      CHECK(key["kty"] == "EC");
      CHECK(key["x5c"] == nlohmann::json::array({Base64Encode(roots[i])}));
    }
  }
}

TEST_CASE("the same material gives the same bytes, whatever the content") {
  World world;
  world.Federate();
  const auto make = [&world] {
    std::vector<FileSpec> specs;
    for (int i = 0; i <= static_cast<int>(Content::kPkcs12); ++i) {
      const auto content = static_cast<Content>(i);
      specs.push_back({.name = std::string(ContentName(content)), .content = content});
    }
    specs[static_cast<int>(Content::kTrustDomainBundles)].name = "{trust_domain}";
    specs.back().password = Secret(ToBytes("secret"));
    REQUIRE_OK(CheckFileSpecs(specs));
    return world.Make(std::move(specs));
  };
  const auto once = make();
  const auto twice = make();
  REQUIRE(once.size() == 14);
  REQUIRE(twice.size() == once.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    CHECK(once[i].name == twice[i].name);
    CHECK(Equal(once[i].content.RevealSecret(), twice[i].content.RevealSecret()));
  }
}
