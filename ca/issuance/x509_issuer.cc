#include "ca/issuance/x509_issuer.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "ca/issuance/cross_certificate.h"
#include "ca/issuance/linter.h"
#include "ca/issuance/x509_parts.h"
#include "core/base/encoding.h"

namespace signet::issuance {
namespace {

/// How far a certificate's start lies back, for clocks that are behind ours.
constexpr auto kBackdate = std::chrono::seconds(10);
constexpr std::size_t kMaxDnsNameBytes = 253;
/// RFC 5280 A.1 (ub-common-name): a longer DNS name stays in the SAN alone.
constexpr std::size_t kMaxCommonNameBytes = 64;

SystemTime WholeSeconds(SystemTime time) {
  return SystemTime(std::chrono::floor<std::chrono::seconds>(time));
}

Status CheckDnsName(std::string_view name) {
  if (name.empty() || name.size() > kMaxDnsNameBytes) {
    return InvalidArgument("a DNS name must have 1 to 253 bytes, this one has " +
                           std::to_string(name.size()));
  }
  const bool ascii =
      std::all_of(name.begin(), name.end(), [](char c) { return c > 32 && c < 127; });
  return ascii ? Status() : InvalidArgument("a DNS name has a byte that is no printable ASCII");
}

Status CheckId(X509Issuer::Kind kind, const spiffe::SpiffeId& id) {
  switch (kind) {
    case X509Issuer::Kind::kServer:
      return id.is_server() ? Status() : InvalidArgument(id.ToString() + " is not a server's ID");
    case X509Issuer::Kind::kAgent:
      return id.is_agent() ? Status() : InvalidArgument(id.ToString() + " is not an agent's ID");
    case X509Issuer::Kind::kWorkload:
      return id.is_reserved()
                 ? InvalidArgument(id.ToString() + " is reserved for servers and agents")
                 : Status();
  }
  SIGNET_CHECK(false, "unknown kind of SVID");
}

}  // namespace

Result<crypto::Certificate> SelfSignCa(const crypto::Signer& key, const CaParams& params,
                                       SystemTime now, Random& random) {
  if (params.ttl < std::chrono::seconds(1)) {
    return InvalidArgument("the authority's lifetime must be at least a second");
  }
  const auto serial = parts::NewSerial(random);
  const Bytes name = parts::Name(params.subject, serial.decimal);
  const Bytes algorithm = parts::SignatureAlgorithm(key.public_key().type());
  const Bytes validity = parts::Validity(now - kBackdate, now + params.ttl);
  const Bytes usage = parts::CaKeyUsage();
  const Bytes constraints = parts::CaBasicConstraints();
  const Bytes key_id = parts::SubjectKeyId(key.public_key().subject_key_id());
  const Bytes names = parts::SubjectAltName({}, params.trust_domain.id());
  const Bytes tbs = parts::Tbs({.serial = serial.der,
                                .algorithm = algorithm,
                                .issuer = name,
                                .validity = validity,
                                .subject = name,
                                .spki = key.public_key().spki(),
                                .extensions = {usage, constraints, key_id, names}});
  SIGNET_TRY_ASSIGN(const Bytes der, parts::SignTbs(key, tbs, algorithm));
  SIGNET_TRY_ASSIGN(auto certificate, crypto::Certificate::Parse(der));
  SIGNET_TRY(LintStatus(LintCa(certificate, params.trust_domain)));
  SIGNET_TRY(LintStatus(LintSignature(certificate, certificate)));
  return certificate;
}

/// Impl holds the authority and the template: the parts of a leaf that never change.
struct X509Issuer::Impl {
  spiffe::TrustDomain trust_domain;
  crypto::Certificate ca;
  std::shared_ptr<const crypto::Signer> key;
  Random& random;

  std::string authority_id = HexEncode(ca.subject_key_id);
  Bytes algorithm = parts::SignatureAlgorithm(key->public_key().type());
  Bytes default_subject = parts::Name({"US", "SPIRE", ""});
  Bytes usage = parts::LeafKeyUsage();
  Bytes extended_usage = parts::ServerAndClientAuth();
  Bytes constraints = parts::LeafBasicConstraints();
  Bytes authority_key_id = parts::AuthorityKeyId(ca.subject_key_id);
  /// Kinds whose first certificate had its signature verified.
  mutable std::array<std::atomic<bool>, 3> verified{};

