#include "workload-api/csi/pod_sockets.h"

#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "core/base/files.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::csi {
namespace {

const std::string kUid = "6f1c9a52-0c0e-4b7e-9a51-0d5b1d2f9a10";
const std::string kOther = "00000000-0c0e-4b7e-9a51-0d5b1d2f9a10";
const std::string kKubelet = "/var/lib/kubelet";

class FakeMounts final : public Mounts {
 public:
  Status Bind(const std::string& source, const TargetPath& target) override {
    if (broken) {
      return Internal("no mounts today");
    }
    bound[target.path] = source;
    return {};
  }
  bool IsBound(const std::string& source, const TargetPath& target) const override {
    const auto found = bound.find(target.path);
    return found != bound.end() && found->second == source;
  }
  Status Unbind(const TargetPath& target) override {
    if (broken) {
      return Internal("no mounts today");
    }
    bound.erase(target.path);
    return {};
  }
  std::map<std::string, std::string> bound;
  bool broken = false;
};

class FakeDoors final : public PodDoors {
 public:
  Status Open(const CsiPod& pod, const std::string& socket_path) override {
    if (broken) {
      return Internal("no sockets today");
    }
    open[pod.uid] = socket_path;
    return {};
  }
  void Close(const std::string& pod_uid, const Error& why) override {
    if (open.erase(pod_uid) > 0) {
      reasons.push_back(why.code);
    }
  }
  std::map<std::string, std::string> open;
  std::vector<Code> reasons;
  bool broken = false;
};

PublishRequest Request(const std::string& uid = kUid, const std::string& volume = "spiffe") {
  return {
      .pod = {uid, "shop", "web-0", "frontend"},
      .target = *TargetPath::Parse(
          kKubelet, kKubelet + "/pods/" + uid + "/volumes/kubernetes.io~csi/" + volume + "/mount")};
}

/// World is a node without mounts and sockets; folders and records are real.
struct World {
  World() { Restart(); }
  void Restart() {
    sockets.reset();
    tokens = std::make_unique<PodTokens>(clock);
    sockets.reset(
        new PodSockets({.dirs = dirs,
                        .mounts = mounts,
                        .doors = doors,
                        .tokens = *tokens,
                        .logger = logger,
                        .on_change = [this](const std::string& uid) { changed.push_back(uid); }}));
  }
  PublishRequest WithToken(const std::string& token, Duration life = std::chrono::minutes(10)) {
    PublishRequest request = Request();
    request.token = PodToken{Secret(ToBytes(token)), clock.Now() + life};
    return request;
  }
  std::string Token() { return std::string(AsText(tokens->Find(kUid).token.RevealSecret())); }
  bool FolderExists(const std::string& uid) {
    return ::access(dirs.folder(uid).c_str(), F_OK) == 0 ||
           ::access((dirs.folder(uid) + ".json").c_str(), F_OK) == 0;
  }

