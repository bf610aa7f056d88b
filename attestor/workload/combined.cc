#include "attestor/workload/combined.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/check.h"

namespace signet::attestor {
namespace {

std::string TextOf(const std::vector<spiffe::Selector>& selectors) {
  std::string text;
  for (const spiffe::Selector& selector : selectors) {
    text += selector.ToString() + "\n";
  }
  return text;
}

/// AnchorOf spells out what an empty anchor stands for.
std::string AnchorOf(const AttestedWorkload& workload) {
  return workload.anchor.empty() ? TextOf(workload.selectors) : workload.anchor;
}

/// WatchBoth lets either answer's change be told.
AttestedWorkload::Watch WatchBoth(AttestedWorkload::Watch a, AttestedWorkload::Watch b) {
  if (a == nullptr || b == nullptr) {
    return a == nullptr ? std::move(b) : std::move(a);
  }
  return [a = std::move(a), b = std::move(b)](const std::function<void()>& changed) {
    using Both = std::pair<std::shared_ptr<void>, std::shared_ptr<void>>;
    return std::shared_ptr<void>(std::make_shared<Both>(a(changed), b(changed)));
  };
}

void Join(std::string& text, const std::string& more, const char* separator) {
  if (!text.empty() && !more.empty()) {
    text += separator;
  }
  text += more;
}

AttestedWorkload Merge(AttestedWorkload a, AttestedWorkload b) {
  AttestedWorkload both;
  both.anchor = AnchorOf(a) + "|" + AnchorOf(b);
  both.description = std::move(a.description);
  Join(both.description, b.description, ", ");
  both.pending = std::move(a.pending);
  Join(both.pending, b.pending, "; ");
  both.watch = WatchBoth(std::move(a.watch), std::move(b.watch));
  both.selectors = std::move(a.selectors);
  both.selectors.insert(both.selectors.end(), b.selectors.begin(), b.selectors.end());
  std::sort(both.selectors.begin(), both.selectors.end());
  both.selectors.erase(std::unique(both.selectors.begin(), both.selectors.end()),
                       both.selectors.end());
  return both;
}

}  // namespace

CombinedAttestor::CombinedAttestor(std::vector<WorkloadAttestor*> attestors)
    : attestors_(std::move(attestors)) {
  SIGNET_CHECK(!attestors_.empty(), "no attestor to combine");
}

Result<AttestedWorkload> CombinedAttestor::Attest(const rpc::PeerProcess& process) {
  SIGNET_TRY_ASSIGN(AttestedWorkload all, attestors_.front()->Attest(process));
  for (std::size_t i = 1; i < attestors_.size(); ++i) {
    SIGNET_TRY_ASSIGN(AttestedWorkload more, attestors_[i]->Attest(process));
    all = Merge(std::move(all), std::move(more));
  }
  return all;
}

}  // namespace signet::attestor
