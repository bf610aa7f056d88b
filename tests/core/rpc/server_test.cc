#include <thread>

#include "tests/core/rpc/test_server.h"
#include "tests/support/h2_client.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::test;

TEST_CASE("a unary call is answered with headers, one message and OK") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const H2Reply reply = client->Call("/t/Echo", "hello");
  CHECK(reply.Header(":status") == "200");
  CHECK(reply.Header("content-type") == "application/grpc");
  CHECK(reply.Messages() == std::vector<std::string>{"hello"});
  CHECK(reply.grpc_status() == 0);
}

TEST_CASE("many calls share a connection, large messages go through, empty ones too") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  for (const std::size_t size : {0UL, 1UL, 16384UL, 300'000UL, 4UL * 1024 * 1024}) {
    const std::string message(size, 'm');
    const H2Reply reply = client->Call("/t/Echo", message);
    CHECK(reply.grpc_status() == 0);
    CHECK((reply.Messages() == std::vector<std::string>{message}));
  }
  CHECK(Eventually([&] { return server.server().counters().calls_open == 0; }));
  CHECK(server.server().counters().calls_started == 5);
}

TEST_CASE("a message over the limit is RESOURCE_EXHAUSTED and the connection lives on") {
  TestServer server({.max_message_bytes = 1000});
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  CHECK(client->Call("/t/Echo", std::string(1001, 'x')).grpc_status() == 8);
  CHECK(client->Call("/t/Echo", std::string(1000, 'x')).grpc_status() == 0);
}

TEST_CASE("metadata is echoed, initial and trailing, text and binary") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const H2Reply reply =
      client->Call("/t/Meta", "m", {{"echo-initial", "value"}, {"echo-trailing-bin", "q6ur"}});
  CHECK(reply.Header("echo-initial") == "value");
  CHECK(reply.Header("echo-trailing-bin") == "q6ur");
  CHECK(reply.grpc_status() == 0);
}

TEST_CASE("a failure is trailers-only with message and details") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const H2Reply reply = client->Call("/t/Fail", "");
  CHECK(reply.grpc_status() == 5);
  CHECK(reply.Header("grpc-message") == "n%C3%B6 %25%0A");
  CHECK(reply.Header("grpc-status-details-bin") == "CAU");
  CHECK(reply.Header(":status") == "200");
  CHECK(reply.data.empty());
}

TEST_CASE("unknown methods, wrong content types and malformed calls get the status gRPC gives") {
  struct Row {
    const char* name;
    std::string method;
    std::string body;
    Headers headers;
    int status;
  };
  const Row rows[] = {
      {"unknown method", "/t/None", Framed("x"), {}, 12},
      {"path variant", "//t/Echo", Framed("x"), {}, 12},
      {"escaped path", "/t%2fEcho", Framed("x"), {}, 12},
      {"no message", "/t/Echo", "", {}, 13},
      {"two messages", "/t/Echo", Framed("x") + Framed("y"), {}, 12},
      {"cut message", "/t/Echo", Framed("xyz").substr(0, 6), {}, 13},
      {"cut prefix", "/t/Echo", std::string(3, '\0'), {}, 13},
      {"bad flag", "/t/Echo", Framed("x", 7), {}, 13},
      {"compressed, no encoding", "/t/Echo", Framed("x", 1), {}, 13},
      {"compressed, gzip", "/t/Echo", Framed("x", 1), {{"grpc-encoding", "gzip"}}, 12},
      {"gzip named, not used", "/t/Echo", Framed("x"), {{"grpc-encoding", "gzip"}}, 0},
      {"bad timeout", "/t/Echo", Framed("x"), {{"grpc-timeout", "1x"}}, 13},
      {"bad base64", "/t/Echo", Framed("x"), {{"a-bin", "*"}}, 13},
      {"proto content type",
       "/t/Echo",
       Framed("x"),
       {{"content-type", "application/grpc+proto"}},
       0},
  };
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  for (const Row& row : rows) {
    INFO(row.name);
    const std::int32_t id = client->Start(row.method, row.headers);
    client->Send(id, row.body, true);
    REQUIRE(client->UntilEnded(id));
    CHECK(client->reply(id).grpc_status() == row.status);
    if (std::string(row.name) == "compressed, gzip") {
      CHECK(client->reply(id).Header("grpc-accept-encoding") == "identity");
    }
  }
  CHECK(client->Call("/t/Echo", "still here").grpc_status() == 0);
}

