#include "workload-api/csi/mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/files.h"

namespace signet::csi {
namespace {

constexpr char kMount[] = "mount";  // the last segment of every target path
constexpr int kMaxLayers = 16;

/// OpenBeneath opens a folder below another one; a symbolic link anywhere on the way is an error.
UniqueFd OpenBeneath(int folder, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
}

UniqueFd OpenFolder(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

bool IsSameFolder(int a, int b) {
  struct stat one {};
  struct stat two {};
  return ::fstat(a, &one) == 0 && ::fstat(b, &two) == 0 && one.st_dev == two.st_dev &&
         one.st_ino == two.st_ino;
}

bool IsMountRoot(int folder) {
  struct statx info {};
  return ::statx(folder, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &info) == 0 &&
         (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Error Failed(const std::string& what) {
  const int why = errno;
  const char* hint = why == EPERM
                         ? "; the agent's container must be privileged, with mountPropagation: "
                           "Bidirectional on the kubelet's pods folder"
                         : "";
  return Internal(what + ": " + ErrnoText(why) + hint);
}

/// Attach mounts a restricted picture of `source` on `target`. The restrictions are set on the
/// detached mount: those of a mount that is attached already would not reach its propagated copies,
/// which are what the pod gets.
Status Attach(int source, int target) {
  const UniqueFd picture(
      ::open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!picture) {
    return Failed("cannot clone the mount of the pod's socket folder");
  }
  mount_attr restrictions{};
  restrictions.attr_set =
      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  restrictions.propagation = MS_PRIVATE;
  if (::mount_setattr(picture.get(), "", AT_EMPTY_PATH, &restrictions, sizeof restrictions) != 0) {
    return Failed("cannot make the mount of the pod's socket folder read-only");
  }
  if (::move_mount(picture.get(), "", target, "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return Failed("cannot mount the pod's socket folder at target_path");
  }
  return {};
}

/// Detach takes all mounts off <parent>/mount and leaves the bare folder.
Status Detach(int parent) {
  for (int i = 0; i < kMaxLayers; ++i) {
    const UniqueFd target = OpenBeneath(parent, kMount);
    if (!target || !IsMountRoot(target.get())) {
      return {};
    }
    // Through the descriptor, so that it is what was looked at.
    const std::string path = "/proc/self/fd/" + std::to_string(target.get());
    if (::umount2(path.c_str(), MNT_DETACH) != 0) {
      return Failed("cannot unmount target_path");
    }
  }
  return Internal("too many mounts are stacked on target_path");
}

}  // namespace

Result<std::unique_ptr<KubeletMounts>> KubeletMounts::Open(const std::string& kubelet_dir) {
  UniqueFd root(::open(kubelet_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) {
    return FailedPrecondition("csi.kubelet_dir " + kubelet_dir + ": " + ErrnoText(errno) +
                              "; mount the kubelet's root directory into the agent's container at "
                              "the same path");
  }
  return std::unique_ptr<KubeletMounts>(new KubeletMounts(std::move(root)));
}

UniqueFd KubeletMounts::OpenParent(const TargetPath& target) const {
  return OpenBeneath(root_.get(), target.parent);
}

Status KubeletMounts::Bind(const std::string& source, const TargetPath& target) {
  const UniqueFd folder = OpenFolder(source);
  if (!folder) {
    return Failed("cannot open the pod's socket folder");
  }
  const UniqueFd parent = OpenParent(target);
  if (!parent) {
    return FailedPrecondition("the folder of target_path cannot be opened: " + ErrnoText(errno));
  }
  if (UniqueFd present = OpenBeneath(parent.get(), kMount);
      present && IsSameFolder(folder.get(), present.get())) {
    return {};
  }
  SIGNET_TRY(Detach(parent.get()));
  if (::mkdirat(parent.get(), kMount, 0755) != 0 && errno != EEXIST) {
    return Failed("cannot make target_path");
  }
  const UniqueFd place = OpenBeneath(parent.get(), kMount);
  if (!place) {
    return FailedPrecondition("target_path is no folder: " + ErrnoText(errno));
  }
  return Attach(folder.get(), place.get());
}

bool KubeletMounts::IsBound(const std::string& source, const TargetPath& target) const {
  const UniqueFd folder = OpenFolder(source);
  const UniqueFd parent = OpenParent(target);
  const UniqueFd present = parent ? OpenBeneath(parent.get(), kMount) : UniqueFd();
  return folder && present && IsSameFolder(folder.get(), present.get());
}

Status KubeletMounts::Unbind(const TargetPath& target) {
  const UniqueFd parent = OpenParent(target);
  if (!parent) {
    return errno == ENOENT ? Status{}
                           : FailedPrecondition("the folder of target_path cannot be opened: " +
                                                ErrnoText(errno));
  }
  SIGNET_TRY(Detach(parent.get()));
  if (::unlinkat(parent.get(), kMount, AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return Failed("cannot remove target_path");
  }
  return {};
}

}  // namespace signet::csi
