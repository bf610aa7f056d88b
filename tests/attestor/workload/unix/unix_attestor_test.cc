#include "attestor/workload/unix/unix_attestor.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/base/encoding.h"
#include "core/base/files.h"
#include "core/base/unique_fd.h"
#include "core/crypto/hash.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::attestor {
namespace {

class FakeNames final : public Names {
 public:
  std::optional<std::string> User(std::uint32_t uid) const override { return Find(users, uid); }
  std::optional<std::string> Group(std::uint32_t gid) const override { return Find(groups, gid); }
  std::map<std::uint32_t, std::string> users = {{1000, "alice"}};
  std::map<std::uint32_t, std::string> groups = {{1001, "staff"}, {24, "cdrom"}};

 private:
  static std::optional<std::string> Find(const std::map<std::uint32_t, std::string>& names,
                                         std::uint32_t id) {
    const auto found = names.find(id);
    return found == names.end() ? std::nullopt : std::optional(found->second);
  }
};

/// Machine is a made-up /proc with one process, 4711, that runs the file `program`.
struct Machine {
  Machine() {
    std::filesystem::create_directories(Proc(""));
    Write("stat",
          "4711 (cu rl) S) S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 20\n");
    Write("status", "Name:\tcurl\nUid:\t0\t1000\t0\t0\nGid:\t0\t1001\t0\t0\nGroups:\t24 99 \n");
    REQUIRE_OK(WriteFileAtomic(program, AsBytes("#!")));
    std::filesystem::create_symlink(program, Proc("exe"));
    process.pid = 4711;
    process.uid = 1000;
    process.start_time = 987654;
  }
  std::string Proc(const std::string& name) const { return dir.File("4711/" + name); }
  void Write(const std::string& name, const std::string& text) {
    REQUIRE_OK(WriteFileAtomic(Proc(name), AsBytes(text)));
  }
  void MakeProgramASocket() {
    std::filesystem::remove(program);
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    REQUIRE(program.size() < sizeof name.sun_path);
    program.copy(name.sun_path, program.size());
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  }
  /// Attest runs `meanwhile` between the reads and the question whether the process still lives.
  Result<AttestedWorkload> Attest(std::function<bool()> alive = [] { return true; }) {
    UnixAttestorOptions options{.proc_root = dir.path()};
    options.max_binary_bytes = max_binary_bytes;
    options.alive = [alive = std::move(alive)](const rpc::PeerProcess&) { return alive(); };
    return UnixAttestor(std::move(options), names, clock).Attest(process);
  }
  signet::test::TempDir dir;
  std::string program = dir.File("program");
  std::uint64_t max_binary_bytes = 100;
  FakeNames names;
  RealClock clock;
  rpc::PeerProcess process;
};

std::vector<std::string> Texts(const AttestedWorkload& workload) {
  std::vector<std::string> texts;
  for (const spiffe::Selector& selector : workload.selectors) {
    texts.push_back(selector.ToString());
  }
  return texts;
}

bool Has(const AttestedWorkload& workload, const std::string& selector) {
  const auto texts = Texts(workload);
  return std::find(texts.begin(), texts.end(), selector) != texts.end();
}

TEST_CASE("a process has SPIRE's unix selectors") {
  Machine machine;
  const auto workload = machine.Attest();
  REQUIRE_OK(workload);
  const std::string sha256 = HexEncode(crypto::Sha256(AsBytes("#!")));
  CHECK(Texts(*workload) == std::vector<std::string>{
                                "unix:gid:1001", "unix:group:staff", "unix:path:" + machine.program,
                                "unix:sha256:" + sha256, "unix:supplementary_gid:24",
                                "unix:supplementary_gid:99", "unix:supplementary_group:cdrom",
                                "unix:uid:1000", "unix:user:alice"});
  CHECK(workload->description == "pid 4711 (curl) uid 1000");
}

TEST_CASE("what cannot be told is left out, not guessed") {
  Machine machine;
  SECTION("a uid without an account") { machine.names.users.clear(); }
  SECTION("a program over the limit") { machine.max_binary_bytes = 1; }
  SECTION("a program that may not be seen") { std::filesystem::remove(machine.Proc("exe")); }
  SECTION("a program that may be seen and not be read") {
    // Also root cannot open a socket's file, which stat() shows: what EACCES is to an agent's user.
    machine.MakeProgramASocket();
  }
  const auto workload = machine.Attest();
  REQUIRE_OK(workload);
  CHECK(Has(*workload, "unix:uid:1000"));
  CHECK(workload->selectors.size() < 9);
}

TEST_CASE("a process that is gone, or is another one by now, is refused") {
  Machine machine;
  SECTION("gone before the first read") { std::filesystem::remove_all(machine.Proc("")); }
  SECTION("the pid was used again") { machine.process.start_time = 987653; }
  SECTION("it changed its user") { machine.process.uid = 1002; }
  REQUIRE_ERROR(machine.Attest(), Code::kPermissionDenied, "process");
}

TEST_CASE("a caller whose pid cannot be seen is refused with what to do") {
  Machine machine;
  machine.process.pid = 0;
  REQUIRE_ERROR(machine.Attest(), Code::kPermissionDenied, "hostPID");
}

TEST_CASE("a process that ends after the last read is refused") {
  Machine machine;
  REQUIRE_ERROR(machine.Attest([] { return false; }), Code::kPermissionDenied, "ended");
}

TEST_CASE("a file of /proc that cannot be understood is refused") {
  Machine machine;
  SECTION("stat") { machine.Write("stat", "4711 (curl"); }
  SECTION("status") { machine.Write("status", "Uid:\t0\t1000\t0\t0\n"); }
  CHECK_FALSE(machine.Attest().ok());
}

/// Child is a real process that sleeps until it is killed; only this process is ended, by its pid.
class Child {
 public:
  explicit Child(const std::function<void()>& set_up) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    process_.pid = ::fork();
    if (process_.pid == 0) {
      set_up();
      (void)!::write(ready[1], "r", 1);
      while (true) {
        ::pause();
      }
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    ::close(ready[1]);
    process_.pidfd.Reset(static_cast<int>(::syscall(SYS_pidfd_open, process_.pid, 0)));
    REQUIRE(process_.pidfd);
    const auto stat = ReadProc("stat");
    process_.start_time = *ParseStartTime(stat);
    process_.uid = ParseProcStatus(ReadProc("status"))->effective_uid;
  }
  ~Child() { End(); }
  void End() {
    if (process_.pid > 0 && !ended_) {
      ::kill(process_.pid, SIGKILL);
      ::waitpid(process_.pid, nullptr, 0);
      ended_ = true;
    }
  }
  std::string ReadProc(const std::string& name) const {
    const UniqueFd fd(
        ::open(("/proc/" + std::to_string(process_.pid) + "/" + name).c_str(), O_RDONLY));
    std::string text(65536, '\0');
    text.resize(
        static_cast<std::size_t>(std::max<ssize_t>(0, ::read(fd.get(), text.data(), text.size()))));
    return text;
  }
  const rpc::PeerProcess& process() const { return process_; }

