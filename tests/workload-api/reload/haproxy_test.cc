#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "core/crypto/pem.h"
#include "tests/support/kubernetes/process.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/reload/fake_server.h"
#include "workload-api/reload/action.h"
#include "workload-api/reload/probe.h"

using namespace signet;
using namespace signet::reload;
using test::FakeConnection;
using test::FakeServer;
using test::WriteWholeFile;

namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

struct Pair {
  Bytes leaf;
  std::string chain;
  std::string key;
};

Pair NewPair(const std::vector<std::string>& dns = {"proxy.example.org"}) {
  const SystemTime now = RealClock().Now();
  static const test::TestCa ca("example.org", now);
  const auto cert = ca.Issue({.uris = {"spiffe://example.org/proxy"},
                              .dns = dns,
                              .not_before = now - std::chrono::hours(1),
                              .not_after = now + std::chrono::hours(1)});
  return {cert.der, crypto::PemEncode("CERTIFICATE", cert.der),
          crypto::PemEncode("PRIVATE KEY", cert.key_pkcs8)};
}

// A target's folder with an HAProxy beside it.
class Haproxy {
 public:
  explicit Haproxy(const std::string& level = "admin") : port_(test::FreePort()) {
    if (access("/usr/sbin/haproxy", X_OK) != 0) {
      std::printf("skipped, not proved: there is no /usr/sbin/haproxy here\n");
      std::fflush(stdout);
      std::_Exit(77);  // what ctest takes for "skipped"
    }
    Put(first_);
    WriteWholeFile(Path("ca.pem"), first_.chain);
    WriteWholeFile(Path("other.pem"), first_.key + first_.chain);
    WriteWholeFile(Path("conf"),
                   "global\n stats socket " + Path("sock") + " expose-fd listeners level " + level +
                       "\ndefaults\n mode http\n timeout client 5s\n timeout server 5s\n"
                       " timeout connect 5s\nfrontend f\n bind 127.0.0.1:" +
                       std::to_string(port_) + " ssl crt " + Path("both.pem") + " ca-file " +
                       Path("ca.pem") + " verify required\n bind unix@" + Path("unused") +
                       " ssl crt " + Path("other.pem") + "\n");
    process_ = std::make_unique<test::Child>(
        std::vector<std::string>{"/usr/sbin/haproxy", "-W", "-p", Path("pid"), "-f", Path("conf")},
        Path("log"));
    const bool serves = SoonServes(first_);
    INFO(test::ReadWholeFile(Path("log")));
    REQUIRE(serves);
  }
  ~Haproxy() { process_->End(SIGTERM); }  // a killed master would leave its worker behind
  void Put(const Pair& pair) {
    WriteWholeFile(Path("both.pem"), pair.chain + pair.key);
    WriteWholeFile(Path("svid.pem"), pair.chain);
    WriteWholeFile(Path("key.pem"), pair.key);
  }
  bool Serves(const Pair& pair) {
    const auto leaf = ServedCertificate({address(), "tls", "", std::chrono::seconds(2)});
    return leaf.ok() && *leaf == pair.leaf;
  }
  bool SoonServes(const Pair& pair) {
    for (int i = 0; i < 500 && !Serves(pair); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return Serves(pair);
  }
  // What HAProxy answers to a command by hand.
  std::string Ask(const std::string& command) {
    std::string error;
    WriteWholeFile(Path("command"), command);
    return test::RunAndRead(
        "python3 -c \"import socket,sys; s=socket.socket(socket.AF_UNIX); "
        "s.connect('" +
            Path("sock") + "'); s.sendall(open('" + Path("command") +
            "','rb').read()); "
            "print(b''.join(iter(lambda: s.recv(65536), b'')).decode())\"",
        error);
  }
  Status Run(const std::map<std::string, std::string>& roles, const std::string& certificate = {},
             const std::string& pid_file = {}) {
    auto action = Make(roles, certificate, pid_file);
    return Run(*action);
  }
  std::unique_ptr<Action> Make(const std::map<std::string, std::string>& roles,
                               const std::string& certificate, const std::string& pid_file) {
    auto action = MakeAction({.kind = "haproxy",
                              .pid_file = pid_file,
                              .socket = Path("sock"),
                              .certificate = certificate,
                              .files = roles});
    REQUIRE_OK(action);
    return std::move(*action);
  }
  Status Run(Action& action, Duration timeout = kPatience) {
    Action::Files files;
    for (const std::string name : {"both.pem", "svid.pem", "key.pem", "ca.pem", "absent.pem"}) {
      files[name] = Path(name);
    }
    return action.Run(files, timeout);
  }
  std::string Path(const std::string& name) const { return dir_.File(name); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  const Pair& first() const { return first_; }

 private:
  test::TempDir dir_;
  int port_;
  Pair first_ = NewPair();
  std::unique_ptr<test::Child> process_;
};

const std::map<std::string, std::string> kCombined = {{"combined", "both.pem"}};

// Says which version it is, and takes everything.
FakeServer::Script FakeHaproxy(const std::string& version, bool& committed) {
  return [version, &committed](FakeConnection& c) {
    const std::string command = c.ReadUntil("\n");
    if (command.starts_with("show version")) {
      c.Send(version + "\n");
    } else if (command.starts_with("set ")) {
      c.ReadUntil("\n\n");
      const std::size_t name = command.rfind('/');
      const std::size_t start = command.rfind(' ', name) + 1;
      c.Send("Transaction created for " + command.substr(start, command.find(' ', start) - start) +
             "!\n");
    } else if (command.starts_with("commit ")) {
      committed = true;
      c.Send("Success!\n");
    } else {
      c.Send("# filename\n\n");
    }
  };
}

}  // namespace

TEST_CASE("HAProxy serves the new certificate after one transaction, again and again") {
  Haproxy haproxy;
  for (int i = 0; i < 3; ++i) {
    const Pair next = NewPair();
    haproxy.Put(next);
    CHECK_FALSE(haproxy.Serves(next));  // files alone change nothing
    REQUIRE_OK(haproxy.Run(kCombined));
    CHECK(haproxy.Serves(next));
  }
}

TEST_CASE(
    "HAProxy 2.6 would break by CAs, and by certificates without a DNS name: it is left alone") {
  Haproxy haproxy;
  if (!haproxy.Ask("show version\n").starts_with("2.")) {
    WARN("skipped, not proved: a newer HAProxy than 2");
    return;
  }
  WriteWholeFile(haproxy.Path("ca.pem"), NewPair().chain);
  REQUIRE_ERROR(haproxy.Run({{"combined", "both.pem"}, {"ca", "ca.pem"}}),
                Code::kFailedPrecondition, "\"pid_file\" of the master process");
  CHECK_THAT(haproxy.Ask("show ssl ca-file\n"), !Catch::Contains("# transaction"));
  haproxy.Put(NewPair({}));
  REQUIRE_ERROR(haproxy.Run(kCombined), Code::kFailedPrecondition, "-dns");
  CHECK(haproxy.Serves(haproxy.first()));
  CHECK_THAT(haproxy.Ask("show ssl cert\n"), !Catch::Contains("# transaction"));
}

TEST_CASE("HAProxy's master is reloaded when CAs change, and only then") {
  Haproxy haproxy;
  const std::map<std::string, std::string> roles = {{"combined", "both.pem"}, {"ca", "ca.pem"}};
  auto action = haproxy.Make(roles, {}, haproxy.Path("pid"));
  REQUIRE_OK(haproxy.Run(*action));
  const Pair next = NewPair();
  haproxy.Put(next);
  WriteWholeFile(haproxy.Path("ca.pem"), next.chain + haproxy.first().chain);
  REQUIRE_OK(haproxy.Run(*action));
  CHECK(haproxy.SoonServes(next));
  CHECK_THAT(haproxy.Ask("show ssl ca-file\n"),
             Catch::Contains(haproxy.Path("ca.pem") + " - 2 certificate(s)"));
  const std::string process = haproxy.Ask("show info\n");
  const Pair last = NewPair();
  haproxy.Put(last);
  REQUIRE_OK(haproxy.Run(*action));
  CHECK(haproxy.Serves(last));  // at once, by a transaction
  const auto pid_line = [](const std::string& info) {
    return info.substr(info.find("\nPid:"), 12);
  };
  CHECK(pid_line(haproxy.Ask("show info\n")) == pid_line(process));
}

TEST_CASE(
    "A certificate without a DNS name is served by a reload of the master, and clients are "
    "still verified") {
  Haproxy haproxy;
  const Pair next = NewPair({});
  haproxy.Put(next);
  auto action = haproxy.Make(kCombined, {}, haproxy.Path("pid"));
  REQUIRE_OK(haproxy.Run(*action));
  CHECK(haproxy.SoonServes(next));
  std::string error;
  CHECK_THAT(
      test::RunAndRead("openssl s_client -connect " + haproxy.address() + " </dev/null 2>&1; true",
                       error),
      Catch::Contains("Acceptable client certificate CA names"));
}

TEST_CASE("A reload of HAProxy that its master refuses is an error, and the old worker goes on") {
  Haproxy haproxy;
  WriteWholeFile(haproxy.Path("ca.pem"), "garbage\n");
  auto action = haproxy.Make({{"ca", "ca.pem"}}, {}, haproxy.Path("pid"));
  REQUIRE_ERROR(haproxy.Run(*action, std::chrono::milliseconds(700)), Code::kUnavailable,
                "has not started a new worker");
  CHECK(haproxy.Serves(haproxy.first()));
}

TEST_CASE("HAProxy takes certificate and key from two files, under the name that it knows") {
  Haproxy haproxy;
  const Pair next = NewPair();
  haproxy.Put(next);
  REQUIRE_OK(
      haproxy.Run({{"certificate", "svid.pem"}, {"key", "key.pem"}}, haproxy.Path("both.pem")));
  CHECK(haproxy.Serves(next));
}

TEST_CASE("HAProxy refuses a key that does not fit, and nothing stays open") {
  Haproxy haproxy;
  Pair next = NewPair();
  next.key = haproxy.first().key;
  haproxy.Put(next);
  REQUIRE_ERROR(haproxy.Run(kCombined), Code::kFailedPrecondition, "inconsistencies");
  CHECK(haproxy.Serves(haproxy.first()));
  CHECK_THAT(haproxy.Ask("show ssl cert\n"), !Catch::Contains("# transaction"));
}

TEST_CASE("A certificate alone is refused at the commit, and nothing stays open") {
  Haproxy haproxy;
  WriteWholeFile(haproxy.Path("both.pem"), NewPair().chain);
  REQUIRE_ERROR(haproxy.Run(kCombined), Code::kFailedPrecondition, "keeps the old");
  CHECK(haproxy.Serves(haproxy.first()));
  CHECK_THAT(haproxy.Ask("show ssl cert\n"), !Catch::Contains("# transaction"));
}

TEST_CASE("A transaction of ours that broke off is begun anew") {
  Haproxy haproxy;
  const Pair stale = NewPair();
  const Pair next = NewPair();
  haproxy.Ask("set ssl cert " + haproxy.Path("both.pem") + " <<\n" + stale.key + stale.chain +
              "\n");
  haproxy.Put(next);
  REQUIRE_OK(haproxy.Run(kCombined));
  CHECK(haproxy.Serves(next));
}

TEST_CASE("Somebody else's open transaction is aborted and reported, and the next attempt works") {
  Haproxy haproxy;
  const Pair next = NewPair();
  haproxy.Ask("set ssl cert " + haproxy.Path("other.pem") + " <<\n" + next.key + next.chain + "\n");
  haproxy.Put(next);
  REQUIRE_ERROR(haproxy.Run(kCombined), Code::kUnavailable,
                "had left a transaction on \"" + haproxy.Path("other.pem") + "\" open");
  CHECK(haproxy.Serves(haproxy.first()));
  REQUIRE_OK(haproxy.Run(kCombined));
  CHECK(haproxy.Serves(next));
}

TEST_CASE("What HAProxy does not know, or does not allow, is an error in its words") {
  Haproxy haproxy("user");
  REQUIRE_ERROR(haproxy.Run(kCombined), Code::kPermissionDenied, "level admin");
  Haproxy admin;
  REQUIRE_ERROR(admin.Run(kCombined, "no-such-name"), Code::kFailedPrecondition, "not referenced");
  REQUIRE_ERROR(admin.Run({{"combined", "absent.pem"}}), Code::kNotFound, "absent.pem");
  CHECK(admin.Serves(admin.first()));
}

TEST_CASE("A payload that HAProxy would cut in two or that is too large for it is an error") {
  Haproxy haproxy;
  const Pair next = NewPair();
  WriteWholeFile(haproxy.Path("both.pem"), next.chain + "\n" + next.key);
  REQUIRE_ERROR(haproxy.Run(kCombined), Code::kFailedPrecondition, "empty lines");
  std::string many = next.key;
  for (int i = 0; i < 40; ++i) {
    many += next.chain;
  }
  WriteWholeFile(haproxy.Path("both.pem"), many);
  REQUIRE_ERROR(haproxy.Run(kCombined), Code::kFailedPrecondition, "tune.bufsize");
  CHECK(haproxy.Serves(haproxy.first()));
}

TEST_CASE("HAProxy 2.6 puts a payload into another's transaction: both are aborted") {
  // Opened between our look and our set, which only a script can time.
  const test::TempDir dir;
  const Pair next = NewPair();
  WriteWholeFile(dir.File("both.pem"), next.key + next.chain);
  std::vector<std::string> heard;
  const auto say = [&heard](const std::string& answer) {
    return [&heard, answer](FakeConnection& c) {
      heard.push_back(c.ReadUntil("\n"));
      if (heard.back().starts_with("set")) {
        c.ReadUntil("\n\n");
      }
      c.Send(answer);
    };
  };
  {
    const FakeServer server(
        {say("# filename\n/a\n\n"), say("Transaction updated for certificate /a!\n"),
         say("# transaction\n*/a\n# filename\n"), say("Transaction aborted\n"),
         say("No ongoing transaction!\n")},
        dir.File("sock"));
    auto action = MakeAction({.kind = "haproxy",
                              .socket = dir.File("sock"),
                              .certificate = "/b",
                              .files = {{"combined", "both.pem"}}});
    REQUIRE_OK(action);
    REQUIRE_ERROR((*action)->Run({{"both.pem", dir.File("both.pem")}}, kPatience),
                  Code::kUnavailable, "somebody else changes \"/a\"");
  }
  CHECK(heard == std::vector<std::string>{"show ssl cert\n", "set ssl cert /b <<\n",
                                          "show ssl cert\n", "abort ssl cert /a\n",
                                          "abort ssl cert /b\n"});
}

TEST_CASE("A version of HAProxy is told at runtime only what it can do without harm") {
  struct Row {
    const char* version;
    bool cas, nameless;  // a new CA file; a certificate without a DNS name
  };
  const Row rows[] = {
      {"2.6.12-1+deb12u4", false, false},
      {"2.8.0-fdd8154ed", false, false},
      {"3.0.0", false, true},
      {"3.0.11-1+deb13u3", false, true},
      {"3.2.7", false, true},
      {"3.2.8", true, true},
      {"3.2.26-1", true, true},
      {"3.3-dev12", true, true},
      {"3.4.0-64a335366", true, true},
      {"3.10.0", true, true},
      {"10.0", true, true},
      {"", false, false},
      {"Unknown command", false, false},
  };
  for (const Row& row : rows) {
    for (const bool cas : {false, true}) {
      INFO(row.version << (cas ? ": CAs" : ": a certificate without a DNS name"));
      const test::TempDir dir;
      WriteWholeFile(dir.File("ca.pem"), NewPair().chain);
      const Pair nameless = NewPair({});
      WriteWholeFile(dir.File("both.pem"), nameless.key + nameless.chain);
      bool committed = false;
      Status done;
      {
        const FakeServer server({FakeHaproxy(row.version, committed)}, dir.File("sock"));
        auto action = MakeAction(
            {.kind = "haproxy",
             .socket = dir.File("sock"),
             .files = {cas ? std::pair{"ca", "ca.pem"} : std::pair{"combined", "both.pem"}}});
        REQUIRE_OK(action);
        done = (*action)->Run({{"ca.pem", dir.File("ca.pem")}, {"both.pem", dir.File("both.pem")}},
                              kPatience);
      }
      CHECK(committed == (cas ? row.cas : row.nameless));
      if (committed) {
        REQUIRE_OK(done);
      } else {
        REQUIRE_ERROR(done, Code::kFailedPrecondition, "\"pid_file\" of the master process");
      }
    }
  }
}
