#include "workload-api/sds/secret_name.h"

namespace signet::sds {
namespace {

using Kind = SecretName::Kind;

constexpr std::string_view kTlsOnly = "tls-only:";

SecretName Bundle(std::string_view text, const Options& options) {
  // The name for all bundles first: Istio's users give it the name ROOTCA.
  if (text == options.default_all_bundles_name) {
    return {.kind = Kind::kAllBundles};
  }
  if (text == options.default_bundle_name) {
    return {.kind = options.rootca_includes_federated ? Kind::kOwnOrAllBundles : Kind::kOwnBundle};
  }
  auto id = spiffe::SpiffeId::Parse(text);
  if (id.ok() && !id->has_path()) {
    return {.kind = Kind::kBundle, .id = std::move(id).value()};
  }
  return {};
}

SecretName Svid(std::string_view text, const Options& options) {
  const std::string& name = options.default_svid_name;
  if (text == name) {
    return {.kind = Kind::kDefaultSvid};
  }
  if (text.starts_with(name + "#") && text.size() > name.size() + 1) {
    return {.kind = Kind::kDefaultSvid, .hint = std::string(text.substr(name.size() + 1))};
  }
  auto id = spiffe::SpiffeId::Parse(text);
  if (id.ok() && id->has_path()) {
    return {.kind = Kind::kSvid, .id = std::move(id).value()};
  }
  return {};
}

}  // namespace

SecretName ParseSecretName(std::string_view text, const Options& options) {
  if (text.starts_with(kTlsOnly)) {
    SecretName name = Bundle(text.substr(kTlsOnly.size()), options);
    name.tls_only = true;
    return name;
  }
  SecretName name = Svid(text, options);
  if (name.kind == Kind::kUnknown) {
    name = Bundle(text, options);
  }
  if (name.kind != Kind::kUnknown) {
    return name;
  }
  if (text == kTicketKeysName) {
    return {.kind = Kind::kTicketKeys};
  }
  if (text == kSystemRootsName) {
    return {.kind = Kind::kSystemRoots};
  }
  if (text.starts_with("file-cert:") || text.starts_with("file-root:")) {
    return {.kind = Kind::kOtherFile};
  }
  return {};
}

}  // namespace signet::sds
