#include "ca/issuance/linter.h"

namespace signet::issuance {
namespace {

// Report collects what does not hold.
class Report {
 public:
  void Require(bool holds, const char* otherwise) {
    if (!holds) {
      violations_.emplace_back(otherwise);
    }
  }
  Violations Take() { return std::move(violations_); }

 private:
  Violations violations_;
};

constexpr std::uint16_t kCaUsage = crypto::kKeyCertSign | crypto::kCrlSign;
constexpr std::uint16_t kLeafUsage =
    crypto::kDigitalSignature | crypto::kKeyEncipherment | crypto::kKeyAgreement;
constexpr std::size_t kMaxSerialBytes = 16;

bool IsEmptyName(const Bytes& name) { return name.size() <= 2; }

void RequireKeyUsage(Report& report, const crypto::Certificate& certificate) {
  report.Require(certificate.key_usage.has_value(), "X509-15: no key usage");
  report.Require(certificate.key_usage_critical, "X509-15: key usage is not critical");
}

void RequireSerial(Report& report, const crypto::Certificate& certificate) {
  report.Require(!certificate.serial.empty() && certificate.serial.size() <= kMaxSerialBytes,
                 "profile: the serial is not of 1 ... 2^128 - 1");
  report.Require(!certificate.has_unknown_critical_extension,
                 "profile: a critical extension that no verifier knows");
}

void RequireLeafUsage(Report& report, const crypto::Certificate& svid) {
  RequireKeyUsage(report, svid);
  const std::uint16_t usage = svid.key_usage.value_or(0);
  report.Require((usage & crypto::kDigitalSignature) != 0, "X509-17: no digitalSignature");
  report.Require((usage & kCaUsage) == 0, "X509-18: a leaf may sign certificates or CRLs");
  report.Require((usage & ~(kLeafUsage | kCaUsage)) == 0,
                 "X509-17: a key usage beyond digitalSignature, keyEncipherment, keyAgreement");
  report.Require(svid.has_extended_key_usage, "X509-20: no extended key usage");
  report.Require(svid.eku_server_auth && svid.eku_client_auth,
                 "X509-21: extended key usage without both serverAuth and clientAuth");
}

void RequireIdentity(Report& report, const crypto::Certificate& svid, const SvidExpectation& want) {
  report.Require(svid.uri_sans.size() == 1, "X509-01: not exactly one URI SAN");
  report.Require(svid.uri_sans == std::vector<std::string>{want.spiffe_id.ToString()},
                 "X509-01: the URI SAN is not the SPIFFE ID that was asked for");
  report.Require(want.spiffe_id.has_path(), "X509-04: the SPIFFE ID has no path");
  report.Require(!IsEmptyName(svid.subject) || svid.subject_alt_name_critical,
                 "X509-05: empty subject and a SAN that is not critical");
  report.Require(want.ca.uri_sans == std::vector<std::string>{want.spiffe_id.trust_domain().id()},
                 "X509-08: the authority is of another trust domain");
  report.Require(svid.dns_sans == want.dns_names, "profile: other DNS names than asked for");
}

}  // namespace

Violations LintCa(const crypto::Certificate& ca, const spiffe::TrustDomain& trust_domain) {
  Report report;
  RequireSerial(report, ca);
  RequireKeyUsage(report, ca);
  report.Require(ca.uri_sans.size() == 1, "X509-06: an authority without exactly one URI SAN");
  if (ca.uri_sans.size() == 1) {
    const auto id = spiffe::SpiffeId::Parse(ca.uri_sans.front());
    report.Require(id.ok(), "X509-06: the authority's URI SAN is no SPIFFE ID");
    report.Require(!id.ok() || !id->has_path(), "X509-07: the authority's SPIFFE ID has a path");
    report.Require(!id.ok() || id->trust_domain() == trust_domain,
                   "X509-08: the authority is of another trust domain");
  }
  const std::uint16_t usage = ca.key_usage.value_or(0);
  report.Require(ca.has_basic_constraints && ca.is_ca, "X509-11: cA is not true");
  report.Require((usage & crypto::kKeyCertSign) != 0, "X509-16: no keyCertSign");
  report.Require((usage & ~kCaUsage) == 0, "X509-19: a key usage that belongs to leaves only");
  report.Require(!ca.has_extended_key_usage, "X509-22: an authority with extended key usage");
  report.Require(!ca.subject_key_id.empty(), "profile: an authority without SubjectKeyId");
  report.Require(!IsEmptyName(ca.subject), "profile: an authority without a subject");
  report.Require(ca.not_before < ca.not_after, "profile: validity ends before it begins");
  return report.Take();
}

Violations LintSvid(const crypto::Certificate& svid, const SvidExpectation& want) {
  Report report;
  RequireSerial(report, svid);
  RequireIdentity(report, svid, want);
  RequireLeafUsage(report, svid);
  report.Require(svid.has_basic_constraints && !svid.is_ca, "X509-12: cA is not false");
  report.Require(!svid.path_length.has_value(), "X509-13: a leaf with a path length");
  report.Require(svid.spki == want.public_key.spki(), "profile: another public key");
  report.Require(svid.subject_key_id == want.public_key.subject_key_id(),
                 "profile: SubjectKeyId is not that of the key");
  report.Require(svid.authority_key_id == want.ca.subject_key_id,
                 "profile: AuthorityKeyId is not that of the authority");
  report.Require(svid.issuer == want.ca.subject, "profile: issuer is not the authority's subject");
  report.Require(svid.not_before == want.not_before && svid.not_after == want.not_after,
                 "profile: other validity than asked for");
  report.Require(svid.not_before < svid.not_after, "profile: validity ends before it begins");
  report.Require(svid.not_after <= want.ca.not_after, "profile: outlives the authority");
  return report.Take();
}

Violations LintSignature(const crypto::Certificate& certificate, const crypto::Certificate& ca) {
  const auto key = crypto::PublicKey::FromSpki(ca.spki);
  if (!key.ok()) {
    return {"profile: the authority's key is not of an accepted type"};
  }
  if (!key->Verify(certificate.signature_algorithm, certificate.tbs, certificate.signature).ok()) {
    return {"X509-23: the signature is not the authority's"};
  }
  return {};
}

Status LintStatus(const Violations& violations) {
  if (violations.empty()) {
    return {};
  }
  std::string text = "the certificate breaks its profile and was not issued";
  for (const auto& violation : violations) {
    text += "; " + violation;
  }
  return Internal(std::move(text));
}

}  // namespace signet::issuance
