#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "attestor/workload/unix/unix_attestor.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/rpc/server.h"
#include "tests/support/h2_client.h"
#include "tests/support/temp_dir.h"
#include "workload-api/csi/driver.h"
#include "workload-api/csi/pod.h"
#include "workload-api/rpc/workload_api.h"
#include "workload-api/svids/hub.h"

namespace csi::v1 {
class NodePublishVolumeRequest;
}  // namespace csi::v1

namespace signet::csi::test {

inline const std::string kUidA = "6f1c9a52-0c0e-4b7e-9a51-0d5b1d2f9a10";
inline const std::string kUidB = "00000000-0c0e-4b7e-9a51-0d5b1d2f9a10";

/// EnterMountNamespace gives this process, which has one thread as yet, mounts of its own that
/// nobody else sees. False, with a loud warning: not permitted here, so the test cannot run.
bool EnterMountNamespace();

/// Node is a machine with a kubelet's folders and an agent that is a CSI driver; the test is the
/// kubelet. Every pod has an identity by its uid: spiffe://example.org/pod/<uid>.
class Node {
 public:
  Node();
  ~Node();
  void Start();
  Status TryStart();
  void Stop();

  /// TargetOf gives the pod's volume its place and makes the folder above it, as the kubelet does.
  std::string TargetOf(const std::string& uid, const std::string& volume = "spiffe");
  /// PublishFor is what the kubelet sends for it.
  ::csi::v1::NodePublishVolumeRequest PublishFor(const std::string& uid,
                                                 const std::string& volume = "spiffe");
  Status Publish(const ::csi::v1::NodePublishVolumeRequest& request);
  Status Publish(const std::string& uid, const std::string& volume = "spiffe");
  Status Unpublish(const std::string& target);

  /// Reach connects to a socket, however long its path is.
  static std::unique_ptr<signet::test::H2Client> Reach(const std::string& socket);
  /// Identity asks the Workload API on a socket who it thinks the caller is: the SPIFFE ID, or
  /// "error: …".
  static std::string Identity(const std::string& socket);

  void PublishIdentities(const std::vector<std::string>& uids);
  std::vector<std::string> woken();

  signet::test::TempDir dir;
  RealClock clock;
  MemoryLogger logger;
  svids::Hub hub{"starting"};
  DriverOptions options;
  attestor::SystemNames names;
  std::unique_ptr<attestor::UnixAttestor> shared_attestor;
  std::unique_ptr<agent_rpc::WorkloadApi> api;
  std::unique_ptr<rpc::Server> server;
  std::unique_ptr<Driver> driver;

 private:
  std::mutex mutex_;
  std::vector<std::string> woken_;
  std::uint64_t version_ = 0;
};

}  // namespace signet::csi::test
