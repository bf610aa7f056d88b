#include "ca/cmd/data_dir.h"

#include <sys/stat.h>

#include <cerrno>

#include "core/base/files.h"

namespace signet::ca_cmd {

Status PrepareDataDir(const std::string& path) {
  SIGNET_TRY(MakeDirectory(path, 0700));
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return Internal("data directory \"" + path + "\": " + ErrnoText(errno));
  }
  if ((info.st_mode & 022U) != 0) {
    return FailedPrecondition("data directory \"" + path +
                              "\" may be written by others; run: chmod 0700 \"" + path + "\"");
  }
  return CheckWritableDirectory(path).Context("data directory");
}

Result<std::unique_ptr<issuance::KeyManager>> OpenKeys(const std::string& kind,
                                                       const std::string& data_dir) {
  return kind == "memory" ? issuance::NewMemoryKeyManager()
                          : issuance::NewDiskKeyManager(data_dir + "/keys.json");
}

}  // namespace signet::ca_cmd