 private:
  rpc::PeerProcess process_;
  bool ended_ = false;
};

bool PidfdAlive(const rpc::PeerProcess& process) {
  struct pollfd poll_fd {
    process.pidfd.get(), POLLIN, 0
  };
  return ::poll(&poll_fd, 1, 0) == 0;
}

Result<AttestedWorkload> AttestReal(const Child& child) {
  const RealClock clock;
  const SystemNames names;
  return UnixAttestor({.alive = PidfdAlive}, names, clock).Attest(child.process());
}

TEST_CASE("a real process with a hostile name is attested by its real program") {
  const Child child([] { ::prctl(PR_SET_NAME, "a) R 1 (b"); });
  const auto workload = AttestReal(child);
  REQUIRE_OK(workload);
  CHECK(Has(*workload, "unix:uid:" + std::to_string(::geteuid())));
  CHECK(Has(*workload, "unix:path:" + std::filesystem::read_symlink("/proc/self/exe").string()));
  const auto binary = ReadFile(std::filesystem::read_symlink("/proc/self/exe").string(), 1 << 28);
  REQUIRE_OK(binary);
  CHECK(Has(*workload, "unix:sha256:" + HexEncode(crypto::Sha256(*binary))));
  CHECK_THAT(workload->description, Catch::Contains("a) R 1 (b"));
}

TEST_CASE("a real process of another user and groups shows them") {
  if (::geteuid() != 0) {
    WARN("needs root to become another user; skipped");
    return;
  }
  const Child child([] {
    const gid_t groups[] = {24, 4242};
    (void)!::setgroups(2, groups);
    (void)!::setresgid(1, 1, 1);
    (void)!::setresuid(1, 1, 1);
  });
  const auto workload = AttestReal(child);
  REQUIRE_OK(workload);
  for (const char* selector : {"unix:uid:1", "unix:user:daemon", "unix:gid:1", "unix:group:daemon",
                               "unix:supplementary_gid:24", "unix:supplementary_group:cdrom",
                               "unix:supplementary_gid:4242"}) {
    CHECK(Has(*workload, selector));
  }
}

TEST_CASE("a real process that has ended is refused") {
  Child child([] {});
  child.End();
  CHECK(AttestReal(child).code() == Code::kPermissionDenied);
}

}  // namespace
}  // namespace signet::attestor
