#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/kubernetes/process.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/reload/fake_server.h"
#include "workload-api/reload/action.h"

using namespace signet;
using namespace signet::reload;
using test::FakeConnection;
using test::FakeServer;
using test::WriteWholeFile;

namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

Status Run(const ActionSpec& spec, const Action::Files& files = {}, Duration timeout = kPatience) {
  auto action = MakeAction(spec);
  REQUIRE_OK(action);
  return (*action)->Run(files, timeout);
}

// A client program that writes down its words and then does as told.
std::string FakeProgram(const test::TempDir& dir, const std::string& then,
                        const std::string& name = "client") {
  const std::string path = dir.File(name);
  WriteWholeFile(
      path, "#!/bin/sh\nfor w; do echo \"$w\" >> " + dir.File("words") + "; done\n" + then + "\n");
  REQUIRE(chmod(path.c_str(), 0755) == 0);
  return path;
}

ActionSpec Redis(const std::string& socket) {
  return {.kind = "redis",
          .socket = socket,
          .files = {{"certificate", "svid.pem"}, {"key", "key.pem"}, {"ca", "ca.pem"}}};
}

const Action::Files kFiles = {
    {"svid.pem", "/t/svid.pem"}, {"key.pem", "/t/key.pem"}, {"ca.pem", "/t/ca.pem"}};

}  // namespace

TEST_CASE("An action that cannot be meant is refused with what the kind takes") {
  struct Case {
    ActionSpec spec;
    std::string why;
  };
  const std::map<std::string, std::string> pair = {{"certificate", "c"}, {"key", "k"}};
  const std::vector<Case> cases = {
      {{.kind = "restart"},
       "there are: signal, exec, systemd, haproxy, postgresql, redis, mariadb, caddy, rabbitmq"},
      {{.kind = "signal"}, "needs \"pid_file\""},
      {{.kind = "signal", .pid_file = "run/x.pid"}, "must be an absolute path"},
      {{.kind = "signal", .signal = "KILL", .pid_file = "/x"}, "\"KILL\" is no signal"},
      {{.kind = "signal", .pid_file = "/x", .unit = "nginx"}, "does not take \"unit\""},
      {{.kind = "exec"}, "needs \"argv\""},
      {{.kind = "exec", .argv = {"nginx", "-s"}}, "absolute path"},
      {{.kind = "exec", .argv = {"/bin/x", std::string("a\0b", 3)}}, "NUL"},
      {{.kind = "exec", .argv = std::vector<std::string>(65, "/x")}, "at most 64"},
      {{.kind = "systemd", .unit = "--now"}, "no name of a systemd unit"},
      {{.kind = "systemd", .unit = "a;b"}, "no name of a systemd unit"},
      {{.kind = "systemd", .unit = "a", .verb = "stop"}, "\"verb\" is reload"},
      {{.kind = "haproxy", .socket = "/s"}, "needs \"files\""},
      {{.kind = "haproxy", .socket = "h:1", .files = pair}, "must be an absolute path"},
      {{.kind = "haproxy", .socket = "/s", .files = {{"key", "k"}}},
       "either the file \"combined\""},
      {{.kind = "haproxy", .socket = "/s", .files = {{"cert", "c"}}}, "the role \"cert\""},
      {{.kind = "haproxy", .socket = "/s", .certificate = "a\nhelp", .files = pair}, "a character"},
      {{.kind = "postgresql"}, "needs \"data_dir\""},
      {{.kind = "postgresql", .data_dir = "data"}, "must be an absolute path"},
      {{.kind = "redis", .socket = "localhost", .files = pair}, "is no address"},
      {{.kind = "redis", .socket = "/s", .files = {{"key", "k"}}}, "the role \"certificate\""},
      {{.kind = "redis", .socket = "/s", .user = "u", .files = pair}, "needs \"password_file\""},
      {{.kind = "mariadb", .password_file = "x"}, "must be an absolute path"},
      {{.kind = "mariadb", .program = "mysql"}, "absolute path"},
      {{.kind = "caddy"}, "needs \"socket\""},
      {{.kind = "caddy", .socket = "unix//x"}, "is no address"},
      {{.kind = "rabbitmq", .node = "-x"}, "no name of a RabbitMQ node"},
      {{.kind = "rabbitmq", .socket = "/s"}, "it needs: nothing"},
  };
  for (const Case& c : cases) {
    INFO(c.spec.kind << ": " << c.why);
    const auto made = MakeAction(c.spec);
    REQUIRE_ERROR(made, Code::kInvalidArgument, c.why);
  }
}

