#include "tests/workload-api/sds/stream.h"

namespace signet::sds {
namespace {

using namespace test;

TEST_CASE(
    "SDS-01, SDS-04, SDS-13: the first request is answered, its ACK and unchanged content are "
    "not") {
  Stream stream;
  CHECK(*stream.Take({.type_url = std::string(kSecretType), .names = {"a"}}));
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK_FALSE(*stream.Take({.names = {"a"}, .nonce = stream.nonce}));
  CHECK(stream.Next().empty());
  CHECK(stream.last.empty());
  const auto rows = stream.subscription.Rows();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].accepted == "a1");
}

TEST_CASE("SDS-14: of several secrets only the one that changed is sent") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a", "b"}}));
  CHECK(stream.Next() == Names{"a=a1", "b=b1"});
  stream.Ack({"a", "b"});
  stream.source.versions["b"] = "b2";
  CHECK(stream.Next() == Names{"b=b2"});
  CHECK(stream.Next().empty());
}

TEST_CASE(
    "SDS-10: a reconnecting client's first request with an old nonce and version is accepted") {
  Stream stream;
  CHECK(*stream.Take({.names = {"a"}, .nonce = "of the agent before"}));
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE(
    "SDS-10: before the first answer every nonce of a reconnect counts, the newest names win") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"x"}, .nonce = "old"}));
  CHECK(stream.Next().empty());
  CHECK(*stream.Take({.names = {"x", "a"}, .nonce = "old"}));
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE("SDS-09: a request with a stale nonce is ignored") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a"}}));
  stream.Next();
  const std::string stale = stream.nonce;
  stream.source.versions["a"] = "a2";
  stream.Next();
  CHECK_FALSE(*stream.Take({.names = {"a", "b"}, .nonce = stale}));
  CHECK_FALSE(*stream.Take({.names = {"b"}, .nonce = "made up"}));
  CHECK(stream.Next().empty());
  CHECK(*stream.Take({.names = {"a", "b"}, .nonce = stream.nonce}));
  CHECK(stream.Next() == Names{"b=b1"});
}

TEST_CASE("SDS-12: changed names are answered with the new ones, also if they were sent before") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a", "b"}}));
  stream.Next();
  CHECK_FALSE(*stream.Take({.names = {"a"}, .nonce = stream.nonce}));
  CHECK(stream.Next().empty());
  stream.source.versions["b"] = "b2";
  CHECK(stream.Next().empty());
  stream.source.versions["b"] = "b1";
  CHECK(*stream.Take({.names = {"b", "a"}, .nonce = stream.nonce}));
  CHECK(stream.Next() == Names{"b=b1"});
}

TEST_CASE("SDS-16: a name that is asked for twice in one request is answered once") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a", "a", "a"}}));
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE("SDS-17, SDS-18: an unknown name is told to the log once, and served when it appears") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a", "later"}}));
  CHECK(stream.Next() == Names{"a=a1"});
  REQUIRE(stream.last.missing.size() == 1);
  CHECK(stream.last.missing[0].first == "later");
  CHECK(stream.Next().empty());
  CHECK(stream.last.missing.empty());
  stream.source.versions["later"] = "l1";
  CHECK(stream.Next() == Names{"later=l1"});
  stream.source.versions.erase("later");
  CHECK(stream.Next().empty());
  CHECK(stream.last.missing.size() == 1);
  stream.source.versions["later"] = "l1";
  CHECK(stream.Next() == Names{"later=l1"});
}

TEST_CASE("SDS-06: the refused content is not sent again, the next one is, and its ACK heals") {
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Stream stream(variant);
    REQUIRE_OK(stream.Take({.names = {"a"}}));
    stream.Next();
    const Names again = variant == Variant::kSotw ? Names{"a"} : Names{};
    stream.Nack(again, "key does not match");
    CHECK(stream.subscription.refuses());
    CHECK(stream.Next().empty());
    const auto row = stream.subscription.Rows()[0];
    CHECK(row.refused == "a1");
    CHECK(row.refusal == "key does not match");
    CHECK(row.accepted.empty());
    stream.source.versions["a"] = "a2";
    CHECK(stream.Next() == Names{"a=a2"});
    CHECK(stream.subscription.refuses());
    stream.Ack(again);
    CHECK_FALSE(stream.subscription.refuses());
    CHECK(stream.subscription.Rows()[0].accepted == "a2");
  }
}

TEST_CASE("SDS-06: going back to what was accepted before a refusal is sent") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a"}}));
  stream.Next();
  stream.Ack({"a"});
  stream.source.versions["a"] = "bad";
  stream.Next();
  stream.Nack({"a"});
  stream.source.versions["a"] = "a1";
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE("SDS-03: a refusal of an answer that is not the newest is booked for what it held") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a", "b"}}));
  stream.Next();
  const std::string of_both = stream.nonce;
  stream.source.versions["b"] = "b2";
  stream.Next();
  REQUIRE_OK(stream.Take({.names = {"a", "b"}, .nonce = of_both, .refusal = "no"}));
  stream.Ack({"a", "b"});
  const auto rows = stream.subscription.Rows();
  CHECK(rows[0].refused == "a1");
  CHECK(rows[1].refused.empty());
  CHECK(rows[1].accepted == "b2");
}

TEST_CASE("SDS-08: a refusal with a nonce that was never sent changes nothing") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a"}, .nonce = "old", .refusal = "of another stream"}));
  CHECK_FALSE(stream.subscription.refuses());
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK_FALSE(stream.subscription.Awaits("old"));
  CHECK(stream.subscription.Awaits(stream.nonce));
}

