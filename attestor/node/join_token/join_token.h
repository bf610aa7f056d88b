#pragma once

#include <memory>
#include <string_view>

#include "attestor/node/prover.h"
#include "attestor/node/verifier.h"
#include "core/base/secret.h"

namespace signet::attestor {

inline constexpr std::string_view kJoinTokenType = "join_token";

/// kMaxJoinTokenBytes leaves room for the token in a SPIFFE ID and in a path segment of the
/// agent's.
inline constexpr std::size_t kMaxJoinTokenBytes = 255;

/// ValidateJoinToken: 1 to 255 bytes that may be a path segment, since the agent's ID is
/// /spire/agent/join_token/<token> (spire-api §9). The message never repeats the token.
Status ValidateJoinToken(std::string_view token);

/// JoinTokenVerifier checks the shape of a token and leaves the taking to its caller
/// (AttestedNode::one_time_token).
class JoinTokenVerifier final : public NodeVerifier {
 public:
  std::string_view type() const override { return kJoinTokenType; }
  std::unique_ptr<NodeVerification> Begin(const NodeRequest& request) const override;
};

/// JoinTokenProver sends the token as it is; a server that challenges it is FAILED_PRECONDITION.
class JoinTokenProver final : public NodeProver {
 public:
  static Result<std::unique_ptr<JoinTokenProver>> Create(Secret token);

  std::string_view type() const override { return kJoinTokenType; }
  Result<Secret> Payload() override { return token_.Clone(); }
  Result<Secret> Respond(ByteView challenge) override;

 private:
  explicit JoinTokenProver(Secret token) : token_(std::move(token)) {}
  Secret token_;
};

}  // namespace signet::attestor
