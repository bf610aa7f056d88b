#include "ca/service/context.h"

namespace signet::service {

spiffe::SpiffeId ServerId(const spiffe::TrustDomain& trust_domain) {
  return spiffe::SpiffeId::FromParts(trust_domain, "/spire/server").value();
}

}  // namespace signet::service