TEST_CASE("Every kind says what it does") {
  const std::map<std::string, std::string> pair = {{"certificate", "c"}, {"key", "k"}};
  const std::vector<std::pair<ActionSpec, std::string>> cases = {
      {{.kind = "signal", .pid_file = "/run/nginx.pid"}, "SIGHUP to the process of /run/nginx.pid"},
      {{.kind = "exec", .argv = {"/bin/true", "x"}}, "run of /bin/true"},
      {{.kind = "systemd", .unit = "nginx"}, "systemctl reload nginx"},
      {{.kind = "haproxy", .socket = "/s", .files = pair}, "HAProxy transaction at /s"},
      {{.kind = "postgresql", .data_dir = "/d"}, "reload of PostgreSQL in /d"},
      {{.kind = "redis", .socket = "/s", .files = pair}, "CONFIG SET of Redis at /s"},
      {{.kind = "mariadb"}, "FLUSH SSL in MariaDB"},
      {{.kind = "caddy", .socket = "localhost:2019"},
       "load of Caddy's configuration at localhost:2019"},
      {{.kind = "rabbitmq"}, "clearing of RabbitMQ's certificate cache by rabbitmqctl"},
  };
  std::vector<std::string_view> kinds;
  for (const auto& [spec, description] : cases) {
    const auto made = MakeAction(spec);
    REQUIRE_OK(made);
    CHECK((*made)->Describe() == description);
    kinds.push_back(spec.kind);
  }
  CHECK(kinds == ActionKinds());
}

TEST_CASE("The fixed programs get exactly these words") {
  struct Case {
    ActionSpec spec;
    std::string words;
  };
  const Case c = GENERATE(
      Case{{.kind = "systemd", .unit = "nginx.service"},
           "--no-ask-password\nreload\n--\nnginx.service\n"},
      Case{{.kind = "systemd", .unit = "a@b", .verb = "reload-or-restart"},
           "--no-ask-password\nreload-or-restart\n--\na@b\n"},
      Case{{.kind = "mariadb", .socket = "/run/m.sock", .user = "r", .password_file = "/m.cnf"},
           "--defaults-extra-file=/m.cnf\n--socket=/run/m.sock\n--user=r\n--batch\n"
           "--execute=FLUSH SSL\n"},
      Case{{.kind = "mariadb"}, "--batch\n--execute=FLUSH SSL\n"},
      Case{{.kind = "rabbitmq"}, "--quiet\neval\nssl:clear_pem_cache().\n"},
      Case{{.kind = "rabbitmq", .node = "rabbit@a"},
           "--quiet\n--node\nrabbit@a\neval\nssl:clear_pem_cache().\n"});
  const test::TempDir dir;
  ActionSpec spec = c.spec;
  spec.program = FakeProgram(dir, "echo ok");
  REQUIRE_OK(Run(spec));
  CHECK(test::ReadWholeFile(dir.File("words")) == c.words);
}

