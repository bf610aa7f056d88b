#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <sched.h>
#include <sys/mount.h>

#include <filesystem>

#include "core/base/unique_fd.h"
#include "csi/v1/csi.grpc.pb.h"
#include "tests/support/result.h"
#include "tests/workload-api/cmd/house.h"

namespace signet::test {
namespace {

using std::chrono::seconds;

const std::string kUid = "6f1c9a52-0c0e-4b7e-9a51-0d5b1d2f9a10";

/// Kubelet asks the agent of a house for volumes.
class Kubelet {
 public:
  explicit Kubelet(House& house) : dir_(house.dir.File("kubelet")) {
    std::filesystem::create_directories(dir_ + "/plugins_registry");
    std::filesystem::create_directories(Volume());
    house.adjust_agent = [this, &house](agent_cmd::AgentConfig& config) {
      config.csi =
          agent_cmd::CsiConfig{.driver_name = "csi.signet.internal",
                               .socket_path = dir_ + "/plugins/csi.signet.internal/csi.sock",
                               .registration_dir = dir_ + "/plugins_registry",
                               .pods_dir = house.dir.File("pods"),
                               .kubelet_dir = dir_,
                               .node_name = "node-1"};
    };
  }
  ~Kubelet() { ::umount2(Target().c_str(), MNT_DETACH); }

  Status Publish() {
    ::csi::v1::NodePublishVolumeRequest request;
    request.set_volume_id("csi-1");
    request.set_target_path(Target());
    request.set_readonly(true);
    request.mutable_volume_capability()->mutable_mount();
    auto& context = *request.mutable_volume_context();
    context["csi.storage.k8s.io/ephemeral"] = "true";
    context["csi.storage.k8s.io/pod.uid"] = kUid;
    context["csi.storage.k8s.io/pod.namespace"] = "shop";
    context["csi.storage.k8s.io/pod.name"] = "web-0";
    context["csi.storage.k8s.io/serviceAccount.name"] = "frontend";
    ::csi::v1::NodePublishVolumeResponse response;
    return Call(
        [&](auto& stub, auto* call) { return stub.NodePublishVolume(call, request, &response); });
  }
  Status Unpublish() {
    ::csi::v1::NodeUnpublishVolumeRequest request;
    request.set_volume_id("csi-1");
    request.set_target_path(Target());
    ::csi::v1::NodeUnpublishVolumeResponse response;
    return Call(
        [&](auto& stub, auto* call) { return stub.NodeUnpublishVolume(call, request, &response); });
  }

  std::string Volume() const {
    return dir_ + "/pods/" + kUid + "/volumes/kubernetes.io~csi/spiffe";
  }
  std::string Target() const { return Volume() + "/mount"; }
  /// Socket is the pod's, by a path that is short enough for a socket.
  std::string Socket() {
    folder_.Reset(::open(Target().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return "/proc/self/fd/" + std::to_string(folder_.get()) + "/agent.sock";
  }

 private:
  template <class Body>
  Status Call(const Body& body) {
    const auto stub = ::csi::v1::Node::NewStub(
        grpc::CreateChannel("unix:" + dir_ + "/plugins/csi.signet.internal/csi.sock",
                            grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    const grpc::Status status = body(*stub, &context);
    return status.ok() ? Status{}
                       : Error{static_cast<Code>(status.error_code()), status.error_message()};
  }
  const std::string dir_;
  UniqueFd folder_;
};

TEST_CASE(
    "a pod's own socket gives it the identity of its service account, from the real server, until "
    "its volume goes") {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    WARN("SKIPPED: mount namespaces are not permitted here; run as root with CAP_SYS_ADMIN");
    return;
  }
  House house;
  Kubelet kubelet(house);
  const std::string token = house.JoinToken();
  house.CreateEntry(token, "/ns/shop/sa/frontend", {{"k8s", "ns:shop"}, {"k8s", "sa:frontend"}});
  house.CreateEntry(token, "/ns/shop/sa/backend", {{"k8s", "ns:shop"}, {"k8s", "sa:backend"}});
  auto agent = house.StartAgent(token);
  REQUIRE_OK(agent);
  REQUIRE_OK(kubelet.Publish());
  Result<Fetched> fetched = Unavailable("not asked yet");
  REQUIRE(Eventually([&] {
    fetched = SvidStream(kubelet.Socket()).Next();
    return fetched.ok();
  }));
  CHECK(fetched->ids == std::vector<std::string>{"spiffe://example.org/ns/shop/sa/frontend"});
  CHECK_FALSE(SvidStream(house.socket_path()).Next().ok());  // the shared one knows no pod

  SECTION("an agent that restarts listens in the same volume again") {
    agent->reset();
    CHECK_FALSE(std::filesystem::exists(kubelet.Target() + "/agent.sock"));
    agent = house.StartAgent();
    REQUIRE_OK(agent);
    REQUIRE(Eventually([&] { return SvidStream(kubelet.Socket()).Next().ok(); }));
  }
  SvidStream stream(kubelet.Socket());
  REQUIRE_OK(stream.Next());
  REQUIRE_OK(kubelet.Unpublish());
  REQUIRE_ERROR(stream.Next(), Code::kPermissionDenied, "volume was taken away");
}

}  // namespace
}  // namespace signet::test
