#include "workload-api/manager/svid_issuer.h"

#include <algorithm>

#include "core/crypto/csr.h"

namespace signet::manager {

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
  refused_ = 0;
  const Trust* current = &trust;
  for (std::size_t begin = 0; begin < due.size();) {
    Result<Batch> batch = Prepare(due, begin);
    if (!batch.ok()) {
      return {std::move(batch).error()};
    }
    auto answer = env_.upstream.NewX509Svids(batch->requests);
    if (!answer.ok()) {
      const bool smaller_may_pass =
          answer.result.code() == Code::kResourceExhausted && batch->requests.size() > 1;
      batch_size_ = std::max<std::size_t>(1, batch->requests.size() / 2);
      if (smaller_may_pass) {
        continue;
      }
      return {std::move(answer.result).error().Context("issuing X509-SVIDs"), answer.denial};
    }
    const auto& chains = *answer.result;
    if (chains.size() != batch->wanted.size()) {
      return {Unavailable("the server answered " + std::to_string(chains.size()) + " of " +
                          std::to_string(batch->wanted.size()) + " requests for SVIDs")};
    }
    for (std::size_t i = 0; i < chains.size(); ++i) {
      Take(batch->wanted[i], chains[i], current, refresh, cache);
    }
    begin += chains.size();
    batch_size_ = std::min(kMaxBatch, batch_size_ * 2);
  }
  return {};
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

void SvidIssuer::Take(const Wanted& wanted, const Result<std::vector<Bytes>>& chain,
                      const Trust*& trust, const RefreshTrust& refresh, svids::Cache& cache) {
  Error error;
  if (chain.ok()) {
    auto svid = Judge(wanted, *chain, *trust);
    if (svid.code() == Code::kUnauthenticated) {
      trust = refresh();
      svid = Judge(wanted, *chain, *trust);
    }
    if (svid.ok()) {
      cache.PutSvid(wanted.entry, std::move(*svid));
      ++issued_;
      return;
    }
    error = std::move(svid).error();
  } else {
    error = chain.error();
  }
  ++refused_;
  env_.logger.Warn("no SVID for an entry", {{"entry_id", wanted.entry.id},
                                            {"spiffe_id", wanted.entry.spiffe_id.ToString()},
                                            {"error", error}});
}

}  // namespace signet::manager
