#include "workload-api/client/authorizer.h"

#include <algorithm>

namespace signet::client {
namespace {

Error NotAuthorized(const spiffe::SpiffeId& id, const std::string& wanted) {
  return PermissionDenied(id.ToString() + " is not authorized; " + wanted);
}

}  // namespace

Status Authorizer::Authorize(const spiffe::SpiffeId& id) const noexcept {
  try {
    return judge_(id);
  } catch (...) {
    // An empty function throws too. The callers are C callbacks of the TLS library, which no
    // exception may cross.
    return PermissionDenied("the authorizer failed");
  }
}

Authorizer AuthorizeId(spiffe::SpiffeId id) {
  return AuthorizeIf([wanted = std::move(id)](const spiffe::SpiffeId& peer) -> Status {
    if (peer == wanted) {
      return {};
    }
    return NotAuthorized(peer, "wanted " + wanted.ToString());
  });
}

Authorizer AuthorizeOneOf(std::vector<spiffe::SpiffeId> ids) {
  return AuthorizeIf([wanted = std::move(ids)](const spiffe::SpiffeId& peer) -> Status {
    if (std::find(wanted.begin(), wanted.end(), peer) != wanted.end()) {
      return {};
    }
    return NotAuthorized(peer, "it is none of the " + std::to_string(wanted.size()) + " listed");
  });
}

Authorizer AuthorizeMemberOf(spiffe::TrustDomain trust_domain) {
  return AuthorizeIf([wanted = std::move(trust_domain)](const spiffe::SpiffeId& peer) -> Status {
    if (peer.trust_domain() == wanted) {
      return {};
    }
    return NotAuthorized(peer, "wanted a member of " + wanted.name());
  });
}

Result<Authorizer> AuthorizePathPrefix(spiffe::TrustDomain trust_domain, std::string prefix) {
  const bool below_only = prefix.ends_with('/');
  const std::string path = below_only ? prefix.substr(0, prefix.size() - 1) : std::move(prefix);
  if (path.empty()) {
    return InvalidArgument(
        "a path prefix like /ns/prod is needed; for a whole trust domain use "
        "AuthorizeMemberOf");
  }
  SIGNET_TRY(spiffe::ValidatePath(path).Context("path prefix \"" + path + "\""));
  return AuthorizeIf([wanted = std::move(trust_domain), path,
                      below_only](const spiffe::SpiffeId& peer) -> Status {
    const bool inside = peer.path().starts_with(path + "/") || (!below_only && peer.path() == path);
    if (peer.trust_domain() == wanted && inside) {
      return {};
    }
    return NotAuthorized(peer,
                         "wanted " + wanted.id() + path + (below_only ? "/*" : " or below it"));
  });
}

Authorizer AuthorizeAnyOf(std::vector<Authorizer> authorizers) {
  return AuthorizeIf([any = std::move(authorizers)](const spiffe::SpiffeId& peer) -> Status {
    std::string reasons;
    for (const Authorizer& authorizer : any) {
      Status status = authorizer.Authorize(peer);
      if (status.ok()) {
        return {};
      }
      reasons += "; " + status.error().message;
    }
    return PermissionDenied("none of " + std::to_string(any.size()) + " authorizers lets " +
                            peer.ToString() + " in" + reasons);
  });
}

Authorizer AuthorizeAnyTrustedPeer() {
  return AuthorizeIf([](const spiffe::SpiffeId&) -> Status { return {}; });
}

Authorizer AuthorizeIf(Authorizer::Judge judge) { return Authorizer(std::move(judge)); }

}  // namespace signet::client
