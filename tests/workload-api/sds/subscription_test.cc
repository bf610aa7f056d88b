#include "workload-api/sds/subscription.h"

#include <algorithm>

#include "tests/support/result.h"

namespace signet::sds {
namespace {

using Names = std::vector<std::string>;

/// FakeSource has secrets by name whose content is their version.
class FakeSource final : public SecretSource {
 public:
  Result<Resource> Find(std::string_view name) override {
    const auto found = versions.find(std::string(name));
    if (found == versions.end()) {
      return NotFound("not there");
    }
    return Resource{.version = found->second,
                    .secret = std::make_shared<const std::string>(found->second)};
  }
  std::vector<std::string> Names() override {
    std::vector<std::string> names;
    for (const auto& [name, version] : versions) {
      names.push_back(name);
    }
    return names;
  }
  std::map<std::string, std::string> versions = {{"a", "a1"}, {"b", "b1"}};
};

/// Stream plays a client: it keeps the last nonce as Envoy does.
struct Stream {
  explicit Stream(Variant variant = Variant::kSotw) : subscription(variant) {}

  Result<bool> Take(Ask ask) { return subscription.Take(ask); }
  /// Next makes the next answer and gives "name=version" of each item.
  Names Next() {
    last = subscription.Advance(source, "n" + std::to_string(++count));
    Names sent;
    for (const Answer::Item& item : last.answer.items) {
      sent.push_back(item.name + "=" + item.resource.version);
    }
    if (!last.empty()) {
      nonce = last.answer.nonce;
    }
    return sent;
  }
  void Ack(Names names) { REQUIRE_OK(Take({.names = std::move(names), .nonce = nonce})); }
  void Nack(Names names, const std::string& why = "bad") {
    REQUIRE_OK(Take({.names = std::move(names), .nonce = nonce, .refusal = why}));
  }

  FakeSource source;
  Subscription subscription;
  Subscription::Next last;
  std::string nonce;
  int count = 0;
};

TEST_CASE("SotW: the first request is answered, its ACK and unchanged content are not") {
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

TEST_CASE("SotW: only the secret that changed is sent") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a", "b"}}));
  CHECK(stream.Next() == Names{"a=a1", "b=b1"});
  stream.Ack({"a", "b"});
  stream.source.versions["b"] = "b2";
  CHECK(stream.Next() == Names{"b=b2"});
  CHECK(stream.Next().empty());
}

TEST_CASE("SotW: a reconnecting client's first request with an old nonce and version is accepted") {
  Stream stream;
  CHECK(*stream.Take({.names = {"a"}, .nonce = "of the agent before"}));
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE("SotW: before the first answer every nonce of a reconnect counts, the newest names win") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"x"}, .nonce = "old"}));
  CHECK(stream.Next().empty());
  CHECK(*stream.Take({.names = {"x", "a"}, .nonce = "old"}));
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE("SotW: a request with a stale nonce is ignored") {
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

TEST_CASE("SotW: changed names are answered with the new ones, also if they were sent before") {
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

TEST_CASE("a name that is asked for twice in one request is answered once") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a", "a", "a"}}));
  CHECK(stream.Next() == Names{"a=a1"});
}

TEST_CASE("SotW: an unknown name is told to the log once, and served when it appears") {
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

TEST_CASE("NACK: the refused content is not sent again, the next one is, and its ACK heals") {
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

TEST_CASE("NACK: going back to what was accepted before a refusal is sent") {
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

TEST_CASE("NACK: a refusal of an answer that is not the newest is booked for what it held") {
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

TEST_CASE("a refusal with a nonce that was never sent changes nothing") {
  Stream stream;
  REQUIRE_OK(stream.Take({.names = {"a"}, .nonce = "old", .refusal = "of another stream"}));
  CHECK_FALSE(stream.subscription.refuses());
  CHECK(stream.Next() == Names{"a=a1"});
  CHECK_FALSE(stream.subscription.Awaits("old"));
  CHECK(stream.subscription.Awaits(stream.nonce));
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

TEST_CASE("SotW: no names at first mean all there is, later they mean nothing") {
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

TEST_CASE("a type that is not ours is INVALID_ARGUMENT") {
  for (const Variant variant : {Variant::kSotw, Variant::kDelta}) {
    Stream stream(variant);
    REQUIRE_ERROR(stream.Take({.type_url = "type.googleapis.com/envoy.config.cluster.v3.Cluster",
                               .names = {"a"}}),
                  Code::kInvalidArgument, "Secret");
  }
}

TEST_CASE("10,000 names, or names without end, are INVALID_ARGUMENT that says the bound") {
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

TEST_CASE("delta: what is subscribed is answered, again when it is subscribed again") {
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

TEST_CASE("delta: what is unsubscribed is not sent any more") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"a", "b"}}));
  stream.Next();
  CHECK_FALSE(*stream.Take({.unsubscribe = {"a", "never asked for"}}));
  stream.source.versions = {{"a", "a2"}, {"b", "b2"}};
  CHECK(stream.Next() == Names{"b=b2"});
}

TEST_CASE("delta: a reconnecting client is sent only what it has not got yet") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"a", "b", "gone"},
                          .have = {{"a", "a1"}, {"b", "b0"}, {"gone", "g1"}, {"other", "o1"}},
                          .nonce = "old"}));
  CHECK(stream.Next() == Names{"b=b1"});
  CHECK(stream.last.answer.removed == Names{"gone"});
}

TEST_CASE("delta: what is not there is told as removed, once, and served when it appears") {
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

TEST_CASE("delta: all means all, until it is unsubscribed") {
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

TEST_CASE("delta: a subscription counts whatever nonce it carries") {
  Stream stream(Variant::kDelta);
  REQUIRE_OK(stream.Take({.names = {"a"}}));
  stream.Next();
  CHECK(*stream.Take({.names = {"b"}, .nonce = "made up"}));
  CHECK(stream.Next() == Names{"b=b1"});
}

TEST_CASE("a client that never says what it thinks costs a bounded memory and is served on") {
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
