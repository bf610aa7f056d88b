#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/spiffe/trust_domain.h"
#include "workload-api/svids/identity.h"

namespace signet::svids {

/// CrossCertificates holds, for foreign trust domains, their roots as our CA has certified them
/// under name constraints, DER. Lists are replaced only when they mean something new, so that equal
/// pointers mean equal lists.
using CrossCertificates = std::map<spiffe::TrustDomain, std::shared_ptr<const std::vector<Bytes>>>;

/// Snapshot is all that the Workload API serves at one moment. Immutable; shared between threads.
struct Snapshot {
  std::uint64_t version = 0;  ///< rises with every snapshot
  SystemTime taken_at;
  spiffe::TrustDomain trust_domain;
  /// Oldest entry first (created_at, then id): the first match is a workload's default identity
  /// (WL-41).
  std::vector<std::shared_ptr<const Identity>> identities = {};
  /// X.509 authorities as concatenated DER, the own trust domain included (WL-16).
  std::map<spiffe::TrustDomain, std::shared_ptr<const Bytes>> bundles = {};
  CrossCertificates cross_certificates = {};
};

/// Matching gives the identities whose selectors are all among `selectors`, in order.
std::vector<std::shared_ptr<const Identity>> Matching(
    const Snapshot& snapshot, const std::vector<spiffe::Selector>& selectors);

/// ExplainMismatch says, for the log, which entry was nearest to matching and what it lacked.
std::string ExplainMismatch(const Snapshot& snapshot,
                            const std::vector<spiffe::Selector>& selectors);

}  // namespace signet::svids
