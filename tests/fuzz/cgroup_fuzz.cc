#include <algorithm>
#include <cstdint>
#include <string>

#include "attestor/workload/k8s/cgroup.h"
#include "core/base/bytes.h"
#include "core/base/check.h"

namespace {

using signet::attestor::LocatePod;
using signet::attestor::PodPlace;

/// IsSpelled: the uid stands in the text as the kubelet or systemd writes it, with the container's
/// id behind it.
bool IsSpelled(std::string_view text, const PodPlace& place) {
  std::string plain(text);
  std::replace(plain.begin(), plain.end(), '_', '-');
  const std::size_t at = plain.find("pod" + place.pod_uid);
  return at != plain.npos && plain.find(place.container_id, at) != plain.npos;
}

}  // namespace

/// Whatever the text: no crash, an answer stands in it, and nothing that a container makes below
/// its own group changes the answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = signet::AsText({data, size});
  const auto place = LocatePod(text, {});
  if (!place.ok() || !place->has_value()) {
    return 0;
  }
  SIGNET_CHECK(IsSpelled(text, **place), "the answer is not in the text");
  if (text.find('\n') == text.npos) {
    const std::string deeper = std::string(text) +
                               "/kubepods/pod00000000-1111-4222-8333-44444444444b/" +
                               std::string(64, 'b');
    const auto same = LocatePod(deeper, {});
    SIGNET_CHECK(same.ok() && same->has_value() && (*same)->pod_uid == (*place)->pod_uid &&
                     (*same)->container_id == (*place)->container_id,
                 "a child group changed the answer");
  }
  return 0;
}
