#include "attestor/kubernetes/api.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/crypto/pem.h"
#include "tests/attestor/kubernetes/odd_server.h"
#include "tests/support/result.h"
#include "tests/support/temp_dir.h"

namespace signet::kubernetes {
namespace {

using namespace std::chrono_literals;
using test::Chunk;
using test::HttpReply;
using test::kChunkedHead;
using test::kLastChunk;
using test::OddRequest;
using test::OddServer;
using test::Piece;

Material File(const test::TempDir& dir, const std::string& name, const std::string& content) {
  REQUIRE_OK(WriteFileAtomic(dir.File(name), AsBytes(content)));
  return {.file = dir.File(name)};
}

Material Data(const std::string& content) { return {.data = Secret(ToBytes(content))}; }

/// Client is an Api to one OddServer, whose CA it knows.
struct Client {
  explicit Client(const OddServer& server)
      : config(std::make_shared<ApiConfig>(ApiConfig{.origin = "test", .server = server.url()})) {
    config->ca = Data(server.ca_pem());
  }
  Api& api() {
    if (opened == nullptr) {
      opened = *OpenApi(config, clock, log);
    }
    return *opened;
  }
  Result<ApiResponse> Get(const std::string& path = "/x") { return api().Do({.path = path}); }

  std::shared_ptr<ApiConfig> config;
  RealClock clock;
  MemoryLogger log;
  std::unique_ptr<Api> opened;
};

OddServer::Handler Always(std::vector<Piece> reply) {
  return [reply = std::move(reply)](const OddRequest&) { return reply; };
}

TEST_CASE("requests arrive as they are meant, on one connection") {
  std::vector<std::string> seen;
  OddServer server([&seen](const OddRequest& request) {
    seen.push_back(request.head + request.body);
    return HttpReply(201, "done");
  });
  Client client(server);
  client.config->server += "/base";
  client.config->token = Data("t0ken\n");
  const auto response = client.api().Do(
      {.method = "POST", .path = "/apis/x?y=z", .body = "{\"a\":1}", .accept = "application/x"});
  REQUIRE_OK(response);
  CHECK(response->status == 201);
  CHECK(response->body == "done\n");
  REQUIRE_OK(client.Get());
  REQUIRE(seen.size() == 2);
  CHECK_THAT(seen[0], Catch::StartsWith("POST /base/apis/x?y=z HTTP/1.1\r\n") &&
                          Catch::Contains("\r\nAuthorization: Bearer t0ken\r\n") &&
                          Catch::Contains("\r\nAccept: application/x\r\n") &&
                          Catch::Contains("\r\nContent-Type: application/json\r\n") &&
                          Catch::EndsWith("{\"a\":1}"));
  CHECK_THAT(seen[1], Catch::StartsWith("GET /base/x HTTP/1.1\r\n"));
  CHECK(server.connections() == 1);
}

TEST_CASE("an API server of another CA is not believed, and not told the token") {
  std::atomic<int> requests = 0;
  OddServer server([&requests](const OddRequest&) {
    ++requests;
    return HttpReply(200, "");
  });
  Client client(server);
  client.config->ca = Data(OddServer(Always({})).ca_pem());
  client.config->token = Data("t0ken");
  const auto response = client.Get();
  REQUIRE_ERROR(response, Code::kUnavailable, "not trusted");
  CHECK_THAT(response.error().message, !Catch::Contains("t0ken"));
  CHECK(requests == 0);
}

TEST_CASE("the name of the server's certificate counts, and may be given apart from its address") {
  OddServer server(Always(HttpReply(200, "")));
  const std::string port = std::to_string(server.port());
  struct Case {
    const char* host;
    const char* server_name;
    bool any_name;
    bool good;
  };
  for (const Case& c :
       {Case{"127.0.0.1", "", false, true}, Case{"127.0.0.2", "", false, false},
        Case{"127.0.0.1", "other.example", false, false},
        Case{"127.0.0.1", "odd.example", false, true},
        Case{"127.0.0.2", "odd.example", false, true}, Case{"127.0.0.2", "", true, true}}) {
    INFO(c.host << " " << c.server_name);
    Client client(server);
    client.config->server = std::string("https://") + c.host + ":" + port;
    client.config->tls_server_name = c.server_name;
    client.config->any_name = c.any_name;
    // The certificate is for 127.0.0.1, where the server listens; all of 127/8 is this machine.
    const auto response = client.Get();
    CHECK((response.ok() || response.code() == Code::kUnavailable));
    if (std::string(c.host) == "127.0.0.1") {
      CHECK(response.ok() == c.good);
    }
  }
}

TEST_CASE("an API server that is not there is UNAVAILABLE") {
  auto server = std::make_unique<OddServer>(Always({}));
  Client client(*server);
  server.reset();
  REQUIRE_ERROR(client.Get(), Code::kUnavailable, "connect");
}

TEST_CASE("a slow answer ends at the deadline") {
  OddServer server(Always({{"HTTP/1.1 200 OK\r\n"}, {"Content-Length: 0\r\n\r\n", 60s}}));
  Client client(server);
  const auto response = client.api().Do({.path = "/", .timeout = 200ms});
  CHECK(response.code() == Code::kDeadlineExceeded);
}

TEST_CASE("a call that is no longer wanted ends at once") {
  OddServer server(Always({{"HTTP/1.1 200 OK\r\n"}, {"Content-Length: 0\r\n\r\n", 60s}}));
  Client client(server);
  const RealClock clock;
  const MonoTime start = clock.Mono();
  const auto response = client.api().Do(
      {.path = "/", .stopping = [&clock, start] { return clock.Mono() - start > 50ms; }});
  CHECK(response.code() == Code::kCancelled);
  CHECK(clock.Mono() - start < 1s);
}

TEST_CASE("an answer above its limit is refused, not kept") {
  OddServer server(Always(HttpReply(200, std::string(100'000, 'x'))));
  Client client(server);
  REQUIRE_ERROR(client.api().Do({.path = "/", .max_body = 50'000}), Code::kResourceExhausted,
                "larger than 50000");
}

TEST_CASE("a body that is cut short is no answer") {
  OddServer server(Always({{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"items\":[]}"}}));
  Client client(server);
  CHECK(client.Get().code() == Code::kUnavailable);
}

TEST_CASE("redirections are not followed") {
  OddServer server(Always(HttpReply(302, "", "Location: https://127.0.0.1:1/\r\n")));
  Client client(server);
  const auto response = client.Get();
  REQUIRE_OK(response);
  CHECK(response->status == 302);
}

TEST_CASE("Retry-After is waited for inside the timeout, and told when it is longer") {
  std::atomic<int> requests = 0;
  OddServer server([&requests](const OddRequest& request) {
    const bool long_wait = request.head.find("/long") != std::string::npos;
    return ++requests == 1 || long_wait
               ? HttpReply(429, "", long_wait ? "Retry-After: 60\r\n" : "Retry-After: 1\r\n")
               : HttpReply(200, "");
  });
  Client client(server);
  const auto response = client.Get();
  REQUIRE_OK(response);
  CHECK(response->status == 200);
  CHECK(requests == 2);
  const auto refused = client.Get("/long");
  REQUIRE_OK(refused);
  CHECK(refused->status == 429);
  CHECK(refused->retry_after == 60s);
  CHECK(requests == 3);
}

TEST_CASE("after a 401 the token file is read again, and the call made once more") {
  std::vector<std::string> tokens;
  OddServer server([&tokens](const OddRequest& request) {
    const bool fresh = request.head.find("Bearer fresh") != std::string::npos;
    tokens.push_back(fresh ? "fresh" : "stale");
    return HttpReply(fresh ? 200 : 401, "");
  });
  const test::TempDir dir;
  Client client(server);
  client.config->token = File(dir, "token", "stale-s3cret");
  auto response = client.Get();
  REQUIRE_OK(response);
  CHECK(response->status == 401);
  CHECK(tokens == std::vector<std::string>{"stale"});  // the same token is not tried twice

  File(dir, "token", "fresh-s3cret");
  response = client.Get();
  REQUIRE_OK(response);
  CHECK(response->status == 200);
  CHECK(tokens == std::vector<std::string>{"stale", "stale", "fresh"});

  File(dir, "token", "broken\ntoken s3cret");
  REQUIRE_OK(client.Get());
  CHECK_FALSE(client.log.Contains("s3cret"));
}

TEST_CASE("token and authorities are read again after half a minute, without a word in the log") {
  std::string seen;
  OddServer server([&seen](const OddRequest& request) {
    seen = request.head;
    return HttpReply(200, "");
  });
  const test::TempDir dir;
  FakeClock clock;
  MemoryLogger log;
  auto config = std::make_shared<ApiConfig>(ApiConfig{.origin = "test", .server = server.url()});
  config->ca = File(dir, "ca", OddServer(Always({})).ca_pem());
  config->token = File(dir, "token", "first");
  const auto api = *OpenApi(config, clock, log);
  CHECK(api->Do({.path = "/"}).code() == Code::kUnavailable);

  File(dir, "ca", server.ca_pem());
  File(dir, "token", "second");
  CHECK(api->Do({.path = "/"}).code() == Code::kUnavailable);
  clock.Advance(30s);
  REQUIRE_OK(api->Do({.path = "/"}));
  CHECK_THAT(seen, Catch::Contains("Bearer second"));
  CHECK(log.Lines().empty());

  // Files that are gone for a moment do no harm.
  std::filesystem::remove(dir.File("token"));
  clock.Advance(30s);
  REQUIRE_OK(api->Do({.path = "/"}));
  clock.Advance(30s);
  REQUIRE_OK(api->Do({.path = "/"}));
  CHECK(log.Lines().size() == 1);
  CHECK(log.Contains("cannot be read again"));
}

TEST_CASE("files that are no credential are named") {
  const test::TempDir dir;
  OddServer server(Always(HttpReply(200, "")));
  {
    Client client(server);
    client.config->token.file = dir.File("absent");
    REQUIRE_ERROR(client.Get(), Code::kFailedPrecondition, dir.File("absent"));
  }
  {
    Client client(server);
    client.config->ca = File(dir, "ca", "hello");
    REQUIRE_ERROR(client.Get(), Code::kFailedPrecondition, "no PEM block");
  }
  {
    Client client(server);
    client.config->token = File(dir, "token", "a s3cret\nX-Evil: 1");
    const auto response = client.Get();
    REQUIRE_ERROR(response, Code::kFailedPrecondition, "no token in one line");
    CHECK_THAT(response.error().message, !Catch::Contains("s3cret"));
  }
  {
    Client client(server);
    client.config->certificate = Data(server.ca_pem());
    REQUIRE_ERROR(client.Get(), Code::kFailedPrecondition, "needs its key");
  }
}

TEST_CASE("a client certificate is shown, from memory") {
  std::string client_name;
  OddServer server([&client_name](const OddRequest& request) {
    client_name = request.client;
    return HttpReply(200, "");
  });
  const test::TestCert made = server.ca().Issue({.common_name = "signet-server"});
  Client client(server);
  client.config->certificate = Data(crypto::PemEncode("CERTIFICATE", made.der));
  client.config->key = Data(crypto::PemEncode("PRIVATE KEY", made.key_pkcs8));
  REQUIRE_OK(client.Get());
  CHECK(client_name == "signet-server");

  Client mistaken(server);
  mistaken.config->certificate = Data(server.ca_pem());
  mistaken.config->key = Data(crypto::PemEncode("PRIVATE KEY", made.key_pkcs8));
  CHECK(mistaken.Get().code() == Code::kFailedPrecondition);
}

struct Streamed {
  Result<ApiResponse> answer = ApiResponse{};
  std::vector<std::string> lines;
};

Streamed StreamFrom(
    const OddServer& server, Duration silence = 60s,
    const std::function<bool()>& stopping = [] { return false; }) {
  Client client(server);
  Streamed streamed;
  streamed.answer = client.api().Stream({.path = "/watch",
                                         .on_line =
                                             [&streamed](std::string_view line) {
                                               streamed.lines.emplace_back(line);
                                               return line != "enough";
                                             },
                                         .stopping = stopping,
                                         .silence = silence});
  return streamed;
}

TEST_CASE("lines of a stream are put together from odd chunks") {
  const std::string big(1'000'000, 'x');
  std::vector<Piece> pieces = {{kChunkedHead}};
  for (const char c : std::string("first\nsecond\n")) {
    pieces.push_back({Chunk(std::string(1, c))});
  }
  pieces.push_back({Chunk(big.substr(0, 700'000))});
  pieces.push_back({Chunk(big.substr(700'000) + "\nlast\n")});
  pieces.push_back({kLastChunk});
  OddServer server(Always(pieces));
  const Streamed streamed = StreamFrom(server);
  REQUIRE_OK(streamed.answer);
  CHECK(streamed.answer->status == 200);
  CHECK(streamed.lines == std::vector<std::string>{"first", "second", big, "last"});
}

TEST_CASE("a stream ends well when its reader has enough") {
  OddServer server(Always({{kChunkedHead}, {Chunk("enough\nmore\nhalf a li")}, {kLastChunk, 60s}}));
  const Streamed streamed = StreamFrom(server);
  REQUIRE_OK(streamed.answer);
  CHECK(streamed.lines == std::vector<std::string>{"enough"});
}

TEST_CASE("a stream that is cut, or stops in the middle of a line, is an error") {
  OddServer cut(Always({{kChunkedHead}, {Chunk("whole\n")}, {"7\r\n"}}));
  OddServer half(Always({{kChunkedHead}, {Chunk("whole\nhal")}, {kLastChunk}}));
  for (const OddServer* server : {&half}) {
    const Streamed streamed = StreamFrom(*server);
    REQUIRE_ERROR(streamed.answer, Code::kUnavailable, "middle of a line");
    CHECK(streamed.lines == std::vector<std::string>{"whole"});
  }
  CHECK(StreamFrom(cut, 300ms).answer.code() == Code::kUnavailable);
}

TEST_CASE("a line of more than 4 MiB ends the stream") {
  OddServer server(Always({{kChunkedHead}, {Chunk(std::string(5 << 20, 'x'))}, {kLastChunk}}));
  const Streamed streamed = StreamFrom(server);
  REQUIRE_ERROR(streamed.answer, Code::kResourceExhausted, "a line of more than");
  CHECK(streamed.lines.empty());
}

TEST_CASE("a stream that has fallen silent is given up") {
  OddServer server(Always({{kChunkedHead}, {Chunk("one\n")}, {kLastChunk, 60s}}));
  const Streamed streamed = StreamFrom(server, 300ms);
  REQUIRE_ERROR(streamed.answer, Code::kUnavailable, "silent");
  CHECK(streamed.lines == std::vector<std::string>{"one"});
}

TEST_CASE("a silent stream can be stopped at once") {
  OddServer server(Always({{kChunkedHead}, {Chunk("one\n")}, {kLastChunk, 60s}}));
  const RealClock clock;
  const MonoTime start = clock.Mono();
  MonoTime asked{};
  const Streamed streamed = StreamFrom(server, 60s, [&] {
    asked = clock.Mono();
    return asked - start > 300ms;
  });
  CHECK(streamed.answer.code() == Code::kCancelled);
  CHECK(asked - start < 600ms);
}

TEST_CASE("a refused stream gives its answer and no lines") {
  OddServer server(Always(HttpReply(410, "{\"message\":\"too old\"}\nsecond")));
  const Streamed streamed = StreamFrom(server);
  REQUIRE_OK(streamed.answer);
  CHECK(streamed.answer->status == 410);
  CHECK_THAT(streamed.answer->body, Catch::Contains("too old"));
  CHECK(streamed.lines.empty());
}

TEST_CASE("answers are explained to people, and 403 names the right that is missing") {
  struct Case {
    int status;
    Code code;
    const char* says;
  };
  const std::string body = R"({"kind":"Status","message":"pods is forbidden: User \"ca\" cannot )"
                           R"(list resource \"pods\" in API group \"\" at the cluster scope"})";
  for (const Case& c :
       {Case{401, Code::kUnauthenticated, "does not accept our credential"},
        Case{403, Code::kPermissionDenied,
             "list pods: a right is missing: pods is forbidden: User \"ca\" cannot"},
        Case{404, Code::kNotFound, "list pods: pods is"}, Case{409, Code::kAborted, "pods"},
        Case{410, Code::kOutOfRange, "pods"}, Case{429, Code::kUnavailable, "pods"},
        Case{500, Code::kUnavailable, "pods"}, Case{503, Code::kUnavailable, "pods"}}) {
    const Error error = ExplainStatus("list pods", {c.status, body});
    CHECK(error.code == c.code);
    CHECK_THAT(error.message, Catch::Contains(c.says));
  }
  CHECK_THAT(ExplainStatus("list pods", {502, "<html>"}).message,
             Catch::Contains("HTTP status 502"));
}

}  // namespace
}  // namespace signet::kubernetes
