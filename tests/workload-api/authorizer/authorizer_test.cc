#include "workload-api/authorizer/authorizer.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "core/base/encoding.h"
#include "tests/support/pki.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::authorizer {
namespace {

/// Client is a plain connection; nothing waits longer than ten seconds.
class Client {
 public:
  explicit Client(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);
  }
  bool Send(const std::string& text) {
    return ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  /// Receive gives what came until `end` stands at its end, or the connection was closed.
  std::string Receive(const std::string& end) {
    std::string text;
    pollfd item{socket_.get(), POLLIN, 0};
    while (!text.ends_with(end) && ::poll(&item, 1, 10'000) == 1) {
      char buffer[4096];
      const ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, 0);
      if (n <= 0) {
        closed = true;
        break;
      }
      text.append(buffer, static_cast<std::size_t>(n));
    }
    return text;
  }
  std::string ReceiveAll() { return Receive("no answer ends so"); }
  int fd() const { return socket_.get(); }
  bool closed = false;

 private:
  UniqueFd socket_;
};

std::string Request(const std::string& path, const std::string& headers = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}

/// House is an authorizer with the policies web, and hers, which root may not ask.
struct House {
  explicit House(const Limits& limits = {}) {
    Options options{.socket_path = path, .socket_mode = 0600, .limits = limits};
    const auto pattern = *IdPattern::Parse("spiffe://example.org/web");
    options.policies.push_back({.name = "web",
                                .allow = {pattern},
                                .certificate_header = "X-Cert",
                                .format = Format::kDer});
    options.policies.push_back({.name = "hers",
                                .allow = {pattern},
                                .certificate_header = "X-Cert",
                                .format = Format::kDer,
                                .users = {::geteuid() + 1}});
    auto started = Authorizer::Start(options, {hub, clock, logger});
    REQUIRE_OK(started);
    authorizer = *std::move(started);
  }
  void Publish() {
    auto td = *spiffe::TrustDomain::Parse("example.org");
    svids::Snapshot snapshot{.version = 1, .taken_at = clock.Now(), .trust_domain = td};
    snapshot.bundles[td] = std::make_shared<const Bytes>(ca.der());
    hub.Publish(std::make_shared<const svids::Snapshot>(std::move(snapshot)));
  }
  std::string Cert(const std::string& id) const {
    return "X-Cert: " + Base64Encode(ca.IssueSvid(id).der) + "\r\n";
  }
  std::string Ask(const std::string& request) const {
    Client client(path);
    client.Send(request);
    return client.Receive("\n");
  }
  test::TempDir dir;
  const std::string path = dir.File("authz.sock");
  test::TestCa ca{"example.org"};
  FakeClock clock;
  MemoryLogger logger;
  svids::Hub hub{"the agent is starting"};
  std::unique_ptr<Authorizer> authorizer;
};

TEST_CASE("a proxy asks over the socket and is told who it is, or why not") {
  House house;
  struct stat info {};
  REQUIRE(::stat(house.path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const std::string web = Request("/authorize/web", house.Cert("spiffe://example.org/web"));
  CHECK_THAT(house.Ask(web), Catch::StartsWith("HTTP/1.1 503 ") &&
                                 Catch::Contains("X-Spiffe-Reason: the agent is starting\r\n"));
  house.Publish();
  CHECK_THAT(house.Ask(web), Catch::StartsWith("HTTP/1.1 200 ") &&
                                 Catch::Contains("X-Spiffe-Id: spiffe://example.org/web\r\n"));
  const std::string api = house.Cert("spiffe://example.org/api");
  CHECK_THAT(house.Ask(Request("/authorize/web?a=b", api)), Catch::StartsWith("HTTP/1.1 403 ") &&
                                                                Catch::Contains("allow list") &&
                                                                !Catch::Contains("X-Spiffe-Id"));
  CHECK_THAT(house.Ask(Request("/authorize/web")), Catch::StartsWith("HTTP/1.1 401 "));
  CHECK_THAT(house.Ask(Request("/authorize/web", api + api)), Catch::StartsWith("HTTP/1.1 400 "));
  for (const char* const path : {"/authorize/none", "/authorize/", "/", "/authorize/web/", "*"}) {
    CHECK_THAT(house.Ask(Request(path, api)), Catch::StartsWith("HTTP/1.1 403 "));
  }
  CHECK_THAT(house.Ask(Request("/authorize/hers", house.Cert("spiffe://example.org/web"))),
             Catch::StartsWith("HTTP/1.1 403 ") && Catch::Contains("asking user"));
  CHECK_THAT(house.Ask("POST /authorize/web HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"),
             Catch::StartsWith("HTTP/1.1 405 "));
  house.hub.Close(PermissionDenied("the agent has lost its identity"));
  CHECK_THAT(house.Ask(web), Catch::StartsWith("HTTP/1.1 503 "));
  CHECK(house.logger.Contains("spiffe_id=spiffe://example.org/api"));
  house.authorizer.reset();
  CHECK(::stat(house.path.c_str(), &info) != 0);
}

TEST_CASE("a connection serves one request after the other, also sent at once or in pieces") {
  House house;
  house.Publish();
  const std::string web = Request("/authorize/web", house.Cert("spiffe://example.org/web"));
  Client client(house.path);
  client.Send(web);
  CHECK_THAT(client.Receive("verified\n"), Catch::StartsWith("HTTP/1.1 200 "));
  client.Send(web.substr(0, 100));
  client.Send(web.substr(100) + web + Request("/authorize/web") + web.substr(0, 10));
  const std::string three = client.Receive("X-Cert.\n");
  const std::size_t second = three.find("HTTP/1.1 200 ", 1);
  CHECK_THAT(three, Catch::StartsWith("HTTP/1.1 200 "));
  REQUIRE(second != std::string::npos);
  CHECK(three.find("HTTP/1.1 401 ", second) != std::string::npos);
  client.Send(web.substr(10, web.size() - 12) + "Connection: close\r\n\r\n");
  CHECK_THAT(client.ReceiveAll(), Catch::StartsWith("HTTP/1.1 200 "));
  CHECK(client.closed);
}

TEST_CASE("a body is not read, so that no request can hide in one") {
  House house;
  house.Publish();
  Client client(house.path);
  const std::string hidden = Request("/authorize/web", house.Cert("spiffe://example.org/web"));
  client.Send(
      Request("/authorize/web", "Content-Length: " + std::to_string(hidden.size()) + "\r\n") +
      hidden);
  const std::string all = client.ReceiveAll();
  CHECK(client.closed);
  CHECK_THAT(all, Catch::StartsWith("HTTP/1.1 401 ") && !Catch::Contains("HTTP/1.1 200"));
}

TEST_CASE("slow, endless and broken requests end, and others are served meanwhile") {
  House house;
  house.Publish();
  const std::string web = Request("/authorize/web", house.Cert("spiffe://example.org/web"));
  Client slow(house.path);
  slow.Send(web.substr(0, 50));
  Client silent(house.path);
  Client endless(house.path);
  endless.Send("GET /authorize/web HTTP/1.1\r\nA: " + std::string(kMaxHeadBytes, 'x'));
  CHECK_THAT(endless.ReceiveAll(), Catch::StartsWith("HTTP/1.1 400 "));
  for (const char* const text :
       {"\r\n\r\n", "GET / HTTP/1.1\n\n", "\x16\x03\x01\x02", "PRI * HTTP/2.0\r\n\r\n"}) {
    Client broken(house.path);
    broken.Send(text + std::string("\n"));
    CHECK_THAT(broken.ReceiveAll(), Catch::StartsWith("HTTP/1.1 400 "));
  }
  house.clock.Advance(std::chrono::seconds(6));
  CHECK_THAT(house.Ask(web), Catch::StartsWith("HTTP/1.1 200 "));
  CHECK(slow.ReceiveAll().empty());
  CHECK(silent.ReceiveAll().empty());
  CHECK((slow.closed && silent.closed));
}

TEST_CASE("connections and what they have sent are bounded") {
  House house(
      {.max_connections = 8, .max_connections_per_user = 4, .max_buffered_bytes = 64 * 1024});
  house.Publish();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(house.path));
    clients.back()->Send("GET ");
  }
  Client fifth(house.path);
  CHECK(fifth.ReceiveAll().empty());
  CHECK(fifth.closed);
  // One user may keep half of the 64 KiB, so there is no room for both of these. Both go if they
  // arrive piece by piece in turn.
  std::vector<pollfd> two;
  for (int i = 0; i < 2; ++i) {
    clients[i]->Send(std::string(20 * 1024, 'x'));
    two.push_back({clients[i]->fd(), POLLIN, 0});
  }
  CHECK(::poll(two.data(), two.size(), 10'000) >= 1);
  CHECK(clients[two[0].revents != 0 ? 0 : 1]->ReceiveAll().empty());
}

TEST_CASE("denials are logged, but not without end, and one line each") {
  House house;
  house.Publish();
  Client client(house.path);
  for (int i = 0; i < 100; ++i) {
    client.Send(Request("/authorize/web"));
    client.Receive("X-Cert.\n");
  }
  CHECK(house.logger.Lines().size() == 50);
  house.clock.Advance(std::chrono::seconds(1));
  client.Send(Request("/authorize/web"));
  client.Receive("X-Cert.\n");
  CHECK(house.logger.Contains("denials_not_logged=50"));
}

TEST_CASE("nothing from a certificate or a name can add a header") {
  const std::string out = Write({.status = 403, .reason = "a\r\nX-Spiffe-Id: b\xff"}, false);
  CHECK_THAT(out, Catch::Contains("X-Spiffe-Reason: a??X-Spiffe-Id: b?\r\n"));
}

}  // namespace
}  // namespace signet::authorizer
