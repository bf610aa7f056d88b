#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "workload-api/csi/pod_dirs.h"

/// Whatever the text: no crash, what is accepted is a possible pod with targets of its own, and it
/// survives being written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::csi;  // NOLINT: test code
  const auto record = ReadPodRecord(signet::AsText({data, size}), "/var/lib/kubelet");
  if (!record.ok()) {
    return 0;
  }
  SIGNET_CHECK(CheckPod(record->pod).ok(), "an impossible pod");
  for (const auto& [path, target] : record->targets) {
    SIGNET_CHECK(target.pod_uid == record->pod.uid, "another pod's target");
    SIGNET_CHECK(path.starts_with("/var/lib/kubelet/pods/") && path.find("..") == path.npos,
                 "a target outside of the kubelet's folder");
  }
  const auto again = ReadPodRecord(WritePodRecord(*record), "/var/lib/kubelet");
  SIGNET_CHECK(
      again.ok() && again->pod == record->pod && again->targets.size() == record->targets.size(),
      "a record that does not survive");
  return 0;
}
