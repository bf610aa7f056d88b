#include "ca/issuance/cross_certificate.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "ca/issuance/linter.h"
#include "ca/issuance/x509_parts.h"
#include "core/crypto/der.h"
#include "core/crypto/hash.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::issuance {
namespace {

/// Key ids are 20 or 32 bytes; what is much longer was made to be a nuisance.
constexpr std::size_t kMaxKeyIdBytes = 64;

/// CheckHost: a leading dot would admit all hosts below, and Go's parser throws away the whole
/// certificate if the host is an address or has an empty label.
Status CheckHost(const std::string& host) {
  const bool empty_label =
      host.front() == '.' || host.back() == '.' || host.find("..") != std::string::npos;
  const bool address = host.find_first_not_of("0123456789.") == std::string::npos;
  if (empty_label || address) {
    return FailedPrecondition(
        "the name of the trust domain is not one that a name constraint can "
        "hold (an address, or an empty label)");
  }
  return {};
}

Status CheckUsage(const crypto::Certificate& root) {
  if (!root.is_ca || (root.key_usage && (*root.key_usage & crypto::kKeyCertSign) == 0)) {
    return FailedPrecondition("it may not sign certificates (cA, keyCertSign)");
  }
  if (root.has_unknown_critical_extension || !root.name_constraints.empty()) {
    return FailedPrecondition(
        "it has limits of its own (name constraints or another critical "
        "extension) that a cross-certificate would drop");
  }
  if (root.has_extended_key_usage && !root.eku_any &&
      !(root.eku_client_auth && root.eku_server_auth)) {
    return FailedPrecondition("its extended key usage is not for both clients and servers");
  }
  return {};
}

Status CheckNames(const crypto::Certificate& root, const spiffe::TrustDomain& trust_domain) {
  constexpr std::size_t kEmptySequence = 2;
  if (root.subject.size() <= kEmptySequence) {
    return FailedPrecondition("it has no subject, by which chains would find it");
  }
  if (root.subject_key_id.size() > kMaxKeyIdBytes) {
    return FailedPrecondition("its key id is longer than 64 bytes");
  }
  for (const std::string& uri : root.uri_sans) {
    const auto id = spiffe::SpiffeId::Parse(uri);
    if (id.ok() && id->trust_domain() != trust_domain) {
      return FailedPrecondition("it says that it is of the trust domain " +
                                id->trust_domain().name());
    }
  }
  return {};
}

bool IsSelfSigned(const crypto::Certificate& root) {
  return root.subject == root.issuer &&
         (root.authority_key_id.empty() || root.authority_key_id == root.subject_key_id);
}

/// IsHashOf: the key id is one of those that RFC 5280 and RFC 7093 make from the key's bits.
Result<bool> IsHashOf(const Bytes& key_id, ByteView spki) {
  crypto::der::Reader outer(spki);
  SIGNET_TRY_ASSIGN(crypto::der::Reader fields, outer.Enter(crypto::der::kSequence));
  SIGNET_TRY(fields.Expect(crypto::der::kSequence));
  SIGNET_TRY_ASSIGN(const auto key, fields.Expect(crypto::der::kBitString));
  SIGNET_TRY_ASSIGN(const ByteView bits, crypto::der::ReadBitString(key.content));
  const auto sha1 = crypto::Sha1(bits);
  const auto sha256 = crypto::Sha256(bits);
  return Equal(key_id, sha1) || Equal(key_id, sha256) ||
         Equal(key_id, ByteView(sha256).first(sha1.size()));
}

Violations LintCross(const crypto::Certificate& cross, const CrossIssuer& issuer,
                     const ForeignRoot& root) {
  const auto& of = root.certificate;
  Violations violations = LintSignature(cross, issuer.ca);
  const auto require = [&violations](bool holds, const char* otherwise) {
    if (!holds) {
      violations.emplace_back(otherwise);
    }
  };
  require(
      cross.subject == of.subject && cross.spki == of.spki && cross.subject_key_id == root.key_id,
      "profile: subject, key or key id is not the foreign root's");
  require(cross.issuer == issuer.ca.subject && cross.authority_key_id == issuer.ca.subject_key_id,
          "profile: issuer is not the authority");
  require(cross.is_ca && cross.path_length == of.path_length &&
              cross.key_usage == (crypto::kKeyCertSign | crypto::kCrlSign) &&
              cross.key_usage_critical,
          "profile: not the usage of a CA");
  require(!cross.name_constraints.empty() && !cross.has_unknown_critical_extension,
          "profile: no name constraints");
  require(cross.not_before < cross.not_after && cross.not_after <= of.not_after &&
              cross.not_after <= issuer.ca.not_after,
          "profile: valid while the authority or the foreign root is not");
  return violations;
}

/// OurNameBelow gives our trust domain's name if it is a subdomain of theirs: to Go a host admits
/// its subdomains. Not in other cases, where Go would refuse their own names by it.
std::string OurNameBelow(const spiffe::TrustDomain& theirs, const CrossIssuer& issuer) {
  const auto id = spiffe::SpiffeId::Parse(issuer.ca.uri_sans.front());  // X509Issuer has checked it
  const bool below = id.ok() && id->trust_domain().name().ends_with("." + theirs.name());
  return below ? id->trust_domain().name() : std::string();
}

}  // namespace

