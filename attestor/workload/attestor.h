#pragma once

#include <functional>
#include <memory>
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
  /// anchor is what the process may not cease to be while a stream of its is open; empty: the
  /// selectors themselves. With an anchor, the selectors may change (a pod's labels).
  std::string anchor = {};
  /// pending says, for people, which facts are still on their way: nothing may be served before
  /// they are here. Empty: the answer is whole.
  std::string pending = {};
  /// watch calls back once, perhaps at once, when asking again may give another answer; never after
  /// its handle has gone, but for a call that is under way. Must not be called with a lock that the
  /// callback takes. Null: only the process itself can change the answer.
  using Watch = std::function<std::shared_ptr<void>(std::function<void()> changed)>;
  Watch watch = nullptr;
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
