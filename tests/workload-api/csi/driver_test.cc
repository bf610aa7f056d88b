#include "workload-api/csi/driver.h"

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "csi/v1/csi.grpc.pb.h"
#include "pluginregistration/registration.grpc.pb.h"
#include "tests/support/result.h"
#include "tests/workload-api/csi/node.h"

namespace signet::csi {
namespace {

using test::EnterMountNamespace;
using test::kUidA;
using test::kUidB;
using test::Node;

std::string IdOf(const std::string& uid) { return "spiffe://example.org/pod/" + uid; }

std::string TokensOf(const std::string& token) {
  return "{\"spiffe-ca\":{\"token\":\"" + token +
         "\",\"expirationTimestamp\":\"2099-01-01T00:00:00Z\"}}";
}

template <class Stub>
std::unique_ptr<Stub> Client(
    std::unique_ptr<Stub> (*make)(const std::shared_ptr<grpc::ChannelInterface>&,
                                  const grpc::StubOptions&),
    const std::string& socket) {
  return make(grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()), {});
}

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

/// InPod runs `program` in a process whose whole file system is one folder, at /spiffe, as a
/// container with that volume alone would have it. Returns the program's result.
int InPod(const std::string& volume, const std::string& root, int (*program)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string inside = root + "/spiffe";
    const bool ready = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("none", root.c_str(), "tmpfs", 0, nullptr) == 0 &&
                       ::mkdir(inside.c_str(), 0755) == 0 &&
                       ::mount(volume.c_str(), inside.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
                       ::chroot(root.c_str()) == 0 && ::chdir("/") == 0;
    ::_exit(ready ? program() : 99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

TEST_CASE("the kubelet finds the driver by its registration socket, and learns what it can do") {
  Node node;
  node.Start();
  const std::string socket = node.options.registration_dir + "/csi.signet.internal-reg.sock";
  CHECK(ModeOf(socket) == 0600);
  CHECK(ModeOf(node.options.socket_path) == 0600);
  const auto registration = Client(&::pluginregistration::Registration::NewStub, socket);
  ::pluginregistration::PluginInfo info;
  {
    grpc::ClientContext context;
    REQUIRE(registration->GetInfo(&context, {}, &info).ok());
  }
  CHECK(info.type() == "CSIPlugin");
  CHECK(info.name() == "csi.signet.internal");
  CHECK(info.endpoint() == node.options.socket_path);
  REQUIRE(info.supported_versions_size() == 1);
  CHECK(info.supported_versions(0) == "1.0.0");
  ::pluginregistration::RegistrationStatus refused;
  refused.set_error("no such driver");
  ::pluginregistration::RegistrationStatusResponse noted;
  {
    grpc::ClientContext context;
    REQUIRE(registration->NotifyRegistrationStatus(&context, refused, &noted).ok());
  }
  CHECK(node.logger.Contains("no such driver"));

  const auto identity = Client(&::csi::v1::Identity::NewStub, info.endpoint());
  ::csi::v1::GetPluginInfoResponse plugin;
  ::csi::v1::GetPluginCapabilitiesResponse capabilities;
  ::csi::v1::ProbeResponse probe;
  {
    grpc::ClientContext one;
    grpc::ClientContext two;
    grpc::ClientContext three;
    REQUIRE(identity->GetPluginInfo(&one, {}, &plugin).ok());
    REQUIRE(identity->GetPluginCapabilities(&two, {}, &capabilities).ok());
    REQUIRE(identity->Probe(&three, {}, &probe).ok());
  }
  CHECK(plugin.name() == "csi.signet.internal");
  CHECK(plugin.vendor_version() == "test");
  CHECK(probe.ready().value());
  const auto client = Client(&::csi::v1::Node::NewStub, info.endpoint());
  ::csi::v1::NodeGetInfoResponse of_node;
  ::csi::v1::NodeGetCapabilitiesResponse of_driver;
  {
    grpc::ClientContext one;
    grpc::ClientContext two;
    REQUIRE(client->NodeGetInfo(&one, {}, &of_node).ok());
    REQUIRE(client->NodeGetCapabilities(&two, {}, &of_driver).ok());
  }
  CHECK(of_node.node_id() == "node-1");

  const auto other = signet::test::H2Client::Unix(node.options.socket_path);
  REQUIRE(other);
  for (const char* const method :
       {"/csi.v1.Node/NodeStageVolume", "/csi.v1.Node/NodeGetVolumeStats",
        "/csi.v1.Node/NodeExpandVolume", "/csi.v1.Controller/CreateVolume"}) {
    CHECK(other->Call(method, "").grpc_status() == static_cast<int>(Code::kUnimplemented));
  }
  node.Stop();
  CHECK(ModeOf(socket) == 0);  // so the kubelet forgets the driver
}

TEST_CASE("a pod reaches its own socket through its volume and is who the kubelet said") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.Start();
  node.PublishIdentities({kUidA, kUidB});
  REQUIRE_OK(node.Publish(kUidA));
  REQUIRE_OK(node.Publish(kUidB));
  CHECK(node.driver->pods() == 2);
  CHECK(Node::Identity(node.TargetOf(kUidA) + "/agent.sock") == IdOf(kUidA));
  CHECK(Node::Identity(node.TargetOf(kUidB) + "/agent.sock") == IdOf(kUidB));
  CHECK_THAT(Node::Identity(node.dir.File("api.sock")), Catch::Contains("no identity issued"));
  CHECK(ModeOf(node.TargetOf(kUidA)) == 0755);
  CHECK(ModeOf(node.TargetOf(kUidA) + "/agent.sock") == 0777);
  struct statvfs volume {};
  REQUIRE(::statvfs(node.TargetOf(kUidA).c_str(), &volume) == 0);
  CHECK((volume.f_flag & ST_RDONLY) != 0);
  CHECK((volume.f_flag & ST_NOSUID) != 0);
  CHECK((volume.f_flag & ST_NODEV) != 0);
  CHECK((volume.f_flag & ST_NOEXEC) != 0);
  REQUIRE_OK(node.Unpublish(node.TargetOf(kUidA)));
  REQUIRE_OK(node.Unpublish(node.TargetOf(kUidB)));
  CHECK_FALSE(std::filesystem::exists(node.TargetOf(kUidA)));
  CHECK(std::filesystem::is_empty(node.options.pods_dir));
}

TEST_CASE(
    "a container with one pod's volume sees that socket alone, cannot change the folder, and gets "
    "that pod's identity") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.Start();
  node.PublishIdentities({kUidA, kUidB});
  REQUIRE_OK(node.Publish(kUidA));
  REQUIRE_OK(node.Publish(kUidB));
  const std::string root = node.dir.File("container");
  std::filesystem::create_directories(root);

  CHECK(InPod(node.TargetOf(kUidA), root,
              [] { return Node::Identity("/spiffe/agent.sock") == IdOf(kUidA) ? 0 : 1; }) == 0);
  CHECK(InPod(node.TargetOf(kUidB), root,
              [] { return Node::Identity("/spiffe/agent.sock") == IdOf(kUidB) ? 0 : 1; }) == 0);
  // Every socket that there is in the container's file system, wherever it starts to look.
  CHECK(InPod(node.TargetOf(kUidA), root, [] {
          int sockets = 0;
          for (const auto& file : std::filesystem::recursive_directory_iterator("/")) {
            sockets += file.is_socket() ? 1 : 0;
          }
          for (const std::string& path :
               {"/spiffe/../" + kUidB + "/agent.sock", "/spiffe/../../" + kUidB + "/agent.sock"}) {
            sockets += Node::Identity(path).starts_with("error") ? 0 : 100;
          }
          return sockets;
        }) == 1);
  CHECK(InPod(node.TargetOf(kUidA), root, [] {
          const bool read_only =
              ::unlink("/spiffe/agent.sock") != 0 && errno == EROFS &&
              ::open("/spiffe/mine", O_CREAT | O_WRONLY, 0600) < 0 && errno == EROFS &&
              ::rename("/spiffe/agent.sock", "/spiffe/b") != 0 && errno == EROFS &&
              ::chmod("/spiffe/agent.sock", 0) != 0 && errno == EROFS;
          return read_only ? 0 : 1;
        }) == 0);
}

TEST_CASE(
    "a caller whose pid means nothing to the agent is served by its pod's socket, and not by the "
    "shared one") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.options.find_pod_uid = [](const rpc::PeerProcess&) -> Result<std::string> {
    return Internal("asked for a process that cannot be known");
  };
  // The agent lives in a pid namespace of its own, as without hostPID: other processes have pid 0.
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t agent = ::fork();
  if (agent == 0) {
    if (::unshare(CLONE_NEWPID) != 0) {
      ::_exit(1);
    }
    if (const pid_t inner = ::fork(); inner != 0) {
      int status = 0;
      ::waitpid(inner, &status, 0);
      ::_exit(WEXITSTATUS(status));
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool started = node.TryStart().ok();
    node.PublishIdentities({kUidA});
    const bool published = started && node.Publish(kUidA).ok();
    const char byte = published ? 'y' : 'n';
    static_cast<void>(!::write(ready[1], &byte, 1));
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  REQUIRE(byte == 'y');
  CHECK(Node::Identity(node.TargetOf(kUidA) + "/agent.sock") == IdOf(kUidA));
  CHECK_THAT(Node::Identity(node.dir.File("api.sock")), Catch::Contains("hostPID"));
  ::kill(agent, SIGKILL);
  ::waitpid(agent, nullptr, 0);
}

TEST_CASE(
    "with the cgroup check on, a process of another pod that got hold of the socket is denied") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  std::string found = kUidA;
  node.options.find_pod_uid = [&found](const rpc::PeerProcess& process) -> Result<std::string> {
    return process.pid == ::getpid() ? Result<std::string>(found) : Internal("who?");
  };
  node.Start();
  node.PublishIdentities({kUidA, kUidB});
  REQUIRE_OK(node.Publish(kUidA));
  CHECK(Node::Identity(node.TargetOf(kUidA) + "/agent.sock") == IdOf(kUidA));
  for (const std::string& other : {kUidB, std::string()}) {
    found = other;
    CHECK_THAT(Node::Identity(node.TargetOf(kUidA) + "/agent.sock"),
               Catch::Contains("not of the pod"));
  }
}

TEST_CASE("a pod's call without the security header is refused") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.Start();
  node.PublishIdentities({kUidA});
  REQUIRE_OK(node.Publish(kUidA));
  const auto client = Node::Reach(node.TargetOf(kUidA) + "/agent.sock");
  REQUIRE(client);
  CHECK(client->Call("/SpiffeWorkloadAPI/FetchX509SVID", "").grpc_status() ==
        static_cast<int>(Code::kInvalidArgument));
  CHECK(client->Call("/csi.v1.Node/NodePublishVolume", "").grpc_status() ==
        static_cast<int>(Code::kUnimplemented));
}

TEST_CASE(
    "volumes survive the agent: their sockets are open again after a restart, in the same mount") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.Start();
  node.PublishIdentities({kUidA, kUidB});
  REQUIRE_OK(node.Publish(kUidA));
  REQUIRE_OK(node.Publish(kUidA, "second"));
  REQUIRE_OK(node.Publish(kUidB));
  const std::string a = node.TargetOf(kUidA);
  const std::string second = node.TargetOf(kUidA, "second");
  const std::string b = node.TargetOf(kUidB);
  node.Stop();
  CHECK_FALSE(std::filesystem::exists(a + "/agent.sock"));
  CHECK(Node::Identity(a + "/agent.sock") == "error: cannot connect");

