#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ca/issuance/x509_issuer.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "workload-api/manager/upstream.h"

namespace signet::manager::test {

/// FakeUpstream is a server of example.org without a network: real certificates, entries and
/// failures as a test sets them.
class FakeUpstream final : public Upstream {
 public:
  explicit FakeUpstream(const Clock& clock);

  void Trust(std::shared_ptr<const crypto::TrustStores> stores) override {
    trusted = std::move(stores);
  }
  void Use(std::shared_ptr<const AgentIdentity> identity) override;
  Answer<AttestedAgent> Attest(attestor::NodeProver& prover, const Bytes& csr) override;
  Answer<std::vector<Bytes>> Renew(const Bytes& csr) override;
  Answer<> PostStatus(std::uint64_t, const std::string&) override { return {}; }
  Answer<spiffe::Bundle> FetchBundle() override;
  Answer<std::optional<spiffe::Bundle>> FetchFederatedBundle(
      const spiffe::TrustDomain& trust_domain) override;
  Answer<std::map<spiffe::TrustDomain, std::vector<Bytes>>> FetchCrossCertificates(
      const std::set<spiffe::TrustDomain>& trust_domains) override;
  Answer<std::vector<svids::Entry>> SyncEntries(const std::vector<svids::Entry>& known) override;
  Answer<IssuedChains> NewX509Svids(const std::vector<SvidRequest>& requests) override;
  Answer<IssuedChains> NewPodX509Svids(const std::vector<PodSvidRequest>& requests) override;
  void Watch(const std::vector<std::string>& authority_ids, std::function<void()>) override;
  WatchState watch_state() const override { return watch; }
  ServerState server_state() const override { return {revision, bundle.sequence}; }
  void Acknowledge(const std::vector<std::string>& authority_ids) override {
    acknowledged = authority_ids;
  }

  /// NewAuthority adds a root to the bundle and signs with it from now on; `publish` false forgets
  /// to tell.
  void NewAuthority(bool publish = true);

  std::vector<svids::Entry> entries;
  spiffe::Bundle bundle;
  std::map<spiffe::TrustDomain, spiffe::Bundle> federated;
  std::map<spiffe::TrustDomain, std::vector<Bytes>> cross_certificates;
  std::optional<Error> no_cross_certificates;  ///< FetchCrossCertificates alone fails so
  int asked_cross_certificates = 0;
  std::optional<Error> away;           ///< every call fails so
  std::optional<Error> cannot_list;    ///< SyncEntries alone fails so
  std::optional<Error> cannot_attest;  ///< Attest alone fails so
  Denial denial = Denial::kNone;       ///< every call with an identity is denied so
  bool reattestable = false;
  std::size_t max_batch = 500;
  Duration svid_ttl = std::chrono::seconds(100);
  Duration agent_ttl = std::chrono::seconds(1000);
  std::string spent_token;           ///< refused by Attest
  std::optional<Error> pods_fail;    ///< the whole call for pods fails so
  std::string wanted_token;          ///< a pod without it is refused; empty: any pod gets an SVID
  std::vector<std::string> refused;  ///< entry ids that get no SVID
  WatchState watch = WatchState::kClosed;
  bool can_watch = false;
  std::uint64_t revision = 1;

  std::shared_ptr<const crypto::TrustStores> trusted;
  std::vector<std::shared_ptr<const AgentIdentity>> used;  ///< every identity, in order
  std::vector<std::string> acknowledged;
  std::vector<std::size_t> batches;
  std::vector<std::string> asked;       ///< entry ids, by NewX509Svids
  std::vector<std::string> asked_pods;  ///< "uid namespace/name token", by NewPodX509Svids
  std::vector<Bytes> attest_csrs;
  int attested = 0;
  int renewed = 0;
  int synced = 0;

 private:
  std::optional<Error> Refusal() const;
  Result<std::vector<Bytes>> IssueFor(const std::string& entry_id, const Bytes& csr);
  Result<std::vector<Bytes>> Issue(const Bytes& csr, const std::string& id, Duration ttl);

  const Clock& clock_;
  FakeRandom random_;
  std::vector<std::shared_ptr<const issuance::X509Issuer>> issuers_;
};

}  // namespace signet::manager::test
