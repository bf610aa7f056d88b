// What a reader sees of a folder of generations while all goes well, and after a crash.
#include "workload-api/delivery/generation.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <functional>

#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/delivery/folder_view.h"

using namespace signet;
using namespace signet::delivery;
namespace fs = std::filesystem;

namespace {

const Texts kFirst = {{"svid.pem", "chain 1"}, {"svid.key", "key 1"}};
const Texts kSecond = {{"svid.pem", "chain 2"}, {"svid.key", "key 2"}};
const Texts kThird = {{"svid.pem", "chain 3"}, {"all.pem", "all 3"}};

std::string PublishTo(GenerationDir& dir, const Texts& texts) {
  const auto published = dir.Publish(MakeFiles(texts));
  REQUIRE_OK(published);
  CHECK(published->changed);
  CHECK(dir.Current() == published->generation);
  for (const auto& [name, content] : texts) {
    CHECK(ReadText(dir.path() + "/" + name) == content);
  }
  return published->generation;
}

GenerationDir OpenAt(const std::string& path) {
  auto dir = GenerationDir::Open(path);
  REQUIRE_OK(dir);
  return *std::move(dir);
}

}  // namespace

TEST_CASE("a set of files is published as links into one folder") {
  const test::TempDir temp;
  const mode_t umask_before = ::umask(077);  // must not matter
  GenerationDir dir = OpenAt(temp.File("tls"));
  const std::string generation = PublishTo(dir, kFirst);
  ::umask(umask_before);
  CHECK(NamesIn(dir.path()) ==
        std::set<std::string>{"..current", "..lock", generation, "svid.key", "svid.pem"});
  CHECK(fs::read_symlink(dir.path() + "/..current") == generation);
  CHECK(fs::read_symlink(dir.path() + "/svid.pem") == "..current/svid.pem");
  CHECK(NamesIn(dir.path() + "/" + generation) == std::set<std::string>{"svid.key", "svid.pem"});
  CHECK(fs::status(dir.path()).permissions() == fs::perms{0755});
  CHECK(fs::status(dir.path() + "/" + generation).permissions() == fs::perms{0755});
  CHECK(fs::status(dir.path() + "/svid.key").permissions() == fs::perms{0640});
}

TEST_CASE("the same set again changes nothing, whatever its order") {
  const test::TempDir temp;
  GenerationDir dir = OpenAt(temp.File("tls"));
  const std::string generation = PublishTo(dir, kFirst);
  const auto before = Snapshot(dir.path());
  for (const Texts& texts : {kFirst, Texts{kFirst[1], kFirst[0]}}) {
    const auto again = dir.Publish(MakeFiles(texts));
    REQUIRE_OK(again);
    CHECK_FALSE(again->changed);
    CHECK(again->generation == generation);
  }
  CHECK(Snapshot(dir.path()) == before);
}

TEST_CASE("the same bytes with another mode or name are another set") {
  const test::TempDir temp;
  GenerationDir dir = OpenAt(temp.File("tls"));
  const std::string first = PublishTo(dir, kFirst);
  const auto stricter = dir.Publish(MakeFiles(kFirst, 0600));
  REQUIRE_OK(stricter);
  CHECK(stricter->changed);
  CHECK(fs::status(dir.path() + "/svid.key").permissions() == fs::perms{0600});
  CHECK(PublishTo(dir, {{"a.pem", "chain 1"}, {"svid.key", "key 1"}}) != first);
}

TEST_CASE("the set before is kept, older ones and names without a file go") {
  const test::TempDir temp;
  GenerationDir dir = OpenAt(temp.File("tls"));
  const std::string first = PublishTo(dir, kFirst);
  const UniqueFd opened(::open((dir.path() + "/svid.key").c_str(), O_RDONLY | O_CLOEXEC));
  const std::string second = PublishTo(dir, kSecond);
  CHECK(NamesIn(dir.path()) == std::set<std::string>{"..current", "..lock", "..previous", first,
                                                     second, "svid.key", "svid.pem"});
  CHECK(ReadText(dir.path() + "/" + first + "/svid.pem") == "chain 1");
  const std::string third = PublishTo(dir, kThird);
  CHECK(NamesIn(dir.path()) == std::set<std::string>{"..current", "..lock", "..previous", second,
                                                     third, "all.pem", "svid.pem"});
  char bytes[16] = {};
  CHECK(::read(opened.get(), bytes, sizeof bytes) == 5);  // pruned, but still open
  CHECK(std::string(bytes) == "key 1");
  CHECK(PublishTo(dir, kSecond).starts_with(second));  // back to what was there before
}

TEST_CASE("a new process takes over what is there") {
  const test::TempDir temp;
  std::string first;
  std::string second;
  {
    GenerationDir dir = OpenAt(temp.File("tls"));
    first = PublishTo(dir, kFirst);
    second = PublishTo(dir, kSecond);
  }
  const auto before = Snapshot(temp.path());
  GenerationDir dir = OpenAt(temp.File("tls/"));
  CHECK(dir.Current() == second);
  CHECK(Snapshot(temp.path()) == before);  // the set before the current one is kept, too
  const auto again = dir.Publish(MakeFiles(kSecond));
  REQUIRE_OK(again);
  CHECK_FALSE(again->changed);
}

