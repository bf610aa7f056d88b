#include "core/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "core/base/unique_fd.h"

namespace signet {
namespace {

Code CodeOfErrno(int error) {
  switch (error) {
    case ENOENT:
      return Code::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Code::kResourceExhausted;
    default:
      return Code::kInternal;
  }
}

std::string FolderOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Status SyncFolder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return FileError("cannot open folder", folder, errno);
  }
  if (::fsync(fd.get()) != 0) {
    return FileError("cannot sync folder", folder, errno);
  }
  return {};
}

}  // namespace

Error FileError(std::string_view what, const std::string& path, int error) {
  return {CodeOfErrno(error), std::string(what) + " " + path + ": " + ErrnoText(error)};
}

Status WriteAll(int fd, ByteView content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return FileError("cannot write", path, errno);
    }
    content = content.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Result<Bytes> ReadOpenFile(int fd, const std::string& path, std::size_t max_bytes) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    return FileError("cannot stat", path, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument(path + " is not a regular file");
  }
  Bytes content;
  std::uint8_t block[16384];
  for (;;) {
    const ssize_t n = ::read(fd, block, sizeof block);
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return FileError("cannot read", path, errno);
    }
    if (n == 0) {
      return content;
    }
    if (content.size() + static_cast<std::size_t>(n) > max_bytes) {
      return InvalidArgument(path + " is larger than " + std::to_string(max_bytes) + " bytes");
    }
    Append(content, ByteView(block, static_cast<std::size_t>(n)));
  }
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

Result<Bytes> ReadFile(const std::string& path, std::size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return FileError("cannot open", path, errno);
  }
  return ReadOpenFile(fd.get(), path, max_bytes);
}

Result<Bytes> ReadSecretFile(const std::string& path, std::size_t max_bytes) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return FileError("cannot open", path, errno);
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) {
    return FileError("cannot stat", path, errno);
  }
  if ((info.st_mode & 077) != 0) {
    return FailedPrecondition(path + " holds keys but group or others may use it; run: chmod 600 " + path);
  }
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return FailedPrecondition(path + " holds keys but belongs to user id " + std::to_string(info.st_uid) +
                              "; it must belong to the user that runs this program");
  }
  return ReadOpenFile(fd.get(), path, max_bytes);
}

Status WriteFileAtomic(const std::string& path, ByteView content, mode_t mode) {
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  ::unlink(temporary.c_str());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) {
    return FileError("cannot create", temporary, errno);
  }
  Status written = WriteAll(fd.get(), content, temporary);
  if (written.ok() && ::fsync(fd.get()) != 0) {
    written = FileError("cannot sync", temporary, errno);
  }
  if (written.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = FileError("cannot rename to", path, errno);
  }
  if (!written.ok()) {
    ::unlink(temporary.c_str());
    return written;
  }
  return SyncFolder(FolderOf(path));
}

Status MakeDirectory(const std::string& path, mode_t mode) {
  std::string prefix;
  for (const auto& part : std::filesystem::path(path)) {
    prefix = (std::filesystem::path(prefix) / part).string();
    if (::mkdir(prefix.c_str(), mode) != 0 && errno != EEXIST && errno != EISDIR) {
      const int error = errno;
      struct stat info {};
      if (::stat(prefix.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
        continue;
      }
      return FileError("cannot create folder", prefix, error);
    }
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return FailedPrecondition(path + " is not a folder");
  }
  return {};
}

Status CheckWritableDirectory(const std::string& path) {
  const std::string probe = path + "/.signet-write-probe." + std::to_string(::getpid());
  const UniqueFd fd(::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) {
    return FileError("cannot write in folder", path, errno);
  }
  ::unlink(probe.c_str());
  return {};
}

}  // namespace signet
