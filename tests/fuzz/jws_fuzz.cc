// Invariant: what parses is put together again from its parts as the same text, and no key that did
// not sign it says that it did.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/crypto/jws.h"

namespace {

/// A published key (RFC 7515 A.3) whose owner signs nothing that a fuzzer comes up with.
constexpr const char* kKeys =
    R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";
constexpr std::string_view kSigned =
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
    "bS9pc19yb290Ijp0cnVlfQ";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  const std::string_view text = AsText({data, size});
  const auto jws = crypto::Jws::Parse(text);
  if (!jws.ok()) {
    SIGNET_CHECK(jws.code() == Code::kInvalidArgument || jws.code() == Code::kPermissionDenied,
                 "another code");
    return 0;
  }
  SIGNET_CHECK(size <= crypto::kMaxJwsBytes, "too long");
  SIGNET_CHECK(jws->signing_input + "." + Base64UrlEncode(jws->signature) == text, "other text");
  SIGNET_CHECK(jws->signing_input.ends_with("." + Base64UrlEncode(jws->payload)), "other payload");
  static const auto keys = *crypto::ParseJwks(kKeys);
  const auto verdict = keys.front().Verify(*jws);
  SIGNET_CHECK(!verdict.ok() || jws->signing_input == kSigned, "forged");
  return 0;
}
