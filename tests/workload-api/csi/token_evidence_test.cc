#include "workload-api/csi/token_evidence.h"

#include "tests/support/result.h"

namespace signet::csi {
namespace {

std::string One(const std::string& audience, const std::string& token,
                const std::string& end = "2026-11-22T06:00:00Z") {
  return "\"" + audience + "\":{\"token\":\"" + token + "\",\"expirationTimestamp\":\"" + end +
         "\"}";
}

std::string TextOf(const PodToken& token) { return std::string(AsText(token.text.RevealSecret())); }

TEST_CASE("the token of our audience is taken, with its end") {
  const auto token =
      ReadTokens("{" + One("other", "theirs") + "," + One("spiffe-ca", "ours") + "}", "spiffe-ca");
  REQUIRE_OK(token);
  REQUIRE(token->has_value());
  CHECK(TextOf(**token) == "ours");
  CHECK(FormatTime((*token)->expires_at) == "2026-11-22T06:00:00Z");
}

TEST_CASE("without an audience of ours the only token is taken, and of several none") {
  const auto only = ReadTokens("{" + One("whatever", "t") + "}", "");
  REQUIRE_OK(only);
  REQUIRE(only->has_value());
  CHECK(TextOf(**only) == "t");
  const auto several = ReadTokens("{" + One("a", "t") + "," + One("b", "t") + "}", "");
  REQUIRE_OK(several);
  CHECK_FALSE(several->has_value());
  const auto none = ReadTokens("{}", "spiffe-ca");
  REQUIRE_OK(none);
  CHECK_FALSE(none->has_value());
  const auto foreign = ReadTokens("{" + One("a", "t") + "}", "spiffe-ca");
  REQUIRE_OK(foreign);
  CHECK_FALSE(foreign->has_value());
}

TEST_CASE("malformed tokens are refused, and the message holds nothing of them") {
  const std::string json = GENERATE(
      std::string(), std::string("null"), std::string("[]"), std::string("{"),
      std::string("\"s3cret\""), std::string("{\"spiffe-ca\":\"s3cret\"}"),
      std::string("{\"spiffe-ca\":{\"token\":\"s3cret\"}}"),
      std::string("{\"spiffe-ca\":{\"token\":7,\"expirationTimestamp\":\"2026-11-22T06:00:00Z\"}}"),
      "{" + One("spiffe-ca", "") + "}",
      "{" + One("spiffe-ca", std::string(16 * 1024 + 1, 's')) + "}",
      "{" + One("spiffe-ca", "s3cret", "tomorrow") + "}",
      "{" + One("spiffe-ca", "s3cret", "2026-13-22T06:00:00Z") + "}",
      "{" + One("spiffe-ca", "s3cret", "2026-11-22T25:00:00Z") + "}",
      "{" + One("spiffe-ca", "s3cret", "2026-11-22T06:00:00Zx") + "}",
      "{" + One("spiffe-ca", std::string(64 * 1024, 's')) + "}",
      "{\"spiffe-ca\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}");
  const auto token = ReadTokens(json, "spiffe-ca");
  REQUIRE_ERROR(token, Code::kInvalidArgument, "malformed");
  CHECK(token.error().message.find("s3cret") == std::string::npos);
}

}  // namespace
}  // namespace signet::csi
