#include "workload-api/manager/node_keeper.h"

#include "core/crypto/csr.h"

namespace signet::manager {
namespace {

struct KeyAndCsr {
  std::shared_ptr<const crypto::PrivateKey> key;
  Bytes csr;
};

/// The agent's key is always P-256, and its request has no SAN (spire-api §8.1).
Result<std::shared_ptr<const crypto::PrivateKey>> NewKey() {
  return crypto::PrivateKey::Generate(crypto::KeyType::kEcP256);
}

Result<KeyAndCsr> RequestFor(Result<std::shared_ptr<const crypto::PrivateKey>> key) {
  if (!key.ok()) {
    return std::move(key).error();
  }
  SIGNET_TRY_ASSIGN(Bytes csr, crypto::BuildCsr(**key));
  return KeyAndCsr{*std::move(key), std::move(csr)};
}

/// Judge parses the chain and, with trust at hand, verifies it.
Result<crypto::X509Svid> Judge(const std::vector<Bytes>& chain, const std::optional<Trust>& trust,
                               SystemTime now) {
  return trust ? trust->VerifyIssued(chain, now) : crypto::X509Svid::FromChain(chain);
}

}  // namespace

Status NodeKeeper::Load() {
  SIGNET_TRY_ASSIGN(std::optional<AgentIdentity> found, env_.state.LoadIdentity());
  if (!found) {
    return {};
  }
  if (found->times.not_after <= env_.clock.Now()) {
    env_.logger.Warn(
        "the agent's SVID expired while the agent was away; it must attest again",
        {{"spiffe_id", found->id.ToString()}, {"expired_at", FormatTime(found->times.not_after)}});
    return {};
  }
  found->times.jitter = env_.random.Uniform01();
  // On the monotonic clock the certificate is as old as it is by the wall clock.
  found->times.received_mono =
      env_.clock.Mono() -
      std::chrono::duration_cast<MonoTime::duration>(env_.clock.Now() - found->times.received_wall);
  identity_ = std::make_shared<const AgentIdentity>(std::move(*found));
  if (identity_->reattestable) {
    shown_key_ = identity_->key;
  }
  env_.logger.Info("agent identity loaded",
                   {{"spiffe_id", identity_->id.ToString()},
                    {"expires_at", FormatTime(identity_->times.not_after)}});
  env_.upstream.Use(identity_);
  return {};
}

/// KeyFor gives the key to show evidence with: the same as before for the same evidence, else a
/// new one.
Result<std::shared_ptr<const crypto::PrivateKey>> NodeKeeper::KeyFor(
    const std::string& evidence_digest) {
  const bool same = !shown_digest_ || *shown_digest_ == evidence_digest;
  if (evidence_digest.empty() || shown_key_ == nullptr || !same) {
    SIGNET_TRY_ASSIGN(shown_key_, NewKey());
  }
  shown_digest_ = evidence_digest;
  return shown_key_;
}

Answer<> NodeKeeper::Attest(const std::optional<Trust>& trust) {
  evidence_renews_ = false;
  Result<std::unique_ptr<attestor::NodeProver>> prover = make_prover_();
  if (!prover.ok()) {
    return {std::move(prover).error()};
  }
  const Result<std::string> digest = (*prover)->EvidenceDigest();
  if (!digest.ok()) {
    return {digest.error()};
  }
  evidence_renews_ = !digest->empty();
  Result<KeyAndCsr> made = RequestFor(KeyFor(*digest));
  if (!made.ok()) {
    return {std::move(made).error()};
  }
  Answer<AttestedAgent> attested = env_.upstream.Attest(**prover, made->csr);
  if (!attested.ok()) {
    return {std::move(attested.result).error(), attested.denial};
  }
  Answer<> accepted =
      Accept(std::move(attested.result->chain), made->key, attested.result->reattestable, trust);
  if (accepted.ok()) {
    env_.logger.Info("agent attested", {{"spiffe_id", identity_->id.ToString()},
                                        {"attestor", (*prover)->type()},
                                        {"expires_at", FormatTime(identity_->times.not_after)}});
  }
  return accepted;
}

Answer<> NodeKeeper::RenewIfDue(const Trust& trust) {
  if (unsaved_) {
    Save();
  }
  const Result<crypto::X509Svid> own = crypto::X509Svid::FromChain(identity_->chain);
  const bool tainted = own.ok() && trust.IsTainted(AuthorityOf(*own));
  if (!tainted && RenewIn() > Duration::zero()) {
    return {};
  }
  if (identity_->reattestable) {
    return Attest(trust);
  }
  Result<KeyAndCsr> made = RequestFor(NewKey());
  if (!made.ok()) {
    return {std::move(made).error()};
  }
  Answer<std::vector<Bytes>> renewed = env_.upstream.Renew(made->csr);
  if (!renewed.ok()) {
    return {std::move(renewed.result).error().Context("renewing the agent's SVID"), renewed.denial};
  }
  Answer<> accepted = Accept(std::move(*renewed.result), made->key, false, trust);
  if (accepted.ok()) {
    env_.logger.Info("agent SVID renewed",
                     {{"spiffe_id", identity_->id.ToString()},
                      {"expires_at", FormatTime(identity_->times.not_after)}});
  }
  return accepted;
}

Answer<> NodeKeeper::Accept(std::vector<Bytes> chain, std::shared_ptr<const crypto::PrivateKey> key,
                            bool reattestable, const std::optional<Trust>& trust) {
  const SystemTime now = env_.clock.Now();
  const Result<crypto::X509Svid> svid = Judge(chain, trust, now);
  if (!svid.ok()) {
    return {
        Unavailable("the server issued an agent SVID that does not hold: " + svid.error().message)};
  }
  if (!svid->id.is_agent() || svid->leaf().spki != key->public_key().spki()) {
    return {Unavailable("the server issued an agent SVID for another key or a foreign ID, " +
                        svid->id.ToString())};
  }
  identity_ = std::make_shared<const AgentIdentity>(
      AgentIdentity{.id = svid->id,
                    .chain = std::move(chain),
                    .key = std::move(key),
                    .times = {.not_before = svid->leaf().not_before,
                              .not_after = svid->leaf().not_after,
                              .received_wall = now,
                              .received_mono = env_.clock.Mono(),
                              .jitter = env_.random.Uniform01()},
                    .reattestable = reattestable});
  Save();  // before the first use: see the diagram in the header
  env_.upstream.Use(identity_);
  return {};
}

void NodeKeeper::Save() {
  const Status saved = env_.state.SaveIdentity(*identity_);
  unsaved_ = !saved.ok();
  if (unsaved_) {
    env_.logger.Error(
        "the agent's identity could not be saved; it will not survive a restart until it can be",
        {{"error", saved.error()}});
  }
}

Duration NodeKeeper::RenewIn() const {
  return svids::RenewIn(identity_->times, env_.clock.Now(), env_.clock.Mono());
}

void NodeKeeper::Drop() {
  identity_ = nullptr;
  env_.upstream.Use(nullptr);
}

void NodeKeeper::Forget() {
  Drop();
  if (const Status deleted = env_.state.DeleteIdentity(); !deleted.ok()) {
    env_.logger.Error("the agent's identity could not be deleted", {{"error", deleted.error()}});
  }
}

}  // namespace signet::manager
