#include "workload-api/sds/system_roots.h"

#include <sys/stat.h>

#include <cerrno>

#include "core/base/files.h"

namespace signet::sds {
namespace {

constexpr std::size_t kMaxBytes = 1024 * 1024;

Result<std::string> StampOf(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    return FailedPrecondition("agent.sds.system_roots_path: " + path + ": " + ErrnoText(errno));
  }
  return std::to_string(info.st_ino) + " " + std::to_string(info.st_size) + " " +
         std::to_string(info.st_mtim.tv_sec) + " " + std::to_string(info.st_mtim.tv_nsec);
}

}  // namespace

Result<std::shared_ptr<const std::string>> SystemRoots::Read() {
  if (path_.empty()) {
    return NotFound("no system roots are configured; set agent.sds.system_roots_path");
  }
  SIGNET_TRY_ASSIGN(std::string stamp, StampOf(path_));
  const std::lock_guard lock(mutex_);
  if (text_ != nullptr && stamp == stamp_) {
    return text_;
  }
  SIGNET_TRY_ASSIGN(const Bytes content,
                    ReadFile(path_, kMaxBytes).Context("agent.sds.system_roots_path"));
  if (AsText(content).find("-----BEGIN CERTIFICATE-----") == std::string_view::npos) {
    return FailedPrecondition("agent.sds.system_roots_path: " + path_ +
                              " holds no certificate in PEM");
  }
  text_ = std::make_shared<const std::string>(AsText(content));
  stamp_ = std::move(stamp);
  return text_;
}

}  // namespace signet::sds
