#include "workload-api/manager/state_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"
#include "core/base/random.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/manager/fake_upstream.h"

namespace signet::manager {
namespace {

spiffe::TrustDomain Td(const std::string& name = "example.org") {
  return *spiffe::TrustDomain::Parse(name);
}

/// MakeIdentity has a real key and chain.
AgentIdentity MakeIdentity() {
  const FakeClock clock;
  FakeRandom random;
  const auto ca_key = *crypto::PrivateKey::Generate(crypto::KeyType::kEcP256);
  const auto ca = *issuance::SelfSignCa(*ca_key, {.trust_domain = Td()}, clock.Now(), random);
  const auto issuer = *issuance::X509Issuer::Create(Td(), ca, ca_key, random);
  const auto key = *crypto::PrivateKey::Generate(crypto::KeyType::kEcP256);
  const spiffe::SpiffeId id =
      *spiffe::SpiffeId::Parse("spiffe://example.org/spire/agent/join_token/t");
  auto issued = *issuer->Issue(
      issuance::X509Issuer::Kind::kAgent,
      {.public_key = key->public_key(), .spiffe_id = id, .ttl = std::chrono::hours(1)},
      clock.Now());
  return {.id = id,
          .chain = issued.chain,
          .key = key,
          .times = {.not_before = issued.not_before,
                    .not_after = issued.not_after,
                    .received_wall = clock.Now()},
          .reattestable = true};
}

mode_t ModeOf(const std::string& path) {
  struct stat file {};
  REQUIRE(::stat(path.c_str(), &file) == 0);
  return file.st_mode & 07777;
}

TEST_CASE("an identity survives being written and read, in files that are nobody else's") {
  const signet::test::TempDir dir;
  const mode_t old_mask = ::umask(0);
  const auto state = StateDir::Open(dir.File("data"), Td());
  REQUIRE_OK(state);
  const AgentIdentity identity = MakeIdentity();
  REQUIRE_OK(state->SaveIdentity(identity));
  REQUIRE_OK(state->SaveBundle({.trust_domain = Td(), .sequence = 7}));
  ::umask(old_mask);
  CHECK(ModeOf(dir.File("data")) == 0700);
  CHECK(ModeOf(state->identity_path()) == 0600);
  CHECK(ModeOf(state->bundle_path()) == 0600);

  const auto loaded = state->LoadIdentity();
  REQUIRE_OK(loaded);
  REQUIRE(loaded->has_value());
  CHECK((*loaded)->id == identity.id);
  CHECK((*loaded)->chain == identity.chain);
  CHECK((*loaded)->key->public_key() == identity.key->public_key());
  CHECK((*loaded)->times.not_after == identity.times.not_after);
  CHECK((*loaded)->times.received_wall == identity.times.received_wall);
  CHECK((*loaded)->reattestable);
  const auto bundle = state->LoadBundle();
  REQUIRE_OK(bundle);
  CHECK((*bundle)->sequence == 7);
}

TEST_CASE("an empty folder holds nothing, and deleting nothing is fine") {
  const signet::test::TempDir dir;
  const auto state = StateDir::Open(dir.path(), Td());
  REQUIRE_OK(state);
  CHECK_FALSE(state->LoadIdentity()->has_value());
  CHECK_FALSE(state->LoadBundle()->has_value());
  REQUIRE_OK(state->DeleteIdentity());
}

TEST_CASE(
    "an identity that cannot be trusted is refused, and the message names the file and the way "
    "out") {
  const signet::test::TempDir dir;
  const auto state = StateDir::Open(dir.path(), Td());
  REQUIRE_OK(state);
  REQUIRE_OK(state->SaveIdentity(MakeIdentity()));
  const std::string path = state->identity_path();
  SECTION("readable by others") {
    REQUIRE(::chmod(path.c_str(), 0644) == 0);
    REQUIRE_ERROR(state->LoadIdentity(), Code::kFailedPrecondition, "chmod");
  }
  SECTION("cut off") {
    REQUIRE(::truncate(path.c_str(), 200) == 0);
    REQUIRE_ERROR(state->LoadIdentity(), Code::kFailedPrecondition, "remove the file");
  }
  SECTION("of another trust domain") {
    const auto other = StateDir::Open(dir.path(), Td("other.org"));
    REQUIRE_ERROR(other->LoadIdentity(), Code::kFailedPrecondition, "another data directory");
  }
  SECTION("key and certificate that do not belong together") {
    AgentIdentity mixed = MakeIdentity();
    mixed.key = MakeIdentity().key;
    REQUIRE_OK(state->SaveIdentity(mixed));
    REQUIRE_ERROR(state->LoadIdentity(), Code::kFailedPrecondition, "belong together");
  }
}

}  // namespace
}  // namespace signet::manager
