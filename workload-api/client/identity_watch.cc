#include "workload-api/client/identity_watch.h"

#include <utility>

namespace signet::client {

Result<std::unique_ptr<IdentityWatch>> IdentityWatch::Create(IdentityWatchOptions options) {
  if (options.source == nullptr || options.warn_before.value_or(Duration::zero()).count() < 0) {
    return InvalidArgument("a watch over an identity needs a source and warn_before >= 0");
  }
  return std::unique_ptr<IdentityWatch>(new IdentityWatch(std::move(options)));
}

IdentityHealth IdentityWatch::Judge(const X509Snapshot& snapshot) const {
  if (snapshot == nullptr) {
    return IdentityHealth::kMissing;
  }
  const crypto::Certificate& leaf = snapshot->default_identity().svid.leaf();
  const SystemTime now = options_.clock != nullptr ? options_.clock->Now() : real_clock_.Now();
  if (leaf.not_after < now) {
    return IdentityHealth::kExpired;
  }
  const Duration margin = options_.warn_before.value_or((leaf.not_after - leaf.not_before) / 4);
  return leaf.not_after - now <= margin ? IdentityHealth::kExpiring : IdentityHealth::kGood;
}

void IdentityWatch::Tick() {
  const X509Snapshot snapshot = options_.source->Current();
  const IdentityHealth health = Judge(snapshot);
  if (std::exchange(last_, health) != health && options_.on_change) {
    options_.on_change(health, snapshot);
  }
}

IdentityHealth IdentityWatch::Health() const { return Judge(options_.source->Current()); }

}  // namespace signet::client
