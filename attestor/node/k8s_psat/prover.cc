#include <nlohmann/json.hpp>

#include "attestor/node/k8s_psat/k8s_psat.h"
#include "core/base/encoding.h"
#include "core/base/files.h"
#include "core/crypto/hash.h"

namespace signet::attestor {
namespace {

constexpr std::size_t kMaxTokenBytes = 16 * 1024;
constexpr std::string_view kWhiteSpace = " \t\r\n";

/// ReadToken takes the file's text without white space around it.
Result<Secret> ReadToken(const std::string& path) {
  auto content = ReadFile(path, kMaxTokenBytes);
  if (!content.ok()) {
    return std::move(content).error().Context(
        "the agent's service account token cannot be read; project one into the agent's pod "
        "(volumes: projected: serviceAccountToken with the server's audience)");
  }
  Secret whole(*std::move(content));
  const std::string_view text = AsText(whole.RevealSecret());
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == text.npos) {
    return FailedPrecondition("the agent's service account token in " + path + " is empty");
  }
  const std::size_t end = text.find_last_not_of(kWhiteSpace) + 1;
  return Secret(ToBytes(text.substr(begin, end - begin)));
}

}  // namespace

Result<Secret> K8sPsatProver::Payload() {
  SIGNET_TRY_ASSIGN(const Secret token, ReadToken(token_path_));
  const nlohmann::json payload = {{"cluster", cluster_},
                                  {"token", std::string(AsText(token.RevealSecret()))}};
  return Secret(ToBytes(payload.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

Result<std::string> K8sPsatProver::EvidenceDigest() {
  SIGNET_TRY_ASSIGN(const Secret token, ReadToken(token_path_));
  return HexEncode(crypto::Sha256(token.RevealSecret()));
}

Result<Secret> K8sPsatProver::Respond(ByteView) {
  return FailedPrecondition(
      "the server sent a challenge, which k8s_psat attestation does not have");
}

}  // namespace signet::attestor
