#include "attestor/kubernetes/watcher.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/attestor/kubernetes/pod_json.h"
#include "tests/support/result.h"

namespace signet::kubernetes {
namespace {

using namespace std::chrono_literals;
using test::PodJson;
using test::PodListJson;

std::string Event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}";
}
std::string Bookmark(const std::string& version) {
  return Event("BOOKMARK", R"({"kind":"Pod","metadata":{"resourceVersion":")" + version + "\"}}");
}
std::string Named(const std::string& uid, const std::string& version,
                  const std::string& node = "n1") {
  return PodJson{.uid = uid, .name = "pod-" + uid, .node = node, .resource_version = version}
      .Write();
}

/// ScriptedApi answers requests in the order of the script, whatever they are, and remembers them.
/// When it is used up, streams stay open and silent until they are stopped.
class ScriptedApi final : public Api {
 public:
  struct Answer {
    Result<ApiResponse> response = ApiResponse{200, {}, {}};
    std::vector<std::string> lines = {};  ///< of a stream; it then ends with the response
  };

  void Then(Answer answer) { script_.push_back(std::move(answer)); }
  void ThenList(const std::string& json) { Then({ApiResponse{200, json, {}}}); }
  void ThenWatch(std::vector<std::string> lines) { Then({.lines = std::move(lines)}); }

  Result<ApiResponse> Do(const ApiRequest& request) override {
    const Answer answer = Next(request.path, request.stopping);
    return answer.response;
  }

  Result<ApiResponse> Stream(const StreamRequest& request) override {
    const Answer answer = Next(request.path, request.stopping, request.on_open);
    for (const std::string& line : answer.lines) {
      if (!request.on_line(line)) {
        return ApiResponse{200, {}, {}};
      }
    }
    return answer.response;
  }

  /// Idle waits until the script is used up and the watch asks for more; gives all requests.
  std::vector<std::string> Idle() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, 20s, [this] { return waiting_; }));
    return requests_;
  }

 private:
  Answer Next(const std::string& path, const std::function<bool()>& stopping,
              const std::function<void()>& on_open = {}) {
    std::unique_lock lock(mutex_);
    requests_.push_back(path);
    if (!script_.empty()) {
      Answer answer = std::move(script_.front());
      script_.pop_front();
      if (on_open && answer.response.ok() && answer.response->status == 200) {
        on_open();
      }
      return answer;
    }
    waiting_ = true;
    if (on_open) {
      on_open();
    }
    changed_.notify_all();
    while (!stopping()) {
      changed_.wait_for(lock, 1ms);
    }
    return {Error{Code::kCancelled, "stopped"}};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Answer> script_;
  std::vector<std::string> requests_;
  bool waiting_ = false;
};

struct World {
  /// Run watches until the script is used up; gives the requests.
  std::vector<std::string> Run(PodWatchOptions options = {}) {
    watch = StartPodWatch({.api = api,
                           .clock = clock,
                           .random = random,
                           .logger = log,
                           .cluster = "prod",
                           .first_backoff = 1ms},
                          std::move(options), index);
    return api.Idle();
  }
  /// Tick is two seconds later at each look: no watch of a script ends suspiciously early.
  struct Tick final : Clock {
    SystemTime Now() const override { return {}; }
    MonoTime Mono() const override { return MonoTime(++looks * 2s); }
    mutable std::atomic<int> looks = 0;
  };

  ScriptedApi api;
  Tick clock;
  FakeRandom random;
  MemoryLogger log;
  PodIndex index;
  std::unique_ptr<Watch> watch;
};

std::size_t Count(const MemoryLogger& log, const std::string& text) {
  std::size_t count = 0;
  for (const std::string& line : log.Lines()) {
    count += line.find(text) != std::string::npos;
  }
  return count;
}

TEST_CASE("a list is read page by page, and watched from its version") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1"), "77", "next+/="));
  w.api.ThenList(PodListJson(Named("b", "2"), "77"));
  const auto requests = w.Run({.field_selector = "spec.nodeName=n1"});
  REQUIRE(requests.size() == 3);
  CHECK(requests[0] == "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&limit=500");
  CHECK(requests[1] ==
        "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&limit=500&continue=next%2B%2F%3D");
  CHECK_THAT(requests[2], Catch::Contains("watch=1&allowWatchBookmarks=true&timeoutSeconds=") &&
                              Catch::EndsWith("&resourceVersion=77"));
  CHECK(w.index.size() == 2);
  CHECK(w.watch->health().synced);
  CHECK(w.watch->health().watching);
  CHECK(w.log.Lines().empty());
}

