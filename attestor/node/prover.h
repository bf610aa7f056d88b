#pragma once

#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/secret.h"

namespace signet::attestor {

/// NodeProver is the agent's side of one way to attest nodes. Used by one thread at a time.
class NodeProver {
 public:
  virtual ~NodeProver() = default;
  /// type is the attestor's name on the wire, e.g. "join_token".
  virtual std::string_view type() const = 0;
  /// Payload gives the first message of a new attestation.
  virtual Result<Secret> Payload() = 0;
  /// Respond answers a challenge of the attestation that Payload began.
  virtual Result<Secret> Respond(ByteView challenge) = 0;
  /// EvidenceDigest names the evidence that Payload would give now, if it is renewed from time to
  /// time and the server binds it to the first key that comes with it: as long as the digest stays
  /// the same the agent must come with the same key, and a refusal holds only until it changes.
  /// Empty: evidence that is good once, or that proves its own key.
  virtual Result<std::string> EvidenceDigest() { return std::string(); }
};

}  // namespace signet::attestor
