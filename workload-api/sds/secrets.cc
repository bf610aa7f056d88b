#include "workload-api/sds/secrets.h"

#include <algorithm>

#include "core/crypto/der.h"
#include "core/crypto/pem.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "workload-api/sds/wire.h"

namespace signet::sds {
namespace {

using envoy::extensions::transport_sockets::tls::v3::Secret;
using envoy::extensions::transport_sockets::tls::v3::SPIFFECertValidatorConfig;
using svids::Identity;
using Kind = SecretName::Kind;

constexpr char kValidator[] = "envoy.tls.cert_validator.spiffe";
constexpr char kValidatorType[] =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig";
constexpr char kOtherFile[] =
    "names of files are for Istio's own agent: its proxies send them here when the node metadata "
    "'file-credential' is not set, or when WORKLOAD_IDENTITY_SOCKET_FILE makes this agent their "
    "only source";

/// PemOf writes concatenated DER as PEM.
Result<std::string> PemOf(ByteView certificates) {
  std::string pem;
  crypto::der::Reader reader(certificates);
  while (!reader.AtEnd()) {
    SIGNET_TRY_ASSIGN(const crypto::der::Element certificate, reader.Next());
    pem += crypto::PemEncode("CERTIFICATE", certificate.whole);
  }
  return pem;
}

Resource Seal(const Secret& secret) {
  Resource resource{.version = {}, .secret = Serialize(secret)};
  resource.version = VersionOf(*resource.secret);
  return resource;
}

Result<Resource> Certificate(std::string_view name, const Identity& identity) {
  Secret secret;
  secret.set_name(std::string(name));
  auto& tls = *secret.mutable_tls_certificate();
  SIGNET_TRY_ASSIGN(std::string chain, PemOf(identity.svid->chain));
  tls.mutable_certificate_chain()->set_inline_bytes(std::move(chain));
  std::string& key = *tls.mutable_private_key()->mutable_inline_bytes();
  key = crypto::PemEncode("PRIVATE KEY", identity.svid->key.RevealSecret());
  Resource resource = Seal(secret);
  WipeText(key);
  return resource;
}

Resource PlainContext(std::string_view name, std::string pem) {
  Secret secret;
  secret.set_name(std::string(name));
  secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_bytes(std::move(pem));
  return Seal(secret);
}

Resource Ticket(std::string_view name, const std::vector<signet::Secret>& keys) {
  Secret secret;
  secret.set_name(std::string(name));
  for (const signet::Secret& key : keys) {
    const std::string_view bytes = AsText(key.RevealSecret());
    secret.mutable_session_ticket_keys()->add_keys()->set_inline_bytes(std::string(bytes));
  }
  Resource resource = Seal(secret);
  for (auto& key : *secret.mutable_session_ticket_keys()->mutable_keys()) {
    WipeText(*key.mutable_inline_bytes());
  }
  return resource;
}

/// Validated has Envoy choose the store by the peer's own trust domain.
template <class Bundles>
Result<Resource> Validated(std::string_view name, const Bundles& bundles) {
  SPIFFECertValidatorConfig config;
  for (const auto& [trust_domain, certificates] : bundles) {
    auto& added = *config.add_trust_domains();
    added.set_name(trust_domain->name());
    SIGNET_TRY_ASSIGN(std::string pem, PemOf(*certificates));
    added.mutable_trust_bundle()->set_inline_bytes(std::move(pem));
  }
  Secret secret;
  secret.set_name(std::string(name));
  auto& custom = *secret.mutable_validation_context()->mutable_custom_validator_config();
  custom.set_name(kValidator);
  custom.mutable_typed_config()->set_type_url(kValidatorType);
  custom.mutable_typed_config()->set_value(config.SerializeAsString());
  return Seal(secret);
}

}  // namespace

Result<const Identity*> Secrets::FindIdentity(std::string_view hint) const {
  for (const auto& identity : holdings_.identities) {
    if (hint.empty() || identity->entry.hint == hint) {
      return identity.get();
    }
  }
  return NotFound(hint.empty() ? "no identity has a valid X509-SVID at this moment"
                               : "no identity has this hint");
}

Result<const Identity*> Secrets::FindIdentity(const spiffe::SpiffeId& id) const {
  for (const auto& identity : holdings_.identities) {
    if (identity->entry.spiffe_id == id) {
      return identity.get();
    }
  }
  return NotFound("the caller has no such identity, or not yet an X509-SVID of it");
}

Secrets::Bundles Secrets::AllBundles() const {
  Bundles all;
  for (const auto& [trust_domain, certificates] : holdings_.bundles) {
    if (!certificates->empty()) {  // Envoy refuses a store without certificates, and all with it
      all.emplace_back(&trust_domain, certificates.get());
    }
  }
  return all;
}

Result<Secrets::Bundles> Secrets::OneBundle(const spiffe::TrustDomain& trust_domain) const {
  for (const auto& bundle : AllBundles()) {
    if (*bundle.first == trust_domain) {
      return Bundles{bundle};
    }
  }
  return NotFound(
      "no identity of the caller federates with this trust domain, or it has no bundle");
}

/// The keys are for those who have exactly the same identities and believe exactly the same roots.
std::string Secrets::TicketScope() const {
  std::string scope;
  for (const auto& identity : holdings_.identities) {
    scope += identity->entry.spiffe_id.ToString() + "\n";
  }
  for (const auto& [trust_domain, certificates] : holdings_.bundles) {
    scope += trust_domain.id() + " " + VersionOf(AsText(*certificates)) + "\n";
  }
  return scope;
}

bool Secrets::Plain(const SecretName& wanted) const {
  return wanted.tls_only || client_.before_spiffe_validator ||
         client_.disable_spiffe_validation.value_or(shop_.options.disable_spiffe_cert_validation);
}

Result<Resource> Secrets::FindContext(std::string_view name, const SecretName& wanted) const {
  const bool plain = Plain(wanted);
  const bool all = wanted.kind == Kind::kAllBundles || wanted.kind == Kind::kOwnOrAllBundles;
  if (plain && wanted.kind == Kind::kAllBundles && AllBundles().size() > 1) {
    return FailedPrecondition(
        "without Envoy's SPIFFE validator the roots of several trust domains in one context would "
        "let each of them forge the others; ask for one trust domain");
  }
  SIGNET_TRY_ASSIGN(const Bundles one,
                    OneBundle(wanted.id ? wanted.id->trust_domain() : holdings_.trust_domain));
  if (!plain) {
    return Validated(name, all ? AllBundles() : one);
  }
  SIGNET_TRY_ASSIGN(std::string pem, PemOf(*one.front().second));
  return PlainContext(name, std::move(pem));
}

Result<Resource> Secrets::Find(std::string_view name) {
  const SecretName wanted = ParseSecretName(name, shop_.options);
  switch (wanted.kind) {
    case Kind::kDefaultSvid: {
      SIGNET_TRY_ASSIGN(const Identity* identity, FindIdentity(wanted.hint));
      return Certificate(name, *identity);
    }
    case Kind::kSvid: {
      SIGNET_TRY_ASSIGN(const Identity* identity, FindIdentity(*wanted.id));
      return Certificate(name, *identity);
    }
    case Kind::kOwnBundle:
    case Kind::kAllBundles:
    case Kind::kOwnOrAllBundles:
    case Kind::kBundle:
      return FindContext(name, wanted);
    case Kind::kTicketKeys:
      SIGNET_TRY(FindIdentity(std::string_view()));
      return Ticket(name, shop_.ticket_keys.Keys(TicketScope()));
    case Kind::kSystemRoots: {
      SIGNET_TRY_ASSIGN(const auto roots, shop_.system_roots.Read());
      return PlainContext(name, *roots);
    }
    case Kind::kOtherFile:
      return NotFound(kOtherFile);
    case Kind::kUnknown:
      break;
  }
  return NotFound("this name means nothing here");
}

std::vector<std::string> Secrets::Names() {
  std::vector<std::string> names;
  for (const auto& identity : holdings_.identities) {
    const std::string id = identity->entry.spiffe_id.ToString();
    if (std::find(names.begin(), names.end(), id) == names.end()) {
      names.push_back(id);
    }
  }
  for (const auto& [trust_domain, certificates] : AllBundles()) {
    names.push_back(trust_domain->id());
  }
  return names;
}

std::string Secrets::Menu() {
  const Options& options = shop_.options;
  std::string menu = options.default_svid_name + ", " + options.default_bundle_name + ", " +
                     options.default_all_bundles_name;
  for (const auto& identity : holdings_.identities) {
    if (!identity->entry.hint.empty()) {
      menu += ", " + options.default_svid_name + "#" + identity->entry.hint;
    }
  }
  for (const std::string& name : Names()) {
    menu += ", " + name;
  }
  return menu;
}

}  // namespace signet::sds
