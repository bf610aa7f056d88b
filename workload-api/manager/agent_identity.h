#pragma once

#include <memory>
#include <vector>

#include "core/base/bytes.h"
#include "core/crypto/key.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/svids/rotation.h"

namespace signet::manager {

/// AgentIdentity is the agent's own X509-SVID with its key. Immutable once made.
struct AgentIdentity {
  spiffe::SpiffeId id;
  std::vector<Bytes> chain;  ///< DER, leaf first
  std::shared_ptr<const crypto::PrivateKey> key;
  svids::SvidTimes times;
  bool reattestable = false;  ///< the server renews it by attesting again, not by RenewAgent
};

}  // namespace signet::manager
