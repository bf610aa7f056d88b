#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet::attestor {

/// CgroupIdOf asks the kernel for the number of the cgroup v2 group that the process behind a pidfd
/// is in (PIDFD_GET_INFO, Linux 6.13). nullopt: the kernel does not tell, or the process is gone.
std::optional<std::uint64_t> CgroupIdOf(int pidfd);

/// CgroupTree is the machine's cgroup v2 tree as this process sees it. The number of a group is the
/// inode of its directory, so that a path read from procfs can be held against what the kernel says
/// of the pinned process: neither a pid that was used again nor a move to another group goes unseen
/// (kubernetes.md §1.8).
class CgroupTree {
 public:
  /// Open takes the first of the mounts that shows this very process under the path that
  /// /proc/self/cgroup gives. FAILED_PRECONDITION: none does, or the kernel does not tell numbers.
  static Result<CgroupTree> Open(const std::vector<std::string>& mounts);

  /// Check: PERMISSION_DENIED unless the process is in the group of that path. A path that leaves
  /// our cgroup namespace ("/../…") cannot be looked up and passes.
  Status Check(int pidfd, std::string_view path) const;

  const std::string& mount() const { return mount_; }

 private:
  explicit CgroupTree(std::string mount) : mount_(std::move(mount)) {}
  std::string mount_;
};

}  // namespace signet::attestor