TEST_CASE("events change the index, and a watch that ends goes on from the last version") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1") + "," + Named("b", "2"), "5"));
  w.api.ThenWatch({Event("ADDED", Named("c", "6")), Event("MODIFIED", Named("a", "7", "n2")),
                   Event("DELETED", Named("b", "8")), Bookmark("not-a-number")});
  const auto requests = w.Run();
  REQUIRE(requests.size() == 3);
  CHECK_THAT(requests[2], Catch::EndsWith("&resourceVersion=not-a-number"));
  CHECK(w.index.Find("b") == nullptr);
  CHECK(w.index.Find("c") != nullptr);
  CHECK(w.index.OnNode("n2").size() == 1);
  CHECK(w.log.Lines().empty());
}

TEST_CASE("a version that is too old leads to a new list, and what was removed meanwhile is gone") {
  World w;
  std::set<std::string> told;
  w.index.AddListener([&told](const std::set<std::string>& nodes) { told = nodes; });
  const std::string list = PodListJson(Named("a", "1") + "," + Named("gone", "2", "n9"), "5");
  w.api.ThenList(list);
  SECTION("as an ERROR event") {
    w.api.ThenWatch({Event("ERROR", R"({"kind":"Status","code":410,"message":"too old"})")});
  }
  SECTION("as the answer") {
    w.api.Then({ApiResponse{410, R"({"kind":"Status","code":410,"message":"too old"})", {}}});
  }
  w.api.ThenList(PodListJson(Named("a", "1"), "9"));
  const auto requests = w.Run();
  REQUIRE(requests.size() == 4);
  CHECK_THAT(requests[3], Catch::EndsWith("&resourceVersion=9"));
  CHECK(w.index.size() == 1);
  CHECK(told == std::set<std::string>{"n9"});
  CHECK(w.log.Lines().empty());  // this is how a watch lives
}

TEST_CASE("an API server that is away is waited for, and complained of once a reason") {
  World w;
  for (int port = 1; port < 4; ++port) {
    w.api.Then({Unavailable("cannot connect after " + std::to_string(port) + " ms")});
  }
  for (int i = 0; i < 2; ++i) {
    w.api.Then({ApiResponse{
        403, R"({"kind":"Status","message":"User \"ca\" cannot list resource \"pods\""})", {}}});
  }
  w.api.ThenList(PodListJson(Named("a", "1"), "5"));
  w.api.ThenWatch({Bookmark("6")});
  w.Run();
  CHECK(w.index.size() == 1);
  CHECK(Count(w.log, "cannot connect") == 1);
  CHECK(Count(w.log, "cannot list resource") == 1);
  CHECK(Count(w.log, "works again") == 1);
  CHECK(w.watch->health().problem.empty());
}

TEST_CASE("the health names the right that is missing, while the index stays as it is") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1"), "5"));
  w.api.ThenWatch({Bookmark("6")});
  w.watch = StartPodWatch({.api = w.api,
                           .clock = w.clock,
                           .random = w.random,
                           .logger = w.log,
                           .cluster = "prod",
                           .first_backoff = 10min},
                          {}, w.index);
  w.api.Idle();
  w.watch.reset();

  ScriptedApi refusing;
  refusing.Then({ApiResponse{
      403, R"({"kind":"Status","message":"User \"ca\" cannot watch resource \"pods\""})", {}}});
  NullLogger quiet;
  const auto watch = StartPodWatch({.api = refusing,
                                    .clock = w.clock,
                                    .random = w.random,
                                    .logger = quiet,
                                    .cluster = "prod",
                                    .first_backoff = 1ms},
                                   {}, w.index);
  refusing.Idle();  // its second request: after the refusal
  CHECK_THAT(watch->health().problem, Catch::Contains("cannot watch resource"));
  CHECK_FALSE(watch->health().synced);
  CHECK(w.index.size() == 1);
}

TEST_CASE("5xx and broken streams are tried again from the last version, and nothing is lost") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1"), "5"));
  w.api.Then({.response = Unavailable("cut in the middle of a line"),
              .lines = {Event("ADDED", Named("b", "6"))}});
  w.api.Then({ApiResponse{503, "", {}}});
  w.api.Then({ApiResponse{500, "", {}}});
  const auto requests = w.Run();
  REQUIRE(requests.size() == 5);
  CHECK_THAT(requests[4], Catch::EndsWith("&resourceVersion=6"));
  CHECK(w.index.size() == 2);
}

TEST_CASE("a version that the server will not serve is given up after three refusals") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1"), "999"));
  for (int i = 0; i < 3; ++i) {
    w.api.Then(
        {ApiResponse{504, R"({"kind":"Status","message":"Too large resource version"})", {}}});
  }
  w.api.ThenList(PodListJson(Named("b", "1"), "3"));
  const auto requests = w.Run();
  REQUIRE(requests.size() == 6);
  CHECK_THAT(requests[5], Catch::EndsWith("&resourceVersion=3"));
  CHECK(w.index.Find("a") == nullptr);
}