  SECTION("an orderly one") {}
  SECTION("after a crash, that left sockets nobody listens on") {
    const UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = node.options.pods_dir + "/" + kUidA + "/agent.sock";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(stale.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  REQUIRE(::umount2(b.c_str(), MNT_DETACH) == 0);  // this pod went while the agent was away
  node.Start();
  CHECK(Node::Identity(a + "/agent.sock") == IdOf(kUidA));
  CHECK(Node::Identity(second + "/agent.sock") == IdOf(kUidA));
  CHECK(node.driver->pods() == 1);
  CHECK_FALSE(std::filesystem::exists(node.options.pods_dir + "/" + kUidB));
  REQUIRE_OK(node.Unpublish(b));
  REQUIRE_OK(node.Unpublish(a));
  CHECK(Node::Identity(second + "/agent.sock") == IdOf(kUidA));
  REQUIRE_OK(node.Unpublish(second));
  CHECK(std::filesystem::is_empty(node.options.pods_dir));
}

TEST_CASE("a fresh token wakes whoever waits for it, is kept in memory alone and never logged") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.options.token_audience = "spiffe-ca";
  node.Start();
  auto request = node.PublishFor(kUidA);
  (*request.mutable_secrets())["csi.storage.k8s.io/serviceAccount.tokens"] = TokensOf("s3cret-1");
  REQUIRE_OK(node.Publish(request));
  CHECK(AsText(node.driver->Find(kUidA).token.RevealSecret()) == "s3cret-1");
  CHECK(node.driver->Find(kUidA).namespace_name == "shop");
  CHECK(node.driver->Find(kUidB).name.empty());
  CHECK(node.woken() == std::vector<std::string>{kUidA});
  (*request.mutable_secrets())["csi.storage.k8s.io/serviceAccount.tokens"] = TokensOf("s3cret-2");
  REQUIRE_OK(node.Publish(request));
  CHECK(AsText(node.driver->Find(kUidA).token.RevealSecret()) == "s3cret-2");
  (*request.mutable_secrets())["csi.storage.k8s.io/serviceAccount.tokens"] = "s3cret-3";
  REQUIRE_ERROR(node.Publish(request), Code::kInvalidArgument, "malformed");
  for (const std::string& line : node.logger.Lines()) {
    CHECK(line.find("s3cret") == std::string::npos);
  }
  node.Stop();
  node.Start();
  CHECK(node.driver->Find(kUidA).token.empty());
}

TEST_CASE("an open stream of a pod ends when its volume is taken away") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.Start();
  node.PublishIdentities({kUidA});
  REQUIRE_OK(node.Publish(kUidA));
  const auto client = Node::Reach(node.TargetOf(kUidA) + "/agent.sock");
  REQUIRE(client);
  const std::int32_t stream =
      client->Start("/SpiffeWorkloadAPI/FetchX509SVID", {{"workload.spiffe.io", "true"}});
  client->Send(stream, signet::test::Framed(""), true);
  REQUIRE(client->Until([&] { return !client->reply(stream).Messages().empty(); }));
  SECTION("with the volume") { REQUIRE_OK(node.Unpublish(node.TargetOf(kUidA))); }
  SECTION("with the pod's entry") { node.PublishIdentities({}); }
  REQUIRE(client->UntilEnded(stream));
  CHECK(client->reply(stream).grpc_status() == static_cast<int>(Code::kPermissionDenied));
}

}  // namespace
}  // namespace signet::csi