TEST_CASE("a crash at any step leaves a whole set, and the next process heals the folder") {
  const std::string second = [] {
    const test::TempDir temp;
    GenerationDir dir = OpenAt(temp.File("tls"));
    return PublishTo(dir, kThird);
  }();
  const auto half = [&](const std::string& dir) {
    fs::create_directory(dir + "/" + second);
    fs::permissions(dir + "/" + second, fs::perms{0700});
    WriteText(dir + "/" + second + "/all.pem", "al");
  };
  const auto written = [&](const std::string& dir) {
    half(dir);
    WriteText(dir + "/" + second + "/all.pem", "all 3");
    WriteText(dir + "/" + second + "/svid.pem", "chain 3");
    fs::permissions(dir + "/" + second, fs::perms{0755});
  };
  const auto linked = [&](const std::string& dir) {
    written(dir);
    fs::create_symlink("..current/all.pem", dir + "/all.pem");
  };
  const auto previous = [&](const std::string& dir) {
    linked(dir);
    fs::create_symlink(fs::read_symlink(dir + "/..current"), dir + "/..previous.new");
  };
  const auto marked = [&](const std::string& dir) {
    previous(dir);
    fs::rename(dir + "/..previous.new", dir + "/..previous");
  };
  const auto ready = [&](const std::string& dir) {
    marked(dir);
    fs::create_symlink(second, dir + "/..current.new");
  };
  const auto switched = [&](const std::string& dir) {
    ready(dir);
    fs::rename(dir + "/..current.new", dir + "/..current");
  };
  const struct {
    const char* about;
    std::function<void(const std::string& dir)> crash;
    bool is_switched;
  } kCases[] = {{"a folder is half written", half, false},
                {"a folder is written", written, false},
                {"new names are there", linked, false},
                {"the link to the set before is on its way", previous, false},
                {"the link to the set before is there", marked, false},
                {"the switch is on its way", ready, false},
                {"nothing is tidied after the switch", switched, true}};
  for (const auto& c : kCases) {
    INFO(c.about);
    const test::TempDir temp;
    const std::string path = temp.File("tls");
    std::string first;
    {
      GenerationDir dir = OpenAt(path);
      first = PublishTo(dir, kFirst);
    }
    c.crash(path);
    CHECK(ReadText(path + "/svid.pem") == (c.is_switched ? "chain 3" : "chain 1"));
    GenerationDir dir = OpenAt(path);
    CHECK(dir.Current() == (c.is_switched ? second : first));
    CHECK(fs::exists(path + "/svid.key") != c.is_switched);
    CHECK(fs::is_symlink(path + "/all.pem") == c.is_switched);
    CHECK(fs::exists(path + "/" + second) == c.is_switched);
    REQUIRE_OK(dir.Publish(MakeFiles(kThird)));
    const std::string now = dir.Current();
    CHECK(ReadText(path + "/all.pem") == "all 3");
    CHECK(NamesIn(path) == std::set<std::string>{"..current", "..lock", "..previous",
                                                 fs::read_symlink(path + "/..previous"), now,
                                                 "all.pem", "svid.pem"});
  }
}

TEST_CASE("a crash before the first switch leaves nothing that a server could take for a set") {
  const test::TempDir temp;
  const std::string path = temp.File("tls");
  fs::create_directory(path);
  fs::create_directory(path + "/..gen-00112233445566778899aabbccddeeff");
  WriteText(path + "/..gen-00112233445566778899aabbccddeeff/svid.pem", "half");
  fs::create_symlink("..current/svid.pem", path + "/svid.pem");
  WriteText(path + "/README", "of somebody else");
  fs::create_directory(path + "/..gen-mine");
  GenerationDir dir = OpenAt(path);
  CHECK(dir.Current().empty());
  CHECK(NamesIn(path) == std::set<std::string>{"..gen-mine", "..lock", "README"});
  PublishTo(dir, kFirst);
}

TEST_CASE("readers see whole sets while a writer works and is killed") {
  const test::TempDir temp;
  const std::string path = temp.File("tls");
  {
    GenerationDir dir = OpenAt(path);
    PublishTo(dir, kFirst);
  }
  for (int round = 0; round < 5; ++round) {
    const pid_t writer = ::fork();
    REQUIRE(writer >= 0);
    if (writer == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when a check of the reader ends the test
      auto dir = GenerationDir::Open(path);
      for (int i = 0; dir.ok(); ++i) {
        (void)dir->Publish(MakeFiles(i % 2 == 0 ? kSecond : kFirst));
      }
      ::_exit(1);
    }
    for (int i = 0; i < 100; ++i) {
      const UniqueFd set(::open((path + "/..current").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      REQUIRE(set);
      const std::string base = "/proc/self/fd/" + std::to_string(set.get());
      const std::string chain = ReadText(base + "/svid.pem");
      const std::string key = ReadText(base + "/svid.key");
      // Two switches later the folder is pruned; a reader so late finds no file, and never a wrong
      // one.
      const bool gone = chain == "(not there)" || key == "(not there)";
      CHECK((gone || (chain == "chain 1" && key == "key 1") ||
             (chain == "chain 2" && key == "key 2")));
    }
    ::kill(writer, SIGKILL);
    ::waitpid(writer, nullptr, 0);
    const std::string chain = ReadText(path + "/svid.pem");
    CHECK(chain.substr(5) == ReadText(path + "/svid.key").substr(3));
    GenerationDir dir = OpenAt(path);
    REQUIRE_OK(dir.Publish(MakeFiles(kFirst)));
    CHECK(ReadText(path + "/svid.pem") == "chain 1");
    CHECK(NamesIn(path).size() <= 7);
  }
}
