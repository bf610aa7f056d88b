#pragma once

#include "ca/service/registry.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/spiffe/trust_domain.h"

namespace signet::service {

/// Context is what every use case works on; all of it outlives the services.
struct Context {
  const spiffe::TrustDomain trust_domain;
  Registry& registry;
  const Clock& clock;
  Random& random;
  Logger& logger;
};

/// TtlPolicy holds the lifetimes that nobody asked otherwise for.
struct TtlPolicy {
  Duration x509_svid = std::chrono::hours(1);
  Duration agent = std::chrono::hours(1);
};

/// ServerId gives "spiffe://<td>/spire/server", the server's own ID and the parent of node aliases.
spiffe::SpiffeId ServerId(const spiffe::TrustDomain& trust_domain);

}  // namespace signet::service
