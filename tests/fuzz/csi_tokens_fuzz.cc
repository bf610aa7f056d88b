#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "workload-api/csi/token_evidence.h"

/// Whatever the text: no crash, a token that is taken is neither empty nor longer than the text,
/// and a refusal repeats nothing of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = signet::AsText({data, size});
  for (const char* const audience : {"spiffe-ca", ""}) {
    const auto token = signet::csi::ReadTokens(text, audience);
    if (!token.ok()) {
      SIGNET_CHECK(token.error().message == "the kubelet's service account tokens are malformed",
                   "a refusal that says more than it should");
    } else if (token->has_value()) {
      const std::size_t length = (*token)->text.RevealSecret().size();
      SIGNET_CHECK(length > 0 && length <= size, "a token from nowhere");
    }
  }
  return 0;
}
