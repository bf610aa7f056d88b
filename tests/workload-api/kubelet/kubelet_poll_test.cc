#include "workload-api/kubelet/kubelet_poll.h"

#include <vector>

#include "tests/support/result.h"
#include "tests/workload-api/kubelet/wire_pods.h"
#include "workload-api/kubelet/kubelet_endpoint.h"

namespace signet::kubelet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::kUid;

const char kList[] = R"({"kind":"PodList","apiVersion":"v1","metadata":{},"items":[
  {"metadata":{"name":"frontend-1","namespace":"shop",
    "uid":"00000000-1111-4222-8333-44444444444a"},
   "spec":{"nodeName":"node1","serviceAccountName":"frontend",
     "containers":[{"name":"app","image":"app:1"}]},
   "status":{"phase":"Running","containerStatuses":[
     {"name":"app","containerID":"containerd://aaaa","image":"app:1","imageID":"app@sha256:01"}]}}]})";
const char kEmptyList[] = R"({"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]})";

/// FakeApi answers what a test wants.
class FakeApi final : public kubernetes::Api {
 public:
  Result<kubernetes::ApiResponse> Do(const kubernetes::ApiRequest& request) override {
    paths.push_back(request.method + " " + request.path);
    during();
    return answer;
  }
  Result<kubernetes::ApiResponse> Stream(const StreamRequest&) override {
    return Unimplemented("not used");
  }
  std::vector<std::string> paths;
  std::function<void()> during = [] {};
  Result<kubernetes::ApiResponse> answer = kubernetes::ApiResponse{200, kList};
};

struct World {
  FakeClock clock;
  MemoryLogger logger;
  FakeApi api;
  kubernetes::PodIndex index;
  int wakes = 0;
  int told = 0;
  KubeletPoll poll{
      {api, clock, logger, [this] { ++wakes; }}, milliseconds(500), {index, [this] { ++told; }}};
};

TEST_CASE("the kubelet is asked only when somebody wishes for it") {
  World world;
  CHECK(world.poll.Step() >= std::chrono::minutes(1));
  CHECK(world.api.paths.empty());
  world.poll.Refresh();
  CHECK(world.wakes == 1);
  world.poll.Step();
  CHECK(world.api.paths == std::vector<std::string>{"GET /pods"});
  CHECK(world.told == 1);
  const kubernetes::PodPtr pod = world.index.Find(kUid);
  REQUIRE(pod != nullptr);
  CHECK(pod->statuses.at(0).container_id == "aaaa");
  world.poll.Step();
  CHECK(world.api.paths.size() == 1);
}

TEST_CASE("many wishes make one request, and requests are an interval apart") {
  World world;
  for (int i = 0; i < 100; ++i) {
    world.poll.Refresh();
  }
  CHECK(world.wakes == 1);
  world.poll.Step();
  world.poll.Refresh();
  CHECK(world.poll.Step() == milliseconds(500));
  CHECK(world.api.paths.size() == 1);
  world.clock.Advance(milliseconds(500));
  world.poll.Step();
  CHECK(world.api.paths.size() == 2);
}

TEST_CASE("facts are as of the moment at which the request began") {
  World world;
  const MonoTime before = world.clock.Mono();
  CHECK_FALSE(world.poll.IsAsOf(before));
  MonoTime during;
  world.api.during = [&] {
    world.clock.Advance(seconds(1));
    during = world.clock.Mono();
  };
  world.poll.Refresh();
  world.poll.Step();
  CHECK(world.poll.IsAsOf(before));
  CHECK_FALSE(world.poll.IsAsOf(during));
}

TEST_CASE("a wish that comes while a request is under way makes another one") {
  World world;
  world.api.during = [&] { world.poll.Refresh(); };
  world.poll.Refresh();
  world.poll.Step();
  world.api.during = [] {};
  world.clock.Advance(seconds(1));
  world.poll.Step();
  CHECK(world.api.paths.size() == 2);
}

TEST_CASE("a pod that the list lacks is gone") {
  World world;
  world.poll.Refresh();
  world.poll.Step();
  world.api.answer = kubernetes::ApiResponse{200, kEmptyList};
  world.clock.Advance(seconds(1));
  world.poll.Refresh();
  world.poll.Step();
  CHECK(world.index.Find(kUid) == nullptr);
}

TEST_CASE("an answer that is no list leaves what is known, and is explained once") {
  struct Case {
    Result<kubernetes::ApiResponse> answer;
    std::string problem;
  };
  const std::vector<Case> cases = {
      {kubernetes::ApiResponse{403, "Forbidden (user=system:serviceaccount:signet:agent)"},
       "\"get\" on \"nodes/pods\""},
      {kubernetes::ApiResponse{401, "Unauthorized"}, "does not accept our credential"},
      {kubernetes::ApiResponse{500, "oops"}, "answered 500"},
      {kubernetes::ApiResponse{200, "<html>"}, "the kubelet's list of pods"},
      {kubernetes::ApiResponse{200, R"({"kind":"Status"})"}, "the kubelet's list of pods"},
      {Unavailable("connection refused"), "connection refused"},
  };
  for (const Case& one : cases) {
    INFO(one.problem);
    World world;
    world.poll.Refresh();
    world.poll.Step();
    world.api.answer = one.answer;
    for (int i = 0; i < 3; ++i) {
      world.clock.Advance(seconds(1));
      world.poll.Refresh();
      world.poll.Step();
    }
    CHECK(world.index.Find(kUid) != nullptr);
    CHECK_THAT(world.poll.Problem(), Catch::Contains(one.problem));
    CHECK(world.logger.Lines().size() == 1);
    CHECK_FALSE(world.poll.IsAsOf(world.clock.Mono()));

    world.api.answer = kubernetes::ApiResponse{200, kList};
    world.clock.Advance(seconds(1));
    world.poll.Refresh();
    world.poll.Step();
    CHECK(world.poll.Problem().empty());
  }
}

TEST_CASE("the kubelet is reached by the node's name, or at loopback by its certificate's chain") {
  const auto named = KubeletApiConfig({.node_name = "node1", .ca_path = "/ca"});
  CHECK(named.server == "https://node1:10250");
  CHECK_FALSE(named.any_name);
  CHECK(named.ca.file == "/ca");
  CHECK(named.token.file == "/var/run/secrets/kubernetes.io/serviceaccount/token");
  const auto local = KubeletApiConfig({.port = 1});
  CHECK(local.server == "https://127.0.0.1:1");
  CHECK(local.any_name);
  CHECK(local.ca.file == "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt");
  const auto certificate = KubeletApiConfig({.certificate_path = "/c", .private_key_path = "/k"});
  CHECK(certificate.certificate.file == "/c");
  CHECK(certificate.key.file == "/k");
  CHECK(certificate.token.empty());
  const auto anonymous = KubeletApiConfig({.anonymous = true});
  CHECK(anonymous.token.empty());
  CHECK(anonymous.certificate.empty());
}

}  // namespace
}  // namespace signet::kubelet
