#include "workload-api/delivery/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <memory>

#include "core/base/files.h"
#include "core/base/secret.h"

namespace signet::delivery {
namespace {

constexpr int kOpenFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr mode_t kModeBits = 07777;

/// CheckOwnerOnly: nobody but its owner may write, and the owner is us or root.
Status CheckOwnerOnly(const struct stat& info, const std::string& path) {
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return FailedPrecondition(path + " belongs to user id " + std::to_string(info.st_uid) +
                              ", who could put other files in place of ours; give it to root or "
                              "to the user that runs this program");
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return FailedPrecondition("others may write to " + path + "; run: chmod go-w " + path);
  }
  return {};
}

/// CheckAbove: nobody can rename a folder away from under this one. Its owner could, and is let:
/// it is often the server that the files are for.
Status CheckAbove(int folder, const std::string& path) {
  struct stat info {};
  if (::fstat(folder, &info) != 0) {
    return FileError("cannot look at folder", path, errno);
  }
  if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
    return FailedPrecondition("everybody may rename what is in " + path + "; run: chmod o-w " +
                              path);
  }
  return {};
}

FileShape ShapeOf(const struct stat& info) {
  return {.mode = info.st_mode & kModeBits, .uid = info.st_uid, .gid = info.st_gid};
}

}  // namespace

Result<Folder> Folder::Open(const std::string& path) {
  const std::filesystem::path full(path.substr(0, path.find_last_not_of('/') + 1));
  const std::string name = full.filename().string();
  if (name.empty() || name == "." || name == "..") {
    return InvalidArgument("\"" + path + "\" does not name a folder");
  }
  const std::string above = full.has_parent_path() ? full.parent_path().string() : ".";
  UniqueFd fd(::open(above.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return FileError("cannot open folder", above, errno);
  }
  SIGNET_TRY(CheckAbove(fd.get(), above));
  const bool made = ::mkdirat(fd.get(), name.c_str(), 0755) == 0;
  if (!made && errno != EEXIST) {
    return FileError("cannot make folder", path, errno);
  }
  const Folder parent(std::move(fd), above);
  SIGNET_TRY_ASSIGN(Folder folder, parent.Enter(name));
  if (made) {
    SIGNET_TRY(folder.SetMode(0755));  // whatever the umask is
  }
  return folder;
}

Result<Folder> Folder::Enter(const std::string& name) const {
  SIGNET_TRY_ASSIGN(const Entry entry, Look(name));
  if (entry.kind == Kind::kLink) {
    return FailedPrecondition(At(name) + " is a symbolic link to " + entry.target +
                              " and not a folder; name the folder itself");
  }
  UniqueFd fd(::openat(fd_.get(), name.c_str(), kOpenFolder));
  if (!fd) {
    return FileError("cannot open folder", At(name), errno);
  }
  return Folder(std::move(fd), path_ == "/" ? "/" + name : At(name));
}

Result<Folder> Folder::Make(const std::string& name) const {
  if (::mkdirat(fd_.get(), name.c_str(), 0700) != 0) {
    if (errno == EEXIST) {
      return AlreadyExists(At(name) + " is there already");
    }
    return FileError("cannot make folder", At(name), errno);
  }
  return Enter(name);
}

Status Folder::CheckGuarded() const {
  struct stat ours {};
  struct stat there {};
  if (::fstat(fd_.get(), &ours) != 0) {
    return FileError("cannot look at folder", path_, errno);
  }
  if (::lstat(path_.c_str(), &there) != 0) {
    return FileError("cannot look at folder", path_, errno);
  }
  if (ours.st_dev != there.st_dev || ours.st_ino != there.st_ino) {
    return FailedPrecondition(path_ +
                              " is not the folder that was opened; somebody has replaced it");
  }
  return CheckOwnerOnly(ours, path_);
}

Status Folder::SetMode(mode_t mode) const {
  return ::fchmod(fd_.get(), mode) == 0 ? Status()
                                        : FileError("cannot set the mode of", path_, errno);
}

Status Folder::Sync() const {
  return ::fsync(fd_.get()) == 0 ? Status() : FileError("cannot sync folder", path_, errno);
}

Result<Folder::Entry> Folder::Look(const std::string& name) const {
  struct stat info {};
  if (::fstatat(fd_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) {
      return Entry{};
    }
    return FileError("cannot look at", At(name), errno);
  }
  if (S_ISDIR(info.st_mode)) {
    return Entry{.kind = Kind::kFolder};
  }
  if (S_ISREG(info.st_mode)) {
    return Entry{.kind = Kind::kFile};
  }
  if (!S_ISLNK(info.st_mode)) {
    return Entry{.kind = Kind::kOther};
  }
  std::array<char, PATH_MAX> target;
  const ssize_t size = ::readlinkat(fd_.get(), name.c_str(), target.data(), target.size());
  if (size < 0) {
    return FileError("cannot read link", At(name), errno);
  }
  return Entry{.kind = Kind::kLink,
               .target = std::string(target.data(), static_cast<std::size_t>(size))};
}

Result<std::vector<std::string>> Folder::Names() const {
  UniqueFd fd(::openat(fd_.get(), ".", kOpenFolder));
  if (!fd) {
    return FileError("cannot list folder", path_, errno);
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), ::closedir);
  if (!stream) {
    return FileError("cannot list folder", path_, errno);
  }
  (void)fd.Release();  // the stream closes it
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") {
      names.push_back(name);
    }
  }
  return errno == 0 ? Result(std::move(names)) : FileError("cannot list folder", path_, errno);
}

