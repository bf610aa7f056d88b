#include "workload-api/client/x509_context.h"

#include <set>
#include <utility>

#include "core/crypto/certificate.h"
#include "core/spiffe/bundle.h"
#include "core/spiffe/trust_domain.h"

namespace signet::client {
namespace {

Status RequireMandatoryFields(const X509Message::Svid& svid) {
  const auto missing = [](const char* field) {
    return InvalidArgument(std::string("the mandatory field ") + field + " is empty");
  };
  if (svid.spiffe_id.empty()) {
    return missing("spiffe_id");
  }
  if (svid.x509_svid.empty()) {
    return missing("x509_svid");
  }
  if (svid.key.empty()) {
    return missing("x509_svid_key");
  }
  if (svid.bundle.empty()) {
    return missing("bundle");
  }
  return {};
}

Result<X509Identity> BuildIdentity(const X509Message::Svid& wire) {
  SIGNET_TRY(RequireMandatoryFields(wire));
  SIGNET_TRY_ASSIGN(const spiffe::SpiffeId id, spiffe::SpiffeId::Parse(wire.spiffe_id));
  SIGNET_TRY_ASSIGN(crypto::X509Svid svid, crypto::X509Svid::Parse(wire.x509_svid));
  if (svid.id != id) {
    return InvalidArgument("the certificate is for " + svid.id.ToString());
  }
  SIGNET_TRY_ASSIGN(auto key, crypto::PrivateKey::FromPkcs8(wire.key));
  if (key->public_key().spki() != svid.leaf().spki) {
    return InvalidArgument("the private key does not belong to the certificate");
  }
  return X509Identity{std::move(svid), std::move(key), wire.hint};
}

/// AddBundle trusts a bundle, unless the trust domain has one already.
Status AddBundle(const spiffe::TrustDomain& trust_domain, ByteView concatenated,
                 X509Context& context) {
  if (context.trust_stores.contains(trust_domain)) {
    return {};
  }
  spiffe::Bundle bundle{trust_domain};
  if (!concatenated.empty()) {
    SIGNET_TRY_ASSIGN(auto authorities, crypto::ParseCertificateList(concatenated));
    for (crypto::Certificate& authority : authorities) {
      bundle.x509_authorities.push_back({std::move(authority.der)});
    }
  }
  SIGNET_TRY_ASSIGN(auto store, crypto::TrustStore::Create(bundle));
  context.trust_stores.emplace(trust_domain, std::move(store));
  for (spiffe::X509Authority& authority : bundle.x509_authorities) {
    context.bundles[trust_domain].push_back(std::move(authority.der));
  }
  return {};
}

Status AddIdentities(std::vector<X509Message::Svid>& svids, X509Context& context) {
  std::set<std::string> hints;
  for (std::size_t i = 0; i < svids.size(); ++i) {
    const X509Message::Svid& wire = svids[i];
    if (!wire.hint.empty() && !hints.insert(wire.hint).second) {
      context.warnings.push_back("svids[" + std::to_string(i) +
                                 "] left out: an earlier one has the same hint");
      continue;
    }
    const std::string place = "svids[" + std::to_string(i) + "]";
    SIGNET_TRY_ASSIGN(X509Identity identity, BuildIdentity(wire).Context(place));
    const spiffe::TrustDomain& own = identity.id().trust_domain();
    SIGNET_TRY(AddBundle(own, wire.bundle, context).Context(place + ".bundle"));
    context.identities.push_back(std::move(identity));
  }
  return {};
}

// The bundle of an own trust domain comes with the identity; a federated entry of the same name
// cannot replace it.
void AddFederated(const std::map<std::string, Bytes>& federated, X509Context& context) {
  for (const auto& [name, bundle] : federated) {
    const auto leave_out = [&, &key = name](const Error& error) {
      context.warnings.push_back("federated bundle \"" + key.substr(0, 300) +
                                 "\" left out: " + error.message);
    };
    const auto trust_domain = spiffe::TrustDomain::ParseNameOrId(name);
    if (!trust_domain.ok()) {
      leave_out(trust_domain.error());
      continue;
    }
    const Status added = AddBundle(*trust_domain, bundle, context);
    if (!added.ok()) {
      leave_out(added.error());
    }
  }
}

}  // namespace

Result<X509Context> BuildX509Context(X509Message message, const SvidPicker& picker) {
  if (message.svids.empty()) {
    return InvalidArgument("the Workload API sent no identity (svids is empty)");
  }
  X509Context context;
  SIGNET_TRY(AddIdentities(message.svids, context));
  AddFederated(message.federated_bundles, context);
  if (picker) {
    context.default_index = picker(context.identities);
    if (context.default_index >= context.identities.size()) {
      return InvalidArgument("the picker found none of the identities suitable");
    }
  }
  return context;
}

}  // namespace signet::client
