#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ca/service/context.h"
#include "ca/service/input.h"

namespace signet::service {

/// AgentFilter: what is set must hold, all of it.
struct AgentFilter {
  std::string attestation_type = {};  ///< empty: any
  struct Selectors {
    std::vector<SelectorText> selectors;
    Match match = Match::kExact;
  };
  std::optional<Selectors> selectors = {};
  std::optional<bool> banned = {};
  std::optional<bool> can_reattest = {};
  /// "YYYY-MM-DD hh:mm:ss ±hhmm ±hh"; other text is ignored, as the API has it.
  std::string expires_before = {};
};

struct NewJoinToken {
  std::int32_t ttl_seconds = 0;
  std::string token = {};               ///< empty: a random one
  std::optional<IdText> agent_id = {};  ///< an alias entry for the node's workloads
};

/// Agents manages attested nodes and the tokens that admit them (spire-api §7.1). Safe for several
/// threads; writes block for the commit.
class Agents {
 public:
  explicit Agents(Context& context) : context_(context) {}

  Result<std::int32_t> Count(const AgentFilter& filter) const;
  Result<Page<AgentPtr>> List(const AgentFilter& filter, const PageRequest& page) const;
  Result<AgentPtr> Get(const std::optional<IdText>& id) const;
  /// Delete evicts: record, and the entry that its join token made. It lifts a ban.
  Status Delete(const std::optional<IdText>& id);
  /// Ban empties the serials; the record stays and refuses new attestations.
  Status Ban(const std::optional<IdText>& id);
  Result<store::JoinToken> CreateJoinToken(const NewJoinToken& request);
  Status PostStatus(const spiffe::SpiffeId& agent, const std::string& version);
  /// PruneTokens deletes join tokens that have expired and says how many.
  Result<std::size_t> PruneTokens();

 private:
  Context& context_;
};

}  // namespace signet::service
