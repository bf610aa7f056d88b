#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <thread>

#include "tests/core/rpc/test_server.h"
#include "tests/support/h2_client.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::rpc;
using namespace signet::test;

namespace {

bool Exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

/// Extra is a server with a folder for the sockets that tests add.
struct Extra {
  Result<ListenerId> Add(const std::string& name, Limits limits = {}, std::string account = {}) {
    return base.server().AddListener({.unix_path = dir.File(name),
                                      .unix_mode = 0600,
                                      .methods = TestServer::Methods(log),
                                      .limits = limits,
                                      .account = std::move(account)});
  }
  bool Answers(const std::string& name) {
    const auto client = H2Client::Unix(dir.File(name));
    return client && client->Call("/t/Echo", "x").grpc_status() == 0;
  }

  TempDir dir;
  std::shared_ptr<CallLog> log = std::make_shared<CallLog>();
  TestServer base;
};

}  // namespace

TEST_CASE(
    "a listener that is added serves its own methods, and is gone with its file when removed") {
  Extra extra;
  const auto id = extra.Add("a");
  REQUIRE_OK(id);
  CHECK(extra.Answers("a"));
  struct stat info {};
  REQUIRE(::stat(extra.dir.File("a").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(extra.base.server().RemoveListener(*id, std::nullopt));
  CHECK_FALSE(Exists(extra.dir.File("a")));
  CHECK(H2Client::Unix(extra.dir.File("a")) == nullptr);
  CHECK_FALSE(extra.base.server().RemoveListener(*id, std::nullopt));
  const auto first = H2Client::Unix(extra.base.path());
  REQUIRE(first);
  CHECK(first->Call("/t/Echo", "x").grpc_status() == 0);
}

TEST_CASE(
    "calls of a removed listener end with the status that was asked for, those of others go on") {
  Extra extra;
  const auto id = extra.Add("a");
  REQUIRE_OK(id);
  const auto client = H2Client::Unix(extra.dir.File("a"));
  const auto other = H2Client::Unix(extra.base.path());
  REQUIRE((client && other));
  const std::int32_t call = client->Start("/t/Hold");
  const std::int32_t kept = other->Start("/t/Hold");
  client->Pump(std::chrono::milliseconds(0));
  other->Pump(std::chrono::milliseconds(0));
  REQUIRE(extra.log->Next());
  REQUIRE(extra.base.log().Next());
  CHECK(extra.base.server().RemoveListener(*id,
                                           RpcStatus{Code::kPermissionDenied, "the pod is gone"}));
  REQUIRE(client->UntilEnded(call));
  CHECK(client->reply(call).grpc_status() == static_cast<int>(Code::kPermissionDenied));
  CHECK(client->reply(call).Header("grpc-message") == "the pod is gone");
  CHECK(client->UntilClosed());
  CHECK(extra.log->Saw("done"));
  CHECK_FALSE(other->goaway());
  other->Send(kept, "", true);
  CHECK(extra.base.log().Saw("half-close"));
}

TEST_CASE("without a status the calls of a removed listener may finish") {
  Extra extra;
  const auto id = extra.Add("a");
  REQUIRE_OK(id);
  const auto client = H2Client::Unix(extra.dir.File("a"));
  REQUIRE(client);
  const std::int32_t stream = client->Start("/t/Hold");
  client->Pump(std::chrono::milliseconds(0));
  const auto call = extra.log->Next();
  REQUIRE(call);
  CHECK(extra.base.server().RemoveListener(*id, std::nullopt));
  CHECK(client->Until([&] { return client->goaway(); }));
  call->Write(std::make_shared<const std::string>("late"));
  call->Finish({});
  REQUIRE(client->UntilEnded(stream));
  CHECK(client->reply(stream).grpc_status() == 0);
  CHECK(client->reply(stream).Messages() == std::vector<std::string>{"late"});
  CHECK(client->UntilClosed());
}

TEST_CASE(
    "a live socket is refused at run time too, a stale one replaced, and a replaced file left "
    "alone") {
  Extra extra;
  const auto id = extra.Add("a");
  REQUIRE_OK(id);
  REQUIRE_ERROR(extra.Add("a"), Code::kFailedPrecondition, "in use");
  CHECK(extra.Answers("a"));
  // Somebody moves another socket to the place of ours.
  const auto second = extra.Add("b");
  REQUIRE_OK(second);
  REQUIRE(::rename(extra.dir.File("b").c_str(), extra.dir.File("a").c_str()) == 0);
  CHECK(extra.base.server().RemoveListener(*id, std::nullopt));
  CHECK(extra.Answers("a"));
  CHECK(extra.base.server().RemoveListener(*second, std::nullopt));
  CHECK(Exists(extra.dir.File("a")));  // its name was b
  CHECK(extra.Add("a").ok());          // stale by now
  REQUIRE_ERROR(extra.Add("missing/a"), Code::kFailedPrecondition, "folder");
  REQUIRE_ERROR(extra.base.server().AddListener({.tcp_address = "127.0.0.1"}),
                Code::kInvalidArgument, "Unix socket");
}

TEST_CASE(
    "an account counts all peers of its listener together, apart from the others of their user") {
  Extra extra;
  REQUIRE_OK(extra.Add("small", {.max_connections_per_peer = 2}, "pod-1"));
  std::vector<std::unique_ptr<H2Client>> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(H2Client::Unix(extra.dir.File("small")));
    REQUIRE(clients.back());
    CHECK(clients.back()->Call("/t/Echo", "x").grpc_status() == 0);
  }
  const auto refused = H2Client::Unix(extra.dir.File("small"));
  REQUIRE(refused);
  CHECK(refused->UntilClosed());
  REQUIRE_OK(extra.Add("other", {.max_connections_per_peer = 2}, "pod-2"));
  CHECK(extra.Answers("other"));
}

TEST_CASE("the limit of connections is the server's, whichever listener they come by") {
  Extra extra;
  REQUIRE_OK(extra.Add("a", {.max_connections = 1}));
  const auto first = H2Client::Unix(extra.base.path());
  REQUIRE(first);
  CHECK(first->Call("/t/Echo", "x").grpc_status() == 0);
  const auto refused = H2Client::Unix(extra.dir.File("a"));
  REQUIRE(refused);
  CHECK(refused->UntilClosed());
}

TEST_CASE("hundreds of listeners serve at a time") {
  Extra extra;
  std::vector<ListenerId> ids;
  for (int i = 0; i < 400; ++i) {
    const auto id = extra.Add("l" + std::to_string(i));
    REQUIRE_OK(id);
    ids.push_back(*id);
  }
  for (int i = 0; i < 400; i += 37) {
    CHECK(extra.Answers("l" + std::to_string(i)));
  }
  for (const ListenerId id : ids) {
    CHECK(extra.base.server().RemoveListener(id, RpcStatus{Code::kUnavailable, "gone"}));
  }
  CHECK_FALSE(Exists(extra.dir.File("l0")));
}

TEST_CASE("listeners come and go from several threads while calls run on all of them") {
  Extra extra;
  constexpr int kThreads = 4;
  constexpr int kRounds = 40;
  std::atomic<int> answered{0};
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string name = std::to_string(t) + "-" + std::to_string(round % 3);
        const auto id = extra.Add(name);
        if (!id.ok()) {
          return;
        }
        const auto client = H2Client::Unix(extra.dir.File(name));
        answered += client && client->Call("/t/Echo", "x").grpc_status() == 0 ? 1 : 0;
        const std::int32_t held = client->Start("/t/Hold");
        client->Pump(std::chrono::milliseconds(0));
        const bool finish = round % 2 == 0;
        extra.base.server().RemoveListener(
            *id, finish ? std::nullopt : std::optional(RpcStatus{Code::kUnavailable, "gone"}));
        if (finish) {
          client->Send(held, "", true);
          client->Reset(held, 8);
        }
        ended += client->UntilClosed() ? 1 : 0;
      }
    });
  }
  std::atomic<bool> stop{false};
  std::thread load([&] {
    while (!stop) {
      const auto client = H2Client::Unix(extra.base.path());
      if (!client || client->Call("/t/Echo", "x").grpc_status() != 0) {
        return;
      }
    }
  });
  for (std::thread& thread : threads) {
    thread.join();
  }
  stop = true;
  load.join();
  CHECK(answered == kThreads * kRounds);
  CHECK(ended == kThreads * kRounds);
  CHECK(Eventually([&] { return extra.base.server().counters().connections_open == 0; }));
}

