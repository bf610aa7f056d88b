#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "attestor/node/prover.h"
#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/crypto/x509_svid.h"
#include "core/spiffe/bundle.h"
#include "workload-api/manager/agent_identity.h"
#include "workload-api/svids/identity.h"

namespace signet::manager {

/// Denial is why the server refuses the agent as such (PermissionDeniedDetails, spire-api §3).
enum class Denial : std::uint8_t {
  kNone,
  kExpired,
  kNotAttested,
  kNotActive,
  kBanned,
  kMustReattest
};

/// Answer is what a call brought: a value or an error, and with PERMISSION_DENIED the server's
/// reason.
template <class T = void>
struct Answer {
  Result<T> result;
  Denial denial = Denial::kNone;
  bool ok() const { return result.ok(); }
};

struct AttestedAgent {
  std::vector<Bytes> chain;  ///< DER, leaf first
  bool reattestable = false;
};

struct SvidRequest {
  std::string entry_id;
  Bytes csr;
};

/// PodFacts is what this node knows of a pod beside its uid. All of it may be empty.
struct PodFacts {
  std::string namespace_name = {};
  std::string name = {};
  Secret token = {};  ///< of the pod's own service account, for the server's audience
};

struct PodSvidRequest {
  std::string pod_uid;
  PodFacts facts;
  Bytes csr;
};

/// IssuedChains holds one chain or error for each request, in order.
using IssuedChains = std::vector<Result<std::vector<Bytes>>>;

/// WatchState of the push stream.
enum class WatchState : std::uint8_t { kClosed, kOpen, kUnsupported };

/// ServerState is the newest that the push stream told.
struct ServerState {
  std::uint64_t revision = 0;
  std::uint64_t bundle_sequence = 0;
};

/// Upstream is the server as the agent sees it. Calls block, with a deadline of their own, and are
/// made from one thread; only Acknowledge may come from any.
class Upstream {
 public:
  virtual ~Upstream() = default;

  /// Trust sets who is believed to be the server, from the next handshake on. Null: whoever shows
  /// the server's SPIFFE ID (insecure bootstrap).
  virtual void Trust(std::shared_ptr<const crypto::TrustStores> stores) = 0;
  /// Use sets the identity that calls are made with, on a connection of its own; null: none.
  virtual void Use(std::shared_ptr<const AgentIdentity> identity) = 0;

  virtual Answer<AttestedAgent> Attest(attestor::NodeProver& prover, const Bytes& csr) = 0;
  virtual Answer<std::vector<Bytes>> Renew(const Bytes& csr) = 0;
  virtual Answer<> PostStatus(std::uint64_t bundle_sequence, const std::string& version) = 0;
  /// FetchBundle also works without an identity.
  virtual Answer<spiffe::Bundle> FetchBundle() = 0;
  /// Without a stored bundle of that trust domain the value is nullopt.
  virtual Answer<std::optional<spiffe::Bundle>> FetchFederatedBundle(
      const spiffe::TrustDomain& trust_domain) = 0;
  /// FetchCrossCertificates gives the roots of these trust domains as certificates of our own CA,
  /// DER; those that have none are left out. UNIMPLEMENTED: the server does not make any.
  virtual Answer<std::map<spiffe::TrustDomain, std::vector<Bytes>>> FetchCrossCertificates(
      const std::set<spiffe::TrustDomain>& trust_domains) = 0;
  /// SyncEntries gives all entries that the agent may issue; those of `known` that did not change
  /// are not sent again.
  virtual Answer<std::vector<svids::Entry>> SyncEntries(const std::vector<svids::Entry>& known) = 0;
  /// NewX509Svids asks for at most 500 at a time.
  virtual Answer<IssuedChains> NewX509Svids(const std::vector<SvidRequest>& requests) = 0;
  /// NewPodX509Svids is the same for pods of this node, which need no registration entry.
  /// UNIMPLEMENTED: the server does not know the call.
  virtual Answer<IssuedChains> NewPodX509Svids(const std::vector<PodSvidRequest>& requests) = 0;

  /// Watch opens the push stream with the present identity; on_change runs on another thread, also
  /// when the stream ends, and must not block.
  virtual void Watch(const std::vector<std::string>& authority_ids,
                     std::function<void()> on_change) = 0;
  virtual WatchState watch_state() const = 0;
  virtual ServerState server_state() const = 0;
  /// Acknowledge tells the server which authorities all workloads have been handed.
  virtual void Acknowledge(const std::vector<std::string>& authority_ids) = 0;
};

}  // namespace signet::manager