Result<UniqueFd> Folder::Lock(const std::string& name) const {
  UniqueFd fd(::openat(fd_.get(), name.c_str(),
                       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  if (!fd && errno == ELOOP) {
    return FailedPrecondition(At(name) + " is a symbolic link; remove it");
  }
  if (!fd) {
    return FileError("cannot open the lock file", At(name), errno);
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return FailedPrecondition("another process keeps the files in " + path_);
    }
    return FileError("cannot lock", At(name), errno);
  }
  return fd;
}

Status Folder::Shape(int fd, const FileShape& shape, const std::string& name) const {
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    return FileError("cannot look at", At(name), errno);
  }
  const bool given = info.st_uid == shape.uid && info.st_gid == shape.gid;
  if (!given && ::fchown(fd, shape.uid, shape.gid) != 0) {
    return FileError("cannot give to user id " + std::to_string(shape.uid) + ", group id " +
                         std::to_string(shape.gid) + " the file",
                     At(name), errno);
  }
  if (::fchmod(fd, shape.mode) != 0) {
    return FileError("cannot set the mode of", At(name), errno);
  }
  return {};
}

Status Folder::WriteNew(const std::string& name, ByteView content, const FileShape& shape) const {
  const UniqueFd fd(::openat(fd_.get(), name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) {
    return FileError("cannot make", At(name), errno);
  }
  SIGNET_TRY(WriteAll(fd.get(), content, At(name)));
  SIGNET_TRY(Shape(fd.get(), shape, name));
  return ::fsync(fd.get()) == 0 ? Status() : FileError("cannot sync", At(name), errno);
}

bool Folder::Holds(const std::string& name, ByteView content, const FileShape& shape) const {
  const UniqueFd fd(
      ::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !(ShapeOf(info) == shape)) {
    return false;
  }
  auto found = ReadOpenFile(fd.get(), At(name), content.size());
  if (!found.ok()) {
    return false;
  }
  const Secret wiped(*std::move(found));
  return Equal(wiped.RevealSecret(), content);
}

Status Folder::MakeLink(const std::string& name, const std::string& target) const {
  return ::symlinkat(target.c_str(), fd_.get(), name.c_str()) == 0
             ? Status()
             : FileError("cannot make link", At(name), errno);
}

Status Folder::ReplaceLink(const std::string& name, const std::string& target) const {
  const std::string temporary = name + ".new";
  ::unlinkat(fd_.get(), temporary.c_str(), 0);  // left by a crash
  SIGNET_TRY(MakeLink(temporary, target));
  if (::renameat(fd_.get(), temporary.c_str(), fd_.get(), name.c_str()) != 0) {
    return FileError("cannot replace link", At(name), errno);
  }
  return {};
}

void Folder::Remove(const std::string& name) const {
  if (::unlinkat(fd_.get(), name.c_str(), 0) == 0) {
    return;
  }
  const auto inside = Enter(name);
  if (!inside.ok()) {
    return;
  }
  if (const auto names = inside->Names(); names.ok()) {
    for (const std::string& each : *names) {
      ::unlinkat(inside->fd_.get(), each.c_str(), 0);
    }
  }
  ::unlinkat(fd_.get(), name.c_str(), AT_REMOVEDIR);
}

}  // namespace signet::delivery
