#include "workload-api/kubelet/pod_decode.h"

#include "tests/support/result.h"
#include "tests/workload-api/kubelet/wire_pods.h"

namespace signet::kubelet {
namespace {

using kubernetes::ContainerKind;
using test::kUid;
using test::WirePod;

TEST_CASE("a pod that Kubernetes' own types wrote is read whole") {
  const auto pod = DecodePod(WirePod("whole"));
  REQUIRE_OK(pod);
  CHECK(pod->uid == kUid);
  CHECK(pod->namespace_name == "shop");
  CHECK(pod->name == "frontend-1");
  CHECK(pod->service_account == "frontend");
  CHECK(pod->node_name == "node1");
  CHECK(pod->host_ip == "10.0.0.1");
  CHECK(pod->phase == kubernetes::PodPhase::kRunning);
  CHECK(pod->deletion == FromUnixSeconds(1'790'000'000));
  CHECK_FALSE(pod->mirror);
  CHECK(pod->labels == kubernetes::Labels{{"app", "frontend"}, {"empty", ""}, {"z", "1"}});
  CHECK(pod->owners == std::vector<kubernetes::Owner>{
                           {.kind = "ReplicaSet", .name = "frontend", .uid = "owner-uid"}});
  CHECK(pod->containers ==
        std::vector<kubernetes::Container>{{"setup", "setup:1", ContainerKind::kInit},
                                           {"app", "app:1", ContainerKind::kRegular},
                                           {"debug", "busybox", ContainerKind::kEphemeral}});
  CHECK(pod->statuses == std::vector<kubernetes::ContainerStatus>{
                             {"setup", "bbbb", "example.org/setup:1", "example.org/setup@sha256:02",
                              ContainerKind::kInit},
                             {"app", "aaaa", "example.org/app:1", "example.org/app@sha256:01",
                              ContainerKind::kRegular},
                             {"debug", "dddd", "busybox", "", ContainerKind::kEphemeral}});
}

TEST_CASE("a mirror pod is told by its annotation") {
  const auto pod = DecodePod(WirePod("mirror"));
  REQUIRE_OK(pod);
  CHECK(pod->mirror);
  CHECK_FALSE(pod->deletion);
}

TEST_CASE("of a pod that is gone the uid is read") {
  const auto uid = DecodePodUid(WirePod("gone"));
  REQUIRE_OK(uid);
  CHECK(*uid == kUid);
}

TEST_CASE("a pod of another form than Kubernetes' is refused") {
  CHECK(DecodePod(WirePod("bad")).code() == Code::kInvalidArgument);
  CHECK(DecodePod("").code() == Code::kInvalidArgument);
  REQUIRE_ERROR(DecodePod("\x0a\xff"), Code::kInvalidArgument, "does not parse");
  REQUIRE_ERROR(DecodePod(std::string(5 * 1024 * 1024, '\0')), Code::kInvalidArgument,
                "does not parse");
}

}  // namespace
}  // namespace signet::kubelet
