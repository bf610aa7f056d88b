#include "tests/support/pod_cgroups.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "tests/support/result.h"

namespace signet::test {
namespace {

/// FindMount looks for a cgroup2 mount whose root is ours.
std::string FindMount() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string place;
    std::string type;
    words >> device >> place >> type;
    if (type == "cgroup2") {
      return place;
    }
  }
  return {};
}

}  // namespace

Result<PodCgroups> PodCgroups::Create() {
  const std::string mount = FindMount();
  if (mount.empty()) {
    return FailedPrecondition("no cgroup2 is mounted here");
  }
  static int count = 0;
  const std::string folder =
      "/signet-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  if (::mkdir((mount + folder).c_str(), 0755) != 0) {
    return FailedPrecondition("no group can be made below " + mount);
  }
  return PodCgroups(mount, folder);
}

PodCgroups::PodCgroups(std::string mount, std::string folder)
    : mount_(std::move(mount)), folder_(std::move(folder)), made_{mount_ + folder_} {}

PodCgroups::PodCgroups(PodCgroups&& other) noexcept
    : mount_(std::move(other.mount_)),
      folder_(std::move(other.folder_)),
      made_(std::exchange(other.made_, {})) {}

PodCgroups::~PodCgroups() {
  for (auto directory = made_.rbegin(); directory != made_.rend(); ++directory) {
    // A process that was killed leaves its group a moment later.
    for (int i = 0; i < 100 && ::rmdir(directory->c_str()) != 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

std::string PodCgroups::Make(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string directory = mount_ + folder_ + path.substr(0, slash);
    if (::mkdir(directory.c_str(), 0755) == 0) {
      made_.push_back(directory);
    }
    if (slash == path.npos) {
      return folder_ + path;
    }
  }
}

void PodCgroups::Move(int pid, const std::string& group) const {
  std::ofstream procs(mount_ + group + "/cgroup.procs");
  procs << pid << std::flush;
  REQUIRE(procs.good());
}

}  // namespace signet::test
