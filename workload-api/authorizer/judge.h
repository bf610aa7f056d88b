#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "workload-api/authorizer/policy.h"
#include "workload-api/authorizer/trust.h"
#include "workload-api/authorizer/verified_cache.h"

namespace signet::authorizer {

/// Presented is what the policy's headers hold, one item for each header of that name.
struct Presented {
  std::vector<std::string_view> certificate;
  std::vector<std::string_view> chain = {};
};

/// Verdict is the answer to one question. Its texts name nothing secret: a proxy may show them to
/// its client.
struct Verdict {
  int status = 403;       ///< HTTP: 200, or 400, 401, 403, 405, 503
  std::string id = {};    ///< what the certificate says; proven only with 200
  std::string reason;     ///< one line
  std::string help = {};  ///< what to do about it, for the body

  bool allowed() const { return status == 200; }
};

/// Judge decides whether a certificate may pass under a policy: certificate → SPIFFE ID → allow
/// list → chain to the bundle of the ID's own trust domain, as the snapshot has it. Whatever it
/// does not understand is refused. One thread.
///
/// It takes a certificate for what it is: that the client has the key, the proxy's handshake has
/// shown.
class Judge {
 public:
  explicit Judge(std::size_t cache_capacity = 4096) : cache_(cache_capacity) {}

  Verdict Decide(const Policy& policy, const Presented& presented, const svids::Snapshot& snapshot,
                 SystemTime now);

 private:
  struct Question {
    const Policy& policy;
    const svids::Snapshot& snapshot;
    SystemTime now;
  };
  Verdict DecideNew(const Question& question, const Presented& presented,
                    const VerifiedCache::Key& key);
  Verdict Verify(const Question& question, const std::vector<Bytes>& chain,
                 const VerifiedCache::Key& key);

  Trust trust_;
  VerifiedCache cache_;
};

}  // namespace signet::authorizer
