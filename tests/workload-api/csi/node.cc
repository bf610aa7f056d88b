#include "tests/workload-api/csi/node.h"

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "csi/v1/csi.grpc.pb.h"
#include "tests/support/result.h"
#include "workload.pb.h"

namespace signet::csi::test {
namespace {

Status StatusOf(const grpc::Status& status) {
  return status.ok() ? Status{}
                     : Error{static_cast<Code>(status.error_code()), status.error_message()};
}

void Patience(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
}

}  // namespace

bool EnterMountNamespace() {
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    WARN("SKIPPED: mount namespaces are not permitted here; run as root with CAP_SYS_ADMIN");
    return false;
  }
  return true;
}

Node::Node() {
  options = {.driver_name = "csi.signet.internal",
             .socket_path = dir.File("kubelet/plugins/csi.signet.internal/csi.sock"),
             .registration_dir = dir.File("kubelet/plugins_registry"),
             .pods_dir = dir.File("run/pods"),
             .kubelet_dir = dir.File("kubelet"),
             .node_name = "node-1",
             .version = "test"};
  std::filesystem::create_directories(options.registration_dir);
  std::filesystem::create_directories(dir.File("kubelet/pods"));
}

Node::~Node() {
  Stop();
  // What tests left mounted would keep the folder from being removed.
  for (const auto& pod : std::filesystem::directory_iterator(dir.File("kubelet/pods"))) {
    const auto volumes = pod.path() / "volumes/kubernetes.io~csi";
    std::error_code ignored;
    for (const auto& volume : std::filesystem::directory_iterator(volumes, ignored)) {
      ::umount2((volume.path() / "mount").c_str(), MNT_DETACH);
    }
  }
}

Status Node::TryStart() {
  shared_attestor = std::make_unique<attestor::UnixAttestor>(
      attestor::UnixAttestorOptions{
          .alive = [](const rpc::PeerProcess& process) { return process.Alive(); }},
      names, clock);
  api = std::make_unique<agent_rpc::WorkloadApi>(hub, *shared_attestor, logger);
  rpc::ServerOptions server_options{.loops = 1, .clock = &clock, .logger = &logger};
  rpc::ListenerOptions shared{.unix_path = dir.File("api.sock")};
  api->AddTo(shared.methods);
  server_options.listeners.push_back(std::move(shared));
  SIGNET_TRY_ASSIGN(server, rpc::Server::Start(std::move(server_options)));
  SIGNET_TRY_ASSIGN(driver, Driver::Start(options, {.server = *server,
                                                    .api = *api,
                                                    .clock = clock,
                                                    .logger = logger,
                                                    .on_token = [this](const std::string& uid) {
                                                      const std::lock_guard lock(mutex_);
                                                      woken_.push_back(uid);
                                                    }}));
  return {};
}

void Node::Start() { REQUIRE_OK(TryStart()); }

void Node::Stop() {
  driver.reset();
  server.reset();
  api.reset();
}

std::vector<std::string> Node::woken() {
  const std::lock_guard lock(mutex_);
  return woken_;
}

std::string Node::TargetOf(const std::string& uid, const std::string& volume) {
  const std::string parent =
      options.kubelet_dir + "/pods/" + uid + "/volumes/kubernetes.io~csi/" + volume;
  std::filesystem::create_directories(parent);
  return parent + "/mount";
}

::csi::v1::NodePublishVolumeRequest Node::PublishFor(const std::string& uid,
                                                     const std::string& volume) {
  ::csi::v1::NodePublishVolumeRequest request;
  request.set_volume_id("csi-" + uid);
  request.set_target_path(TargetOf(uid, volume));
  request.mutable_volume_capability()->mutable_mount();
  request.set_readonly(true);
  auto& context = *request.mutable_volume_context();
  context["csi.storage.k8s.io/ephemeral"] = "true";
  context["csi.storage.k8s.io/pod.uid"] = uid;
  context["csi.storage.k8s.io/pod.namespace"] = "shop";
  context["csi.storage.k8s.io/pod.name"] = "web-" + uid.substr(0, 4);
  context["csi.storage.k8s.io/serviceAccount.name"] = "frontend";
  return request;
}

Status Node::Publish(const ::csi::v1::NodePublishVolumeRequest& request) {
  const auto stub = ::csi::v1::Node::NewStub(
      grpc::CreateChannel("unix:" + options.socket_path, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  Patience(context);
  ::csi::v1::NodePublishVolumeResponse response;
  return StatusOf(stub->NodePublishVolume(&context, request, &response));
}

Status Node::Publish(const std::string& uid, const std::string& volume) {
  return Publish(PublishFor(uid, volume));
}

Status Node::Unpublish(const std::string& target) {
  const auto stub = ::csi::v1::Node::NewStub(
      grpc::CreateChannel("unix:" + options.socket_path, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  Patience(context);
  ::csi::v1::NodeUnpublishVolumeRequest request;
  request.set_volume_id("csi-1");
  request.set_target_path(target);
  ::csi::v1::NodeUnpublishVolumeResponse response;
  return StatusOf(stub->NodeUnpublishVolume(&context, request, &response));
}

std::unique_ptr<signet::test::H2Client> Node::Reach(const std::string& socket) {
  const std::filesystem::path path(socket);
  const UniqueFd folder(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return signet::test::H2Client::Unix("/proc/self/fd/" + std::to_string(folder.get()) + "/" +
                                      path.filename().string());
}

std::string Node::Identity(const std::string& socket) {
  const auto client = socket.size() > 100 ? Reach(socket) : signet::test::H2Client::Unix(socket);
  if (client == nullptr) {
    return "error: cannot connect";
  }
  const std::int32_t call =
      client->Start("/SpiffeWorkloadAPI/FetchX509SVID", {{"workload.spiffe.io", "true"}});
  client->Send(call, signet::test::Framed(""), true);
  client->Until(
      [&] { return client->reply(call).ended || !client->reply(call).Messages().empty(); });
  const std::vector<std::string> messages = client->reply(call).Messages();
  X509SVIDResponse response;
  if (messages.empty() || !response.ParseFromString(messages[0]) || response.svids_size() != 1) {
    return "error: " + client->reply(call).Header("grpc-message");
  }
  return response.svids(0).spiffe_id();
}

void Node::PublishIdentities(const std::vector<std::string>& uids) {
  const spiffe::TrustDomain trust_domain = *spiffe::TrustDomain::Parse("example.org");
  svids::Snapshot snapshot{
      .version = ++version_, .taken_at = clock.Now(), .trust_domain = trust_domain};
  snapshot.bundles[trust_domain] = std::make_shared<const Bytes>(ToBytes("root"));
  for (const std::string& uid : uids) {
    svids::Identity identity{
        .entry = {
            .id = "k8s-pod." + uid,
            .spiffe_id = *spiffe::SpiffeId::Parse("spiffe://example.org/pod/" + uid),
            .selectors = {{"k8s", "ns:shop"}, {"k8s", "pod-uid:" + uid}, {"k8s", "sa:frontend"}}}};
    identity.svid = std::make_shared<const svids::WorkloadSvid>(svids::WorkloadSvid{
        .chain = ToBytes("chain"),
        .key = Secret(ToBytes("key")),
        .times = {.not_before = clock.Now(), .not_after = clock.Now() + std::chrono::hours(1)},
        .authority_id = "00"});
    snapshot.identities.push_back(std::make_shared<const svids::Identity>(std::move(identity)));
  }
  hub.Publish(std::make_shared<const svids::Snapshot>(std::move(snapshot)));
}

}  // namespace signet::csi::test
