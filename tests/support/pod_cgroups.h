#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace signet::test {

/// PodCgroups makes cgroup v2 groups as the kubelet and a runtime do, below a folder of its own,
/// and removes them at the end. Needs root and a cgroup2 mount.
class PodCgroups {
 public:
  /// FAILED_PRECONDITION: this machine does not let us.
  static Result<PodCgroups> Create();
  ~PodCgroups();
  PodCgroups(PodCgroups&& other) noexcept;
  PodCgroups& operator=(PodCgroups&&) = delete;

  /// Make makes a group (and those above it) and returns its path as /proc/<pid>/cgroup shows it.
  /// `path` is what comes after the folder, e.g. "/kubepods/pod<uid>/<container id>".
  std::string Make(const std::string& path);
  /// Move puts a process into a group that Make returned.
  void Move(int pid, const std::string& group) const;

  const std::string& mount() const { return mount_; }

 private:
  PodCgroups(std::string mount, std::string folder);
  std::string mount_;
  std::string folder_;
  std::vector<std::string> made_;  ///< directories, parents first
};

}  // namespace signet::test
