#include "workload-api/svids/snapshot.h"

#include <algorithm>

namespace signet::svids {
namespace {

std::vector<spiffe::Selector> Missing(const Entry& entry,
                                      const std::vector<spiffe::Selector>& have) {
  std::vector<spiffe::Selector> missing;
  for (const spiffe::Selector& wanted : entry.selectors) {
    if (std::find(have.begin(), have.end(), wanted) == have.end()) {
      missing.push_back(wanted);
    }
  }
  return missing;
}

/// SharesKind: the entry asks for a kind of selector that the caller has. Entries for nodes, which
/// are listed with those for workloads, ask for kinds that no workload has.
bool SharesKind(const Entry& entry, const std::vector<spiffe::Selector>& have) {
  return std::any_of(entry.selectors.begin(), entry.selectors.end(), [&](const auto& wanted) {
    return std::any_of(have.begin(), have.end(),
                       [&](const auto& selector) { return selector.type == wanted.type; });
  });
}

}  // namespace

std::vector<std::shared_ptr<const Identity>> Matching(
    const Snapshot& snapshot, const std::vector<spiffe::Selector>& selectors) {
  std::vector<std::shared_ptr<const Identity>> matching;
  for (const auto& identity : snapshot.identities) {
    // An entry without selectors would match everybody; the server never sends one, and here it
    // matches nobody.
    if (!identity->entry.selectors.empty() &&
        spiffe::IsSubset(identity->entry.selectors, selectors)) {
      matching.push_back(identity);
    }
  }
  return matching;
}

std::string ExplainMismatch(const Snapshot& snapshot,
                            const std::vector<spiffe::Selector>& selectors) {
  const Identity* nearest = nullptr;
  std::vector<spiffe::Selector> lacking;
  for (const auto& identity : snapshot.identities) {
    if (!SharesKind(identity->entry, selectors)) {
      continue;
    }
    std::vector<spiffe::Selector> missing = Missing(identity->entry, selectors);
    if (nearest == nullptr || missing.size() < lacking.size()) {
      nearest = identity.get();
      lacking = std::move(missing);
    }
  }
  if (snapshot.identities.empty()) {
    return "this agent may issue no entry at all; create one whose parent is the agent";
  }
  if (nearest == nullptr) {
    return "no entry of this agent asks for a selector of the caller's kinds";
  }
  std::string text = "nearest is entry " + nearest->entry.id + " (" +
                     nearest->entry.spiffe_id.ToString() + "), missing";
  for (const spiffe::Selector& selector : lacking) {
    text += " " + selector.ToString();
  }
  return text;
}

}  // namespace signet::svids
