#include "attestor/kubernetes/object_codec.h"

#include <string>
#include <vector>

#include "tests/attestor/kubernetes/pod_json.h"
#include "tests/support/result.h"

namespace signet::kubernetes {
namespace {

using test::PodJson;
using test::PodListJson;

constexpr char kContainers[] = R"(,"initContainers":[{"name":"setup","image":"setup:1"}],)"
                               R"("ephemeralContainers":[{"name":"debugger","image":"busybox"}])";
constexpr char kStatuses[] =
    R"(,"containerStatuses":[{"name":"web","containerID":"containerd://0123","image":"web:1.2",)"
    R"("imageID":"registry.example/web@sha256:aa","state":{"running":{}}}],)"
    R"("initContainerStatuses":[{"name":"setup","containerID":"cri-o://4567","image":"setup:1",)"
    R"("imageID":"sha256:bb"}],"ephemeralContainerStatuses":[{"name":"debugger"}])";

TEST_CASE("what an identity is made of is read from a pod") {
  const auto pod = ParsePod(PodJson{.status = kStatuses}.Write(), PodDetail::kIdentity);
  REQUIRE_OK(pod);
  CHECK(pod->uid == "6b1a9a6e-9f1c-4f0e-8b3b-2f5c7e1d0a11");
  CHECK(pod->namespace_name == "shop");
  CHECK(pod->name == "frontend-7d4b9c6f5-x2x7p");
  CHECK(pod->service_account == "frontend");
  CHECK(pod->node_name == "worker-1");
  CHECK(pod->host_ip == "10.0.0.7");
  CHECK(pod->phase == PodPhase::kRunning);
  CHECK_FALSE(pod->deletion);
  CHECK_FALSE(pod->mirror);
  CHECK(pod->labels == Labels{{"app", "shop"}, {"tier", "web"}});
  CHECK(pod->containers.empty());
  CHECK(pod->statuses.empty());
}

TEST_CASE("all three lists of containers and the owners are read in full detail") {
  const auto pod = ParsePod(
      PodJson{.metadata = R"(,"ownerReferences":[{"kind":"ReplicaSet","name":"frontend-7d4b9c6f5",)"
                          R"("uid":"aaaa-bb","controller":true}])",
              .spec = kContainers,
              .status = kStatuses}
          .Write(),
      PodDetail::kFull);
  REQUIRE_OK(pod);
  CHECK(pod->owners == std::vector<Owner>{{"ReplicaSet", "frontend-7d4b9c6f5", "aaaa-bb"}});
  CHECK(pod->containers ==
        std::vector<Container>{{"setup", "setup:1", ContainerKind::kInit},
                               {"web", "registry.example/web:1.2", ContainerKind::kRegular},
                               {"debugger", "busybox", ContainerKind::kEphemeral}});
  CHECK(pod->statuses ==
        std::vector<ContainerStatus>{
            {"setup", "4567", "setup:1", "sha256:bb", ContainerKind::kInit},
            {"web", "0123", "web:1.2", "registry.example/web@sha256:aa", ContainerKind::kRegular},
            {"debugger", "", "", "", ContainerKind::kEphemeral}});
}

TEST_CASE("a pod's deletion and its being a mirror are seen") {
  const auto deleted =
      ParsePod(PodJson{.metadata = R"(,"deletionTimestamp":"2026-11-22T02:09:09Z")"}.Write(),
               PodDetail::kIdentity);
  REQUIRE_OK(deleted);
  CHECK(deleted->deletion == FromUnixSeconds(1795313349));  // date -ud … +%s
  const auto mirror = ParsePod(
      PodJson{.metadata = R"(,"annotations":{"x":"y","kubernetes.io/config.mirror":"0a1b"})"}
          .Write(),
      PodDetail::kIdentity);
  REQUIRE_OK(mirror);
  CHECK(mirror->mirror);
}

struct Refused {
  const char* what;
  PodJson pod;
  const char* names;
};

TEST_CASE("a pod of a form that Kubernetes never gives is refused, and the field named") {
  const std::vector<Refused> cases = {
      {"no uid", {.uid = ""}, "metadata.uid"},
      {"uid with a path", {.uid = "../../etc"}, "metadata.uid"},
      {"uid too long", {.uid = std::string(65, 'a')}, "metadata.uid"},
      {"namespace with a dot", {.namespace_name = "a.b"}, "metadata.namespace"},
      {"namespace with a slash", {.namespace_name = "a/b"}, "metadata.namespace"},
      {"namespace of capitals", {.namespace_name = "Shop"}, "metadata.namespace"},
      {"namespace too long", {.namespace_name = std::string(64, 'a')}, "metadata.namespace"},
      {"name with %2f", {.name = "a%2fb"}, "metadata.name"},
      {"service account ..", {.service_account = ".."}, "spec.serviceAccountName"},
      {"service account .", {.service_account = "."}, "spec.serviceAccountName"},
      {"service account a..b", {.service_account = "a..b"}, "spec.serviceAccountName"},
      {"service account -a", {.service_account = "-a"}, "spec.serviceAccountName"},
      {"service account with a NUL", {.service_account = "a\\u0000b"}, "spec.serviceAccountName"},
      {"service account with é", {.service_account = "caf\xc3\xa9"}, "spec.serviceAccountName"},
      {"service account with a line end", {.service_account = "a\\nb"}, "spec.serviceAccountName"},
      {"service account too long", {.service_account = std::string(254, 'a')}, "serviceAccount"},
      {"node with a space", {.node = "worker 1"}, "spec.nodeName"},
      {"date", {.metadata = R"(,"deletionTimestamp":"2026-02-30T00:00:00Z")"}, "deletionTimestamp"},
      {"far", {.metadata = R"(,"deletionTimestamp":"9999-01-01T00:00:00Z")"}, "deletionTimestamp"},
      {"date 2", {.metadata = R"(,"deletionTimestamp":"tomorrow")"}, "deletionTimestamp"},
      {"date 3", {.metadata = R"(,"deletionTimestamp":17)"}, "deletionTimestamp"},
      {"two names", {.metadata = R"(,"name":"other")"}, "twice"},
  };
  for (const Refused& refused : cases) {
    INFO(refused.what);
    REQUIRE_ERROR(ParsePod(refused.pod.Write(), PodDetail::kIdentity), Code::kInvalidArgument,
                  refused.names);
  }
}

TEST_CASE("service accounts with dots, static pods' uids and pods without a node are accepted") {
  for (const PodJson& pod : std::vector<PodJson>{{.service_account = "team.a.frontend"},
                                                 {.uid = "d41d8cd98f00b204e9800998ecf8427e"},
                                                 {.service_account = ""},
                                                 {.node = ""}}) {
    REQUIRE_OK(ParsePod(pod.Write(), PodDetail::kIdentity));
  }
}

TEST_CASE("what is no pod is refused") {
  const std::vector<std::string> cases = {"",
                                          "null",
                                          "[]",
                                          "\"x\"",
                                          "{",
                                          "{}",
                                          "{\"kind\":\"Status\"}",
                                          "\xff\xfe",
                                          PodJson{}.Write() + "x",
                                          PodJson{}.Write().substr(0, 300)};
  for (const std::string& json : cases) {
    INFO(json);
    CHECK(ParsePod(json, PodDetail::kFull).code() == Code::kInvalidArgument);
  }
  std::string service = PodJson{}.Write();
  service.replace(service.find("Pod"), 3, "Service");
  REQUIRE_ERROR(ParsePod(service, PodDetail::kIdentity), Code::kInvalidArgument, "is a Service");
}

TEST_CASE("depth is bounded wherever it is") {
  const auto nested = [](std::size_t depth) {
    return PodJson{.spec = ",\"x\":" + std::string(depth, '[') + std::string(depth, ']')}.Write();
  };
  REQUIRE_OK(ParsePod(nested(62), PodDetail::kIdentity));
  REQUIRE_ERROR(ParsePod(nested(63), PodDetail::kIdentity), Code::kInvalidArgument, "deeper");
  REQUIRE_ERROR(ParsePod(nested(1'000'000), PodDetail::kIdentity), Code::kInvalidArgument,
                "deeper");
}

TEST_CASE("a node is read, from its metadata alone too") {
  for (const char* kind : {"Node", "PartialObjectMetadata"}) {
    const auto node =
        ParseNode(std::string(R"({"kind":")") + kind +
                  R"(","metadata":{"name":"worker-1","uid":"u-1","labels":{"zone":"a"}}})");
    REQUIRE_OK(node);
    CHECK(*node == Node{"u-1", "worker-1", {{"zone", "a"}}});
  }
  CHECK(ParseNode(R"({"metadata":{"name":"worker-1"}})").code() == Code::kInvalidArgument);
}

TEST_CASE("one odd pod of a list is left out and counted") {
  const auto page = ParsePodList(
      PodListJson(PodJson{}.Write() + "," + PodJson{.uid = "u-2", .name = "UP"}.Write() + ",7," +
                      PodJson{.uid = "u-3"}.Write(),
                  "77", "more/next=="),
      PodDetail::kIdentity);
  REQUIRE_OK(page);
  REQUIRE(page->items.size() == 2);
  CHECK(page->items[1].uid == "u-3");
  CHECK(page->malformed == 1);
  CHECK(page->resource_version == "77");
  CHECK(page->continue_token == "more/next==");
}

TEST_CASE("a list may be empty or null, but never missing") {
  for (const char* items : {"[]", "null"}) {
    const auto page = ParsePodList(
        std::string(R"({"kind":"PodList","metadata":{"resourceVersion":"5"},"items":)") + items +
            "}",
        PodDetail::kIdentity);
    REQUIRE_OK(page);
    CHECK(page->items.empty());
  }
  REQUIRE_ERROR(ParsePodList("{}", PodDetail::kIdentity), Code::kInvalidArgument, "items");
  REQUIRE_ERROR(ParsePodList(R"({"kind":"Status","items":[]})", PodDetail::kIdentity),
                Code::kInvalidArgument, "Status");
  REQUIRE_ERROR(ParseNodeList(PodListJson("", "1")), Code::kInvalidArgument, "PodList");
}

using PodEvent = WatchEvent<Pod>;

PodEvent Event(const std::string& type, const std::string& object) {
  auto event =
      ParsePodEvent(R"({"type":")" + type + R"(","object":)" + object + "}", PodDetail::kIdentity);
  REQUIRE_OK(event);
  return *event;
}

TEST_CASE("each type of watch event is told apart") {
  const std::string pod = PodJson{}.Write();
  CHECK(Event("ADDED", pod).kind == PodEvent::Kind::kSet);
  CHECK(Event("MODIFIED", pod).kind == PodEvent::Kind::kSet);
  CHECK(Event("MODIFIED", pod).resource_version == "1001");
  CHECK(Event("DELETED", pod).kind == PodEvent::Kind::kDeleted);
  CHECK(Event("DELETED", pod).object.name == "frontend-7d4b9c6f5-x2x7p");

  const PodEvent bookmark = Event(
      "BOOKMARK", R"({"kind":"Pod","metadata":{"resourceVersion":"9","creationTimestamp":null},
                           "spec":{"containers":null},"status":{}})");
  CHECK(bookmark.kind == PodEvent::Kind::kBookmark);
  CHECK(bookmark.resource_version == "9");