TEST_CASE("when a listener has been ended, none of its handlers starts any more") {
  Extra extra;
  for (int round = 0; round < 20; ++round) {
    // What handlers use goes right after the listener: nothing may touch it then.
    auto gone = std::make_shared<std::atomic<bool>>(false);
    auto late = std::make_shared<std::atomic<int>>(0);
    MethodTable methods;
    auto calls = std::make_shared<std::atomic<int>>(0);
    methods.Add("/t/Echo",
                Unary([gone, late, calls](const std::shared_ptr<Call>& call, std::string_view) {
                  ++*calls;
                  *late += *gone ? 1 : 0;
                  call->Finish({});
                }));
    const auto id = extra.base.server().AddListener(
        {.unix_path = extra.dir.File("a"), .unix_mode = 0600, .methods = std::move(methods)});
    REQUIRE_OK(id);
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([&extra] {
        const auto client = H2Client::Unix(extra.dir.File("a"));
        while (client && !client->closed() &&
               client->Call("/t/Echo", "x").grpc_status() == static_cast<int>(Code::kOk)) {
        }
      });
    }
    CHECK(Eventually([&] { return *calls >= 50; }));
    CHECK(extra.base.server().RemoveListener(*id, RpcStatus{Code::kUnavailable, "gone"}));
    *gone = true;
    for (std::thread& caller : callers) {
      caller.join();
    }
    CHECK(*late == 0);
  }
}

TEST_CASE(
    "a server that drains takes no new listener, and a listener that was added drains with it") {
  Extra extra;
  const auto id = extra.Add("a");
  REQUIRE_OK(id);
  const auto client = H2Client::Unix(extra.dir.File("a"));
  REQUIRE(client);
  CHECK(client->Call("/t/Echo", "x").grpc_status() == 0);
  extra.base.server().Drain(std::chrono::seconds(5));
  CHECK_FALSE(Exists(extra.dir.File("a")));
  CHECK(extra.base.server().counters().connections_open == 0);
  REQUIRE_ERROR(extra.Add("b"), Code::kFailedPrecondition, "shutting down");
  CHECK_FALSE(Exists(extra.dir.File("b")));
  CHECK(extra.base.server().RemoveListener(*id, std::nullopt));
}
