#include <nghttp2/nghttp2.h>

#include <random>
#include <thread>

#include "tests/core/rpc/test_server.h"
#include "tests/support/h2_client.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::test;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<const std::string> Message(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

/// Open starts a call of /t/Hold and gives both ends.
struct Open {
  explicit Open(TestServer& server, const Headers& headers = {})
      : client(H2Client::Unix(server.path())), id(client->Start("/t/Hold", headers)) {
    client->Pump(0ms);
    call = server.log().Next();
  }
  std::unique_ptr<H2Client> client;
  std::int32_t id;
  std::shared_ptr<rpc::Call> call;
};

}  // namespace

TEST_CASE("messages go both ways on one stream, each as it comes") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const std::int32_t id = client->Start("/t/Bidi");
  for (std::size_t i = 1; i <= 5; ++i) {
    client->Send(id, Framed("m" + std::to_string(i)), false);
    REQUIRE(client->Until([&] { return client->reply(id).Messages().size() == i; }));
  }
  client->Send(id, "", true);
  REQUIRE(client->UntilEnded(id));
  CHECK(client->reply(id).Messages().back() == "m5");
  CHECK(client->reply(id).grpc_status() == 0);
}

TEST_CASE("a client stream's messages and its half-close reach the handler in order") {
  TestServer server;
  Open open(server);
  REQUIRE(open.call);
  open.client->Send(open.id, Framed("a") + Framed("b"), false);
  open.client->Send(open.id, Framed("c"), true);
  CHECK(server.log().Saw("half-close"));
  CHECK(server.log().Count("message:a") == 1);
  CHECK(server.log().Count("message:c") == 1);
  open.call->Write(Message("sum"));
  open.call->Finish({});
  REQUIRE(open.client->UntilEnded(open.id));
  CHECK(open.client->reply(open.id).Messages() == std::vector<std::string>{"sum"});
  CHECK(server.log().Saw("done"));
}

TEST_CASE("a server stream writes from any thread, and initial metadata goes ahead of messages") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const std::int32_t id = client->Start("/t/Server");
  client->Send(id, Framed("request"), true);
  const auto call = server.log().Next();
  REQUIRE(call);
  rpc::Metadata initial;
  initial.Add("hello", "there");
  call->SendInitialMetadata(std::move(initial));
  REQUIRE(client->Until([&] { return client->reply(id).Header("hello") == "there"; }));
  std::thread writer([&] {
    for (int i = 0; i < 100; ++i) {
      call->Write(Message(std::to_string(i)));
    }
    call->Finish({Code::kAborted, "enough"});
  });
  REQUIRE(client->UntilEnded(id));
  writer.join();
  CHECK(client->reply(id).Messages().size() == 100);
  CHECK(client->reply(id).grpc_status() == 10);
  CHECK(call->over());
}

TEST_CASE("an answer that ends before the request tells the client to stop sending") {
  TestServer server;
  Open open(server);
  REQUIRE(open.call);
  open.call->Finish({});
  REQUIRE(open.client->Until([&] { return open.client->reply(open.id).closed; }));
  CHECK(open.client->reply(open.id).grpc_status() == 0);
  CHECK(open.client->reply(open.id).error == NGHTTP2_NO_ERROR);
  CHECK(server.log().Saw("done"));
}

TEST_CASE("a cancelled call is over and its handler is told once") {
  TestServer server;
  Open open(server);
  REQUIRE(open.call);
  open.client->Reset(open.id, NGHTTP2_CANCEL);
  CHECK(server.log().Saw("done"));
  CHECK(open.call->over());
  open.call->Write(Message("late"));
  open.call->Finish({});
  CHECK(open.client->Call("/t/Echo", "x").grpc_status() == 0);
  CHECK(server.log().Count("done") == 1);
}

TEST_CASE("a deadline ends the call at the server and tells the handler") {
  TestServer server;
  Open open(server, {{"grpc-timeout", "30m"}});
  REQUIRE(open.call);
  CHECK(open.call->info().deadline.has_value());
  REQUIRE(open.client->UntilEnded(open.id));
  CHECK(open.client->reply(open.id).grpc_status() == 4);
  CHECK(server.log().Saw("done"));
}

