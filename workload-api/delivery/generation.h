#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "workload-api/delivery/folder.h"
#include "workload-api/delivery/layout.h"

namespace signet::delivery {

/// GenerationDir publishes sets of files so that a reader sees the old set or the new one and never
/// a mixture:
///
///   DIR/..gen-<hash>/svid.pem            one folder for each set: written, owned, synced, then
///                                        never touched again
///   DIR/..current -> ..gen-<hash>        replaced by one rename: the switch
///   DIR/..previous -> ..gen-<hash>       the set before it, for readers that are still at it
///   DIR/svid.pem -> ..current/svid.pem   what servers are told
///
/// Whatever fails before the switch leaves the published set as it was, and its own leftovers are
/// removed, now or at the next Open. A folder that a crash left behind is never mistaken for a
/// published one. One process at a time (lock file `..lock`).
///
/// A reader that opens two visible names, one after the other, can have the switch in between: it
/// must read again when it is told to (a reload action), take one file with all in it, or open
/// DIR/..current once and read below that.
class GenerationDir {
 public:
  /// Open makes the folder (0755, its parents must exist) or takes over what is there, and removes
  /// what a crash left. Refuses a folder that others may write to or that is a symbolic link, and a
  /// place that another process has locked.
  static Result<GenerationDir> Open(const std::string& path);

  struct Published {
    std::string generation;  ///< name of its folder
    bool changed = false;    ///< false: these very files were published already
  };
  /// Publish writes the set and switches to it. A visible name that is taken by something that is
  /// not ours (a plain file, another link) is an error before the switch, and is left alone. Names
  /// that the new set does not have vanish after the switch.
  ///
  /// What is published already is compared byte for byte, with owners and modes: if somebody has
  /// changed it, the set is written anew, to a folder of another name.
  Result<Published> Publish(const std::vector<RenderedFile>& files);

  /// Current is the published generation's name, or empty.
  std::string Current() const;
  const std::string& path() const { return folder_.path(); }

 private:
  GenerationDir(Folder folder, UniqueFd lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}
  Result<std::string> Target(const std::string& link) const;
  Status CheckVisible(const std::vector<RenderedFile>& files) const;
  bool Intact(const std::string& generation, const std::vector<RenderedFile>& files) const;
  bool AllVisible(const std::vector<RenderedFile>& files) const;
  Result<std::string> Write(const std::string& base, const std::vector<RenderedFile>& files) const;
  Status Switch(const std::string& generation, const std::vector<RenderedFile>& files) const;
  void Tidy() const;
  bool IsStale(const std::string& name, const std::string& current) const;

  Folder folder_;
  UniqueFd lock_;
};

}  // namespace signet::delivery
