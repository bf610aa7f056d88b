#pragma once

#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/spiffe/bundle.h"
#include "workload-api/manager/agent_identity.h"

namespace signet::manager {

/// StateDir keeps what must survive the agent: its identity (key and certificate in one file, so
/// that they always belong together) and the trust bundle. Files are replaced atomically, 0600; the
/// folder is 0700.
class StateDir {
 public:
  /// Open makes the folder if need be and checks that it can be written.
  static Result<StateDir> Open(std::string path, spiffe::TrustDomain trust_domain);

  /// LoadIdentity gives nullopt when there is none. A file that others may read, that belongs to
  /// another trust domain or cannot be understood is FAILED_PRECONDITION and names the way out.
  Result<std::optional<AgentIdentity>> LoadIdentity() const;
  Status SaveIdentity(const AgentIdentity& identity) const;
  Status DeleteIdentity() const;

  Result<std::optional<spiffe::Bundle>> LoadBundle() const;
  Status SaveBundle(const spiffe::Bundle& bundle) const;

  std::string identity_path() const { return path_ + "/agent_svid.pem"; }
  std::string bundle_path() const { return path_ + "/bundle.json"; }

 private:
  StateDir(std::string path, spiffe::TrustDomain trust_domain)
      : path_(std::move(path)), trust_domain_(std::move(trust_domain)) {}
  std::string path_;
  spiffe::TrustDomain trust_domain_;
};

}  // namespace signet::manager
