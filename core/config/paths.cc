#include "core/config/paths.h"

#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

namespace signet::config {
namespace {

std::string Variable(const char* name) {
  const char* value = ::secure_getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Environment Environment::OfThisProcess() {
  return {::geteuid(), Variable("XDG_RUNTIME_DIR"), Variable("XDG_STATE_HOME"), Variable("HOME")};
}

Result<std::string> DefaultSocketPath(std::string_view program, const Environment& environment) {
  const std::string tail = "/signet/" + std::string(program) + "/api.sock";
  if (environment.uid == 0) {
    return "/run" + tail;
  }
  if (environment.runtime_dir.empty()) {
    return FailedPrecondition(
        "there is no default socket path without XDG_RUNTIME_DIR; set -socketPath");
  }
  return environment.runtime_dir + tail;
}

Result<std::string> DefaultDataDir(std::string_view program, const Environment& environment) {
  const std::string tail = "/signet/" + std::string(program);
  if (environment.uid == 0) {
    return "/var/lib" + tail;
  }
  if (!environment.state_home.empty()) {
    return environment.state_home + tail;
  }
  if (!environment.home.empty()) {
    return environment.home + "/.local/state" + tail;
  }
  return FailedPrecondition(
      "there is no default data directory without XDG_STATE_HOME or HOME; set -dataDir");
}

std::string CheckSocketPath(const std::string& path) {
  constexpr std::size_t kMax = sizeof(sockaddr_un{}.sun_path) - 1;
  if (path.empty() || path.front() != '/') {
    return "must be an absolute path";
  }
  if (path.size() > kMax) {
    return "is " + std::to_string(path.size()) + " bytes long; a Unix socket path has at most " +
           std::to_string(kMax);
  }
  return "";
}

}  // namespace signet::config
