// Invariant: an event with an object has a checked one; any other has none.
#include <cstddef>
#include <cstdint>

#include "attestor/kubernetes/names.h"
#include "attestor/kubernetes/object_codec.h"
#include "core/base/bytes.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet;
  using namespace signet::kubernetes;
  using Event = WatchEvent<Pod>;
  const std::string_view line = AsText({data, size});
  const auto event = ParsePodEvent(line, PodDetail::kFull);
  if (!event.ok()) {
    SIGNET_CHECK(event.error().code == Code::kInvalidArgument, "another code");
    return 0;
  }
  switch (event->kind) {
    case Event::Kind::kSet:
    case Event::Kind::kDeleted:
      SIGNET_CHECK(CheckPod(event->object).ok(), "an event gave an odd pod");
      break;
    case Event::Kind::kMalformed:
      SIGNET_CHECK(event->object.uid.empty() || IsUid(event->object.uid), "an odd uid");
      break;
    default:
      SIGNET_CHECK(event->object == Pod{}, "an object where there is none");
  }
  (void)ParseNodeEvent(line);
  return 0;
}
