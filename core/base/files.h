#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace signet {

/// ReadFile reads a whole regular file of at most max_bytes. NOT_FOUND when it is missing; every message names it.
Result<Bytes> ReadFile(const std::string& path, std::size_t max_bytes);

/// ReadSecretFile is ReadFile for key material: it refuses (FAILED_PRECONDITION) a file that group or others may read
/// or write, or that another user owns, and says which chmod mends it.
Result<Bytes> ReadSecretFile(const std::string& path, std::size_t max_bytes);

/// WriteFileAtomic replaces a file so that a crash leaves either the old or the new content: a temporary file in the
/// same folder (created with the mode, O_EXCL), write, fsync, rename, fsync of the folder.
Status WriteFileAtomic(const std::string& path, ByteView content, mode_t mode = 0600);

/// MakeDirectory creates a folder and its parents with the mode; an existing folder is left as it is.
Status MakeDirectory(const std::string& path, mode_t mode = 0700);

/// CheckWritableDirectory fails with the folder's name and the reason if files cannot be made in it.
Status CheckWritableDirectory(const std::string& path);

/// FileError says that something could not be done with a file: "what path: why". Its code fits the errno value:
/// NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED for a full disk or a quota, else INTERNAL.
Error FileError(std::string_view what, const std::string& path, int error);

/// WriteAll writes all of content to an open file; path is for the message.
Status WriteAll(int fd, ByteView content, const std::string& path);

/// ReadOpenFile reads an open regular file of at most max_bytes to its end; path is for the message.
Result<Bytes> ReadOpenFile(int fd, const std::string& path, std::size_t max_bytes);

/// ErrnoText gives the text of an errno value ("Permission denied").
std::string ErrnoText(int error);

}  // namespace signet
