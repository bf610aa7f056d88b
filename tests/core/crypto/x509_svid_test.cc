// Rows X509-* and BUN-* that bind a validator. Most cases are folders of tests/data/x509, made by
// another implementation; each names its row, and the test of a row runs all folders of that row.
#include "core/crypto/x509_svid.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "core/base/encoding.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/pem.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const fs::path kCases = fs::path(SIGNET_TEST_DATA) / "x509";
const SystemTime kNow = FromUnixSeconds(1'790'000'000);

std::string ReadText(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in.is_open());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::map<std::string, std::string> ReadCase(const fs::path& folder) {
  std::map<std::string, std::string> out;
  std::ifstream in(folder / "case.txt");
  for (std::string line; std::getline(in, line);) {
    const std::size_t equals = line.find('=');
    REQUIRE(equals != std::string::npos);
    out[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return out;
}

std::vector<Bytes> ReadCertificates(const fs::path& path) {
  const auto blocks = PemDecode(ReadText(path));
  REQUIRE_OK(blocks);
  std::vector<Bytes> out;
  for (const PemBlock& block : *blocks) {
    out.push_back(block.content);
  }
  return out;
}

TrustStores ReadStores(const fs::path& folder) {
  TrustStores stores;
  for (const auto& file : fs::directory_iterator(folder)) {
    const std::string stem = file.path().stem().string();
    if (!stem.starts_with("roots-")) {
      continue;
    }
    spiffe::Bundle bundle{.trust_domain = *spiffe::TrustDomain::Parse(stem.substr(6))};
    for (Bytes& der : ReadCertificates(file.path())) {
      bundle.x509_authorities.push_back({std::move(der)});
    }
    auto store = TrustStore::Create(bundle);
    REQUIRE_OK(store);
    stores[bundle.trust_domain] = *std::move(store);
  }
  return stores;
}

/// What VerifyPresented says of a chain that libcrypto has read; nothing if it cannot read it.
std::optional<Result<VerifiedSvid>> Presented(const std::vector<Bytes>& chain,
                                              const TrustStores& stores, SystemTime at) {
  const auto free_all = [](STACK_OF(X509) * all) { sk_X509_pop_free(all, X509_free); };
  const std::unique_ptr<STACK_OF(X509), decltype(free_all)> all(sk_X509_new_null(), free_all);
  for (const Bytes& der : chain) {
    const unsigned char* from = der.data();
    X509* certificate = d2i_X509(nullptr, &from, static_cast<long>(der.size()));
    if (certificate == nullptr || from != der.data() + der.size()) {  // so does the TLS library
      X509_free(certificate);
      ERR_clear_error();
      return std::nullopt;
    }
    sk_X509_push(all.get(), certificate);
  }
  return VerifyPresented(sk_X509_value(all.get(), 0), all.get(), stores, at);
}

/// Both ways in must judge alike.
void CheckPresented(const std::vector<Bytes>& chain, const TrustStores& stores, SystemTime at,
                    const Result<X509Svid>& want) {
  const auto got = Presented(chain, stores, at);
  if (!got) {
    CHECK_FALSE(want.ok());
    return;
  }
  REQUIRE(got->ok() == want.ok());
  if (!want.ok()) {
    CHECK(got->error().code == want.error().code);
    CHECK(got->error().message == want.error().message);
    return;
  }
  CHECK((*got)->svid.id == want->id);
  CHECK(stores.at(want->id.trust_domain())->authorities().contains((*got)->authority));
}

void RunCase(const fs::path& folder, std::map<std::string, std::string> want) {
  INFO(folder.filename().string() + ": " + want["about"]);
  const std::vector<Bytes> chain = ReadCertificates(folder / "chain.pem");
  const SystemTime at = FromUnixSeconds(std::stoll(want["time"]));
  const TrustStores stores = ReadStores(folder);
  const auto got = VerifyX509Svid(chain, stores, at);
  CheckPresented(chain, stores, at, got);
  if (want["expect"] == "OK") {
    REQUIRE_OK(got);
    CHECK(got->leaf().der == chain.front());
    CHECK(got->leaf().uri_sans.front() == got->id.ToString());
    CHECK(got->chain.size() == chain.size());
    return;
  }
  REQUIRE_FALSE(got.ok());
  CHECK(CodeName(got.error().code) == want["expect"]);
  CHECK_THAT(got.error().message, Catch::Contains(want["message"]));
}

/// RunRow runs every folder of a row; a row without a folder is a failure.
void RunRow(const std::string& row) {
  int count = 0;
  for (const auto& folder : fs::directory_iterator(kCases)) {
    if (!folder.is_directory()) {
      continue;
    }
    const auto want = ReadCase(folder.path());
    if (want.at("row") == row) {
      RunCase(folder.path(), want);
      ++count;
    }
  }
  CHECK(count > 0);
}

TrustStores Trust(const std::string& domain, const std::vector<Bytes>& authorities) {
  spiffe::Bundle bundle{.trust_domain = *spiffe::TrustDomain::Parse(domain)};
  for (const Bytes& der : authorities) {
    bundle.x509_authorities.push_back({der});
  }
  return {{bundle.trust_domain, *TrustStore::Create(bundle)}};
}

}  // namespace

TEST_CASE("X509-02: a second URI name is refused, whatever its scheme") { RunRow("X509-02"); }
TEST_CASE("X509-03: names of other kinds are allowed in any number") { RunRow("X509-03"); }
TEST_CASE("X509-05: an empty subject with critical names is accepted") { RunRow("X509-05"); }
TEST_CASE("X509-09: an authority may sign further authorities") { RunRow("X509-09"); }
TEST_CASE("X509-10: an authority's certificate never authenticates") { RunRow("X509-10"); }
TEST_CASE("X509-11: an issuer that is no CA is refused") { RunRow("X509-11"); }
TEST_CASE("X509-12: a leaf's CA flag is false, spelt out or not") { RunRow("X509-12"); }
TEST_CASE("X509-13: a path length is kept to") { RunRow("X509-13"); }
TEST_CASE("X509-14: name constraints are kept to") { RunRow("X509-14"); }
TEST_CASE("X509-15: a leaf without key usage is refused") { RunRow("X509-15"); }
TEST_CASE("X509-16: an issuer without keyCertSign is refused") { RunRow("X509-16"); }
TEST_CASE("X509-17: a leaf without digitalSignature is refused") { RunRow("X509-17"); }
TEST_CASE("X509-20: a leaf without extended key usage is accepted") { RunRow("X509-20"); }
TEST_CASE("X509-21: extended key usage, if present, has server and client") { RunRow("X509-21"); }
TEST_CASE("X509-23: RFC 5280 path validation decides") { RunRow("X509-23"); }
TEST_CASE("X509-24: a leaf with the CA flag is refused") { RunRow("X509-24"); }
TEST_CASE("X509-25: a leaf with keyCertSign or cRLSign is refused") { RunRow("X509-25"); }
TEST_CASE("X509-26: the ID's scheme is spiffe") { RunRow("X509-26"); }
TEST_CASE("X509-27: an ID without a path is refused") { RunRow("X509-27"); }
TEST_CASE("X509-28: a certificate without a URI name is no SVID") { RunRow("X509-28"); }
TEST_CASE("X509-32: a published intermediate anchors a path alone") { RunRow("X509-32"); }
TEST_CASE("X509-35: a trust domain without a bundle is not trusted") { RunRow("X509-35"); }
TEST_CASE("BUN-07: an empty bundle trusts nobody") { RunRow("BUN-07"); }
TEST_CASE("BUN-13: the leaf's trust domain chooses the bundle") { RunRow("BUN-13"); }
TEST_CASE("ID-10: a certificate's ID has no dot segment") { RunRow("ID-10"); }
TEST_CASE("ID-13: a certificate's ID may have 2048 bytes") { RunRow("ID-13"); }
TEST_CASE("ID-14: a certificate's ID of 2049 bytes is refused") { RunRow("ID-14"); }

TEST_CASE("every folder of tests/data/x509 belongs to a row that is tested") {
  const std::set<std::string> rows = {
      "X509-02", "X509-03", "X509-05", "X509-09", "X509-10", "X509-11", "X509-12",
      "X509-13", "X509-14", "X509-15", "X509-16", "X509-17", "X509-20", "X509-21",
      "X509-23", "X509-24", "X509-25", "X509-26", "X509-27", "X509-28", "X509-32",
      "X509-35", "BUN-07",  "BUN-13",  "ID-10",   "ID-13",   "ID-14"};
  int count = 0;
  for (const auto& folder : fs::directory_iterator(kCases)) {
    if (folder.is_directory()) {
      INFO(folder.path().string());
      CHECK(rows.contains(ReadCase(folder.path()).at("row")));
      ++count;
    }
  }
  CHECK(count >= 80);
}

TEST_CASE("a tainted authority is still an authority") {
  const test::TestCa ca("example.org");
  spiffe::Bundle bundle{.trust_domain = *spiffe::TrustDomain::Parse("example.org")};
  bundle.x509_authorities.push_back({.der = ca.der(), .tainted = true});
  const TrustStores stores = {{bundle.trust_domain, *TrustStore::Create(bundle)}};
  REQUIRE_OK(VerifyX509Svid({ca.IssueSvid("spiffe://example.org/web").der}, stores, kNow));
}

TEST_CASE("validity is judged by the time that is handed in") {
  const test::TestCa ca("example.org");
  const test::TestCert leaf = ca.IssueSvid("spiffe://example.org/web");
  const TrustStores stores = Trust("example.org", {ca.der()});
  REQUIRE_OK(VerifyX509Svid({leaf.der}, stores, kNow));
  REQUIRE_ERROR(VerifyX509Svid({leaf.der}, stores, kNow + 2h), Code::kUnauthenticated, "expired");
  REQUIRE_ERROR(VerifyX509Svid({leaf.der}, stores, kNow - 2h), Code::kUnauthenticated,
                "not yet valid");
}

TEST_CASE("a trust store refuses what is no CA certificate") {
  const test::TestCa ca("example.org");
  const spiffe::TrustDomain domain = *spiffe::TrustDomain::Parse("example.org");
  const auto create = [&domain](Bytes der) {
    spiffe::Bundle bundle{.trust_domain = domain};
    bundle.x509_authorities.push_back({std::move(der)});
    return TrustStore::Create(bundle);
  };
  REQUIRE_ERROR(create(ca.IssueSvid("spiffe://example.org/web").der), Code::kInvalidArgument,
                "authority of example.org");
  REQUIRE_ERROR(create(ToBytes("junk")), Code::kInvalidArgument, "authority of example.org");
  REQUIRE_ERROR(create({}), Code::kInvalidArgument, "authority of example.org");
}

TEST_CASE("a store filed under another trust domain is not used") {
  const test::TestCa ca("other.org");
  const TrustStores right = Trust("other.org", {ca.der()});
  const test::TestCert leaf = ca.IssueSvid("spiffe://example.org/web");
  const TrustStores wrong = {{*spiffe::TrustDomain::Parse("example.org"), right.begin()->second}};
  REQUIRE_ERROR(VerifyX509Svid({leaf.der}, wrong, kNow), Code::kUnauthenticated, "no bundle");
}

TEST_CASE("a chain is read from concatenated DER, leaf first, and from nothing else") {
  const test::TestCa ca("example.org");
  const test::TestCert leaf = ca.IssueSvid("spiffe://example.org/web");
  Bytes concatenated = leaf.der;
  Append(concatenated, ca.der());
  const auto svid = X509Svid::Parse(concatenated);
  REQUIRE_OK(svid);
  CHECK(svid->chain.size() == 2);
  CHECK(svid->id.path() == "/web");
  concatenated.push_back(0);
  CHECK_FALSE(X509Svid::Parse(concatenated).ok());
  REQUIRE_ERROR(X509Svid::Parse({}), Code::kInvalidArgument, "0 certificates");
  REQUIRE_ERROR(VerifyX509Svid({}, Trust("example.org", {ca.der()}), kNow), Code::kInvalidArgument,
                "0 certificates");
}

TEST_CASE("no bit of a trusted leaf can be flipped") {
  const test::TestCa ca("example.org");
  const test::TestCert leaf = ca.IssueSvid("spiffe://example.org/web");
  const TrustStores stores = Trust("example.org", {ca.der()});
  for (std::size_t at = 0; at < leaf.der.size(); ++at) {
    Bytes changed = leaf.der;
    changed[at] ^= static_cast<std::uint8_t>(1U << (at % 8));
    INFO(at);
    CHECK_FALSE(VerifyX509Svid({changed}, stores, kNow).ok());
  }
}

TEST_CASE("one trust store verifies on many threads at once") {
  const test::TestCa ca("example.org");
  const test::TestCa stranger("example.org");
  const TrustStores stores = Trust("example.org", {ca.der()});
  const Bytes good = ca.IssueSvid("spiffe://example.org/web").der;
  const Bytes bad = stranger.IssueSvid("spiffe://example.org/web").der;
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&stores, &good, &bad, &right] {
      for (int i = 0; i < 50; ++i) {
        right += VerifyX509Svid({good}, stores, kNow).ok();
        right += !VerifyX509Svid({bad}, stores, kNow).ok();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(right == 400);
}
