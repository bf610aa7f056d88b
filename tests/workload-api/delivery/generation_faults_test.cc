// What goes wrong around a folder of generations: each case ends in a clear error or heals, and the
// published files stay as they were.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <functional>
#include <optional>

#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/delivery/folder_view.h"
#include "workload-api/delivery/generation.h"

using namespace signet;
using namespace signet::delivery;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kNobody = 65534;

const Texts kGood = {{"svid.pem", "chain 1"}, {"svid.key", "key 1"}};
const Texts kNext = {{"svid.pem", "chain 2"}, {"svid.key", "key 2"}};

bool IsRoot() { return ::geteuid() == 0; }

/// Deployed is a folder with one published set.
struct Deployed {
  Deployed() {
    fs::permissions(temp.path(), fs::perms{0755});
    auto opened = GenerationDir::Open(path);
    REQUIRE_OK(opened);
    dir.emplace(*std::move(opened));
    REQUIRE_OK(dir->Publish(MakeFiles(kGood)));
  }

  /// CheckRefused publishes a newer set, wants this error, and everything as it was before.
  void CheckRefused(const std::vector<RenderedFile>& files, Code code, const std::string& text) {
    const auto before = Snapshot(path);
    const auto refused = dir->Publish(files);
    REQUIRE_ERROR(refused, code, text);
    CHECK(Snapshot(path) == before);
  }

  test::TempDir temp;
  const std::string path = temp.File("tls");
  std::optional<GenerationDir> dir;
};

/// AsNobody runs its scope as a user without privileges, if the test runs as root.
struct AsNobody {
  AsNobody() {
    if (IsRoot()) {
      REQUIRE(::setegid(kNobody) == 0);
      REQUIRE(::seteuid(kNobody) == 0);
    }
  }
  ~AsNobody() {
    (void)!::seteuid(::getuid());
    (void)!::setegid(::getgid());
  }
};

}  // namespace

TEST_CASE("hostile file names are refused before anything is written") {
  Deployed deployed;
  for (const std::string& name :
       {std::string("../x"), std::string("a/b"), std::string("/etc/x"), std::string("a\0b", 3),
        std::string("..gen-x"), std::string("..current"), std::string("."), std::string(".."),
        std::string("a\nb"), std::string("\x7f"), std::string(), std::string(300, 'a')}) {
    INFO(name);
    deployed.CheckRefused(MakeFiles({{"svid.pem", "chain 2"}, {name, "x"}}), Code::kInvalidArgument,
                          "");
  }
  deployed.CheckRefused(MakeFiles({{"a", "1"}, {"a", "2"}}), Code::kInvalidArgument, "two files");
  deployed.CheckRefused({}, Code::kInvalidArgument, "no files");
}

TEST_CASE("a folder that is not safe to publish to is not opened") {
  const test::TempDir temp;
  fs::create_directory(temp.File("real"));
  fs::create_directory_symlink(temp.File("real"), temp.File("link"));
  WriteText(temp.File("file"), "");
  for (const auto& [name, mode] : {std::pair{"all", 0777}, {"group", 0775}, {"sticky", 01777}}) {
    fs::create_directory(temp.File(name));
    fs::permissions(temp.File(name), fs::perms{static_cast<unsigned>(mode)});
  }
  fs::create_directory(temp.File("all/tls"));
  fs::create_directory(temp.File("sticky/tls"));
  const struct {
    std::string path;
    Code code;
    const char* text;
  } kCases[] = {
      {temp.File("link"), Code::kFailedPrecondition, "is a symbolic link to"},
      {temp.File("link/"), Code::kFailedPrecondition, "is a symbolic link to"},
      {temp.File("all"), Code::kFailedPrecondition, "chmod go-w"},
      {temp.File("group"), Code::kFailedPrecondition, "chmod go-w"},
      {temp.File("all/tls"), Code::kFailedPrecondition, "chmod o-w"},
      {temp.File("missing/tls"), Code::kNotFound, "missing"},
      {temp.File("file"), Code::kInternal, "Not a directory"},
      {temp.File("file/tls"), Code::kInternal, "Not a directory"},
      {"", Code::kInvalidArgument, "does not name a folder"},
      {"/", Code::kInvalidArgument, "does not name a folder"},
      {temp.File(".."), Code::kInvalidArgument, "does not name a folder"},
  };
  for (const auto& c : kCases) {
    INFO(c.path);
    REQUIRE_ERROR(GenerationDir::Open(c.path), c.code, c.text);
  }
  CHECK(NamesIn(temp.File("real")).empty());
  REQUIRE_OK(GenerationDir::Open(temp.File("sticky/tls")));
  if (IsRoot()) {
    fs::create_directory(temp.File("theirs"));
    REQUIRE(::chown(temp.File("theirs").c_str(), kNobody, 0) == 0);
    REQUIRE_ERROR(GenerationDir::Open(temp.File("theirs")), Code::kFailedPrecondition, "user id");
  }
}

