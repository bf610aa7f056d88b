// What is different in DeltaSecrets.
#include "tests/workload-api/sds/stream.h"

namespace signet::sds {
namespace {

using namespace test;

TEST_CASE("SDS-20: what is subscribed is answered, again when it is subscribed again") {
  Stream stream(Variant::kDelta);
  CHECK(*stream.Take({.names = {"a"}}));
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK_FALSE(*stream.Take({.nonce = stream.nonce}));
  CHECK(stream.Next().empty());
  CHECK(*stream.Take({.names = {"b"}}));
  CHECK(stream.Next() == Names{"b=b1"});
  CHECK(*stream.Take({.names = {"a"}}));
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE("SDS-21: what is unsubscribed is not sent any more") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"a", "b"}}));
  stream.Next();
  CHECK_FALSE(*stream.Take({.unsubscribe = {"a", "never asked for"}}));
  stream.source.versions = {{"a", "a2"}, {"b", "b2"}};
  CHECK(stream.Next() == Names{"b=b2"});
}

TEST_CASE("SDS-22: a reconnecting client is sent only what it has not got yet") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"a", "b", "gone"},
                          .have = {{"a", "a1"}, {"b", "b0"}, {"gone", "g1"}, {"other", "o1"}},
                          .nonce = "old"}));
  CHECK(stream.Next() == Names{"b=b1"});
  CHECK(stream.last.answer.removed == Names{"gone"});
}

TEST_CASE("SDS-23: what is not there is told as removed, once, and served when it appears") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"a", "later"}}));
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK(stream.last.answer.removed == Names{"later"});
  CHECK(stream.Next().empty());
  CHECK(stream.last.empty());
  stream.source.versions["later"] = "l1";
  CHECK(stream.Next() == Names{"later=l1"});
  stream.source.versions.erase("a");
  CHECK(stream.Next().empty());
  CHECK(stream.last.answer.removed == Names{"a"});
}

TEST_CASE("SDS-26: all means all, until it is unsubscribed") {
  for (const Ask& ask : {Ask{}, Ask{.names = {"*"}}}) {
    Stream stream(Variant::kDelta);
    REQUIRE_OK(stream.Take(ask));
    CHECK(stream.Next() == Names{"a=a1", "b=b1"});
    stream.source.versions.erase("a");
    stream.Next();
    CHECK(stream.last.answer.removed == Names{"a"});
    REQUIRE_OK(stream.Take({.names = {"b"}}));
    CHECK(stream.Next() == Names{"b=b1"});
    REQUIRE_OK(stream.Take({.unsubscribe = {"*"}}));
    stream.source.versions = {{"b", "b2"}, {"c", "c1"}};
    CHECK(stream.Next() == Names{"b=b2"});
  }
}

TEST_CASE("SDS-26: all, wanted and not wanted in one request, is nothing") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"*"}, .unsubscribe = {"*"}, .have = {{"a", "a0"}}}));
  CHECK(stream.Next().empty());
  CHECK(stream.last.empty());
  CHECK(*stream.Take({.names = {"b"}}));
  CHECK(stream.Next() == Names{"b=b1"});
}

TEST_CASE("SDS-27: a name dropped while all are wanted is answered with how it stands") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"*", "a", "later"}}));
  CHECK(stream.Next() == Names{"a=a1", "b=b1"});
  CHECK(stream.last.answer.removed == Names{"later"});
  CHECK(*stream.Take({.unsubscribe = {"a", "later", "never asked for"}}));
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK(stream.last.answer.removed == Names{"later"});
  stream.source.versions["a"] = "a2";
  CHECK(stream.Next() == Names{"a=a2"});
  CHECK(stream.last.answer.removed.empty());
}

TEST_CASE("SDS-28: who wants all and reconnects is sent what is new and told what is gone") {
  for (const Names& names : {Names{}, Names{"*"}}) {
    Stream stream(Variant::kDelta);
    REQUIRE_OK(stream.Take({.names = names,
                            .have = {{"a", "a1"}, {"b", "b0"}, {"gone", "g1"}, {"*", "odd"}},
                            .nonce = "old"}));
    CHECK(stream.Next() == Names{"b=b1"});
    CHECK(stream.last.answer.removed == Names{"gone"});
    CHECK(stream.subscription.Rows().size() == 2);
  }
}

TEST_CASE("SDS-28: who claims to have more than anybody could is sent all") {
  Ask ask{.names = {"*"}};
  for (int i = 0; i < 1025; ++i) {
    ask.have["name" + std::to_string(i)] = "1";
  }
  Ask long_version{.names = {"*"}, .have = {{"a", std::string(200'000, 'v')}}};
  for (const Ask& greedy : {ask, long_version}) {
    Stream stream(Variant::kDelta);
    REQUIRE_OK(stream.Take(greedy));
    CHECK(stream.Next() == Names{"a=a1", "b=b1"});
    CHECK(stream.last.answer.removed.empty());
  }
}

TEST_CASE("SDS-22: versions that are told later, or of names nobody asked for, say nothing") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"a"}, .have = {{"b", "b1"}}}));
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK(stream.last.answer.removed.empty());
  REQUIRE_OK(stream.Take({.names = {"b"}, .have = {{"b", "b1"}}, .nonce = stream.nonce}));
  CHECK(stream.Next() == Names{"b=b1"});
}

TEST_CASE("SDS-24: a delta subscription counts whatever nonce it carries") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"a"}}));
  stream.Next();
  CHECK(*stream.Take({.names = {"b"}, .nonce = "made up"}));
  CHECK(stream.Next() == Names{"b=b1"});
}

}  // namespace
}  // namespace signet::sds
