#include "ca/service/bundles.h"

#include "tests/ca/service/service_world.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"

using namespace signet;
using test::EntryOf;
using test::ServiceWorld;

namespace {

service::BundleInput Foreign(const std::string& name = "other.org") {
  return {.trust_domain = name,
          .x509_authorities = {test::TestCa(name).der()},
          .refresh_hint = 60,
          .sequence_number = 7};
}

}  // namespace

TEST_CASE("the own bundle is there from the start and counts") {
  ServiceWorld world;
  CHECK(world.bundles.Own().value()->bundle.x509_authorities.size() == 1);
  CHECK(world.bundles.Own().value()->bundle.sequence == 0);
  CHECK(world.bundles.Count() == 1);
}

TEST_CASE("federated bundles are created, updated, set and deleted by their rules") {
  ServiceWorld world;
  REQUIRE_ERROR(world.bundles.Update(Foreign(), {}).status, Code::kNotFound, "bundle not found");
  const auto created = world.bundles.Create(Foreign());
  REQUIRE_OK(created.status);
  CHECK(created.bundle->bundle.sequence == 7);
  REQUIRE_ERROR(world.bundles.Create(Foreign()).status, Code::kAlreadyExists, "already exists");
  service::BundleInput hint = Foreign();
  hint.refresh_hint = 90;
  hint.sequence_number = 9;
  const auto updated = world.bundles.Update(hint, {false, false, true, false});
  REQUIRE_OK(updated.status);
  CHECK(updated.bundle->bundle.refresh_hint_seconds == 90);
  CHECK(updated.bundle->bundle.sequence == 7);
  REQUIRE_OK(world.bundles.Set(Foreign("third.org")).status);
  CHECK(world.bundles.Count() == 3);
  const auto page = world.bundles.ListFederated({1, ""}).value();
  CHECK(page.items.at(0)->bundle.trust_domain.name() == "other.org");
  CHECK_FALSE(page.next_token.empty());
  REQUIRE_OK(world.bundles.Delete("spiffe://other.org", service::DeleteBundleMode::kRestrict));
  REQUIRE_ERROR(world.bundles.Federated("other.org"), Code::kNotFound, "bundle not found");
}

TEST_CASE("the own trust domain is no federated one") {
  ServiceWorld world;
  REQUIRE_ERROR(world.bundles.Set(Foreign("example.org")).status, Code::kInvalidArgument, "own");
  REQUIRE_ERROR(world.bundles.Federated("example.org"), Code::kInvalidArgument, "own");
  REQUIRE_ERROR(world.bundles.Delete("example.org", service::DeleteBundleMode::kDelete),
                Code::kInvalidArgument, "own");
}

TEST_CASE("what is no authority is refused") {
  ServiceWorld world;
  service::BundleInput junk = Foreign();
  junk.x509_authorities = {ToBytes("junk")};
  REQUIRE_ERROR(world.bundles.Set(junk).status, Code::kInvalidArgument, "X.509 authority");
  service::BundleInput leaf = Foreign();
  leaf.x509_authorities = {test::TestCa("other.org").IssueSvid("spiffe://other.org/workload").der};
  REQUIRE_ERROR(world.bundles.Set(leaf).status, Code::kInvalidArgument, "X.509 authority");
  service::BundleInput key = Foreign();
  key.jwt_authorities = {{ToBytes("junk"), "kid"}};
  REQUIRE_ERROR(world.bundles.Set(key).status, Code::kInvalidArgument, "JWT authority");
  key.jwt_authorities[0].key_id = "";
  REQUIRE_ERROR(world.bundles.Set(key).status, Code::kInvalidArgument, "key ID");
}

TEST_CASE("deleting a bundle that entries federate with follows its mode") {
  ServiceWorld world;
  REQUIRE_OK(world.bundles.Set(Foreign()).status);
  service::EntryInput input = EntryOf("/web", "/host");
  input.federates_with = {"spiffe://other.org"};
  const auto entry = world.Create(input);
  CHECK(entry->federates_with.at(0).name() == "other.org");

  SECTION("RESTRICT refuses") {
    REQUIRE_ERROR(world.bundles.Delete("other.org", service::DeleteBundleMode::kRestrict),
                  Code::kFailedPrecondition, "1 registration");
    CHECK(world.bundles.Count() == 2);
  }
  SECTION("DELETE takes the entries along") {
    REQUIRE_OK(world.bundles.Delete("other.org", service::DeleteBundleMode::kDelete));
    CHECK(world.entries.Count({}).value() == 0);
  }
  SECTION("DISSOCIATE takes the link out and raises the revision") {
    REQUIRE_OK(world.bundles.Delete("other.org", service::DeleteBundleMode::kDissociate));
    const auto left = world.entries.Get(entry->id).value();
    CHECK(left->federates_with.empty());
    CHECK(left->revision_number == 1);
  }
}

TEST_CASE(
    "BUN-02: appending to the own bundle is a union, and the sequence tells of real changes") {
  ServiceWorld world;
  const service::BundleInput more{.x509_authorities = {test::TestCa("example.org").der()}};
  CHECK(world.bundles.AppendOwn(more).value()->bundle.sequence == 1);
  CHECK(world.bundles.AppendOwn(more).value()->bundle.sequence == 1);
  CHECK(world.bundles.Own().value()->bundle.x509_authorities.size() == 2);
  REQUIRE_ERROR(world.bundles.AppendOwn({}), Code::kInvalidArgument, "no authorities");
}