TEST_CASE("a folder is checked again at each publication") {
  Deployed deployed;
  fs::permissions(deployed.path, fs::perms{0777});
  deployed.CheckRefused(MakeFiles(kNext), Code::kFailedPrecondition, "chmod go-w");
  fs::permissions(deployed.path, fs::perms{0755});
  fs::rename(deployed.path, deployed.temp.File("moved"));
  fs::create_directory(deployed.path);
  deployed.CheckRefused(MakeFiles(kNext), Code::kFailedPrecondition, "has replaced it");
  CHECK(ReadText(deployed.temp.File("moved/svid.key")) == "key 1");
  fs::remove(deployed.path);
  CHECK(deployed.dir->Publish(MakeFiles(kNext)).code() == Code::kNotFound);
}

TEST_CASE("a second process is refused") {
  Deployed deployed;
  // flock(2) keeps two openings apart as it does two processes.
  REQUIRE_ERROR(GenerationDir::Open(deployed.path), Code::kFailedPrecondition, "another process");
  deployed.dir.reset();
  REQUIRE_OK(GenerationDir::Open(deployed.path));
  fs::remove(deployed.path + "/..lock");
  fs::create_symlink(deployed.temp.File("elsewhere"), deployed.path + "/..lock");
  REQUIRE_ERROR(GenerationDir::Open(deployed.path), Code::kFailedPrecondition,
                "..lock is a symbolic link");
  CHECK_FALSE(fs::exists(deployed.temp.File("elsewhere")));
}

TEST_CASE("a visible name that belongs to somebody else is left alone") {
  const std::function<void(const std::string& path)> kInTheWay[] = {
      [](const std::string& path) { WriteText(path, "mine"); },
      [](const std::string& path) { fs::create_directory(path); },
      [](const std::string& path) { fs::create_symlink("/etc/passwd", path); },
      [](const std::string& path) { fs::create_symlink("..current/svid.key", path); },
  };
  for (const auto& put : kInTheWay) {
    Deployed deployed;
    put(deployed.path + "/ca.pem");
    deployed.CheckRefused(MakeFiles({{"svid.pem", "chain 2"}, {"ca.pem", "ca"}}),
                          Code::kFailedPrecondition, "ca.pem is there already and is not ours");
    fs::remove(deployed.path + "/svid.pem");
    put(deployed.path + "/svid.pem");  // the same, for a name that was published
    deployed.CheckRefused(MakeFiles(kGood), Code::kFailedPrecondition, "svid.pem is there already");
  }
}

TEST_CASE("a switch that leads elsewhere is not followed") {
  const std::function<void(const std::string& path, const std::string& elsewhere)> kInTheWay[] = {
      [](const std::string& path, const std::string& elsewhere) {
        fs::create_symlink(elsewhere, path);
      },
      [](const std::string& path, const std::string&) { fs::create_symlink("..gen-x", path); },
      [](const std::string& path, const std::string&) { WriteText(path, ""); },
      [](const std::string& path, const std::string&) { fs::create_directory(path); },
  };
  for (const auto& put : kInTheWay) {
    Deployed deployed;
    const std::string elsewhere = deployed.temp.File("elsewhere");
    fs::create_directory(elsewhere);
    fs::remove(deployed.path + "/..current");
    put(deployed.path + "/..current", elsewhere);
    deployed.CheckRefused(MakeFiles(kNext), Code::kFailedPrecondition, "leads to no generation");
    CHECK(deployed.dir->Current().empty());
    deployed.dir.reset();
    REQUIRE_ERROR(GenerationDir::Open(deployed.path), Code::kFailedPrecondition,
                  "leads to no generation");
    CHECK(NamesIn(elsewhere).empty());
  }
}