TEST_CASE("rabbitmq: erl_call is told in its own words, with the kind of name that the node has") {
  const auto [node, words] = GENERATE(
      std::pair<std::string, std::string>{"", "-sname\nrabbit"},
      std::pair<std::string, std::string>{"rabbit@host", "-sname\nrabbit@host"},
      std::pair<std::string, std::string>{"a.b@host", "-sname\na.b@host"},
      std::pair<std::string, std::string>{"rabbit@a.example.org", "-name\nrabbit@a.example.org"});
  const test::TempDir dir;
  ActionSpec spec{
      .kind = "rabbitmq", .program = FakeProgram(dir, "printf ok", "erl_call"), .node = node};
  REQUIRE_OK(Run(spec));
  CHECK(test::ReadWholeFile(dir.File("words")) ==
        "-R\n" + words + "\n-a\nssl clear_pem_cache []\n");
  spec.program = FakeProgram(dir, "printf '{badrpc,nodedown}'", "erl_call");
  REQUIRE_ERROR(Run(spec), Code::kFailedPrecondition, "{badrpc,nodedown}");
}

TEST_CASE("A program's refusal is told in its own words") {
  const test::TempDir dir;
  const ActionSpec unit{
      .kind = "systemd",
      .unit = "nginx",
      .program = FakeProgram(dir, "echo Unit nginx.service not found. >&2; exit 5")};
  REQUIRE_ERROR(Run(unit), Code::kFailedPrecondition, "status 5: Unit nginx.service not found.");
  const ActionSpec rabbit{.kind = "rabbitmq", .program = FakeProgram(dir, "echo '{error,nope}'")};
  REQUIRE_ERROR(Run(rabbit), Code::kFailedPrecondition, "{error,nope}");
}

TEST_CASE("redis: certificate, key and CA travel in one command") {
  std::string heard;
  const FakeServer server({[&](FakeConnection& c) {
    heard = c.ReadUntil("/t/ca.pem\r\n");
    c.Send("+OK\r\n");
  }});
  REQUIRE_OK(Run(Redis(server.address()), kFiles));
  CHECK(
      heard ==
      "*8\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$13\r\ntls-cert-file\r\n$11\r\n/t/svid.pem\r\n"
      "$12\r\ntls-key-file\r\n$10\r\n/t/key.pem\r\n$16\r\ntls-ca-cert-file\r\n$9\r\n/t/ca.pem\r\n");
}

TEST_CASE("redis: the password file is one of our own, and its first line alone is sent") {
  const test::TempDir dir;
  const std::string file = dir.File("password");
  WriteWholeFile(file, "s3cret\nmore\n");
  REQUIRE(chmod(file.c_str(), 0600) == 0);
  std::string heard;
  const FakeServer server({[&](FakeConnection& c) {
    heard = c.ReadUntil("s3cret\r\n");
    c.Send("-WRONGPASS invalid username-password pair\r\n");
  }});
  ActionSpec spec = Redis(server.address());
  spec.user = "signet";
  spec.password_file = file;
  const Status refused = Run(spec, kFiles);
  REQUIRE_ERROR(refused, Code::kFailedPrecondition, "AUTH: Redis says: WRONGPASS");
  CHECK_THAT(refused.error().message, !Catch::Contains("s3cret"));
  CHECK(heard == "*3\r\n$4\r\nAUTH\r\n$6\r\nsignet\r\n$6\r\ns3cret\r\n");
  REQUIRE(chmod(file.c_str(), 0644) == 0);
  REQUIRE_ERROR(Run(spec, kFiles), Code::kFailedPrecondition, "chmod 600");
}

TEST_CASE("A server's answer that is none of its own kind is told apart from a refusal") {
  const auto [kind, answer, code, why] =
      GENERATE(table<std::string, std::string, Code, std::string>({
          {"redis", "-ERR CONFIG SET failed\r\n", Code::kFailedPrecondition, "CONFIG SET failed"},
          {"redis", "\x15\x03\x03\r\n", Code::kUnavailable, "is it a TLS port?"},
          {"redis", "", Code::kUnavailable, "closed the connection"},
          {"redis", std::string(5000, 'x'), Code::kUnavailable, "another kind of server"},
          {"caddy", "HTTP/1.0 403 Forbidden\r\n\r\n{\"error\":\"host not allowed: x\"}\n",
           Code::kFailedPrecondition, "403 to GET /config/: {\"error\":\"host not allowed: x\"}"},
          {"caddy", "HTTP/1.0 200 OK\r\n\r\nnull\n", Code::kFailedPrecondition, "no configuration"},
          {"caddy", "SSH-2.0-OpenSSH\r\n", Code::kUnavailable, "does not answer in HTTP"},
          {"caddy", "HTTP/1.", Code::kUnavailable, "does not answer in HTTP"},
      }));
  const FakeServer server({[text = answer](FakeConnection& c) {
    c.Read(16);
    c.Send(text);
  }});
  const ActionSpec spec = kind == "redis" ? Redis(server.address())
                                          : ActionSpec{.kind = kind, .socket = server.address()};
  REQUIRE_ERROR(Run(spec, kFiles), code, why);
}

