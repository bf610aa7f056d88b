#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/spiffe/spiffe_id.h"
#include "workload-api/sds/options.h"

namespace signet::sds {

/// SecretName is what a resource name asks for.
struct SecretName {
  enum class Kind {
    kDefaultSvid,  ///< `hint` chooses, empty: the first
    kSvid,         ///< of `id`
    kOwnBundle,
    kAllBundles,
    kOwnOrAllBundles,  ///< all for Envoy's SPIFFE validator, else the own
    kBundle,           ///< of `id`'s trust domain
    kTicketKeys,
    kSystemRoots,
    kOtherFile,  ///< Istio's file-cert:… and file-root:…, which are not ours to read
    kUnknown,
  };
  Kind kind = Kind::kUnknown;
  std::string hint = {};
  std::optional<spiffe::SpiffeId> id = {};
  bool tls_only = false;  ///< "tls-only:<bundle>": never Envoy's SPIFFE validator
};

/// ParseSecretName understands every text; one that means nothing is kUnknown.
SecretName ParseSecretName(std::string_view text, const Options& options);

inline constexpr std::string_view kTicketKeysName = "ticket-keys";
inline constexpr std::string_view kSystemRootsName = "file-root:system";

}  // namespace signet::sds
