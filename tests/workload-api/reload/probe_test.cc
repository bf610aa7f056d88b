#include "workload-api/reload/probe.h"

#include <openssl/ssl.h>

#include "tests/support/kubernetes/process.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"
#include "tests/workload-api/reload/fake_server.h"
#include "workload-api/reload/greeting.h"

using namespace signet;
using namespace signet::reload;
using test::FakeConnection;
using test::FakeServer;
using namespace std::string_literals;

namespace {

const test::TestCert& Served() {
  static const test::TestCert cert = [] {
    return test::TestCa("example.org").IssueSvid("spiffe://example.org/web");
  }();
  return cert;
}

ProbeSpec At(const std::string& address, const std::string& protocol = "tls") {
  return {.address = address, .protocol = protocol, .timeout = std::chrono::seconds(5)};
}

// MariaDB 10.11's first packet, as captured: 100 bytes, number 0. Bit 11 of the capabilities is
// TLS.
std::string MariadbGreeting(bool tls) {
  const std::string payload =
      "\n5.5.5-10.11.19-MariaDB-0+deb12u1\0\x03\0\0\0PrnS1;sT\0\xfe"s + (tls ? '\xff' : '\xf7') +
      "\x08\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0+w:Z57W/%jiO\0mysql_native_password\0"s;
  return std::string(1, static_cast<char>(payload.size())) + std::string(3, '\0') + payload;
}

// What each kind of server says before TLS, and what it has to be asked, byte for byte.
struct Preamble {
  std::string protocol;
  std::function<void(FakeConnection&)> talk;
};

std::vector<Preamble> Preambles() {
  return {
      {"tls", [](FakeConnection&) {}},
      {"postgresql",
       [](FakeConnection& c) { c.Send(c.Read(8) == "\0\0\0\x08\x04\xd2\x16\x2f"s ? "S" : "E"); }},
      {"mysql",
       [](FakeConnection& c) {
         c.Send(MariadbGreeting(true));
         const std::string request = c.Read(36);
         // 32 bytes, packet 1; protocol 4.1 and TLS are asked for.
         if (request.substr(0, 4) != "\x20\0\0\x01"s || (request[5] & 0x0a) != 0x0a) {
           c.Send("wrong");
         }
       }},
      {"nats",
       [](FakeConnection& c) {
         c.Send("INFO {\"server_id\":\"N\",\"version\":\"2.9.10\",\"tls_required\":true} \r\n");
       }},
      {"smtp",
       [](FakeConnection& c) {
         c.Send("220-mail.example.org\r\n220 ESMTP\r\n");
         c.Send(c.ReadUntil("\n") == "EHLO localhost\r\n" ? "250-hi\r\n250 STARTTLS\r\n"
                                                          : "500\r\n");
         c.Send(c.ReadUntil("\n") == "STARTTLS\r\n" ? "220 go\r\n" : "500 what\r\n");
       }},
      {"imap",
       [](FakeConnection& c) {
         c.Send("* OK IMAP4rev1\r\n");
         c.Send(c.ReadUntil("\n") == "a STARTTLS\r\n" ? "* hm\r\na OK begin\r\n" : "a BAD\r\n");
       }},
      {"ldap",
       [](FakeConnection& c) {
         // As OpenLDAP answers.
         c.Send(c.Read(31).ends_with("1.3.6.1.4.1.1466.20037")
                    ? "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"s
                    : "no");
       }},
  };
}

}  // namespace

TEST_CASE(
    "The leaf is seen behind every protocol, in TLS 1.2 and 1.3, though no client "
    "certificate is shown") {
  for (const Preamble& preamble : Preambles()) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      INFO(preamble.protocol << " " << version);
      const FakeServer server({[&](FakeConnection& c) {
        preamble.talk(c);
        c.SpeakTls(Served(), version);
      }});
      const auto leaf = ServedCertificate(At(server.address(), preamble.protocol));
      REQUIRE_OK(leaf);
      CHECK(*leaf == Served().der);
    }
  }
}

TEST_CASE("A server that ignored its reload is seen to serve the old certificate") {
  const auto renewed = test::TestCa("example.org").IssueSvid("spiffe://example.org/web");
  const FakeServer server({[](FakeConnection& c) { c.SpeakTls(Served(), TLS1_3_VERSION); }});
  const auto leaf = ServedCertificate(At(server.address()));
  REQUIRE_OK(leaf);
  CHECK(*leaf == Served().der);
  CHECK(*leaf != renewed.der);
}

TEST_CASE("A Unix socket can be probed") {
  const test::TempDir dir;
  const FakeServer server({[](FakeConnection& c) { c.SpeakTls(Served(), TLS1_3_VERSION); }},
                          dir.File("s"));
  const auto leaf = ServedCertificate(At(server.address()));
  REQUIRE_OK(leaf);
  CHECK(*leaf == Served().der);
}

