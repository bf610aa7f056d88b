#include "workload-api/delivery/trust.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/crypto/bundle_codec.h"
#include "core/crypto/certificate.h"
#include "core/crypto/hash.h"
#include "core/crypto/key.h"

namespace signet::delivery {
namespace {

using crypto::Certificate;

/// Describe names a root for people, who can find it with `openssl x509 -fingerprint -sha256`.
std::string Describe(const spiffe::TrustDomain& trust_domain, ByteView der) {
  return "a root of " + trust_domain.name() + " (SHA-256 " +
         HexEncode(crypto::Sha256(der)).substr(0, 16) + "…)";
}

/// SignedByOneOf: some of the roots has signed this certificate.
bool SignedByOneOf(const Certificate& certificate, const std::vector<Certificate>& roots) {
  return std::any_of(roots.begin(), roots.end(), [&](const Certificate& root) {
    const auto key = crypto::PublicKey::FromSpki(root.spki);
    return root.subject == certificate.issuer && key.ok() &&
           key->Verify(certificate.signature_algorithm, certificate.tbs, certificate.signature)
               .ok();
  });
}

std::vector<Certificate> ParseAll(const std::vector<spiffe::X509Authority>& authorities) {
  std::vector<Certificate> out;
  for (const spiffe::X509Authority& authority : authorities) {
    if (auto certificate = Certificate::Parse(authority.der); certificate.ok()) {
      out.push_back(*std::move(certificate));
    }
  }
  return out;
}

/// CrossCertificates gives what our CA has issued for a trust domain. A certificate that somebody
/// else signed could be the foreign root itself, without constraints.
std::vector<Certificate> CrossCertificates(const Material& material,
                                           const spiffe::TrustDomain& trust_domain,
                                           const std::vector<Certificate>& own) {
  std::vector<Certificate> out;
  const auto found = material.cross_certificates.find(trust_domain);
  if (found == material.cross_certificates.end()) {
    return out;
  }
  for (const Bytes& der : found->second) {
    auto certificate = Certificate::Parse(der);
    if (certificate.ok() && certificate->is_ca && !certificate->name_constraints.empty() &&
        SignedByOneOf(*certificate, own)) {
      out.push_back(*std::move(certificate));
    }
  }
  return out;
}

}  // namespace

Result<Trust> CheckTrust(const Material& material, std::vector<std::string>& left_out) {
  Trust trust{.own = {.trust_domain = material.id.trust_domain()}};
  for (const auto& [trust_domain, roots] : material.bundles) {
    const bool own = trust_domain == trust.own.trust_domain;
    spiffe::Bundle bundle{.trust_domain = trust_domain};
    for (const Bytes& der : roots) {
      const Status valid = crypto::ValidateAuthority(der);
      if (valid.ok()) {
        bundle.x509_authorities.push_back({.der = der});
      } else if (own) {
        return valid.error().Context(Describe(trust_domain, der));
      } else {
        left_out.push_back(Describe(trust_domain, der) +
                           " is left out of all files: " + valid.error().message);
      }
    }
    if (own) {
      trust.own = std::move(bundle);
    } else if (!bundle.x509_authorities.empty()) {
      trust.foreign.push_back(std::move(bundle));
    }
  }
  if (trust.own.x509_authorities.empty()) {
    return FailedPrecondition("there is no root of " + trust.own.trust_domain.name());
  }
  return trust;
}

std::vector<Bytes> ConstrainedRoots(const Trust& trust, const Material& material,
                                    const std::string& file, std::vector<std::string>& left_out) {
  std::vector<Bytes> out;
  const std::vector<Certificate> own = ParseAll(trust.own.x509_authorities);
  for (const spiffe::Bundle& bundle : trust.foreign) {
    const auto crosses = CrossCertificates(material, bundle.trust_domain, own);
    for (const Certificate& root : ParseAll(bundle.x509_authorities)) {
      const std::size_t before = out.size();
      for (const Certificate& cross : crosses) {
        if (cross.subject == root.subject && cross.spki == root.spki) {
          out.push_back(cross.der);
        }
      }
      if (out.size() == before) {
        left_out.push_back(file + ": " + Describe(bundle.trust_domain, root.der) +
                           " is left out: there is no cross-certificate of our CA for it");
      }
    }
  }
  return out;
}

std::vector<spiffe::Bundle> MappableBundles(const Trust& trust, const std::string& file,
                                            std::vector<std::string>& left_out) {
  std::vector<spiffe::Bundle> out = {trust.own};
  for (const spiffe::Bundle& bundle : trust.foreign) {
    spiffe::Bundle kept{.trust_domain = bundle.trust_domain};
    for (const spiffe::X509Authority& authority : bundle.x509_authorities) {
      const auto alone = crypto::WriteBundleMapJson(
          {{.trust_domain = bundle.trust_domain, .x509_authorities = {authority}}});
      if (alone.ok()) {
        kept.x509_authorities.push_back(authority);
      } else {
        left_out.push_back(file + ": " + Describe(bundle.trust_domain, authority.der) +
                           " is left out: " + alone.error().message);
      }
    }
    out.push_back(std::move(kept));
  }
  return out;
}

}  // namespace signet::delivery
