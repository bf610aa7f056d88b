#pragma once

#include <functional>
#include <vector>

#include "core/crypto/key.h"
#include "workload-api/manager/node_keeper.h"
#include "workload-api/manager/trust.h"
#include "workload-api/svids/cache.h"

namespace signet::manager {

/// SvidIssuer gets X509-SVIDs for due entries: keys made here, at most 500 requests a call, half of
/// that after a failed call, growing back with success (spire-api §4).
class SvidIssuer {
 public:
  static constexpr std::size_t kMaxBatch = 500;

  SvidIssuer(Environment environment, crypto::KeyType key_type)
      : env_(environment), key_type_(key_type) {}

  /// Ask is how the issuer reaches the newest trust: an SVID of an authority that is not in the
  /// bundle yet makes it ask for the bundle first, so that no SVID is served without its root.
  using RefreshTrust = std::function<const Trust*()>;

  /// Issue serves every entry of `due` that it can through the cache. The answer is the first
  /// failure of a whole call; entries refused one by one are logged and stay due. `issued` counts
  /// the new SVIDs.
  Answer<> Issue(const std::vector<svids::Entry>& due, const Trust& trust,
                 const RefreshTrust& refresh, svids::Cache& cache);

  std::size_t issued() const { return issued_; }
  std::size_t refused() const { return refused_; }

 private:
  struct Wanted {
    svids::Entry entry;
    std::shared_ptr<const crypto::PrivateKey> key;
  };
  struct Batch {
    std::vector<Wanted> wanted;
    std::vector<SvidRequest> requests;
  };
  Result<Batch> Prepare(const std::vector<svids::Entry>& due, std::size_t begin) const;
  Result<std::shared_ptr<const svids::WorkloadSvid>> Judge(const Wanted& wanted,
                                                           const std::vector<Bytes>& chain,
                                                           const Trust& trust) const;
  void Take(const Wanted& wanted, const Result<std::vector<Bytes>>& chain, const Trust*& trust,
            const RefreshTrust& refresh, svids::Cache& cache);

  Environment env_;
  const crypto::KeyType key_type_;
  std::size_t batch_size_ = kMaxBatch;
  std::size_t issued_ = 0;
  std::size_t refused_ = 0;
};

}  // namespace signet::manager
