#include "attestor/node/join_token/join_token.h"

#include <algorithm>

#include "core/spiffe/text.h"

namespace signet::attestor {
namespace {

class JoinTokenVerification final : public NodeVerification {
 public:
  Result<std::variant<AttestedNode, Challenge>> Step(ByteView message) override {
    const std::string token(AsText(message));
    SIGNET_TRY(ValidateJoinToken(token));
    return std::variant<AttestedNode, Challenge>(
        AttestedNode{.agent_path = "/spire/agent/" + std::string(kJoinTokenType) + "/" + token,
                     .one_time_token = token});
  }
};

}  // namespace

Status ValidateJoinToken(std::string_view token) {
  if (token.empty()) {
    return InvalidArgument("join token is empty");
  }
  if (token.size() > kMaxJoinTokenBytes) {
    return InvalidArgument("join token is " + std::to_string(token.size()) +
                           " bytes long, at most 255 are allowed");
  }
  if (!std::all_of(token.begin(), token.end(), spiffe::IsSegmentChar) || token == "." ||
      token == "..") {
    return InvalidArgument("join token may hold only letters, digits, '.', '-' and '_'");
  }
  return {};
}

std::unique_ptr<NodeVerification> JoinTokenVerifier::Begin(const NodeRequest&) const {
  return std::make_unique<JoinTokenVerification>();
}

Result<std::unique_ptr<JoinTokenProver>> JoinTokenProver::Create(Secret token) {
  SIGNET_TRY(ValidateJoinToken(AsText(token.RevealSecret())));
  return std::unique_ptr<JoinTokenProver>(new JoinTokenProver(std::move(token)));
}

Result<Secret> JoinTokenProver::Respond(ByteView) {
  return FailedPrecondition(
      "the server sent a challenge, which join_token attestation does not have");
}

}  // namespace signet::attestor