  const PodEvent gone =
      Event("ERROR", R"({"kind":"Status","metadata":{},"message":"too old: 1","code":410})");
  CHECK(gone.kind == PodEvent::Kind::kGone);
  CHECK(gone.message == "too old: 1");
  CHECK(Event("ERROR", R"({"kind":"Status","code":500,"message":"etcd"})").kind ==
        PodEvent::Kind::kError);
}

TEST_CASE("an event with an odd object says whose it is, as far as that is known") {
  const PodEvent odd = Event("MODIFIED", PodJson{.service_account = "a/b"}.Write());
  CHECK(odd.kind == PodEvent::Kind::kMalformed);
  CHECK(odd.object.uid == PodJson{}.uid);
  CHECK(odd.resource_version == "1001");
  CHECK_THAT(odd.message, Catch::Contains("spec.serviceAccountName"));
  CHECK(Event("ADDED", PodJson{.uid = "/"}.Write()).object.uid.empty());
}

TEST_CASE("what is no event is refused") {
  for (const std::string& line : {std::string("{}"), std::string("not json"),
                                  R"({"type":"RENAMED","object":)" + PodJson{}.Write() + "}",
                                  std::string(R"({"type":"ADDED","object":{"kind":"Service"}})")}) {
    INFO(line);
    CHECK(ParsePodEvent(line, PodDetail::kFull).code() == Code::kInvalidArgument);
  }
}

