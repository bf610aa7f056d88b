#include "workload-api/csi/pod_dirs.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::csi {
namespace {

const std::string kUid = "6f1c9a52-0c0e-4b7e-9a51-0d5b1d2f9a10";
const std::string kOther = "00000000-0c0e-4b7e-9a51-0d5b1d2f9a10";
const std::string kKubelet = "/var/lib/kubelet";

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

PodRecord Record() {
  PodRecord record{.pod = {kUid, "shop", "web-0", "frontend"}};
  for (const char* const volume : {"a", "b"}) {
    auto target = *TargetPath::Parse(
        kKubelet, kKubelet + "/pods/" + kUid + "/volumes/kubernetes.io~csi/" + volume + "/mount");
    record.targets.emplace(target.path, target);
  }
  return record;
}

TEST_CASE("a record survives being written and read, and is nobody else's to read") {
  const test::TempDir dir;
  const mode_t old_mask = ::umask(0);
  const auto dirs = PodDirs::Open(dir.File("pods"), kKubelet);
  REQUIRE_OK(dirs);
  REQUIRE_OK(dirs->Make(kUid));
  REQUIRE_OK(dirs->Save(Record()));
  ::umask(old_mask);
  CHECK(ModeOf(dir.File("pods")) == 0700);
  CHECK(ModeOf(dirs->folder(kUid)) == 0755);
  CHECK(ModeOf(dirs->folder(kUid) + ".json") == 0600);
  const auto found = dirs->Load();
  REQUIRE_OK(found);
  CHECK(found->orphans.empty());
  REQUIRE(found->records.size() == 1);
  CHECK(found->records[0].pod == Record().pod);
  REQUIRE(found->records[0].targets.size() == 2);
  CHECK(found->records[0].targets.begin()->first == Record().targets.begin()->first);
  REQUIRE_OK(dirs->Remove(kUid));
  REQUIRE_OK(dirs->Remove(kUid));
  CHECK(dirs->Load()->records.empty());
}

TEST_CASE("a pod's folder can be entered by all, whatever the umask") {
  const test::TempDir dir;
  const auto dirs = PodDirs::Open(dir.File("pods"), kKubelet);
  REQUIRE_OK(dirs);
  const mode_t old_mask = ::umask(077);
  REQUIRE_OK(dirs->Make(kUid));
  ::umask(old_mask);
  CHECK(ModeOf(dirs->folder(kUid)) == 0755);
}

TEST_CASE("what makes no whole is an orphan, and foreign files are left alone") {
  const test::TempDir dir;
  const auto dirs = PodDirs::Open(dir.File("pods"), kKubelet);
  REQUIRE_OK(dirs);
  REQUIRE_OK(dirs->Make(kUid));
  const std::string record = GENERATE(
      std::string(), std::string("{"), std::string("{}"), std::string("[]"),
      WritePodRecord(Record()).substr(1), std::string(100'000, ' '),
      std::string(
          "{\"uid\":\"../../"
          "etc\",\"namespace\":\"a\",\"name\":\"b\",\"service_account\":\"c\",\"targets\":[]}"),
      std::string("{\"uid\":\"") + kOther +
          "\",\"namespace\":\"a\",\"name\":\"b\",\"service_account\":\"c\",\"targets\":[]}",
      std::string("{\"uid\":\"") + kUid +
          "\",\"namespace\":\"a\",\"name\":\"b\",\"service_account\":\"c\",\"targets\":[\"/etc\"]}",
      std::string("{\"uid\":\"") + kUid +
          "\",\"namespace\":\"a\",\"name\":\"b\",\"service_account\":\"c\",\"targets\":[\"/var/lib/"
          "kubelet/pods/" +
          kOther + "/volumes/kubernetes.io~csi/a/mount\"]}");
  if (!record.empty()) {
    REQUIRE_OK(WriteFileAtomic(dirs->folder(kUid) + ".json", AsBytes(record)));
  }
  REQUIRE_OK(WriteFileAtomic(dir.File("pods/notes.txt"), AsBytes(std::string_view("mine"))));
  const auto found = dirs->Load();
  REQUIRE_OK(found);
  CHECK(found->records.empty());
  CHECK(found->orphans == std::set<std::string>{kUid});
  CHECK(::access(dir.File("pods/notes.txt").c_str(), F_OK) == 0);
}

TEST_CASE("a folder that others may change, a link, and one without room for sockets are refused") {
  const test::TempDir dir;
  REQUIRE(::mkdir(dir.File("open").c_str(), 0700) == 0);
  REQUIRE(::chmod(dir.File("open").c_str(), 0777) == 0);
  REQUIRE_ERROR(PodDirs::Open(dir.File("open"), kKubelet), Code::kFailedPrecondition, "write to");
  REQUIRE(::mkdir(dir.File("real").c_str(), 0700) == 0);
  REQUIRE(::symlink(dir.File("real").c_str(), dir.File("link").c_str()) == 0);
  REQUIRE_ERROR(PodDirs::Open(dir.File("link"), kKubelet), Code::kFailedPrecondition,
                "csi.pods_dir");
  REQUIRE_ERROR(PodDirs::Open("/" + std::string(70, 'x'), kKubelet), Code::kInvalidArgument,
                "too long");
  const auto dirs = PodDirs::Open(dir.File("pods"), kKubelet);
  REQUIRE_OK(dirs);
  REQUIRE(::symlink("/etc", dirs->folder(kUid).c_str()) == 0);
  REQUIRE_ERROR(dirs->Make(kUid), Code::kFailedPrecondition, "folder");
}

}  // namespace
}  // namespace signet::csi
