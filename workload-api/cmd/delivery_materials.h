#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "workload-api/client/x509_context.h"
#include "workload-api/cmd/delivery_config.h"
#include "workload-api/delivery/material.h"
#include "workload-api/svids/view.h"

namespace signet::agent_cmd {

/// CrossCertificates are DER by foreign trust domain, see delivery::Material.
using CrossCertificates = std::map<spiffe::TrustDomain, std::vector<Bytes>>;

/// MaterialOf makes what a target gets of what the Workload API said. NOT_FOUND: none of the
/// identities is the chosen one; lists those that are there.
Result<std::shared_ptr<const delivery::Material>> MaterialOf(const client::X509Context& context,
                                                             const IdentityChoice& choice,
                                                             const CrossCertificates& cross);

/// The same of what the agent holds for a set of selectors.
Result<std::shared_ptr<const delivery::Material>> MaterialOf(const svids::Holdings& holdings,
                                                             const IdentityChoice& choice);

}  // namespace signet::agent_cmd
