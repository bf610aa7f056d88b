#include "core/crypto/jws.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/encoding.h"
#include "core/base/files.h"
#include "tests/support/result.h"

namespace signet::crypto {
namespace {

using Json = nlohmann::json;

/// Vectors gives one list of a file.
Json Vectors(const std::string& name, const char* list) {
  const auto text = ReadFile(SIGNET_TEST_DATA "/jws/" + name, 1 << 20);
  REQUIRE_OK(text);
  return Json::parse(AsText(*text)).at(list);
}

/// Signed gives the published and the generated messages.
std::vector<Json> Signed() {
  std::vector<Json> all;
  for (const char* file : {"rfc.json", "generated.json"}) {
    const Json entries = Vectors(file, "signed");
    for (const Json& entry : entries) {
      all.push_back(entry);
    }
  }
  return all;
}

std::string KeySet(const Json& jwk) { return Json{{"keys", Json::array({jwk})}}.dump(); }

JwsKey KeyOf(const Json& vector) {
  auto keys = ParseJwks(KeySet(vector["jwk"]));
  REQUIRE_OK(keys);
  REQUIRE(keys->size() == 1);
  return keys->front();
}

Jws MessageOf(const Json& vector) {
  auto jws = Jws::Parse(vector["jws"].get<std::string>());
  REQUIRE_OK(jws);
  return *std::move(jws);
}

std::string Compact(std::string_view header, std::string_view payload = "{}") {
  return Base64UrlEncode(AsBytes(header)) + "." + Base64UrlEncode(AsBytes(payload)) + ".AAAA";
}

TEST_CASE("JWS: the RFCs' examples and those of another library verify, byte for byte") {
  const auto vectors = Signed();
  REQUIRE(vectors.size() == 11);
  for (const Json& vector : vectors) {
    INFO(vector["name"]);
    const Jws jws = MessageOf(vector);
    const JwsKey key = KeyOf(vector);
    CHECK(AsText(jws.payload) == vector["payload"].get<std::string>());
    CHECK(JwsAlgorithmName(jws.algorithm) == vector["alg"].get<std::string>());
    CHECK(key.id() == vector["jwk"].value("kid", ""));
    CHECK(key.Verify(jws).ok());
  }
}

TEST_CASE("JWS: a change of one bit in any part is seen") {
  for (const Json& vector : Signed()) {
    INFO(vector["name"]);
    const JwsKey key = KeyOf(vector);
    Jws signature = MessageOf(vector);
    for (const std::size_t at : {std::size_t{0}, signature.signature.size() - 1}) {
      Jws changed = signature;
      changed.signature[at] ^= 1;
      REQUIRE_ERROR(key.Verify(changed), Code::kPermissionDenied, "does not fit");
    }
    Jws text = MessageOf(vector);
    text.signing_input.back() ^= 1;
    REQUIRE_ERROR(key.Verify(text), Code::kPermissionDenied, "does not fit");
  }
}

TEST_CASE("JWS: signatures of another size, and r or s of zero, are refused") {
  for (const Json& vector : Signed()) {
    INFO(vector["name"]);
    const JwsKey key = KeyOf(vector);
    const Jws good = MessageOf(vector);
    for (const std::size_t size : {std::size_t{0}, good.signature.size() - 1}) {
      Jws cut = good;
      cut.signature.resize(size);
      CHECK(key.Verify(cut).code() == Code::kPermissionDenied);
    }
    Jws longer = good;
    longer.signature.push_back(0);
    CHECK(key.Verify(longer).code() == Code::kPermissionDenied);
    Jws zero = good;
    std::ranges::fill(zero.signature, std::uint8_t{0});  // CVE-2022-21449
    CHECK(key.Verify(zero).code() == Code::kPermissionDenied);
  }
}

TEST_CASE("JWS: a key is used with its own algorithm alone, whatever the header says") {
  const auto vectors = Signed();
  for (const Json& vector : vectors) {
    const JwsKey key = KeyOf(vector);
    for (const Json& other : vectors) {
      if (other["alg"] != vector["alg"]) {
        INFO(vector["name"] << " with " << other["name"]);
        REQUIRE_ERROR(key.Verify(MessageOf(other)), Code::kPermissionDenied, "its key is for");
      }
    }
  }
}

TEST_CASE("JWS: none, symmetric, PSS and unknown algorithms and critical extensions are refused") {
  const Json refused = Vectors("rfc.json", "refused");
  for (const Json& vector : refused) {
    INFO(vector["name"]);
    REQUIRE_ERROR(Jws::Parse(vector["jws"].get<std::string>()), Code::kPermissionDenied,
                  "algorithm");
  }
  for (const char* alg : {"none", "None", "HS256", "HS512", "RS384", "RS512", "PS256", "EdDSA",
                          "ES256K", "rs256", ""}) {
    INFO(alg);
    REQUIRE_ERROR(Jws::Parse(Compact(Json{{"alg", alg}}.dump())), Code::kPermissionDenied,
                  "algorithm");
  }
  REQUIRE_ERROR(Jws::Parse(Compact(R"({"alg":"RS256","crit":["exp"],"exp":1})")),
                Code::kPermissionDenied, "crit");
}

TEST_CASE("JWS: what is malformed is no JWS") {
  const std::string good = Compact(R"({"alg":"RS256"})");
  REQUIRE_OK(Jws::Parse(good));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "three parts"},
      {"a.b", "three parts"},
      {good + ".", "three parts"},
      {good + ".AAAA", "three parts"},
      {good + "=", "base64url"},
      {good + "\n", "base64url"},
      {" " + good, "base64url"},
      {"e+/9" + good, "base64url"},
      {"..", "no JSON"},
      {Compact("[]"), "object"},
      {Compact("{}"), "algorithm"},
      {Compact(R"({"alg":256})"), "algorithm"},
      {Compact(R"({"alg":"RS256","kid":7})"), "key id"},
      {Compact(Json{{"alg", "RS256"}, {"kid", std::string(1025, 'k')}}.dump()), "key id"},
      {Compact(R"({"alg":"none","alg":"RS256"})"), "twice"},
      {Compact(R"({"alg":"RS256")"), "no JSON"},
      {Compact("{\"alg\":\"RS256\",\"kid\":\"\xff\"}"), "no JSON"},
      {Compact(R"({"alg":"RS256","jwk":[[[[[[[[[0]]]]]]]]]})"), "nested"},
      {Compact(R"({"alg":"RS256"})", std::string(kMaxJwsBytes, 'x')), "16 KiB"},
  };
  for (const auto& [text, why] : cases) {
    INFO(text.substr(0, 80));
    REQUIRE_ERROR(Jws::Parse(text), Code::kInvalidArgument, why);
  }
}

