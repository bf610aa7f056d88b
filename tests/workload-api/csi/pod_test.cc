#include "workload-api/csi/pod.h"

#include "tests/support/result.h"

namespace signet::csi {
namespace {

const std::string kUid = "6f1c9a52-0c0e-4b7e-9a51-0d5b1d2f9a10";

std::string Path(const std::string& volume = "spiffe", const std::string& end = "mount") {
  return "/var/lib/kubelet/pods/" + kUid + "/volumes/kubernetes.io~csi/" + volume + "/" + end;
}

TEST_CASE("a target path as the kubelet makes it tells the pod") {
  const auto target = TargetPath::Parse("/var/lib/kubelet", Path());
  REQUIRE_OK(target);
  CHECK(target->path == Path());
  CHECK(target->pod_uid == kUid);
  CHECK(target->parent == "pods/" + kUid + "/volumes/kubernetes.io~csi/spiffe");
  CHECK(TargetPath::Parse("/var/lib/kubelet", Path("spiffe.io-a.1")).ok());
}

TEST_CASE("any other target path is refused") {
  const std::string uid = kUid;
  const std::string path = GENERATE_REF(
      std::string(), std::string("/"), std::string("/etc"), std::string("mount"),
      Path("..", "mount"), Path("."), Path(""), Path("a/b"), Path("a", "mount/"),
      Path("a", "mount/.."), Path("a", "../mount"), Path("a", "Mount"), Path("A"), Path("-a"),
      Path("a-"), Path("a..b"), Path("a\nb"), Path(std::string("a\0b", 3)),
      Path(std::string(254, 'a')), Path(std::string(10'000, 'a')),
      "/var/lib/kubelet/../kubelet" + Path().substr(16), "/var/lib/kubelet2" + Path().substr(16),
      "/var/lib/kubelet/" + Path().substr(16), Path().substr(16),
      "/var/lib/kubelet/pods/../pods/" + uid + "/volumes/kubernetes.io~csi/a/mount",
      "/var/lib/kubelet/pods/" + uid + "/volumes/kubernetes.io~empty-dir/a/mount",
      "/var/lib/kubelet/pods/" + uid + "/volumeDevices/kubernetes.io~csi/a/mount",
      "/var/lib/kubelet/pods/nobody/volumes/kubernetes.io~csi/a/mount",
      "/var/lib/kubelet/plugins/" + uid + "/volumes/kubernetes.io~csi/a/mount");
  REQUIRE_ERROR(TargetPath::Parse("/var/lib/kubelet", path), Code::kInvalidArgument,
                "csi.kubelet_dir");
}

TEST_CASE("a pod uid is a UUID in lower case") {
  CHECK(IsPodUid(kUid));
  for (const std::string& uid : {std::string(), kUid + "0", kUid.substr(1),
                                 std::string("6F1C9A52-0c0e-4b7e-9a51-0d5b1d2f9a10"),
                                 std::string("6f1c9a52.0c0e-4b7e-9a51-0d5b1d2f9a10"),
                                 std::string(36, '-'), std::string("..")}) {
    CHECK_FALSE(IsPodUid(uid));
  }
}

TEST_CASE("the parts of a pod have the form that Kubernetes gives them") {
  const CsiPod good{kUid, "shop", "web-0.a", "frontend.v2"};
  REQUIRE_OK(CheckPod(good));
  REQUIRE_OK(CheckPod({kUid, std::string(63, 'n'), std::string(253, 'p'), std::string(253, 's')}));
  const std::string bad =
      GENERATE(std::string(), std::string("a/b"), std::string(".."), std::string("A"),
               std::string("-a"), std::string("a-"), std::string("a:b"), std::string("a b"),
               std::string("a%"), std::string("\xc3\xa4"), std::string(10'000, 'a'));
  CsiPod pod = good;
  pod.namespace_name = bad;
  REQUIRE_ERROR(CheckPod(pod), Code::kInvalidArgument, "namespace");
  pod = good;
  pod.name = bad;
  REQUIRE_ERROR(CheckPod(pod), Code::kInvalidArgument, "name");
  pod = good;
  pod.service_account = bad;
  REQUIRE_ERROR(CheckPod(pod), Code::kInvalidArgument, "service account");
  pod = good;
  pod.uid = bad;
  REQUIRE_ERROR(CheckPod(pod), Code::kInvalidArgument, "uid");
  pod = good;
  pod.namespace_name = "a.b";  // a namespace is one label
  REQUIRE_ERROR(CheckPod(pod), Code::kInvalidArgument, "podInfoOnMount");
}

}  // namespace
}  // namespace signet::csi
