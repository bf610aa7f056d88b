#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "workload-api/delivery/layout.h"

namespace signet::delivery {

/// GenerationDir publishes sets of files so that a reader sees the old set or the new one and never
/// a mixture:
///
///   DIR/..gen-<hash>/svid.pem      one folder for each set: written, owned, fsynced, then never
///   touched again DIR/..current -> ..gen-<hash>  replaced by one rename: the switch DIR/svid.pem
///   -> ..current/svid.pem
///
/// The newest set and the one before it are kept; older ones go after a successful switch. Whatever
/// fails before the switch leaves the published set as it was, and its own leftovers are removed,
/// now or at the next Open. A folder that a crash left behind is never mistaken for a published
/// one. One process at a time (lock file `..lock`).
class GenerationDir {
 public:
  /// Open makes the folder (0755, its parents must exist) or takes over what is there. Refuses a
  /// folder that others may write to or that is a symbolic link, and a place that another process
  /// has locked.
  static Result<GenerationDir> Open(const std::string& path);
  GenerationDir(GenerationDir&&) noexcept;
  GenerationDir& operator=(GenerationDir&&) noexcept;
  ~GenerationDir();

  struct Published {
    std::string generation;  ///< name of its folder
    bool changed = false;    ///< false: these very files were published already
  };
  /// Publish writes the set and switches to it. A visible name that is taken by something that is
  /// not ours (a plain file, another link) is an error before the switch, and is left alone. Names
  /// that the new set does not have vanish after the switch.
  Result<Published> Publish(const std::vector<RenderedFile>& files);

  /// Current is the published generation's name, or empty.
  std::string Current() const;
  const std::string& path() const { return path_; }

 private:
  GenerationDir(std::string path, UniqueFd dir, UniqueFd lock);
  std::string path_;
  UniqueFd dir_;
  UniqueFd lock_;
};

}  // namespace signet::delivery