TEST_CASE("SDS-11: a request without a nonce counts, also when it meets an answer on its way") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a"}}));
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK(*stream.Take({.names = {"a", "b"}}));
  CHECK(stream.Next() == Names{"b=b1"});
  CHECK_FALSE(*stream.Take({.names = {"a"}, .nonce = "n1"}));  // stale: of before the last request
  stream.source.versions["b"] = "b2";
  CHECK(stream.Next() == Names{"b=b2"});
  CHECK(stream.subscription.Rows()[0].accepted == "a1");
}

TEST_CASE("SDS-30: a type that is left out is the one that the service has, on any request") {
  const std::string type(kSecretType);
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Stream stream(variant);
    CHECK(*stream.Take({.names = {"a"}}));
    CHECK(stream.Next() == Names{"a=a1"});
    CHECK(*stream.Take({.type_url = type, .names = {"a", "b"}, .nonce = stream.nonce}));
    stream.Next();
    CHECK(*stream.Take({.names = {"a", "b", "c"}, .nonce = stream.nonce}));
    REQUIRE_ERROR(stream.Take({.type_url = "type.googleapis.com/envoy.api.v2.auth.Secret",
                               .nonce = stream.nonce}),
                  Code::kInvalidArgument, "Secret");
  }
}

TEST_CASE("SDS-51: secrets of one answer come in the order of their names") {
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Stream stream(variant);
    stream.source.versions["c"] = "c1";
    REQUIRE_OK(stream.Take({.names = {"c", "a", "b"}}));
    CHECK(stream.Next() == Names{"a=a1", "b=b1", "c=c1"});
  }
}

TEST_CASE("a name that is asked for anew after its refusal is answered") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a"}}));
  stream.Next();
  stream.Nack({});
  CHECK_FALSE(stream.subscription.refuses());
  CHECK(*stream.Take({.names = {"a"}, .nonce = stream.nonce}));
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE("SDS-25: no names at first mean all there is, later they mean nothing") {
  Stream stream;
  REQUIRE_OK(stream.Take({}));
  CHECK(stream.Next() == Names{"a=a1", "b=b1"});
  stream.source.versions["c"] = "c1";
  CHECK(stream.Next() == Names{"c=c1"});
  stream.source.versions.erase("a");
  CHECK(stream.Next().empty());
  CHECK(stream.subscription.Rows().size() == 2);
  REQUIRE_OK(stream.Take({.names = {"b"}, .nonce = stream.nonce}));
  CHECK(stream.Next() == Names{"b=b1"});
  REQUIRE_OK(stream.Take({.nonce = stream.nonce}));
  stream.source.versions["b"] = "b2";
  CHECK(stream.Next().empty());
}

TEST_CASE("SDS-25: a name beside the star is answered, and stays one of all without it") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"*"}}));
  CHECK(stream.Next() == Names{"a=a1", "b=b1"});
  CHECK(*stream.Take({.names = {"*", "a"}, .nonce = stream.nonce}));
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK_FALSE(*stream.Take({.names = {"*"}, .nonce = stream.nonce}));
  CHECK(stream.Next().empty());
  stream.source.versions["a"] = "a2";
  CHECK(stream.Next() == Names{"a=a2"});
  REQUIRE_OK(stream.Take({.names = {"b"}, .nonce = stream.nonce}));
  CHECK(stream.Next() == Names{"b=b1"});
  stream.source.versions = {{"a", "a3"}, {"b", "b2"}, {"c", "c1"}};
  CHECK(stream.Next() == Names{"b=b2"});
}

TEST_CASE("SDS-30: a type that is not ours is INVALID_ARGUMENT") {
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Stream stream(variant);
    REQUIRE_ERROR(stream.Take({.type_url = "type.googleapis.com/envoy.config.cluster.v3.Cluster",
                               .names = {"a"}}),
                  Code::kInvalidArgument, "Secret");
  }
}

TEST_CASE("SDS-32: 10,000 names, or names without end, are INVALID_ARGUMENT that says the bound") {
  Names many;
  for (int i = 0; i < 10'000; ++i) {
    many.push_back("name" + std::to_string(i));
  }
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Stream stream(variant);
    REQUIRE_ERROR(stream.Take({.names = many}), Code::kInvalidArgument,
                  "names 10000 secrets of 78890 bytes; at most 64");
    Stream longer(variant);
    REQUIRE_ERROR(longer.Take({.names = {std::string(9'000, 'x')}}), Code::kInvalidArgument,
                  "at most");
  }
  Stream slowly(Variant::kDelta);
  for (std::size_t i = 0; i < kMaxNames; ++i) {
    REQUIRE_OK(slowly.Take({.names = {many[i]}}));
  }
  REQUIRE_ERROR(slowly.Take({.names = {"one more"}}), Code::kInvalidArgument, "at most 64");
}

TEST_CASE(
    "SDS-44: a client that never says what it thinks costs a bounded memory and is served on") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a"}}));
  for (int i = 0; i < 100; ++i) {
    stream.source.versions["a"] = "v" + std::to_string(i);
    CHECK(stream.Next().size() == 1);
  }
  CHECK(stream.subscription.Awaits("n100"));
  CHECK_FALSE(stream.subscription.Awaits("n90"));
}

}  // namespace
}  // namespace signet::sds
