#include "workload-api/manager/federation.h"

#include <utility>

namespace signet::manager {
namespace {

/// Servers are upgraded; one question in such a time costs nothing.
constexpr Duration kAskAgainAfter = std::chrono::minutes(10);

/// IsUnsupported: a stock server does not know the call, and an older one of ours lets nobody make
/// it, without a word about the agent itself.
template <class T>
bool IsUnsupported(const Answer<T>& answer) {
  return answer.result.code() == Code::kUnimplemented ||
         (answer.result.code() == Code::kPermissionDenied && answer.denial == Denial::kNone);
}

}  // namespace

bool Federation::TakeChanged() { return std::exchange(changed_, false); }

Answer<> Federation::Sync(svids::Cache& cache) {
  Answer<> bundles = SyncBundles(cache);
  return bundles.ok() ? SyncCrossCertificates(cache) : std::move(bundles);
}

Answer<> Federation::SyncBundles(svids::Cache& cache) {
  for (const spiffe::TrustDomain& trust_domain : cache.Federated()) {
    Answer<std::optional<spiffe::Bundle>> bundle = env_.upstream.FetchFederatedBundle(trust_domain);
    if (!bundle.ok()) {
      return {
          std::move(bundle.result).error().Context("fetching the bundle of " + trust_domain.name()),
          bundle.denial};
    }
    changed_ |= bundle.result->has_value() ? cache.SetBundle(**bundle.result)
                                           : cache.RemoveBundle(trust_domain);
  }
  return {};
}

Answer<> Federation::SyncCrossCertificates(svids::Cache& cache) {
  const std::set<spiffe::TrustDomain> federated = cache.Federated();
  const MonoTime now = env_.clock.Mono();
  if (federated.empty()) {
    changed_ |= cache.SetCrossCertificates({});
    return {};
  }
  if (unsupported_until_ && now < *unsupported_until_) {
    return {};
  }
  auto fetched = env_.upstream.FetchCrossCertificates(federated);
  unsupported_until_.reset();
  if (!fetched.ok() && IsUnsupported(fetched)) {
    unsupported_until_ = now + kAskAgainAfter;
    changed_ |= cache.SetCrossCertificates({});
    return {};
  }
  if (!fetched.ok()) {
    return {std::move(fetched.result).error().Context("fetching cross-certificates"),
            fetched.denial};
  }
  changed_ |= cache.SetCrossCertificates(*std::move(fetched.result));
  return {};
}

}  // namespace signet::manager