TEST_CASE("a deadline also ends a call whose answer is blocked by the client's window") {
  TestServer server;
  Open open(server, {{"grpc-timeout", "100m"}});
  REQUIRE(open.call);
  open.client->HoldWindows();
  open.call->Write(Message(std::string(200'000, 'x')));
  REQUIRE(open.client->UntilEnded(open.id));
  CHECK(open.client->reply(open.id).grpc_status() == 4);
  CHECK(open.client->reply(open.id).data.size() < 200'000);
}

TEST_CASE("the newest state replaces those that were not sent") {
  TestServer server;
  Open open(server);
  REQUIRE(open.call);
  open.client->HoldWindows();
  // Fills the client's window of 64 kB, so that what follows waits.
  open.call->Write(Message(std::string(100'000, 'x')));
  REQUIRE(open.client->Until([&] { return open.client->reply(open.id).data.size() >= 65'535; }));
  for (int i = 0; i <= 50'000; ++i) {
    open.call->WriteLatest(Message("state " + std::to_string(i)));
  }
  CHECK(open.call->queued_bytes() < 40'000);
  open.call->Finish({});
  REQUIRE(open.client->Until([&] { return server.log().Count("done") == 1; }));
  CHECK_FALSE(open.client->reply(open.id).ended);
}

TEST_CASE("a reader that falls behind gets the newest state when it reads again") {
  TestServer server;
  Open open(server);
  REQUIRE(open.call);
  for (int i = 0; i <= 1000; ++i) {
    open.call->WriteLatest(Message(std::to_string(i)));
  }
  open.call->Finish({});
  REQUIRE(open.client->UntilEnded(open.id));
  const auto messages = open.client->reply(open.id).Messages();
  REQUIRE_FALSE(messages.empty());
  CHECK(messages.back() == "1000");
}

TEST_CASE("answers that nobody reads are bounded: the call ends RESOURCE_EXHAUSTED") {
  TestServer server({.max_pending_bytes_per_connection = 100'000});
  Open open(server);
  REQUIRE(open.call);
  open.client->HoldWindows();
  for (int i = 0; i < 1000 && !open.call->over(); ++i) {
    open.call->Write(Message(std::string(10'000, 'x')));
    CHECK(open.call->queued_bytes() <= 200'000);
  }
  CHECK(open.call->over());
  CHECK(server.log().Saw("done"));
  REQUIRE(open.client->UntilEnded(open.id));
  CHECK(open.client->reply(open.id).grpc_status() == 8);
}

TEST_CASE("an echo that is not read gets no more window, and goes on when it is read") {
  TestServer server;
  const auto client = H2Client::Unix(server.path());
  REQUIRE(client);
  const std::int32_t id = client->Start("/t/Bidi");
  const std::string chunk = Framed(std::string(10'000, 'e'));
  for (int i = 0; i < 300; ++i) {
    client->Send(id, chunk, i == 299);
  }
  REQUIRE(client->UntilEnded(id));
  CHECK(client->reply(id).grpc_status() == 0);
  CHECK(client->reply(id).Messages().size() == 300);
}

TEST_CASE("the handler is told when its queue has drained") {
  TestServer server;
  Open open(server);
  REQUIRE(open.call);
  open.call->Write(Message("one"));
  CHECK(server.log().Saw("writable"));
  CHECK(open.call->queued_bytes() == 0);
}

TEST_CASE("a lost connection ends its calls") {
  TestServer server;
  Open open(server);
  REQUIRE(open.call);
  open.client.reset();
  CHECK(server.log().Saw("done"));
  CHECK(open.call->over());
}

TEST_CASE("whatever ends a call, its handler hears of it exactly once, and last") {
  TestServer server({.new_connections_per_second_per_peer = 1e6});
  std::mt19937 random(7);  // NOLINT: reproducible
  constexpr int kCalls = 300;
  std::thread finisher([&] {
    for (int i = 0;; ++i) {
      const auto call = server.log().Next();
      if (!call) {
        return;
      }
      call->Write(Message("a"));
      call->WriteLatest(Message("b"));
      if (i % 3 != 0) {
        call->Finish({});
      }
    }
  });
  std::unique_ptr<H2Client> client;
  for (int i = 0; i < kCalls; ++i) {
    if (!client || random() % 10 == 0) {
      client = H2Client::Unix(server.path());
      REQUIRE(client);
    }
    const std::int32_t id =
        client->Start("/t/Hold", {{"grpc-timeout", std::to_string(1 + random() % 20) + "m"}});
    switch (random() % 4) {
      case 0:
        client->Send(id, Framed("x"), true);
        break;
      case 1:
        client->Reset(id, NGHTTP2_CANCEL);
        break;
      case 2:
        client->UntilEnded(id);
        break;
      default:
        client->Pump(0ms);
    }
  }
  client.reset();
  CHECK(Eventually([&] { return server.server().counters().connections_open == 0; }));
  server.log().Add(nullptr);  // ends the finisher
  finisher.join();
  CHECK(Eventually([&] { return server.server().counters().calls_open == 0; }));
  const auto started = static_cast<int>(server.server().counters().calls_started);
  server.Stop();
  CHECK(server.log().Count("done") == started);
  CHECK(server.log().Count("after-done") == 0);
}
