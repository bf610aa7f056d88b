#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ca/service/context.h"
#include "ca/service/entry_rules.h"
#include "ca/service/input.h"
#include "ca/service/pod_identities.h"

namespace signet::service {

/// EntryFilter: what is set must hold, all of it.
struct EntryFilter {
  std::optional<IdText> spiffe_id = {};
  std::optional<IdText> parent_id = {};
  struct Selectors {
    std::vector<SelectorText> selectors;
    Match match = Match::kExact;
  };
  std::optional<Selectors> selectors = {};
  struct FederatesWith {
    std::vector<std::string> trust_domains;
    Match match = Match::kExact;
  };
  std::optional<FederatesWith> federates_with = {};
  std::string hint = {};         ///< empty: any
  bool only_downstream = false;  ///< false: any
};

/// EntryResult is the outcome of one item of a batch. On ALREADY_EXISTS the entry is the one that
/// was there.
struct EntryResult {
  Status status = {};
  EntryPtr entry = {};
};

/// Entries manages registration entries (spire-api §7.2, §10). Safe for several threads; writes
/// block for the commit.
class Entries {
 public:
  /// pods: null if no cluster gives identities without registration.
  explicit Entries(Context& context, const PodIdentities* pods = nullptr)
      : context_(context), pods_(pods) {}

  Result<std::int32_t> Count(const EntryFilter& filter) const;
  Result<Page<EntryPtr>> List(const EntryFilter& filter, const PageRequest& page) const;
  Result<EntryPtr> Get(const std::string& id) const;
  /// Create, Update and Delete commit a whole batch at once; results keep its order.
  std::vector<EntryResult> Create(const std::vector<EntryInput>& inputs);
  std::vector<EntryResult> Update(const std::vector<EntryInput>& inputs, const EntryFields& fields);
  std::vector<Status> Delete(const std::vector<std::string>& ids);
  /// Authorized lists what the agent may issue: registration entries, then those derived from the
  /// pods of its node. It is empty for an agent that is gone, UNAVAILABLE while the pods are not
  /// known.
  Result<std::vector<EntryPtr>> Authorized(const spiffe::SpiffeId& agent) const;
  /// PruneExpired deletes entries past their expires_at and says how many.
  Result<std::size_t> PruneExpired();

 private:
  struct Batch;
  EntryResult PlanCreate(const EntryInput& input, Batch& batch) const;
  EntryResult PlanUpdate(const EntryInput& input, const EntryFields& fields, Batch& batch) const;
  Status CheckBundles(const store::Entry& entry) const;

  Context& context_;
  const PodIdentities* const pods_;
};

}  // namespace signet::service
