#include "workload-api/sds/wire.h"

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "tests/support/result.h"

namespace signet::sds {
namespace {

using namespace envoy::service::discovery::v3;

Resource MakeResource(const std::string& content) {
  return {.version = VersionOf(content), .secret = std::make_shared<const std::string>(content)};
}

TEST_CASE("a request of the state of the world arrives whole") {
  DiscoveryRequest request;
  request.set_type_url(std::string(kSecretType));
  request.add_resource_names("default");
  request.set_response_nonce("n1");
  request.mutable_node()->set_id("me");
  request.mutable_error_detail()->set_message(std::string(1000, 'x'));
  const auto ask = ParseAsk(Variant::kSotw, request.SerializeAsString());
  REQUIRE_OK(ask);
  CHECK(ask->type_url == kSecretType);
  CHECK(ask->names == std::vector<std::string>{"default"});
  CHECK(ask->nonce == "n1");
  REQUIRE(ask->client);
  CHECK(ask->client->node_id == "me");
  REQUIRE(ask->refusal);
  CHECK(ask->refusal->size() == 512);
}

TEST_CASE("a delta request arrives whole") {
  DeltaDiscoveryRequest request;
  request.add_resource_names_subscribe("a");
  request.add_resource_names_unsubscribe("b");
  (*request.mutable_initial_resource_versions())["a"] = "1";
  const auto ask = ParseAsk(Variant::kDelta, request.SerializeAsString());
  REQUIRE_OK(ask);
  CHECK(ask->names == std::vector<std::string>{"a"});
  CHECK(ask->unsubscribe == std::vector<std::string>{"b"});
  CHECK(ask->have.at("a") == "1");
  CHECK_FALSE(ask->refusal);
  CHECK_FALSE(ask->client);
}

TEST_CASE("SDS-05: an empty error detail is a refusal too") {
  DiscoveryRequest request;
  request.mutable_error_detail();
  const auto ask = ParseAsk(Variant::kSotw, request.SerializeAsString());
  REQUIRE_OK(ask);
  CHECK(ask->refusal == "");
}

TEST_CASE("SDS-31: an answer and each secret in it say their type") {
  const Answer answer{.items = {{"a", MakeResource("1")}, {"b", MakeResource("2")}}, .nonce = "n"};
  DiscoveryResponse response;
  REQUIRE(response.ParseFromString(*WriteAnswer(Variant::kSotw, answer)));
  CHECK(response.type_url() == kSecretType);
  CHECK(response.nonce() == "n");
  REQUIRE(response.resources_size() == 2);
  for (const auto& any : response.resources()) {
    CHECK(any.type_url() == kSecretType);
  }
  CHECK(response.resources(1).value() == "2");
}

TEST_CASE("SDS-47: a refusal is cut before a character and not inside one") {
  DiscoveryRequest request;
  for (int before = 508; before <= 512; ++before) {
    request.mutable_error_detail()->set_message(std::string(before, 'x') + "\u20ac\u20ac");
    const auto ask = ParseAsk(Variant::kSotw, request.SerializeAsString());
    REQUIRE_OK(ask);
    const std::string want = std::string(before, 'x') + (before <= 509 ? "\u20ac" : "");
    CHECK(*ask->refusal == want);
  }
}

TEST_CASE("SDS-33: what is no request is INVALID_ARGUMENT") {
  REQUIRE_ERROR(ParseAsk(Variant::kSotw, "\xff\xff"), Code::kInvalidArgument, "does not parse");
  REQUIRE_ERROR(ParseAsk(Variant::kDelta, "\xff\xff"), Code::kInvalidArgument, "does not parse");
}

TEST_CASE("SDS-15: the version of one secret is its own, that of several depends on each") {
  const auto version = [](const Answer& answer) {
    DiscoveryResponse response;
    REQUIRE(response.ParseFromString(*WriteAnswer(Variant::kSotw, answer)));
    return response.version_info();
  };
  const Answer one{.items = {{"a", MakeResource("1")}}};
  CHECK(version(one) == VersionOf("1"));
  const Answer two{.items = {{"a", MakeResource("1")}, {"b", MakeResource("2")}}};
  const Answer other{.items = {{"a", MakeResource("1")}, {"b", MakeResource("3")}}};
  CHECK(version(two) != version(other));
  CHECK(version(two) == version(two));
}

TEST_CASE("SDS-20, SDS-31: a delta answer has versions, content and what is gone") {
  const Answer answer{.items = {{"a", MakeResource("1")}}, .removed = {"b"}, .nonce = "n"};
  DeltaDiscoveryResponse response;
  REQUIRE(response.ParseFromString(*WriteAnswer(Variant::kDelta, answer)));
  REQUIRE(response.resources_size() == 1);
  CHECK(response.resources(0).name() == "a");
  CHECK(response.resources(0).version() == VersionOf("1"));
  CHECK(response.resources(0).resource().value() == "1");
  CHECK(response.resources(0).resource().type_url() == kSecretType);
  CHECK(response.removed_resources(0) == "b");
  CHECK(response.nonce() == "n");
  CHECK(response.type_url() == kSecretType);
}

}  // namespace
}  // namespace signet::sds