TEST_CASE("a link in the place of a generation's folder is not followed") {
  Deployed deployed;
  const std::string good = deployed.dir->Current();
  const std::string elsewhere = deployed.temp.File("elsewhere");
  fs::create_directory(elsewhere);
  REQUIRE_OK(deployed.dir->Publish(MakeFiles(kNext)));
  REQUIRE_OK(deployed.dir->Publish(MakeFiles({{"svid.pem", "chain 3"}})));  // `good` is pruned
  fs::create_directory_symlink(elsewhere, deployed.path + "/" + good);
  REQUIRE_OK(deployed.dir->Publish(MakeFiles(kGood)));
  CHECK(ReadText(deployed.path + "/svid.key") == "key 1");
  CHECK(NamesIn(elsewhere).empty());
  // And in the place of the published one, with the very files behind it.
  const std::string current = deployed.dir->Current();
  fs::rename(deployed.path + "/" + current, elsewhere + "/set");
  fs::create_directory_symlink(elsewhere + "/set", deployed.path + "/" + current);
  const auto healed = deployed.dir->Publish(MakeFiles(kGood));
  REQUIRE_OK(healed);
  CHECK(healed->changed);
  CHECK(fs::symlink_status(deployed.path + "/" + deployed.dir->Current()).type() ==
        fs::file_type::directory);
}

TEST_CASE("a published set that somebody has changed is written anew to another folder") {
  using Tamper = std::function<void(const std::string& set, const std::string& dir)>;
  const std::pair<const char*, Tamper> kCases[] = {
      {"content", [](auto& set, auto&) { WriteText(set + "/svid.key", "key X"); }},
      {"length", [](auto& set, auto&) { WriteText(set + "/svid.key", "key 1 and more"); }},
      {"mode", [](auto& set, auto&) { fs::permissions(set + "/svid.key", fs::perms{0644}); }},
      {"owner",
       [](auto& set, auto&) {
         if (IsRoot()) {
           REQUIRE(::chown((set + "/svid.key").c_str(), kNobody, 0) == 0);
         } else {
           fs::remove(set + "/svid.key");
         }
       }},
      {"missing", [](auto& set, auto&) { fs::remove(set + "/svid.key"); }},
      {"link",
       [](auto& set, auto& dir) {
         fs::rename(set + "/svid.key", dir + "/key");
         fs::create_symlink(dir + "/key", set + "/svid.key");
       }},
      {"addition", [](auto& set, auto&) { WriteText(set + "/more", ""); }},
      {"folder's mode", [](auto& set, auto&) { fs::permissions(set, fs::perms{0777}); }},
      {"no folder", [](auto& set, auto&) { fs::remove_all(set); }},
  };
  for (const auto& [about, tamper] : kCases) {
    INFO(about);
    Deployed deployed;
    const std::string before = deployed.dir->Current();
    tamper(deployed.path + "/" + before, deployed.path);
    const auto healed = deployed.dir->Publish(MakeFiles(kGood));
    REQUIRE_OK(healed);
    CHECK(healed->changed);
    CHECK((healed->generation == before) == (about == std::string("no folder")));
    CHECK(ReadText(deployed.path + "/svid.key") == "key 1");
    CHECK(fs::symlink_status(deployed.path + "/..current/svid.key").permissions() ==
          fs::perms{0640});
    const auto again = deployed.dir->Publish(MakeFiles(kGood));
    REQUIRE_OK(again);
    CHECK_FALSE(again->changed);
  }
}