TEST_CASE("JWS: the longest key id that Kubernetes allows is taken") {
  const std::string id(kMaxKeyIdBytes, 'k');
  const auto jws = Jws::Parse(Compact(Json{{"alg", "ES384"}, {"kid", id}}.dump()));
  REQUIRE_OK(jws);
  CHECK(jws->key_id == id);
}

TEST_CASE("JWKS: keys that are weak, malformed or of another kind are passed over") {
  const Json good = Signed().front()["jwk"];
  const Json skipped = Vectors("generated.json", "skipped");
  for (const Json& entry : skipped) {
    INFO(entry["name"]);
    const auto keys = ParseJwks(Json{{"keys", Json::array({entry["jwk"], good})}}.dump());
    REQUIRE_OK(keys);
    CHECK(keys->size() == 1);
  }
  const auto keys = ParseJwks(Json{{"keys", Json::array({1, nullptr, "x", good})}}.dump());
  REQUIRE_OK(keys);
  CHECK(keys->size() == 1);
}

TEST_CASE("JWKS: a document that is none is refused") {
  Json many = Json::array();
  for (std::size_t i = 0; i <= kMaxJwksKeys; ++i) {
    many.push_back(Json::object());
  }
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no JSON"},
      {"[]", "object"},
      {"{}", "keys"},
      {R"({"keys":{}})", "keys"},
      {R"({"keys":[],"keys":[]})", "twice"},
      {R"({"keys":[{"kty":"RSA","kty":"EC"}]})", "twice"},
      {Json{{"keys", many}}.dump(), "64 keys"},
      {std::string(kMaxJwksBytes + 1, ' '), "256 KiB"},
  };
  for (const auto& [text, why] : cases) {
    INFO(text.substr(0, 80));
    REQUIRE_ERROR(ParseJwks(text), Code::kInvalidArgument, why);
  }
}

}  // namespace
}  // namespace signet::crypto
