#pragma once

#include <string>

namespace signet::sds {

/// Options are SPIRE's block `sds{}` and ours beside it.
struct Options {
  std::string default_svid_name = "default";
  std::string default_bundle_name = "ROOTCA";
  std::string default_all_bundles_name = "ALL";
  bool disable_spiffe_cert_validation = false;  ///< unless the client's metadata say otherwise
  bool rootca_includes_federated = false;       ///< default_bundle_name means what ALL does (Istio)
  bool strict = false;  ///< a name that cannot be served ends its stream, as in SPIRE
  std::string system_roots_path = {};  ///< PEM file for "file-root:system"; empty: none
};

}  // namespace signet::sds
