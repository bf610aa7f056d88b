#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/rpc/call.h"
#include "core/spiffe/selector.h"

namespace signet::attestor {

/// AttestedWorkload is what is known of a calling process, proven while its pidfd still stood for
/// it.
struct AttestedWorkload {
  std::vector<spiffe::Selector> selectors;  ///< sorted, without duplicates
  std::string description;                  ///< for logs: "pid 17 (curl) uid 1000"
};

/// WorkloadAttestor turns a process into selectors. It may block on files, so it never runs on an
/// event loop. Safe for several threads.
class WorkloadAttestor {
 public:
  virtual ~WorkloadAttestor() = default;
  /// Attest reads what the kernel says of the process. PERMISSION_DENIED: the process is gone or is
  /// no longer the one that connected; UNAVAILABLE: the attestor could not tell, asking again may
  /// help.
  virtual Result<AttestedWorkload> Attest(const rpc::PeerProcess& process) = 0;
};

}  // namespace signet::attestor