  Status CheckParams(Kind kind, const SvidParams& params) const;
  Result<Bytes> Subject(const SvidParams& params) const;
  Result<crypto::Certificate> Assemble(const SvidParams& params, SystemTime not_before,
                                       SystemTime not_after) const;
  Status Judge(Kind kind, const SvidParams& params, const crypto::Certificate& svid,
               const std::pair<SystemTime, SystemTime>& validity) const;
};

Status X509Issuer::Impl::CheckParams(Kind kind, const SvidParams& params) const {
  const auto& id = params.spiffe_id;
  if (id.trust_domain() != trust_domain) {
    return InvalidArgument(id.ToString() + " is not of the trust domain " + trust_domain.name());
  }
  if (!id.has_path()) {
    return InvalidArgument(id.ToString() + " has no path; only authorities do without");
  }
  SIGNET_TRY(CheckId(kind, id));
  if (params.ttl < std::chrono::seconds(1)) {
    return InvalidArgument("the lifetime of an SVID must be at least a second");
  }
  for (const auto& name : params.dns_names) {
    SIGNET_TRY(CheckDnsName(name));
  }
  return {};
}

Result<Bytes> X509Issuer::Impl::Subject(const SvidParams& params) const {
  constexpr std::size_t kEmptySequence = 2;
  const bool own = !params.subject || params.subject->size() <= kEmptySequence;
  const Bytes& base = own ? default_subject : *params.subject;
  if (params.dns_names.empty() || params.dns_names.front().size() > kMaxCommonNameBytes) {
    return base;
  }
  return parts::WithCommonName(base, params.dns_names.front()).Context("subject of the request");
}

Result<crypto::Certificate> X509Issuer::Impl::Assemble(const SvidParams& params,
                                                       SystemTime not_before,
                                                       SystemTime not_after) const {
  SIGNET_TRY_ASSIGN(const Bytes subject, Subject(params));
  const auto serial = parts::NewSerial(random);
  const Bytes validity = parts::Validity(not_before, not_after);
  const Bytes key_id = parts::SubjectKeyId(params.public_key.subject_key_id());
  const Bytes names = parts::SubjectAltName(params.dns_names, params.spiffe_id.ToString());
  const Bytes tbs = parts::Tbs(
      {.serial = serial.der,
       .algorithm = algorithm,
       .issuer = ca.subject,
       .validity = validity,
       .subject = subject,
       .spki = params.public_key.spki(),
       .extensions = {usage, extended_usage, constraints, key_id, authority_key_id, names}});
  SIGNET_TRY_ASSIGN(const Bytes der, parts::SignTbs(*key, tbs, algorithm));
  return crypto::Certificate::Parse(der).Context("checking the finished certificate");
}

Status X509Issuer::Impl::Judge(Kind kind, const SvidParams& params, const crypto::Certificate& svid,
                               const std::pair<SystemTime, SystemTime>& validity) const {
  SIGNET_TRY(LintStatus(LintSvid(svid, {.ca = ca,
                                        .public_key = params.public_key,
                                        .spiffe_id = params.spiffe_id,
                                        .dns_names = params.dns_names,
                                        .not_before = validity.first,
                                        .not_after = validity.second})));
  auto& verified_kind = verified.at(static_cast<std::size_t>(kind));
  if (!verified_kind.load(std::memory_order_relaxed)) {
    SIGNET_TRY(LintStatus(LintSignature(svid, ca)));
    verified_kind.store(true, std::memory_order_relaxed);
  }
  return {};
}

Result<std::shared_ptr<const X509Issuer>> X509Issuer::Create(
    const spiffe::TrustDomain& trust_domain, const crypto::Certificate& ca,
    std::shared_ptr<const crypto::Signer> key, Random& random) {
  if (key->public_key().spki() != ca.spki) {
    return FailedPrecondition("the key is not that of the authority's certificate");
  }
  const Violations violations = LintCa(ca, trust_domain);
  if (!violations.empty()) {
    return FailedPrecondition("the certificate is no authority of " + trust_domain.name() + ": " +
                              violations.front());
  }
  return std::make_shared<const X509Issuer>(
      std::unique_ptr<Impl>(new Impl{trust_domain, ca, std::move(key), random}));
}

X509Issuer::X509Issuer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
X509Issuer::~X509Issuer() = default;

Result<IssuedSvid> X509Issuer::Issue(Kind kind, const SvidParams& params, SystemTime now) const {
  SIGNET_TRY(impl_->CheckParams(kind, params));
  const auto& ca = impl_->ca;
  const SystemTime not_before = WholeSeconds(now - kBackdate);
  const SystemTime not_after = std::min(WholeSeconds(now + params.ttl), ca.not_after);
  if (not_after <= now) {
    return FailedPrecondition("the authority expired at " + FormatTime(ca.not_after) +
                              "; a new one must be activated first");
  }
  if (not_after <= ca.not_before) {
    return FailedPrecondition("the clock says " + FormatTime(now) +
                              ", the authority is valid from " + FormatTime(ca.not_before) +
                              " on: the SVID would never be valid; set the clock");
  }
  SIGNET_TRY_ASSIGN(auto svid, impl_->Assemble(params, not_before, not_after));
  SIGNET_TRY(impl_->Judge(kind, params, svid, {not_before, not_after}));
  IssuedSvid issued{.certificate = std::move(svid.der),
                    .chain = {},
                    .serial_decimal = std::move(svid.serial_decimal),
                    .not_before = not_before,
                    .not_after = not_after};
  issued.chain = {issued.certificate};
  return issued;
}

Result<crypto::Certificate> X509Issuer::CrossCertify(const ForeignRoot& root,
                                                     SystemTime now) const {
  return issuance::CrossCertify({*impl_->key, impl_->ca, impl_->random}, root, now);
}

const crypto::Certificate& X509Issuer::authority() const { return impl_->ca; }
const std::string& X509Issuer::authority_id() const { return impl_->authority_id; }

}  // namespace signet::issuance
