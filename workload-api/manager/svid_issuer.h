#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/crypto/key.h"
#include "workload-api/manager/node_keeper.h"
#include "workload-api/manager/trust.h"
#include "workload-api/svids/cache.h"

namespace signet::manager {

/// FindPodFacts tells what this node knows of a pod.
using FindPodFacts = std::function<PodFacts(const std::string& pod_uid)>;

/// SvidIssuer gets X509-SVIDs for due entries: keys made here, at most 500 requests a call, half of
/// that after a failed call, growing back with success (spire-api §4).
///
/// Entries that the server derived from pods are asked for by the pods' own call, with what the
/// node knows of them as evidence; a server without it is asked as for any other entry. They come
/// last, and trouble with their call alone spares the rest.
class SvidIssuer {
 public:
  static constexpr std::size_t kMaxBatch = 500;

  SvidIssuer(Environment environment, crypto::KeyType key_type, FindPodFacts pod_facts = {})
      : env_(environment), key_type_(key_type), pod_facts_(std::move(pod_facts)) {}

  /// Ask is how the issuer reaches the newest trust: an SVID of an authority that is not in the
  /// bundle yet makes it ask for the bundle first, so that no SVID is served without its root.
  using RefreshTrust = std::function<const Trust*()>;

  /// Issue serves every entry of `due` that it can through the cache. The answer is the first
  /// failure of a whole call; entries refused one by one are logged and come due again later.
  /// `issued` counts the new SVIDs.
  Answer<> Issue(const std::vector<svids::Entry>& due, const Trust& trust,
                 const RefreshTrust& refresh, svids::Cache& cache);

  std::size_t issued() const { return issued_; }

 private:
  struct Wanted {
    svids::Entry entry;
    std::shared_ptr<const crypto::PrivateKey> key;
  };
  struct Batch {
    std::vector<Wanted> wanted;
    std::vector<SvidRequest> requests;
  };
  enum class Call { kEntries, kPods };
  struct Run {
    const Trust* trust;
    const RefreshTrust& refresh;
    svids::Cache& cache;
  };
  Answer<> IssueBy(Call call, const std::vector<svids::Entry>& due, Run& run);
  Result<Batch> Prepare(const std::vector<svids::Entry>& due, std::size_t begin) const;
  Answer<IssuedChains> Ask(Call call, const Batch& batch);
  Answer<IssuedChains> AskForPods(const Batch& batch);
  Result<std::shared_ptr<const svids::WorkloadSvid>> Judge(const Wanted& wanted,
                                                           const std::vector<Bytes>& chain,
                                                           const Trust& trust) const;
  void Take(const Wanted& wanted, const Result<std::vector<Bytes>>& chain, Run& run);

  Environment env_;
  const crypto::KeyType key_type_;
  const FindPodFacts pod_facts_;
  std::size_t batch_size_ = kMaxBatch;
  std::size_t issued_ = 0;
  std::optional<MonoTime> pods_unknown_since_;  ///< the server answered UNIMPLEMENTED
};

}  // namespace signet::manager
