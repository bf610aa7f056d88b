#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "attestor/node/verifier.h"
#include "ca/issuance/x509_issuer.h"
#include "ca/service/context.h"
#include "ca/service/denial.h"

namespace signet::service {

/// IssuerSource gives the issuer of the ACTIVE authority; never null.
using IssuerSource = std::function<std::shared_ptr<const issuance::X509Issuer>()>;

/// IssuedAgentSvid is what AttestAgent and RenewAgent answer.
struct IssuedAgentSvid {
  spiffe::SpiffeId id;
  issuance::IssuedSvid svid;
  bool reattestable = false;
};

/// AttestRequest is the first message of an attestation, unchecked.
struct AttestRequest {
  std::string type;
  Bytes payload;
  Bytes csr;
};

class Attestation;

/// NodeAttestation admits nodes (spire-api §8.1, §9) and renews their SVIDs. Safe for several
/// threads; everything that signs or commits blocks.
class NodeAttestation {
 public:
  NodeAttestation(Context& context, IssuerSource issuer, TtlPolicy ttls,
                  std::vector<std::unique_ptr<attestor::NodeVerifier>> verifiers);

  /// Begin checks the request's form and finds its verifier.
  Result<std::unique_ptr<Attestation>> Begin(AttestRequest request);
  /// Renew signs a new SVID for an agent that cannot re-attest; the old serial keeps working until
  /// the new one is first used.
  std::variant<IssuedAgentSvid, Denial> Renew(const spiffe::SpiffeId& agent, ByteView csr);

 private:
  friend class Attestation;
  Result<IssuedAgentSvid> Admit(const std::string& type, const attestor::AttestedNode& node,
                                const crypto::PublicKey& key);
  /// TtlFor never lets an agent's SVID outlive the evidence that it was given for.
  Result<Duration> TtlFor(const attestor::AttestedNode& node) const;
  Result<issuance::IssuedSvid> Sign(const spiffe::SpiffeId& agent, const crypto::PublicKey& key,
                                    Duration ttl) const;
  Status CheckToken(const std::string& token) const;
  /// BurnIfExpired takes an expired token and fails; one that is good is left.
  Status BurnIfExpired(const std::string& token);
  Result<std::vector<store::Write>> PlanRecord(const store::Agent& agent,
                                               const std::optional<std::string>& token);

  Context& context_;
  const IssuerSource issuer_;
  const TtlPolicy ttls_;
  std::map<std::string, std::unique_ptr<attestor::NodeVerifier>, std::less<>> verifiers_;
};

/// Attestation is one AttestAgent stream: Step takes the payload (held since Begin) and then each
/// challenge's response, until an SVID comes out. Used by one thread at a time.
class Attestation {
 public:
  using Outcome = std::variant<IssuedAgentSvid, Bytes>;  ///< Bytes: a challenge for the node
  Result<Outcome> Start();
  Result<Outcome> Respond(ByteView response);

 private:
  friend class NodeAttestation;
  Attestation(NodeAttestation& owner, AttestRequest request, crypto::PublicKey key,
              std::unique_ptr<attestor::NodeVerification> verification)
      : owner_(owner),
        request_(std::move(request)),
        key_(std::move(key)),
        verification_(std::move(verification)) {}
  Result<Outcome> Step(ByteView message);

  NodeAttestation& owner_;
  AttestRequest request_;
  const crypto::PublicKey key_;  ///< of the CSR, checked
  std::unique_ptr<attestor::NodeVerification> verification_;
};

}  // namespace signet::service
