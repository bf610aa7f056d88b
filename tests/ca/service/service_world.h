#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ca/issuance/authorities.h"
#include "ca/service/agents.h"
#include "ca/service/attestation.h"
#include "ca/service/authority_records.h"
#include "ca/service/authorizer.h"
#include "ca/service/bundles.h"
#include "ca/service/change_hub.h"
#include "ca/service/cross_certificates.h"
#include "ca/service/entries.h"
#include "ca/service/peer_trust.h"
#include "ca/service/pod_svids.h"
#include "ca/service/rate_limiter.h"
#include "ca/service/server_svid.h"
#include "ca/service/svids.h"
#include "ca/store/store.h"
#include "core/crypto/csr.h"

namespace signet::test {

/// WatchedStore counts the reads of a store and fails commits on demand.
class WatchedStore final : public store::Store {
 public:
  explicit WatchedStore(std::unique_ptr<store::Store> inner) : inner_(std::move(inner)) {}
  Result<store::Contents> Load() override {
    ++reads;
    return inner_->Load();
  }
  Result<std::uint64_t> Commit(std::span<const store::Write> writes) override {
    if (fail_commits) {
      return ResourceExhausted("disk full");
    }
    ++commits;
    return inner_->Commit(writes);
  }
  Result<std::vector<store::Change>> ChangesSince(std::uint64_t revision,
                                                  std::size_t limit) override {
    ++reads;
    return inner_->ChangesSince(revision, limit);
  }
  Status Check() override { return inner_->Check(); }

  int reads = 0;
  int commits = 0;
  bool fail_commits = false;

 private:
  std::unique_ptr<store::Store> inner_;
};

/// ServiceWorld is a whole server without sockets, on a store in memory and a clock that stands
/// still. Trust domain: example.org.
struct ServiceWorld {
  /// On a store of its own in memory, or on another one.
  explicit ServiceWorld(std::unique_ptr<store::Store> on = nullptr);

  FakeClock clock;
  FakeRandom random;
  MemoryLogger logger;
  spiffe::TrustDomain trust_domain = spiffe::TrustDomain::Parse("example.org").value();
  WatchedStore store;
  std::unique_ptr<service::Registry> registry;
  service::Context context;
  service::ChangeHub hub{context};
  service::AuthorityRecords records{context, hub};
  std::unique_ptr<issuance::KeyManager> keys = issuance::NewMemoryKeyManager();
  std::unique_ptr<issuance::Authorities> authorities;
  std::unique_ptr<service::CrossCertificates> cross_certificates;
  std::vector<spiffe::SpiffeId> admin_ids;
  service::PeerTrust trust;
  std::vector<spiffe::SpiffeId> promoted;  ///< what would have been persisted
  service::Authorizer authorizer;
  service::Entries entries{context};
  service::Agents agents{context};
  service::Bundles bundles{context};
  service::TtlPolicy ttls;
  service::NodeAttestation attestation;
  WorkerPool pool{2, 64};
  service::Svids svids;
  service::ServerSvid server_svid;
  service::RateLimiter limiter{service::RateLimits{}, clock};

  /// PodService: a world with pods has one (see PodWorld).
  static service::PodSvids* PodService() { return nullptr; }

  service::IssuerSource Issuer() {
    return [this] { return authorities->issuer(); };
  }
  /// Attest admits a node by a new join token of this value.
  service::IssuedAgentSvid Attest(const std::string& token);
  /// TryAttest shows a token; no token is made.
  Result<service::IssuedAgentSvid> TryAttest(const std::string& token) {
    return TryAttest(token, Csr());
  }
  Result<service::IssuedAgentSvid> TryAttest(const std::string& token, const Bytes& csr);
  /// CallerOf is the agent on a TLS connection with this SVID.
  service::Caller CallerOf(const service::IssuedAgentSvid& svid) const;
  /// Create makes an entry and requires success.
  service::EntryPtr Create(const service::EntryInput& input);
  Status Update(const service::EntryInput& input, const service::EntryFields& fields);
  Status Delete(const std::string& entry_id);

  static Bytes Csr(const crypto::CsrRequest& request = {});
};

/// Entry gives a proper input: ID and parent are paths in example.org, selectors "type:value".
service::EntryInput EntryOf(const std::string& path, const std::string& parent,
                            const std::vector<std::string>& selectors = {"unix:uid:1000"});
service::IdText IdOf(const std::string& path);
spiffe::SpiffeId ParsedId(const std::string& path);

}  // namespace signet::test
