#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/spiffe/selector.h"

namespace signet::attestor {

/// kMaxNodeEvidenceBytes bounds one message of an attestation (a payload or a challenge's
/// response).
inline constexpr std::size_t kMaxNodeEvidenceBytes = 64 * 1024;

/// AttestedNode is what a verifier has proven of a node.
struct AttestedNode {
  std::string agent_path;  ///< "/spire/agent/<type>/…", for the agent's SPIFFE ID
  std::vector<spiffe::Selector> selectors = {};  ///< node selectors
  bool can_reattest = false;                     ///< the same evidence may be shown again
  /// A one-time secret that the caller must take from its store, in the transaction that records
  /// the agent, before the node counts as attested. The verifier has only checked its shape.
  std::optional<std::string> one_time_token = {};
  /// The identity given on this evidence must not outlive this (remote Kubernetes mode).
  std::optional<SystemTime> not_after = {};
};

/// NodeRequest is what a verification may know of the request beside its evidence.
struct NodeRequest {
  std::string key_sha256;  ///< lower-case hex SHA-256 of the SubjectPublicKeyInfo in the CSR
};

/// Challenge is sent to the node; its response comes to the next Step. Never empty.
struct Challenge {
  Bytes bytes;
};

/// NodeVerification is one attestation in progress. Used by one thread at a time; Step may block on
/// the network of a platform that it asks, so it never runs on an event loop.
class NodeVerification {
 public:
  virtual ~NodeVerification() = default;
  /// Step takes the payload first, then the response to each challenge. INVALID_ARGUMENT: malformed
  /// evidence; PERMISSION_DENIED: well formed, and not believed.
  virtual Result<std::variant<AttestedNode, Challenge>> Step(ByteView message) = 0;
};

/// NodeVerifier is the server's side of one way to attest nodes. Safe for several threads.
class NodeVerifier {
 public:
  virtual ~NodeVerifier() = default;
  /// type is the attestor's name on the wire, e.g. "join_token".
  virtual std::string_view type() const = 0;
  virtual std::unique_ptr<NodeVerification> Begin(const NodeRequest& request) const = 0;
};

}  // namespace signet::attestor
