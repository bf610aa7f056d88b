#include "workload-api/delivery/material.h"

#include "core/crypto/key.h"
#include "core/crypto/x509_svid.h"

namespace signet::delivery {
namespace {

Result<crypto::TrustStores> OwnStore(const Material& material) {
  const spiffe::TrustDomain& trust_domain = material.id.trust_domain();
  spiffe::Bundle bundle{.trust_domain = trust_domain};
  if (const auto found = material.bundles.find(trust_domain); found != material.bundles.end()) {
    for (const Bytes& der : found->second) {
      bundle.x509_authorities.push_back({.der = der});
    }
  }
  SIGNET_TRY_ASSIGN(auto store, crypto::TrustStore::Create(bundle));
  return crypto::TrustStores{{trust_domain, std::move(store)}};
}

Status CheckParts(const Material& material, SystemTime now) {
  SIGNET_TRY_ASSIGN(const crypto::TrustStores stores, OwnStore(material));
  SIGNET_TRY_ASSIGN(const crypto::X509Svid svid,
                    crypto::VerifyX509Svid(material.chain, stores, now));
  if (svid.id != material.id) {
    return InvalidArgument("the certificate is that of " + svid.id.ToString());
  }
  SIGNET_TRY_ASSIGN(const auto key, crypto::PrivateKey::FromPkcs8(material.key));
  if (key->public_key().spki() != svid.leaf().spki) {
    return InvalidArgument("the private key is not that of the certificate");
  }
  return {};
}

}  // namespace

Status CheckUsable(const Material& material, SystemTime now) {
  const Status checked = CheckParts(material, now);
  if (!checked.ok()) {
    return FailedPrecondition("the identity " + material.id.ToString() +
                              " is not usable: " + checked.error().message);
  }
  return {};
}

}  // namespace signet::delivery
