#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "workload-api/csi/pod.h"

namespace signet::csi {

/// Mounts puts folders where the kubelet wants them. Used by one thread at a time.
class Mounts {
 public:
  virtual ~Mounts() = default;
  /// Bind makes the folder `source` appear at the target, read-only, without devices, set-uid or
  /// programs. What else was mounted there is taken away; the same folder is left as it is.
  virtual Status Bind(const std::string& source, const TargetPath& target) = 0;
  /// IsBound: the folder at the target is `source`.
  virtual bool IsBound(const std::string& source, const TargetPath& target) const = 0;
  /// Unbind takes away whatever is mounted at the target, and the target. Nothing there is fine.
  virtual Status Unbind(const TargetPath& target) = 0;
};

/// KubeletMounts is Linux (5.12 or newer) below the kubelet's folder. No symbolic link is followed
/// on the way to a target, and the mount gets its restrictions before it is attached, so that they
/// also hold where it is propagated to.
class KubeletMounts final : public Mounts {
 public:
  /// Open fails if the folder does not exist.
  static Result<std::unique_ptr<KubeletMounts>> Open(const std::string& kubelet_dir);

  Status Bind(const std::string& source, const TargetPath& target) override;
  bool IsBound(const std::string& source, const TargetPath& target) const override;
  Status Unbind(const TargetPath& target) override;

 private:
  explicit KubeletMounts(UniqueFd root) : root_(std::move(root)) {}
  UniqueFd OpenParent(const TargetPath& target) const;

  const UniqueFd root_;
};

}  // namespace signet::csi
