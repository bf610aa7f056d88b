#include "workload-api/authorizer/judge.h"

#include <algorithm>
#include <utility>

#include "core/crypto/hash.h"

namespace signet::authorizer {
namespace {

Verdict Refuse(std::string id, std::string reason, std::string help = {}) {
  return {.status = 403, .id = std::move(id), .reason = std::move(reason), .help = std::move(help)};
}

Verdict Allow(std::string id, std::string reason) {
  return {.status = 200, .id = std::move(id), .reason = std::move(reason)};
}

/// KeyOf hashes all that decides what the headers mean and how they are verified.
VerifiedCache::Key KeyOf(const Policy& policy, const Presented& presented) {
  crypto::Sha256Stream hash;
  const std::array<std::uint8_t, 2> how = {static_cast<std::uint8_t>(policy.format),
                                           static_cast<std::uint8_t>(policy.chain)};
  hash.Update(how);
  hash.Update(AsBytes(presented.certificate.front()));
  for (const std::string_view more : presented.chain) {
    hash.Update(AsBytes(std::string_view("\0", 1)));  // no header's value has one
    hash.Update(AsBytes(more));
  }
  return hash.Finish();
}

Result<std::vector<Bytes>> Decode(const Policy& policy, const Presented& presented) {
  SIGNET_TRY_ASSIGN(std::vector<Bytes> chain,
                    DecodeCertificates(policy.format, presented.certificate.front()));
  if (!presented.chain.empty() && !presented.chain.front().empty()) {
    SIGNET_TRY_ASSIGN(const auto more, DecodeCertificates(policy.format, presented.chain.front()));
    chain.insert(chain.end(), more.begin(), more.end());
  }
  return chain;
}

Verdict NotListed(const Policy& policy, std::string id) {
  return Refuse(std::move(id), "this SPIFFE ID is not in the allow list",
                "Add it to agent.authorizer.policies." + policy.name + ".allow if it should pass.");
}

Verdict NoBundle(std::string id, const Error& error) {
  return Refuse(
      std::move(id), error.message,
      "An agent holds a foreign bundle while one of its entries federates with that trust "
      "domain: set the bundle and an entry's federatesWith on the server.");
}

Verdict UnknownIssuer(std::string id, const spiffe::TrustDomain& trust_domain) {
  return Refuse(std::move(id),
                "the issuer of the certificate is not in the bundle of " + trust_domain.name(),
                "If intermediate certificates are in use, the proxy must pass them too "
                "(chain_header, or a format with the whole chain). If another trust domain has "
                "issued it, it is a forgery.");
}

}  // namespace

Verdict Judge::Decide(const Policy& policy, const Presented& presented,
                      const svids::Snapshot& snapshot, SystemTime now) {
  if (presented.certificate.size() > 1 || presented.chain.size() > 1) {
    return {.status = 400,
            .reason = "the certificate's header came more than once",
            .help = "The proxy must replace what its client sends under that name."};
  }
  if (presented.certificate.empty() || presented.certificate.front().empty()) {
    return {.status = 401,
            .reason = "no client certificate",
            .help = "The client sent none, or the proxy does not pass it in the header " +
                    policy.certificate_header + "."};
  }
  const Question question{policy, snapshot, now};
  const VerifiedCache::Key key = KeyOf(policy, presented);
  const Verified* const known = cache_.Find(key, now);
  if (known == nullptr) {
    return DecideNew(question, presented, key);
  }
  const auto bundle = snapshot.bundles.find(known->id.trust_domain());
  if (bundle == snapshot.bundles.end() || bundle->second != known->bundle) {
    cache_.Forget(key);
    return DecideNew(question, presented, key);
  }
  if (!policy.Allows(known->id)) {
    return NotListed(policy, known->id.ToString());
  }
  return Allow(known->id.ToString(), "verified before");
}

Verdict Judge::DecideNew(const Question& question, const Presented& presented,
                         const VerifiedCache::Key& key) {
  const auto chain = Decode(question.policy, presented);
  if (!chain.ok()) {
    return Refuse("", "the certificate's header cannot be read: " + chain.error().message,
                  "Check the policy's format against what the proxy sends.");
  }
  return Verify(question, *chain, key);
}

/// The cheap checks come first: a flood of strange certificates costs little.
Verdict Judge::Verify(const Question& question, const std::vector<Bytes>& chain,
                      const VerifiedCache::Key& key) {
  const auto svid = crypto::X509Svid::FromChain(chain);
  if (!svid.ok()) {
    return Refuse("", svid.error().message);
  }
  const spiffe::SpiffeId& id = svid->id;
  if (!question.policy.Allows(id)) {
    return NotListed(question.policy, id.ToString());
  }
  const crypto::Certificate& leaf = svid->leaf();
  if (question.now < leaf.not_before || question.now > leaf.not_after) {
    return Refuse(id.ToString(), question.now > leaf.not_after
                                     ? "expired at " + FormatTime(leaf.not_after)
                                     : "not valid before " + FormatTime(leaf.not_before));
  }
  const auto authorities = trust_.Of(question.snapshot, id.trust_domain());
  if (!authorities.ok()) {
    return NoBundle(id.ToString(), authorities.error());
  }
  if (!(*authorities)->Anchors(svid->chain)) {
    return question.policy.chain == Chain::kLeafOnlyTrustsProxy
               ? Allow(id.ToString(), "the proxy's word: the issuer is not in the bundle")
               : UnknownIssuer(id.ToString(), id.trust_domain());
  }
  const auto verified =
      crypto::VerifyX509Svid(chain, {{id.trust_domain(), (*authorities)->store}}, question.now);
  if (!verified.ok()) {
    return Refuse(id.ToString(), verified.error().message);
  }
  SystemTime until = (*authorities)->NextExpiry(question.now).value_or(question.now);
  for (const crypto::Certificate& link : svid->chain) {
    until = std::min(until, link.not_after);
  }
  cache_.Put(key,
             {.id = id, .bundle = (*authorities)->bundle, .from = question.now, .until = until});
  return Allow(id.ToString(), "verified");
}

}  // namespace signet::authorizer