TEST_CASE("a list never replaces what is known unless it is whole") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1"), "5"));
  w.api.Then({ApiResponse{410, "", {}}});
  SECTION("no list at all") { w.api.ThenList("{}"); }
  SECTION("no version") { w.api.ThenList(R"({"kind":"PodList","metadata":{},"items":[]})"); }
  SECTION("cut short") { w.api.ThenList(PodListJson("", "6").substr(0, 60)); }
  SECTION("an error on the second page") {
    w.api.ThenList(PodListJson("", "6", "next"));
    w.api.Then({ApiResponse{410, "", {}}});
  }
  w.Run();
  CHECK(w.index.Find("a") != nullptr);
}

TEST_CASE("pages become smaller until one fits") {
  World w;
  w.api.Then({ResourceExhausted("large")});
  w.api.Then({ResourceExhausted("large")});
  w.api.ThenList(PodListJson(Named("a", "1"), "5", "next"));
  w.api.ThenList(PodListJson(Named("b", "1"), "5"));
  const auto requests = w.Run();
  REQUIRE(requests.size() == 5);
  CHECK(requests[1] == "/api/v1/pods?limit=250");
  CHECK(requests[2] == "/api/v1/pods?limit=125");
  CHECK(requests[3] == "/api/v1/pods?limit=125&continue=next");
  CHECK(w.index.size() == 2);
}

TEST_CASE("an event too large for a line is passed over by a list") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1"), "5"));
  w.api.Then({ResourceExhausted("a line of more than 4 MiB")});
  w.api.ThenList(PodListJson(Named("b", "1"), "7"));
  w.Run();
  CHECK(w.index.Find("b") != nullptr);
}

TEST_CASE("a pod that turns odd is known no longer, and the others are watched on") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1"), "5"));
  std::string odd = Named("a", "6");
  odd.replace(odd.find("frontend\""), 8, "../admin");
  w.api.ThenWatch({Event("MODIFIED", odd), Event("ADDED", Named("b", "7"))});
  w.Run();
  CHECK(w.index.Find("a") == nullptr);
  CHECK(w.index.Find("b") != nullptr);
  CHECK(w.log.Contains("odd form"));
}

TEST_CASE("only labels that are asked for are kept") {
  World w;
  w.api.ThenList(PodListJson(Named("a", "1"), "5"));
  w.api.ThenWatch({Event("ADDED", Named("b", "6"))});
  SECTION("some") {
    w.Run({.label_keys = {"tier", "other"}});
    CHECK(w.index.Find("a")->labels == Labels{{"tier", "web"}});
    CHECK(w.index.Find("b")->labels == Labels{{"tier", "web"}});
  }
  SECTION("none") {
    w.Run();
    CHECK(w.index.Find("a")->labels.empty());
  }
  SECTION("all, in full detail") {
    w.Run({.detail = PodDetail::kFull});
    CHECK(w.index.Find("a")->labels.size() == 2);
    CHECK(w.index.Find("b")->containers.size() == 1);
  }
}

TEST_CASE("a watch that is waiting ends when it is told to") {
  World w;
  w.api.Then({Unavailable("away")});
  auto watch = StartPodWatch({.api = w.api,
                              .clock = w.clock,
                              .random = w.random,
                              .logger = w.log,
                              .cluster = "prod",
                              .first_backoff = 1h},
                             {}, w.index);
  watch.reset();  // hangs if the wait is not ended
  CHECK(w.index.size() == 0);
}

TEST_CASE("nodes are listed and watched by their metadata") {
  World w;
  NodeIndex nodes;
  w.api.ThenList(
      R"({"kind":"PartialObjectMetadataList","metadata":{"resourceVersion":"5"},"items":[)"
      R"({"metadata":{"name":"n1","uid":"u1"}},{"metadata":{"name":"n2","uid":"u2"}}]})");
  w.api.ThenWatch(
      {Event("DELETED", R"({"kind":"PartialObjectMetadata","metadata":{"name":"n1","uid":"u1"}})"),
       Event("MODIFIED",
             R"({"kind":"PartialObjectMetadata","metadata":{"name":"n2","uid":"u2b"}})")});
  const auto watch = StartNodeWatch({.api = w.api,
                                     .clock = w.clock,
                                     .random = w.random,
                                     .logger = w.log,
                                     .cluster = "prod",
                                     .first_backoff = 1ms},
                                    nodes);
  w.api.Idle();
  CHECK(nodes.size() == 1);
  REQUIRE(nodes.Find("n2") != nullptr);
  CHECK(nodes.Find("n2")->uid == "u2b");
}

}  // namespace
}  // namespace signet::kubernetes