TEST_CASE("caddy: its own configuration comes back to it unchanged, with the word to load it") {
  const std::string config = "{\"apps\":{\"tls\":{}},\"x\":\"\\u00e9 \r\n\r\n\"}\n";
  std::string got;
  std::string posted;
  const FakeServer server({[&](FakeConnection& c) {
                             got = c.ReadUntil("\r\n\r\n");
                             c.Send("HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n" + config);
                           },
                           [&](FakeConnection& c) {
                             posted = c.ReadUntil("\r\n\r\n");
                             posted += c.Read(config.size());
                             c.Send("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
                           }});
  REQUIRE_OK(Run({.kind = "caddy", .socket = server.address()}));
  CHECK(got == "GET /config/ HTTP/1.0\r\nHost: " + server.address() + "\r\n\r\n");
  CHECK(posted == "POST /load HTTP/1.0\r\nHost: " + server.address() +
                      "\r\nContent-Type: application/json\r\nCache-Control: must-revalidate\r\n"
                      "Content-Length: " +
                      std::to_string(config.size()) + "\r\n\r\n" + config);
}

TEST_CASE("A server that is not there is an error that says what to look at") {
  const test::TempDir dir;
  const std::string free = "127.0.0.1:" + std::to_string(test::FreePort());
  REQUIRE_ERROR(Run(Redis(dir.File("s")), kFiles), Code::kUnavailable, "there is no socket");
  REQUIRE_ERROR(Run(Redis(free), kFiles), Code::kUnavailable, "nobody listens at " + free);
  REQUIRE_ERROR(Run({.kind = "caddy", .socket = free}), Code::kUnavailable, "nobody listens");
  REQUIRE_ERROR(Run({.kind = "postgresql", .data_dir = dir.path()}), Code::kNotFound,
                "the server may not run yet");
  REQUIRE_ERROR(Run({.kind = "mariadb", .program = dir.File("mariadb")}), Code::kFailedPrecondition,
                "No such file");
  WriteWholeFile(dir.File("both.pem"), "x\n");
  const Action::Files files = {{"both.pem", dir.File("both.pem")}};
  REQUIRE_ERROR(
      Run({.kind = "haproxy", .socket = dir.File("s"), .files = {{"combined", "both.pem"}}}, files),
      Code::kUnavailable, "there is no socket");
}

TEST_CASE("A file that the target does not have is named") {
  REQUIRE_ERROR(Run(Redis("/nowhere"), {{"svid.pem", "/t/svid.pem"}}), Code::kInvalidArgument,
                "\"key\" from \"key.pem\"");
}

TEST_CASE("A server that hangs costs no more than the timeout") {
  const FakeServer server({[](FakeConnection& c) { c.ReadUntil("never"); }});
  const MonoTime before = RealClock().Mono();
  const Duration timeout = std::chrono::milliseconds(100);
  REQUIRE_ERROR(Run(Redis(server.address()), kFiles, timeout), Code::kUnavailable, "in time");
  REQUIRE_ERROR(Run({.kind = "caddy", .socket = server.address()}, {}, timeout), Code::kUnavailable,
                "in time");
  CHECK(RealClock().Mono() - before < std::chrono::seconds(3));
}
