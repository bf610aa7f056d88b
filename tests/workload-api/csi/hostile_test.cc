#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <filesystem>

#include "csi/v1/csi.pb.h"
#include "tests/support/result.h"
#include "tests/workload-api/csi/node.h"

namespace signet::csi {
namespace {

using test::EnterMountNamespace;
using test::kUidA;
using test::kUidB;
using test::Node;

TEST_CASE("hostile requests mount nothing and leave nothing") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.Start();
  auto request = node.PublishFor(kUidA);
  const std::string parent = std::filesystem::path(node.TargetOf(kUidA)).parent_path();
  std::filesystem::create_directories(node.dir.File("elsewhere/mount"));
  Code want = Code::kInvalidArgument;
  SECTION("outside the kubelet's folder") {
    request.set_target_path(node.dir.File("elsewhere/mount"));
  }
  SECTION("by way of ..") {
    request.set_target_path(parent + "/../../../../../../elsewhere/mount");
  }
  SECTION("another pod's folder") { request.set_target_path(node.TargetOf(kUidB)); }
  SECTION("10,000 bytes") { request.set_target_path(std::string(10'000, '/')); }
  SECTION("10,000 bytes of name") {
    (*request.mutable_volume_context())["csi.storage.k8s.io/pod.name"] = std::string(10'000, 'a');
  }
  SECTION("writable") { request.set_readonly(false); }
  SECTION("a message above the limit") {
    want = Code::kResourceExhausted;
    (*request.mutable_volume_context())["x"] = std::string(300 * 1024, 'x');
  }
  SECTION("a symbolic link for the volume's folder") {
    want = Code::kFailedPrecondition;
    std::filesystem::remove(parent);
    std::filesystem::create_directory_symlink(node.dir.File("elsewhere"), parent);
  }
  SECTION("a symbolic link for the target") {
    want = Code::kFailedPrecondition;
    std::filesystem::create_directory_symlink(node.dir.File("elsewhere"), parent + "/mount");
  }
  SECTION("a symbolic link for the pod's folder") {
    want = Code::kFailedPrecondition;
    std::filesystem::rename(node.options.kubelet_dir + "/pods/" + kUidA,
                            node.dir.File("elsewhere/pod"));
    std::filesystem::create_directory_symlink(node.dir.File("elsewhere/pod"),
                                              node.options.kubelet_dir + "/pods/" + kUidA);
  }
  SECTION("a file for the target") {
    want = Code::kFailedPrecondition;
    const UniqueFd file(::open((parent + "/mount").c_str(), O_CREAT | O_WRONLY, 0600));
    REQUIRE(file);
  }
  SECTION("no folder for it") {
    want = Code::kFailedPrecondition;
    std::filesystem::remove(parent);
  }
  const Status published = node.Publish(request);
  REQUIRE_FALSE(published.ok());
  CHECK(published.error().code == want);
  CHECK(std::filesystem::is_empty(node.dir.File("elsewhere/mount")));
  CHECK(std::filesystem::is_empty(node.options.pods_dir));
  CHECK(node.driver->pods() == 0);
  REQUIRE_OK(node.Publish(kUidB));  // and the driver goes on
}

TEST_CASE("unpublish refuses strange paths, and does not follow links") {
  if (!EnterMountNamespace()) {
    return;
  }
  Node node;
  node.Start();
  for (const std::string& path : {std::string(), std::string("/"), node.dir.path(),
                                  node.TargetOf(kUidA) + "/..", std::string(10'000, 'a')}) {
    REQUIRE_ERROR(node.Unpublish(path), Code::kInvalidArgument, "target_path");
  }
  const std::string keep = node.dir.File("elsewhere");
  std::filesystem::create_directories(keep);
  REQUIRE(::mount("none", keep.c_str(), "tmpfs", 0, nullptr) == 0);
  std::filesystem::create_directory_symlink(keep, node.TargetOf(kUidA));
  CHECK_FALSE(node.Unpublish(node.TargetOf(kUidA)).ok());
  struct stat inside {};
  struct stat outside {};
  REQUIRE(::stat(keep.c_str(), &inside) == 0);
  REQUIRE(::stat(node.dir.path().c_str(), &outside) == 0);
  CHECK(inside.st_dev != outside.st_dev);  // still mounted
  ::umount2(keep.c_str(), MNT_DETACH);
}

TEST_CASE("the driver's sockets are for the kubelet's user alone") {
  Node node;
  node.options.kubelet_uid = 12345;
  node.Start();
  const auto client = signet::test::H2Client::Unix(node.options.socket_path);
  const auto registration =
      signet::test::H2Client::Unix(node.options.registration_dir + "/csi.signet.internal-reg.sock");
  REQUIRE((client && registration));
  const int denied = static_cast<int>(Code::kPermissionDenied);
  CHECK(client->Call("/csi.v1.Node/NodePublishVolume", "").grpc_status() == denied);
  CHECK(client->Call("/csi.v1.Node/NodeUnpublishVolume", "").grpc_status() == denied);
  CHECK(client->Call("/csi.v1.Identity/Probe", "").grpc_status() == denied);
  CHECK(registration->Call("/pluginregistration.Registration/GetInfo", "").grpc_status() == denied);
}

TEST_CASE("a missing kubelet folder and a missing registration folder are clear errors") {
  Node node;
  SECTION("kubelet_dir") {
    node.options.kubelet_dir = "/nowhere";
    REQUIRE_ERROR(node.TryStart(), Code::kFailedPrecondition, "csi.kubelet_dir");
  }
  SECTION("registration_dir") {
    node.options.registration_dir = "/nowhere";
    REQUIRE_ERROR(node.TryStart(), Code::kFailedPrecondition, "/nowhere");
  }
}

}  // namespace
}  // namespace signet::csi
