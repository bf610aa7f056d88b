#include "attestor/workload/k8s/cgroup_tree.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attestor/workload/proc_file.h"
#include "core/base/unique_fd.h"

namespace signet::attestor {
namespace {

/// PidfdInfo is the kernel's struct pidfd_info as of Linux 6.13; Debian 12's headers are older.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup_id;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);

constexpr std::uint64_t kInfoCgroupId = 1U << 2U;
constexpr unsigned long kGetInfo = _IOWR(0xFF, 11, PidfdInfo);
constexpr decltype(statfs::f_type) kCgroup2Magic = 0x63677270;
constexpr std::size_t kMaxCgroupFileBytes = 64 * 1024;

std::optional<std::uint64_t> Inode(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return status.st_ino;
}

/// IsCgroup2: roots of other file systems may well have the number that a root group has.
bool IsCgroup2(const std::string& path) {
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 && status.f_type == kCgroup2Magic;
}

/// UnifiedPath is the path of the cgroup v2 line.
std::string_view UnifiedPath(std::string_view text) {
  constexpr std::string_view kPrefix = "0::";
  std::size_t at = text.starts_with(kPrefix) ? 0 : text.find("\n0::");
  if (at == text.npos) {
    return {};
  }
  at += at == 0 ? kPrefix.size() : kPrefix.size() + 1;
  return text.substr(at, text.find('\n', at) - at);
}

}  // namespace

std::optional<std::uint64_t> CgroupIdOf(int pidfd) {
  PidfdInfo info{};
  info.mask = kInfoCgroupId;
  if (::ioctl(pidfd, kGetInfo, &info) != 0 || (info.mask & kInfoCgroupId) == 0) {
    return std::nullopt;
  }
  return info.cgroup_id;
}

Result<CgroupTree> CgroupTree::Open(const std::vector<std::string>& mounts) {
  const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  const auto id = self ? CgroupIdOf(self.get()) : std::nullopt;
  if (!id) {
    return FailedPrecondition(
        "the kernel does not tell the cgroup of a pidfd (PIDFD_GET_INFO, Linux 6.13)");
  }
  SIGNET_TRY_ASSIGN(const std::string text, ReadProcFile("/proc/self/cgroup", kMaxCgroupFileBytes));
  const std::string_view path = UnifiedPath(text);
  for (const std::string& mount : mounts) {
    if (!path.empty() && IsCgroup2(mount) && Inode(mount + std::string(path)) == id) {
      return CgroupTree(mount);
    }
  }
  return FailedPrecondition("no cgroup v2 tree that shows this process is mounted here");
}

Status CgroupTree::Check(int pidfd, std::string_view path) const {
  if (path.starts_with("/..")) {
    return {};
  }
  const auto id = CgroupIdOf(pidfd);
  if (id && Inode(mount_ + std::string(path)) == id) {
    return {};
  }
  return PermissionDenied("the calling process has moved to another cgroup");
}

}  // namespace signet::attestor