  test::TempDir dir;
  FakeClock clock;
  MemoryLogger logger;
  PodDirs dirs = *PodDirs::Open(dir.File("pods"), kKubelet);
  FakeMounts mounts;
  FakeDoors doors;
  std::vector<std::string> changed;
  std::unique_ptr<PodTokens> tokens;
  std::unique_ptr<PodSockets> sockets;
};

TEST_CASE("a pod gets a folder, a socket in it, and that folder alone at its target") {
  World world;
  REQUIRE_OK(world.sockets->Publish(Request()));
  CHECK(world.doors.open.at(kUid) == world.dirs.folder(kUid) + "/agent.sock");
  CHECK(world.mounts.bound.at(Request().target.path) == world.dirs.folder(kUid));
  CHECK(world.tokens->Find(kUid).name == "web-0");
  CHECK(world.tokens->Find(kUid).namespace_name == "shop");
  REQUIRE_OK(world.sockets->Unpublish(Request().target));
  CHECK(world.mounts.bound.empty());
  CHECK(world.doors.open.empty());
  CHECK(world.doors.reasons == std::vector<Code>{Code::kPermissionDenied});
  CHECK(world.tokens->Find(kUid).name.empty());
  CHECK_FALSE(world.FolderExists(kUid));
}

TEST_CASE("publish and unpublish may be repeated, and an unknown target is fine") {
  World world;
  REQUIRE_OK(world.sockets->Unpublish(Request().target));
  for (int i = 0; i < 3; ++i) {
    REQUIRE_OK(world.sockets->Publish(Request()));
  }
  CHECK(world.sockets->size() == 1);
  for (int i = 0; i < 3; ++i) {
    REQUIRE_OK(world.sockets->Unpublish(Request().target));
  }
  CHECK(world.sockets->size() == 0);
}

TEST_CASE("a socket stays until the last volume of its pod is gone") {
  World world;
  REQUIRE_OK(world.sockets->Publish(Request(kUid, "a")));
  REQUIRE_OK(world.sockets->Publish(Request(kUid, "b")));
  REQUIRE_OK(world.sockets->Unpublish(Request(kUid, "a").target));
  CHECK(world.doors.open.size() == 1);
  REQUIRE_OK(world.sockets->Unpublish(Request(kUid, "b").target));
  CHECK(world.doors.open.empty());
}

TEST_CASE("a repeated publish brings a fresh token, and whoever waits for it is told once") {
  World world;
  REQUIRE_OK(world.sockets->Publish(world.WithToken("first")));
  REQUIRE_OK(world.sockets->Publish(world.WithToken("first")));
  CHECK(world.Token() == "first");
  CHECK(world.changed == std::vector<std::string>{kUid});
  REQUIRE_OK(world.sockets->Publish(world.WithToken("second", std::chrono::minutes(20))));
  CHECK(world.Token() == "second");
  CHECK(world.changed.size() == 2);
  REQUIRE_OK(world.sockets->Publish(world.WithToken("late", std::chrono::minutes(5))));
  REQUIRE_OK(world.sockets->Publish(Request()));
  CHECK(world.Token() == "second");
  world.clock.Advance(std::chrono::minutes(21));
  CHECK(world.Token().empty());
  for (const std::string& line : world.logger.Lines()) {
    CHECK(line.find("first") == std::string::npos);
    CHECK(line.find("second") == std::string::npos);
  }
}

TEST_CASE("no token is ever written to disk") {
  World world;
  REQUIRE_OK(world.sockets->Publish(world.WithToken("s3cret")));
  const auto record = ReadFile(world.dirs.folder(kUid) + ".json", 100'000);
  REQUIRE_OK(record);
  CHECK(AsText(*record).find("s3cret") == std::string_view::npos);
}

TEST_CASE("a uid that comes back as another pod is refused") {
  World world;
  REQUIRE_OK(world.sockets->Publish(Request()));
  PublishRequest other = Request();
  other.pod.service_account = "admin";
  REQUIRE_ERROR(world.sockets->Publish(std::move(other)), Code::kFailedPrecondition,
                "another name or service account");
}

TEST_CASE("a publish that fails leaves nothing behind, one that is repeated keeps what there was") {
  World world;
  SECTION("a mount, at first") {
    world.mounts.broken = true;
    REQUIRE_ERROR(world.sockets->Publish(Request()), Code::kInternal, "no mounts");
    CHECK_FALSE(world.FolderExists(kUid));
    CHECK(world.doors.open.empty());
    CHECK(world.sockets->size() == 0);
  }
  SECTION("a socket, at first") {
    world.doors.broken = true;
    REQUIRE_ERROR(world.sockets->Publish(Request()), Code::kInternal, "no sockets");
    CHECK_FALSE(world.FolderExists(kUid));
    CHECK(world.mounts.bound.empty());
  }
  SECTION("a mount, later") {
    REQUIRE_OK(world.sockets->Publish(Request()));
    world.mounts.broken = true;
    REQUIRE_ERROR(world.sockets->Publish(Request()), Code::kInternal, "no mounts");
    CHECK(world.doors.open.size() == 1);
    REQUIRE_ERROR(world.sockets->Publish(Request(kUid, "b")), Code::kInternal, "no mounts");
    CHECK(world.doors.open.size() == 1);
    CHECK(world.dirs.Load()->records.at(0).targets.size() == 1);
  }
  SECTION("an unmount is repeated until it works") {
    REQUIRE_OK(world.sockets->Publish(Request()));
    world.mounts.broken = true;
    REQUIRE_ERROR(world.sockets->Unpublish(Request().target), Code::kInternal, "no mounts");
    CHECK(world.doors.open.size() == 1);
    world.mounts.broken = false;
    REQUIRE_OK(world.sockets->Unpublish(Request().target));
    CHECK(world.doors.open.empty());
  }
}

TEST_CASE(
    "after a restart pods whose mounts are there have their sockets, and the rest is cleared "
    "away") {
  World world;
  REQUIRE_OK(world.sockets->Publish(world.WithToken("s3cret")));
  REQUIRE_OK(world.sockets->Publish(Request(kOther)));
  REQUIRE_OK(world.dirs.Make("11111111-0c0e-4b7e-9a51-0d5b1d2f9a10"));
  world.mounts.bound.erase(Request(kOther).target.path);  // unmounted while nobody looked
  world.Restart();
  CHECK(world.doors.open.empty());
  CHECK(world.doors.reasons == std::vector<Code>{Code::kUnavailable, Code::kUnavailable});
  REQUIRE_OK(world.sockets->Restore());
  CHECK(world.doors.open.size() == 1);
  CHECK(world.doors.open.contains(kUid));
  CHECK(world.Token().empty());
  CHECK(world.tokens->Find(kUid).name == "web-0");
  CHECK_FALSE(world.FolderExists(kOther));
  CHECK_FALSE(world.FolderExists("11111111-0c0e-4b7e-9a51-0d5b1d2f9a10"));
  REQUIRE_OK(world.sockets->Unpublish(Request().target));
  REQUIRE_OK(world.sockets->Unpublish(Request(kOther).target));
  CHECK_FALSE(world.FolderExists(kUid));
}

TEST_CASE("pods and volumes are bounded") {
  World world;
  for (std::size_t i = 0; i < PodSockets::kMaxTargetsPerPod; ++i) {
    REQUIRE_OK(world.sockets->Publish(Request(kUid, "v" + std::to_string(i))));
  }
  REQUIRE_ERROR(world.sockets->Publish(Request(kUid, "more")), Code::kResourceExhausted, "volumes");
  REQUIRE_OK(world.sockets->Publish(Request(kUid, "v0")));
}

}  // namespace
}  // namespace signet::csi