TEST_CASE("The name that is asked for is sent, and only then") {
  // The name stands in the ClientHello in clear.
  std::string hello;
  {
    const FakeServer server({[&](FakeConnection& c) { hello = c.Read(600); }});
    ProbeSpec spec = At(server.address());
    spec.server_name = "db.example.org";
    CHECK_FALSE(
        ServedCertificate({spec.address, "tls", "db.example.org", std::chrono::milliseconds(200)})
            .ok());
  }
  CHECK_THAT(hello, Catch::Contains("db.example.org"));
}

TEST_CASE("A place where nobody listens, or something else does, is an error that says so") {
  const auto [script, protocol, why] = GENERATE(table<std::string, std::string, std::string>({
      {"", "tls", "closed the connection"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "tls", "no TLS certificate"},
      {"N", "postgresql", "does not offer TLS"},
      {"Eno", "postgresql", "does not answer like PostgreSQL"},
      {"220 smtp\r\n", "mysql", "does not answer like MySQL"},
      {"\x11\0\0\0\xff\x10\x04Too many conns"s, "mysql", "Too many conns"},
      {"INFO {\"tls_required\":false}\r\n", "nats", "does not offer TLS"},
      {"INFO 5\r\n", "nats", "does not answer like NATS"},
      {"+PONG\r\n", "nats", "does not answer like NATS"},
      {std::string(40'000, 'I'), "nats", "a line of more than"},
      {"554 go away\r\n", "smtp", "554 go away"},
      {"* BYE\r\n", "imap", "does not answer like IMAP"},
      {"HTTP/1.1 400\r\n", "ldap", "does not answer like LDAP"},
      {"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"s, "ldap", "does not offer TLS"},
  }));
  const FakeServer server({[&, text = script](FakeConnection& c) {
    c.Send(text);
    c.Read(1);  // until the probe has gone or said something
  }});
  const auto leaf = ServedCertificate(At(server.address(), protocol));
  REQUIRE_ERROR(leaf, Code::kUnavailable, why);
  CHECK_THAT(leaf.error().message, Catch::Contains(server.address()));
}

TEST_CASE("A target that is not there is an error that says what to look at") {
  const test::TempDir dir;
  REQUIRE_ERROR(ServedCertificate(At(dir.File("socket"))), Code::kUnavailable,
                "there is no socket");
  REQUIRE_ERROR(ServedCertificate(At("127.0.0.1:" + std::to_string(test::FreePort()))),
                Code::kUnavailable, "is the server running");
  REQUIRE_ERROR(ServedCertificate(At("no-such-host.invalid:443")), Code::kUnavailable,
                "cannot be resolved");
}

TEST_CASE("A server that never answers costs no more than the timeout") {
  const FakeServer server({[](FakeConnection& c) { c.Read(100'000); }});
  ProbeSpec spec = At(server.address());
  spec.timeout = std::chrono::milliseconds(100);
  const MonoTime before = RealClock().Mono();
  REQUIRE_ERROR(ServedCertificate(spec), Code::kUnavailable, "did not answer in time");
  CHECK(RealClock().Mono() - before < std::chrono::seconds(2));
}

TEST_CASE("The words of a probe are judged before it is used") {
  for (const std::string address :
       {"", "localhost", "localhost:0", "localhost:65536", "localhost:x", ":443", "::1:443",
        "a b:1", "unix/path:1", "[::1]", "[::1]443", "/"}) {
    INFO(address);
    const bool path = address == "/";
    CHECK(CheckProbeSpec(At(address)).ok() == path);
  }
  for (const std::string address : {"localhost:443", "127.0.0.1:1", "[::1]:65535", "/run/x.sock"}) {
    INFO(address);
    REQUIRE_OK(CheckProbeSpec(At(address)));
  }
  REQUIRE_ERROR(CheckProbeSpec(At("/" + std::string(120, 'x'))), Code::kInvalidArgument,
                "that Unix sockets allow");
  REQUIRE_ERROR(CheckProbeSpec(At("a:1", "amqp")), Code::kInvalidArgument, "RabbitMQ and Redis");
  ProbeSpec spec = At("a:1");
  spec.timeout = Duration::zero();
  REQUIRE_ERROR(CheckProbeSpec(spec), Code::kInvalidArgument, "timeout");
}

TEST_CASE("A MySQL greeting without the TLS bit, or cut anywhere, is refused") {
  const std::string packet = MariadbGreeting(true);
  const std::string payload = packet.substr(4);
  REQUIRE_OK(JudgeMysqlGreeting(AsBytes(payload)));
  REQUIRE_ERROR(JudgeMysqlGreeting(AsBytes(MariadbGreeting(false).substr(4))), Code::kUnavailable,
                "does not offer TLS");
  const std::size_t needed = 1 + 33 + 4 + 8 + 1 + 2;
  for (std::size_t n = 0; n < needed; ++n) {
    INFO(n);
    CHECK_FALSE(JudgeMysqlGreeting(AsBytes(payload.substr(0, n))).ok());
  }
}
