#pragma once

// Private to workload-api/delivery.

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/spiffe/bundle.h"
#include "workload-api/delivery/material.h"

namespace signet::delivery {

/// Trust is the roots of a material, each checked to be a CA certificate: a server that meets one
/// broken certificate in its CA file refuses the whole file.
struct Trust {
  spiffe::Bundle own;
  std::vector<spiffe::Bundle> foreign = {};  ///< by name; none of them empty
};

/// CheckTrust fails on a broken root of the own trust domain, or none. Foreign ones that are broken
/// are left out, with a line each.
Result<Trust> CheckTrust(const Material& material, std::vector<std::string>& left_out);

/// ConstrainedRoots gives the cross-certificates that stand for the foreign roots: of the same name
/// and key, and signed by a root of the own trust domain. A root without one is left out, with a
/// line that names `file`.
std::vector<Bytes> ConstrainedRoots(const Trust& trust, const Material& material,
                                    const std::string& file, std::vector<std::string>& left_out);

/// MappableBundles gives all bundles without the roots whose keys have no JSON form.
std::vector<spiffe::Bundle> MappableBundles(const Trust& trust, const std::string& file,
                                            std::vector<std::string>& left_out);

}  // namespace signet::delivery