Result<ForeignRoot> JudgeForeignRoot(const spiffe::TrustDomain& trust_domain, ByteView der,
                                     SystemTime now) {
  SIGNET_TRY(CheckHost(trust_domain.name()));
  auto certificate = crypto::Certificate::Parse(der);
  if (!certificate.ok()) {
    return FailedPrecondition("it cannot be read: " + certificate.error().message);
  }
  auto key = crypto::PublicKey::FromSpki(certificate->spki);
  if (!key.ok()) {
    return FailedPrecondition("its key is not accepted: " + key.error().message);
  }
  SIGNET_TRY(CheckUsage(*certificate));
  SIGNET_TRY(CheckNames(*certificate, trust_domain));
  if (certificate->not_after <= now) {
    return FailedPrecondition("it expired at " + FormatTime(certificate->not_after));
  }
  const bool self_signed = IsSelfSigned(*certificate);
  if (self_signed &&
      !key->Verify(certificate->signature_algorithm, certificate->tbs, certificate->signature)
           .ok()) {
    return FailedPrecondition("its signature is not by its own key");
  }
  Bytes key_id =
      certificate->subject_key_id.empty() ? key->subject_key_id() : certificate->subject_key_id;
  SIGNET_TRY_ASSIGN(const bool honest, IsHashOf(key_id, certificate->spki));
  const bool owns_its_name =
      self_signed && honest && certificate->uri_sans == std::vector<std::string>{trust_domain.id()};
  return ForeignRoot{trust_domain, *std::move(certificate), *std::move(key), std::move(key_id),
                     owns_its_name};
}

Result<crypto::Certificate> CrossCertify(const CrossIssuer& issuer, const ForeignRoot& root,
                                         SystemTime now) {
  const auto& of = root.certificate;
  if (of.subject == issuer.ca.subject) {
    return FailedPrecondition(
        "its subject is that of the authority; verifiers would take the "
        "cross-certificate for a root, which no constraints bind");
  }
  // Not from now on, which would leave out servers whose clock is behind: the authority vouches for
  // whatever it wants since it began.
  const SystemTime not_before = std::max(of.not_before, issuer.ca.not_before);
  const SystemTime not_after = std::min(of.not_after, issuer.ca.not_after);
  if (not_after <= std::max(now, not_before)) {
    return FailedPrecondition("it and the authority are never valid at one time");
  }
  const auto serial = parts::NewSerial(issuer.random);
  const Bytes algorithm = parts::SignatureAlgorithm(issuer.key.public_key().type());
  const Bytes validity = parts::Validity(not_before, not_after);
  const Bytes usage = parts::CaKeyUsage();
  const Bytes basic = parts::CaBasicConstraints(of.path_length);
  const Bytes names =
      parts::UriHostConstraints(root.trust_domain.name(), OurNameBelow(root.trust_domain, issuer));
  const Bytes key_id = parts::SubjectKeyId(root.key_id);
  const Bytes authority = parts::AuthorityKeyId(issuer.ca.subject_key_id);
  const Bytes tbs = parts::Tbs({.serial = serial.der,
                                .algorithm = algorithm,
                                .issuer = issuer.ca.subject,
                                .validity = validity,
                                .subject = of.subject,
                                .spki = of.spki,
                                .extensions = {usage, basic, names, key_id, authority}});
  SIGNET_TRY_ASSIGN(const Bytes der, parts::SignTbs(issuer.key, tbs, algorithm));
  SIGNET_TRY_ASSIGN(auto cross, crypto::Certificate::Parse(der));
  SIGNET_TRY(LintStatus(LintCross(cross, issuer, root)));
  return cross;
}

}  // namespace signet::issuance
