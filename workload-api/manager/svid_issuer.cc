#include "workload-api/manager/svid_issuer.h"

#include <algorithm>
#include <utility>

#include "attestor/kubernetes/objects.h"
#include "core/crypto/csr.h"

namespace signet::manager {
namespace {

// A server that is replaced by a newer one is noticed by then.
constexpr Duration kForgetUnimplemented = std::chrono::minutes(10);

/// IsTroubleOfAll: the failure says nothing of the pods that were asked for.
bool IsTroubleOfAll(Code code) {
  return code == Code::kUnavailable || code == Code::kDeadlineExceeded ||
         code == Code::kCancelled || code == Code::kResourceExhausted ||
         code == Code::kUnauthenticated;
}

}  // namespace

Result<SvidIssuer::Batch> SvidIssuer::Prepare(const std::vector<svids::Entry>& due,
                                              std::size_t begin) const {
  Batch batch;
  const std::size_t end = std::min(due.size(), begin + batch_size_);
  for (std::size_t i = begin; i < end; ++i) {
    SIGNET_TRY_ASSIGN(auto key, crypto::PrivateKey::Generate(key_type_));
    SIGNET_TRY_ASSIGN(Bytes csr,
                      crypto::BuildCsr(*key, {.uri_sans = {due[i].spiffe_id.ToString()}}));
    batch.requests.push_back({due[i].id, std::move(csr)});
    batch.wanted.push_back({due[i], std::move(key)});
  }
  return batch;
}

Answer<> SvidIssuer::Issue(const std::vector<svids::Entry>& due, const Trust& trust,
                           const RefreshTrust& refresh, svids::Cache& cache) {
  issued_ = 0;
  std::vector<svids::Entry> entries;
  std::vector<svids::Entry> pods;
  for (const svids::Entry& entry : due) {
    (entry.id.starts_with(kubernetes::kPodEntryPrefix) ? pods : entries).push_back(entry);
  }
  Run run{&trust, refresh, cache};
  if (Answer<> answer = IssueBy(Call::kEntries, entries, run); !answer.ok()) {
    return answer;
  }
  return IssueBy(Call::kPods, pods, run);
}

Answer<> SvidIssuer::IssueBy(Call call, const std::vector<svids::Entry>& due, Run& run) {
  for (std::size_t begin = 0; begin < due.size();) {
    Result<Batch> batch = Prepare(due, begin);
    if (!batch.ok()) {
      return {std::move(batch).error()};
    }
    Answer<IssuedChains> answer = Ask(call, *batch);
    if (!answer.ok()) {
      const bool smaller_may_pass =
          answer.result.code() == Code::kResourceExhausted && batch->requests.size() > 1;
      batch_size_ = std::max<std::size_t>(1, batch->requests.size() / 2);
      if (smaller_may_pass) {
        continue;
      }
      return {std::move(answer.result).error().Context("issuing X509-SVIDs"), answer.denial};
    }
    const IssuedChains& chains = *answer.result;
    if (chains.size() != batch->wanted.size()) {
      return {Unavailable("the server answered " + std::to_string(chains.size()) + " of " +
                          std::to_string(batch->wanted.size()) + " requests for SVIDs")};
    }
    for (std::size_t i = 0; i < chains.size(); ++i) {
      Take(batch->wanted[i], chains[i], run);
    }
    begin += chains.size();
    batch_size_ = std::min(kMaxBatch, batch_size_ * 2);
  }
  return {};
}

Answer<IssuedChains> SvidIssuer::Ask(Call call, const Batch& batch) {
  const bool by_entry =
      call == Call::kEntries ||
      (pods_unknown_since_ && env_.clock.Mono() - *pods_unknown_since_ < kForgetUnimplemented);
  if (by_entry) {
    return env_.upstream.NewX509Svids(batch.requests);
  }
  Answer<IssuedChains> answer = AskForPods(batch);
  if (answer.result.code() == Code::kUnimplemented) {
    env_.logger.Info("the server does not issue to pods as such; asking by entry", {});
    pods_unknown_since_ = env_.clock.Mono();
    return env_.upstream.NewX509Svids(batch.requests);
  }
  if (answer.ok() || answer.denial != Denial::kNone || IsTroubleOfAll(answer.result.code())) {
    return answer;
  }
  return {IssuedChains(batch.requests.size(), answer.result.error())};
}

Answer<IssuedChains> SvidIssuer::AskForPods(const Batch& batch) {
  std::vector<PodSvidRequest> requests;
  requests.reserve(batch.requests.size());
  for (const SvidRequest& request : batch.requests) {
    std::string uid = request.entry_id.substr(kubernetes::kPodEntryPrefix.size());
    PodFacts facts = pod_facts_ ? pod_facts_(uid) : PodFacts{};
    requests.push_back({std::move(uid), std::move(facts), request.csr});
  }
  return env_.upstream.NewPodX509Svids(requests);
}

Result<std::shared_ptr<const svids::WorkloadSvid>> SvidIssuer::Judge(
    const Wanted& wanted, const std::vector<Bytes>& chain, const Trust& trust) const {
  const SystemTime now = env_.clock.Now();
  SIGNET_TRY_ASSIGN(const crypto::X509Svid svid, trust.VerifyIssued(chain, now));
  if (svid.id != wanted.entry.spiffe_id || svid.leaf().spki != wanted.key->public_key().spki()) {
    return Internal("the server issued an SVID for another ID or key");
  }
  SIGNET_TRY_ASSIGN(Secret key, wanted.key->ToPkcs8());
  Bytes concatenated;
  for (const Bytes& certificate : chain) {
    Append(concatenated, certificate);
  }
  return std::make_shared<const svids::WorkloadSvid>(
      svids::WorkloadSvid{.chain = std::move(concatenated),
                          .key = std::move(key),
                          .times = {.not_before = svid.leaf().not_before,
                                    .not_after = svid.leaf().not_after,
                                    .received_wall = now,
                                    .received_mono = env_.clock.Mono(),
                                    .jitter = env_.random.Uniform01()},
                          .authority_id = AuthorityOf(svid)});
}

void SvidIssuer::Take(const Wanted& wanted, const Result<std::vector<Bytes>>& chain, Run& run) {
  Error error;
  if (chain.ok()) {
    auto svid = Judge(wanted, *chain, *run.trust);
    if (svid.code() == Code::kUnauthenticated) {
      run.trust = run.refresh();
      svid = Judge(wanted, *chain, *run.trust);
    }
    if (svid.ok()) {
      run.cache.PutSvid(wanted.entry, std::move(*svid));
      ++issued_;
      return;
    }
    error = std::move(svid).error();
  } else {
    error = chain.error();
  }
  const int times = run.cache.Refused(wanted.entry.id, env_.clock.Mono(), env_.random.Uniform01());
  if (times == 1) {  // what goes on is not news
    env_.logger.Warn("no SVID for an entry; asking again from time to time",
                     {{"entry_id", wanted.entry.id},
                      {"spiffe_id", wanted.entry.spiffe_id.ToString()},
                      {"error", error}});
  }
}

}  // namespace signet::manager
