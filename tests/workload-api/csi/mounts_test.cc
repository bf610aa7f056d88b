#include "workload-api/csi/mounts.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/csi/node.h"

namespace signet::csi {
namespace {

using test::EnterMountNamespace;
using test::kUidA;

/// World is a kubelet's folder with one pod and one volume in it, and two folders to mount.
struct World {
  World() {
    std::filesystem::create_directories(dir.File("kubelet/" + target.parent));
    for (const char* const name : {"a", "b"}) {
      std::filesystem::create_directories(dir.File(name));
      std::ofstream(dir.File(name) + "/" + name) << name;
    }
  }
  ~World() { (void)mounts->Unbind(target); }
  bool Shows(const std::string& name) const {
    return std::filesystem::exists(target.path + "/" + name);
  }
  bool IsReadOnly() const {
    struct statvfs info {};
    return ::statvfs(target.path.c_str(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
  }

  signet::test::TempDir dir;
  TargetPath target =
      *TargetPath::Parse(dir.File("kubelet"), dir.File("kubelet") + "/pods/" + kUidA +
                                                  "/volumes/kubernetes.io~csi/spiffe/mount");
  std::unique_ptr<KubeletMounts> mounts = *KubeletMounts::Open([this] {
    std::filesystem::create_directories(dir.File("kubelet"));
    return dir.File("kubelet");
  }());
};

int LayersAt(const std::string& path) {
  std::ifstream table("/proc/self/mountinfo");
  int layers = 0;
  for (std::string line; std::getline(table, line);) {
    layers += line.find(" " + path + " ") != std::string::npos ? 1 : 0;
  }
  return layers;
}

TEST_CASE("a folder is mounted read-only, once, however often it is asked for") {
  if (!EnterMountNamespace()) {
    return;
  }
  World world;
  CHECK_FALSE(world.mounts->IsBound(world.dir.File("a"), world.target));
  for (int i = 0; i < 3; ++i) {
    REQUIRE_OK(world.mounts->Bind(world.dir.File("a"), world.target));
  }
  CHECK(world.Shows("a"));
  CHECK(world.IsReadOnly());
  CHECK(LayersAt(world.target.path) == 1);
  CHECK(world.mounts->IsBound(world.dir.File("a"), world.target));
  CHECK_FALSE(world.mounts->IsBound(world.dir.File("b"), world.target));
  REQUIRE_OK(world.mounts->Unbind(world.target));
  CHECK_FALSE(std::filesystem::exists(world.target.path));
  REQUIRE_OK(world.mounts->Unbind(world.target));
}

TEST_CASE("what else is mounted there is replaced, and all layers go at the end") {
  if (!EnterMountNamespace()) {
    return;
  }
  World world;
  REQUIRE_OK(world.mounts->Bind(world.dir.File("a"), world.target));
  REQUIRE(::mount("none", world.target.path.c_str(), "tmpfs", 0, nullptr) == 0);
  REQUIRE_OK(world.mounts->Bind(world.dir.File("b"), world.target));
  CHECK(world.Shows("b"));
  CHECK(world.IsReadOnly());
  CHECK(LayersAt(world.target.path) == 1);
  REQUIRE(::mount("none", world.target.path.c_str(), "tmpfs", 0, nullptr) == 0);
  REQUIRE_OK(world.mounts->Unbind(world.target));
  CHECK(LayersAt(world.target.path) == 0);
  CHECK_FALSE(std::filesystem::exists(world.target.path));
}

TEST_CASE("a folder that was made anew is another one, although it has the same name") {
  if (!EnterMountNamespace()) {
    return;
  }
  World world;
  REQUIRE_OK(world.mounts->Bind(world.dir.File("a"), world.target));
  std::filesystem::rename(world.dir.File("a"), world.dir.File("old"));
  std::filesystem::create_directories(world.dir.File("a/new"));
  CHECK_FALSE(world.mounts->IsBound(world.dir.File("a"), world.target));
  REQUIRE_OK(world.mounts->Bind(world.dir.File("a"), world.target));
  CHECK(world.Shows("new"));
}

TEST_CASE(
    "the copies that reach other mount namespaces are read-only too, and go with the original") {
  if (!EnterMountNamespace()) {
    return;
  }
  World world;
  const std::string kubelet = world.dir.File("kubelet");
  // As mountPropagation: Bidirectional has it: what is mounted here is mounted on the host as well.
  REQUIRE(::mount(kubelet.c_str(), kubelet.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, kubelet.c_str(), nullptr, MS_SHARED, nullptr) == 0);
  world.mounts = *KubeletMounts::Open(kubelet);
  int to_host[2];
  int to_test[2];
  REQUIRE(::pipe(to_host) == 0);
  REQUIRE(::pipe(to_test) == 0);
  const pid_t host = ::fork();
  if (host == 0) {
    char step = ::unshare(CLONE_NEWNS) == 0 ? 'r' : 'x';
    static_cast<void>(!::write(to_test[1], &step, 1));
    for (int i = 0; i < 2 && ::read(to_host[0], &step, 1) == 1; ++i) {
      const char seen = !world.Shows("a") ? 'n' : world.IsReadOnly() ? 'y' : 'w';
      static_cast<void>(!::write(to_test[1], &seen, 1));
    }
    ::_exit(0);
  }
  const auto ask = [&] {
    char seen = 0;
    return ::write(to_host[1], "?", 1) == 1 && ::read(to_test[0], &seen, 1) == 1 ? seen : 'x';
  };
  char ready = 0;
  REQUIRE(::read(to_test[0], &ready, 1) == 1);
  REQUIRE(ready == 'r');
  REQUIRE_OK(world.mounts->Bind(world.dir.File("a"), world.target));
  CHECK(ask() == 'y');
  REQUIRE_OK(world.mounts->Unbind(world.target));
  CHECK(ask() == 'n');
  ::waitpid(host, nullptr, 0);
  for (const int fd : {to_host[0], to_host[1], to_test[0], to_test[1]}) {
    ::close(fd);
  }
  ::umount2(kubelet.c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace signet::csi
