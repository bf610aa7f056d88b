#include <cstdint>

#include "attestor/kubernetes/object_codec.h"
#include "core/base/bytes.h"
#include "core/base/check.h"
#include "workload-api/kubelet/pod_decode.h"

/// Whatever the bytes: no crash, and a pod that is accepted has names that may stand in an ID.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = signet::AsText({data, size});
  if (const auto pod = signet::kubelet::DecodePod(bytes); pod.ok()) {
    SIGNET_CHECK(signet::kubernetes::CheckPod(*pod).ok(), "an accepted pod is not of its form");
    SIGNET_CHECK(*signet::kubelet::DecodePodUid(bytes) == pod->uid, "two uids of one pod");
  }
  return 0;
}
