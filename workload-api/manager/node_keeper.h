#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "attestor/node/prover.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "workload-api/manager/state_dir.h"
#include "workload-api/manager/trust.h"
#include "workload-api/manager/upstream.h"

namespace signet::manager {

/// ProverFactory makes a prover when one is needed. FAILED_PRECONDITION: this agent has no way to
/// attest.
using ProverFactory = std::function<Result<std::unique_ptr<attestor::NodeProver>>()>;

/// Environment is what the manager's parts share; all of it outlives them.
struct Environment {
  Upstream& upstream;
  const StateDir& state;
  const Clock& clock;
  Random& random;
  Logger& logger;
};

/// NodeKeeper keeps the agent's own identity: loaded, or attested, and renewed at half life.
///
///   none ──attest──▶ attested ──half life──▶ renewed (saved, then used) ─┐
///    ▲                  ▲                                                │
///    └──denied, or gone─┴────────────────────────────────────────────────┘
///
/// A renewed identity is written before its first use. The server keeps both serials valid until
/// the new one is used, so a crash between any two steps leaves an identity on disk that still
/// works (spire-api §7.1 RenewAgent).
class NodeKeeper {
 public:
  NodeKeeper(Environment environment, ProverFactory make_prover)
      : env_(environment), make_prover_(std::move(make_prover)) {}

  /// Load takes the identity from disk; one that has expired is left out.
  Status Load();
  bool has_identity() const { return identity_ != nullptr; }
  const AgentIdentity& identity() const { return *identity_; }

  /// Attest gets a first or a fresh identity. Errors that asking again cannot mend are
  /// PERMISSION_DENIED, INVALID_ARGUMENT or FAILED_PRECONDITION.
  Answer<> Attest(const std::optional<Trust>& trust);
  /// evidence_renews: the last Attest showed evidence that will be replaced by other evidence, so
  /// that asking again later may mend a refusal.
  bool evidence_renews() const { return evidence_renews_; }
  /// RenewIfDue renews at half life or when the authority is tainted, by RenewAgent or by attesting
  /// again.
  Answer<> RenewIfDue(const Trust& trust);
  /// RenewIn is the time until RenewIfDue has something to do.
  Duration RenewIn() const;

  /// Drop stops using the identity. The file stays until it is replaced or forgotten.
  void Drop();
  /// Forget also deletes the file.
  void Forget();

 private:
  Answer<> Accept(std::vector<Bytes> chain, std::shared_ptr<const crypto::PrivateKey> key,
                  bool reattestable, const std::optional<Trust>& trust);
  void Save();
  Result<std::shared_ptr<const crypto::PrivateKey>> KeyFor(const std::string& evidence_digest);

  Environment env_;
  ProverFactory make_prover_;
  std::shared_ptr<const AgentIdentity> identity_;
  bool unsaved_ = false;
  bool evidence_renews_ = false;
  /// The key that evidence was last shown with, kept before the call: its answer may get lost.
  std::shared_ptr<const crypto::PrivateKey> shown_key_;
  std::optional<std::string> shown_digest_;  ///< nullopt: not known, by an earlier life of ours
};

}  // namespace signet::manager
