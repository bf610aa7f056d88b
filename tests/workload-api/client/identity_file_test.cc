#include "workload-api/client/identity_file.h"

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "core/crypto/certificate.h"
#include "core/crypto/pem.h"
#include "tests/support/result.h"
#include "tests/workload-api/client/test_pki.h"

namespace signet::client {
namespace {

using test::Authority;
using test::MessageFor;
using test::SnapshotFor;

constexpr const char* kId = "spiffe://example.org/us";

std::vector<crypto::PemBlock> Read(const IdentityFile& file) {
  std::ifstream in(file.path());
  std::stringstream text;
  text << in.rdbuf();
  auto blocks = crypto::PemDecode(text.str());
  REQUIRE_OK(blocks);
  return *std::move(blocks);
}

struct stat Stat(const IdentityFile& file) {
  struct stat info {};
  REQUIRE(stat(file.path().c_str(), &info) == 0);
  return info;
}

bool IsPlaceholder(const IdentityFile& file) {
  const auto blocks = Read(file);
  REQUIRE(blocks.size() == 2);
  const auto certificate = crypto::Certificate::Parse(blocks[1].content);
  REQUIRE_OK(certificate);
  return certificate->uri_sans.empty() && certificate->not_after <= FromUnixSeconds(0);
}

TEST_CASE("The file holds key and chain of the newest identity, and nobody else can read it") {
  const Authority authority("example.org");
  const auto file = IdentityFile::Create().value();
  CHECK(IsPlaceholder(*file));
  const SystemTime now = RealClock().Now();
  time_t last = Stat(*file).st_mtime;
  CHECK(last != 0);
  for (int i = 0; i < 3; ++i) {
    const X509Snapshot snapshot = SnapshotFor(MessageFor(authority, kId));
    REQUIRE_OK(file->Update(snapshot, now));
    REQUIRE_OK(file->Update(snapshot, now));
    const auto blocks = Read(*file);
    REQUIRE(blocks.size() == 2);
    CHECK(blocks[0].label == "PRIVATE KEY");
    CHECK(blocks[1].content == snapshot->default_identity().svid.leaf().der);
    const auto key = crypto::PrivateKey::FromPkcs8(Secret(Bytes(blocks[0].content)));
    REQUIRE_OK(key);
    CHECK((*key)->public_key() == snapshot->default_identity().key->public_key());
    CHECK((Stat(*file).st_mode & 0777) == 0600);
    CHECK(Stat(*file).st_mtime != last);
    last = Stat(*file).st_mtime;
  }
}

TEST_CASE("A key that does not fit leaves the last good pair, and is told once") {
  const Authority authority("example.org");
  const auto file = IdentityFile::Create().value();
  const SystemTime now = RealClock().Now();
  REQUIRE_OK(file->Update(SnapshotFor(MessageFor(authority, kId)), now));
  const auto good = Read(*file);
  auto mismatched = std::make_shared<X509Context>(*SnapshotFor(MessageFor(authority, kId)));
  mismatched->identities[0].key = crypto::PrivateKey::Generate(crypto::KeyType::kEcP256).value();
  REQUIRE_ERROR(file->Update(mismatched, now), Code::kFailedPrecondition, "does not fit");
  REQUIRE_OK(file->Update(mismatched, now));
  CHECK(Read(*file)[1].content == good[1].content);
  // The last good pair has an end, too.
  REQUIRE_ERROR(file->Update(mismatched, now + std::chrono::hours(2)), Code::kUnavailable,
                "expired");
  CHECK(IsPlaceholder(*file));
}

TEST_CASE("Without an identity the placeholder comes back, and goes with the next identity") {
  const Authority authority("example.org");
  const auto file = IdentityFile::Create().value();
  const SystemTime now = RealClock().Now();
  const X509Snapshot snapshot = SnapshotFor(MessageFor(authority, kId));
  REQUIRE_OK(file->Update(nullptr, now));
  CHECK(IsPlaceholder(*file));
  for (int i = 0; i < 2; ++i) {
    REQUIRE_OK(file->Update(snapshot, now));
    CHECK_FALSE(IsPlaceholder(*file));
    REQUIRE_ERROR(file->Update(nullptr, now), Code::kUnavailable, "took our identity away");
    REQUIRE_OK(file->Update(nullptr, now));
    CHECK(IsPlaceholder(*file));
  }
}

}  // namespace
}  // namespace signet::client