TEST_CASE("what is not gRPC is answered in plain HTTP") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  CHECK(client->Call("/t/Echo", "", {{"content-type", "application/json"}}).Header(":status") ==
        "415");
  CHECK(client->Call("/t/Echo", "", {{"content-type", ""}}).Header(":status") == "415");
  CHECK(client->Call("/t/Echo", "", {{":method", "GET"}}).Header(":status") == "405");
}

TEST_CASE("an interceptor decides before the handler") {
  TestServer server({}, [](const rpc::CallInfo& info) -> rpc::RpcStatus {
    if (info.metadata.All("token") == std::vector<std::string_view>{"yes"}) {
      return {};
    }
    return {Code::kPermissionDenied, "no token"};
  });
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  CHECK(client->Call("/t/Echo", "x").grpc_status() == 7);
  CHECK(client->Call("/t/Echo", "x", {{"token", "yes"}}).grpc_status() == 0);
}

TEST_CASE("headers over the limit are RESOURCE_EXHAUSTED") {
  TestServer server({.max_header_bytes = 2000});
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  // Repeated fields come from the compression table: small on the wire, large in memory.
  Headers headers;
  for (int i = 0; i < 30; ++i) {
    headers.emplace_back("h" + std::to_string(i), std::string(40, 'a'));
  }
  CHECK(client->Call("/t/Echo", "x", headers).grpc_status() == 8);
  CHECK(client->Call("/t/Echo", "x").grpc_status() == 0);
}

TEST_CASE("drain lets open calls finish and takes no new ones") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const std::int32_t id = client->Start("/t/Hold");
  client->Pump(std::chrono::milliseconds(0));
  const auto call = server.log().Next();
  REQUIRE(call);
  std::thread drain([&] { server.server().Drain(std::chrono::seconds(20)); });
  REQUIRE(client->Until([&] { return client->goaway(); }));
  CHECK(H2Client::Unix(server.path()) == nullptr);
  call->Write(std::make_shared<const std::string>("last"));
  call->Finish({});
  REQUIRE(client->UntilEnded(id));
  CHECK(client->reply(id).grpc_status() == 0);
  CHECK(client->UntilClosed());
  drain.join();
  CHECK(server.server().counters().connections_open == 0);
}

TEST_CASE("drain cancels what does not end in time, with UNAVAILABLE") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const std::int32_t id = client->Start("/t/Hold");
  client->Pump(std::chrono::milliseconds(0));
  REQUIRE(server.log().Next());
  std::thread drain([&] { server.server().Drain(std::chrono::milliseconds(50)); });
  REQUIRE(client->UntilEnded(id));
  CHECK(client->reply(id).grpc_status() == 14);
  drain.join();
  CHECK(server.log().Saw("done"));
}

TEST_CASE("connections are closed by a predicate on their peer") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const std::int32_t id = client->Start("/t/Hold");
  client->Pump(std::chrono::milliseconds(0));
  REQUIRE(server.log().Next());
  server.server().CloseConnections(
      [](const rpc::Peer& peer) { return peer.process->uid == ::getuid() + 1; });
  CHECK(client->Call("/t/Echo", "alive").grpc_status() == 0);
  server.server().CloseConnections(
      [](const rpc::Peer& peer) { return peer.process->uid == ::getuid(); });
  CHECK(client->UntilClosed());
  CHECK_FALSE(client->reply(id).ended);
  CHECK(server.log().Saw("done"));
}

TEST_CASE("ending the server ends open calls, and calls that outlive it do nothing") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  client->Start("/t/Hold");
  client->Pump(std::chrono::milliseconds(0));
  const auto call = server.log().Next();
  REQUIRE(call);
  server.Stop();
  CHECK(server.log().Count("done") == 1);
  CHECK(call->over());
  call->Write(std::make_shared<const std::string>("late"));
  call->Finish({});
}