TEST_CASE("a visible name that somebody has removed comes back") {
  Deployed deployed;
  const std::string before = deployed.dir->Current();
  fs::remove(deployed.path + "/svid.pem");
  const auto healed = deployed.dir->Publish(MakeFiles(kGood));
  REQUIRE_OK(healed);
  CHECK(healed->changed);
  CHECK(healed->generation == before);
  CHECK(ReadText(deployed.path + "/svid.pem") == "chain 1");
}

TEST_CASE("files belong to whom they are for") {
  if (IsRoot()) {
    Deployed deployed;
    auto files = MakeFiles(kNext, 0400);
    files[1].uid = 12345;
    files[1].gid = 23456;
    REQUIRE_OK(deployed.dir->Publish(files));
    struct stat info {};
    REQUIRE(::stat((deployed.path + "/svid.key").c_str(), &info) == 0);
    CHECK(info.st_uid == 12345);
    CHECK(info.st_gid == 23456);
    CHECK((info.st_mode & 07777) == 0400);
    const auto again = deployed.dir->Publish(files);
    REQUIRE_OK(again);
    CHECK_FALSE(again->changed);
  }
  const AsNobody as_nobody;
  Deployed deployed;
  auto files = MakeFiles(kNext);
  files[1].uid = 12345;
  deployed.CheckRefused(files, Code::kPermissionDenied, "cannot give to user id 12345");
}

TEST_CASE("a folder that we may not write to is a clear error") {
  if (!IsRoot()) {
    Deployed deployed;
    fs::permissions(deployed.path, fs::perms{0555});
    deployed.CheckRefused(MakeFiles(kNext), Code::kPermissionDenied, deployed.path);
    fs::permissions(deployed.path, fs::perms{0755});
    return;
  }
  Deployed deployed;
  {
    const AsNobody as_nobody;
    deployed.CheckRefused(MakeFiles(kNext), Code::kPermissionDenied, deployed.path);
  }
  deployed.dir.reset();
  const AsNobody as_nobody;
  REQUIRE_ERROR(GenerationDir::Open(deployed.path), Code::kPermissionDenied, "..lock");
  REQUIRE_ERROR(GenerationDir::Open(deployed.path + "/sub"), Code::kPermissionDenied,
                "cannot make");
}

TEST_CASE("a file that may not grow so far is a clear error") {
  Deployed deployed;
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit tight{.rlim_cur = 1000, .rlim_max = before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto refused = deployed.dir->Publish(
      MakeFiles({{"svid.pem", "chain 2"}, {"svid.key", std::string(5000, 'k')}}));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  ::signal(SIGXFSZ, handler);
  REQUIRE_ERROR(refused, Code::kResourceExhausted, "svid.key: File too large");
  CHECK(ReadText(deployed.path + "/svid.pem") == "chain 1");
  CHECK(NamesIn(deployed.path).size() == 5);  // nothing is left of it
}

TEST_CASE("a full disk is a clear error, and there is no leftover to fill it") {
  const test::TempDir temp;
  if (!IsRoot() || ::mount("tmpfs", temp.path().c_str(), "tmpfs", 0, "size=64k,mode=755") != 0) {
    WARN("NOT PROVED: a full disk; it takes the right to mount a file system");
    return;
  }
  struct Mounted {
    ~Mounted() { ::umount2(path.c_str(), MNT_DETACH); }
    const std::string path;
  } const mounted{temp.path()};
  {
    auto dir = GenerationDir::Open(temp.File("tls"));
    REQUIRE_OK(dir);
    REQUIRE_OK(dir->Publish(MakeFiles(kGood)));
    const auto before = Snapshot(temp.path());
    const auto big = MakeFiles({{"svid.pem", "chain 2"}, {"svid.key", std::string(100'000, 'k')}});
    for (int i = 0; i < 3; ++i) {
      REQUIRE_ERROR(dir->Publish(big), Code::kResourceExhausted, "No space left");
      CHECK(Snapshot(temp.path()) == before);
    }
    const auto next = dir->Publish(MakeFiles(kNext));
    REQUIRE_OK(next);
    CHECK(ReadText(temp.File("tls/svid.key")) == "key 2");
  }
}
