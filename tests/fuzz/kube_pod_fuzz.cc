// Invariant: a pod that was read holds only names that are safe in a SPIFFE ID's path, in either
// detail; and both details agree on who it is.
#include <cstddef>
#include <cstdint>

#include "attestor/kubernetes/names.h"
#include "attestor/kubernetes/object_codec.h"
#include "core/base/bytes.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  using namespace signet::kubernetes;
  const std::string_view json = AsText({data, size});
  const auto pod = ParsePod(json, PodDetail::kIdentity);
  const auto full = ParsePod(json, PodDetail::kFull);
  if (pod.ok()) {
    SIGNET_CHECK(CheckPod(*pod).ok(), "a pod was read that does not pass the checks");
    SIGNET_CHECK(IsDnsLabel(pod->namespace_name) && IsUid(pod->uid), "odd names");
    const std::string& account = pod->service_account;
    SIGNET_CHECK(account.find('/') == std::string::npos && account != "." && account != "..",
                 "a service account that is no path segment");
  } else {
    SIGNET_CHECK(pod.error().code == Code::kInvalidArgument, "another code");
  }
  if (full.ok()) {  // it may see a member twice where the other does not look
    SIGNET_CHECK(pod.ok() && pod->uid == full->uid && pod->labels == full->labels &&
                     pod->service_account == full->service_account,
                 "the details disagree");
  }
  const auto list = ParsePodList(json, PodDetail::kFull);
  if (list.ok()) {
    for (const Pod& item : list->items) {
      SIGNET_CHECK(CheckPod(item).ok(), "a list gave an odd pod");
    }
  }
  (void)ParseNode(json);
  (void)ParseNodeList(json);
  return 0;
}