TEST_CASE("only pods that are scheduled, alive and not mirrors may have an identity") {
  const Pod good{.uid = "u",
                 .namespace_name = "shop",
                 .name = "p",
                 .service_account = "sa",
                 .node_name = "n",
                 .phase = PodPhase::kRunning};
  REQUIRE_OK(CheckMayHaveIdentity(good));
  Pod pod = good;
  pod.phase = PodPhase::kPending;
  REQUIRE_OK(CheckMayHaveIdentity(pod));
  for (const PodPhase phase : {PodPhase::kSucceeded, PodPhase::kFailed, PodPhase::kUnknown}) {
    pod.phase = phase;
    REQUIRE_ERROR(CheckMayHaveIdentity(pod), Code::kPermissionDenied, "neither pending nor");
  }
  pod = good;
  pod.deletion = FromUnixSeconds(1);
  REQUIRE_ERROR(CheckMayHaveIdentity(pod), Code::kPermissionDenied, "being deleted");
  pod = good;
  pod.mirror = true;
  REQUIRE_ERROR(CheckMayHaveIdentity(pod), Code::kPermissionDenied, "mirror");
  pod = good;
  pod.node_name = "";
  REQUIRE_ERROR(CheckMayHaveIdentity(pod), Code::kPermissionDenied, "not scheduled");
  pod = good;
  pod.service_account = "";
  REQUIRE_ERROR(CheckMayHaveIdentity(pod), Code::kPermissionDenied, "no service account");
}

}  // namespace
}  // namespace signet::kubernetes
