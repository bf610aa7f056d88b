// Invariant: a kubeconfig that is accepted leads to an https server; a refusal never holds the
// token of the text.
#include <cstddef>
#include <cstdint>

#include "attestor/kubernetes/api_config.h"
#include "attestor/kubernetes/server_url.h"
#include "core/base/bytes.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  using namespace signet::kubernetes;
  const auto config = ParseKubeConfig(AsText({data, size}), "/etc");
  if (config.ok()) {
    SIGNET_CHECK(ParseServerUrl(config->server).ok(), "a server that is no https URL");
    SIGNET_CHECK(config->certificate.empty() == config->key.empty(), "half a client certificate");
    SIGNET_CHECK(!config->any_name, "any name is accepted");
    return 0;
  }
  SIGNET_CHECK(config.error().message.size() < 512, "a refusal as long as its cause");
  return 0;
}
