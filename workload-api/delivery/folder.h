#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace signet::delivery {

/// FileShape is what a file is beside its content.
struct FileShape {
  mode_t mode = 0600;
  uid_t uid = 0;
  gid_t gid = 0;
  friend bool operator==(const FileShape&, const FileShape&) = default;
};

/// Folder is an open folder. Every operation is relative to its descriptor, so that it stays in
/// this very folder whatever happens to the path, takes names of one component, and follows no
/// symbolic link. Errors name the path.
class Folder {
 public:
  /// Open opens or makes (0755) the folder at path; what is above it must exist. Refuses a symbolic
  /// link in its place.
  static Result<Folder> Open(const std::string& path);
  /// Enter opens a folder inside.
  Result<Folder> Enter(const std::string& name) const;
  /// Make makes a folder inside (0700) and opens it. ALREADY_EXISTS if the name is taken.
  Result<Folder> Make(const std::string& name) const;

  /// CheckGuarded refuses a folder that anybody but us and root could put files into, and one that
  /// the path does not lead to any longer.
  Status CheckGuarded() const;
  Status SetMode(mode_t mode) const;
  Status Sync() const;

  enum class Kind { kNothing, kLink, kFile, kFolder, kOther };
  struct Entry {
    Kind kind = Kind::kNothing;
    std::string target = {};  ///< kLink only
  };
  Result<Entry> Look(const std::string& name) const;
  /// Names lists what is inside, in no order, without "." and "..".
  Result<std::vector<std::string>> Names() const;

  /// Lock makes and locks a file, for as long as the descriptor lives. FAILED_PRECONDITION if
  /// another process has it.
  Result<UniqueFd> Lock(const std::string& name) const;
  /// WriteNew writes a file that is not there yet, gives it its shape and syncs it. Nobody else can
  /// open it before that.
  Status WriteNew(const std::string& name, ByteView content, const FileShape& shape) const;
  /// Holds tells whether this very file is there.
  bool Holds(const std::string& name, ByteView content, const FileShape& shape) const;
  /// MakeLink makes a symbolic link that is not there yet.
  Status MakeLink(const std::string& name, const std::string& target) const;
  /// ReplaceLink sets a symbolic link in one step. Uses name + ".new" on the way.
  Status ReplaceLink(const std::string& name, const std::string& target) const;
  /// Remove removes a file, a link, or a folder with the files in it, as far as it can.
  void Remove(const std::string& name) const;

  const std::string& path() const { return path_; }

 private:
  Folder(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  std::string At(const std::string& name) const { return path_ + "/" + name; }
  Status Shape(int fd, const FileShape& shape, const std::string& name) const;

  UniqueFd fd_;
  std::string path_;
};

}  // namespace signet::delivery
