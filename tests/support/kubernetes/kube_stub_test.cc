// The faults of the stub, which no real API server makes on demand.
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/kubernetes/backend.h"
#include "tests/support/result.h"

namespace signet::test {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<std::string> kOurs = {"spiffe-ca"};
const std::string kReviewPath = "/apis/authentication.k8s.io/v1/tokenreviews";

std::string Version(KubeBackend& kube) {
  const Json list = Json::parse(kube.Raw("GET", "/api/v1/pods").body);
  return list.at("metadata").at("resourceVersion").get<std::string>();
}

bool Authenticated(const KubeAnswer& answer) {
  return Json::parse(answer.body).at("status").contains("authenticated");
}

void AwaitWatches(KubeBackend& kube, int count) {
  for (int i = 0; i < 1000 && kube.OpenWatches() != count; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  REQUIRE(kube.OpenWatches() == count);
}

TEST_CASE("requests fail as often as told, where told") {
  const auto kube = KubeBackend::StartStub();
  kube->FailNext({.count = 2, .status = 429, .path_contains = "/pods", .retry_after_seconds = 3});
  CHECK(kube->Raw("GET", "/api/v1/nodes").status == 200);
  CHECK(kube->Raw("GET", "/api/v1/pods").status == 429);
  CHECK(kube->Raw("GET", "/api/v1/pods").status == 429);
  CHECK(kube->Raw("GET", "/api/v1/pods").status == 200);
  kube->FailNext({.status = 500, .body = "boom"});
  CHECK(kube->Raw("GET", "/healthz").body == "boom");
  CHECK(kube->CountRequests("GET", "/api/v1/pods") == 3);
  CHECK(kube->CountRequests("POST", "/") == 0);
}

TEST_CASE("only an admin makes faults") {
  const auto kube = KubeBackend::StartStub();
  CHECK(
      kube->Do({.method = "POST", .path = "/stub/compact", .body = "{}", .as = "nobody"}).status ==
      403);
  CHECK(kube->Do({.method = "POST", .path = "/stub/compact", .body = "{}", .as = ""}).status ==
        403);
}

TEST_CASE("hundreds of watches are served, fed and cut") {
  constexpr int kWatches = 300;
  const auto kube = KubeBackend::StartStub();
  const std::string ns = kube->CreateNamespace("w");
  const std::string version = Version(*kube);
  std::vector<KubeAnswer> answers(kWatches);
  std::vector<std::thread> threads;
  for (KubeAnswer& answer : answers) {
    threads.emplace_back([&kube, &answer, &version] {
      answer = kube->Do(
          {.path = "/api/v1/pods?watch=1&resourceVersion=" + version, .timeout = seconds(60)});
    });
  }
  AwaitWatches(*kube, kWatches);
  kube->CreatePod({.ns = ns, .name = "p"});
  kube->SendBookmarks();  // none of these wants one
  kube->CreatePod({.ns = ns, .name = "q"});
  std::this_thread::sleep_for(milliseconds(500));
  kube->DropWatches();
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const KubeAnswer& answer : answers) {
    CHECK(answer.status == 0);  // cut short, and said so
    CHECK_THAT(answer.body, Catch::Contains("\"name\":\"p\"") && Catch::Contains("\"name\":\"q\""));
    CHECK_THAT(answer.body, !Catch::Contains("BOOKMARK"));
  }
  AwaitWatches(*kube, 0);
}

TEST_CASE("a watch whose client is gone is let go") {
  const auto kube = KubeBackend::StartStub();
  const KubeAnswer answer =
      kube->Do({.path = "/api/v1/pods?watch=1&resourceVersion=" + Version(*kube),
                .timeout = milliseconds(300)});
  CHECK(answer.status == 0);
  AwaitWatches(*kube, 0);
}

TEST_CASE("after a compaction old versions and old pages are gone") {
  const auto kube = KubeBackend::StartStub();
  const std::string ns = kube->CreateNamespace("c");
  kube->CreatePod({.ns = ns, .name = "a"});
  kube->CreatePod({.ns = ns, .name = "b"});
  const Json page = Json::parse(kube->Raw("GET", "/api/v1/pods?limit=1").body);
  const Json& metadata = page.at("metadata");
  kube->Compact();
  const KubeAnswer watch =
      kube->Raw("GET", "/api/v1/pods?watch=1&timeoutSeconds=5&resourceVersion=" +
                           metadata.at("resourceVersion").get<std::string>());
  CHECK(watch.status == 200);
  CHECK(Json::parse(watch.body).at("object").at("code") == 410);
  CHECK(kube->Raw("GET",
                  "/api/v1/pods?limit=1&continue=" + metadata.at("continue").get<std::string>())
            .status == 410);
}

TEST_CASE("a rotated key signs new tokens, and old ones stay good") {
  const auto kube = KubeBackend::StartStub();
  const std::string ns = kube->CreateNamespace("k");
  const std::string before = kube->Token({.ns = ns, .audiences = kOurs});
  kube->RotateSigningKey();
  const std::string after = kube->Token({.ns = ns, .audiences = kOurs});
  CHECK(before.substr(0, before.find('.')) != after.substr(0, after.find('.')));
  CHECK(Json::parse(kube->Raw("GET", "/openid/v1/jwks").body).at("keys").size() == 2);
  kube->Restart();
  CHECK(Authenticated(kube->Review(before, kOurs)));
  CHECK(Authenticated(kube->Review(after, kOurs)));
}

TEST_CASE("a review can be answered as another authenticator would") {
  const auto kube = KubeBackend::StartStub();
  kube->AnswerReviews(R"({"authenticated":true,"user":{"username":"alice"}})");
  CHECK(Json::parse(kube->Review("junk", kOurs).body).at("status").at("user").at("username") ==
        "alice");
  kube->AnswerReviews("");
  CHECK_FALSE(Authenticated(kube->Review("junk", kOurs)));
}

TEST_CASE("tokens expire by the server's clock, a minute late") {
  const auto kube = KubeBackend::StartStub();
  const std::string ns = kube->CreateNamespace("e");
  const std::string token = kube->Token({.ns = ns, .audiences = kOurs, .seconds = 600});
  kube->AdvanceClock(seconds(630));
  CHECK(Authenticated(kube->Review(token, kOurs)));
  kube->AdvanceClock(seconds(40));
  CHECK_FALSE(Authenticated(kube->Review(token, kOurs)));
}

TEST_CASE("a server can hang, refuse connections and come back with its objects") {
  const auto kube = KubeBackend::StartStub();
  const std::string ns = kube->CreateNamespace("r");
  const std::string uid = kube->CreatePod({.ns = ns, .name = "p"});
  kube->Pause();
  CHECK_THAT(kube->Do({.path = "/healthz", .timeout = milliseconds(300)}).body,
             Catch::Contains("Timeout"));
  kube->Continue();
  CHECK(kube->Raw("GET", "/healthz").status == 200);
  kube->Stop();
  CHECK(kube->Raw("GET", "/healthz").status == 0);
  kube->Restart();
  CHECK_THAT(kube->Raw("GET", "/api/v1/namespaces/" + ns + "/pods/p").body, Catch::Contains(uid));
}

}  // namespace
}  // namespace signet::test
