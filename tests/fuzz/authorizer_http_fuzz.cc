// A head is complete or not whatever comes behind it or in which pieces it came; what it points to
// lies inside it, and no field holds what could end a line.
#include <cstdint>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "workload-api/authorizer/http_request.h"

using namespace signet;
using namespace signet::authorizer;
using State = ParsedHead::State;

namespace {

void CheckInside(std::string_view whole, std::string_view part) {
  SIGNET_CHECK(part.empty() || (part.data() >= whole.data() &&
                                part.data() + part.size() <= whole.data() + whole.size()),
               "a view of other bytes");
  SIGNET_CHECK(part.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
               "a line end inside a part");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText({data, size});
  const ParsedHead got = ParseHead(text);
  // Byte by byte: the first verdict that is not "incomplete" is the verdict. (All prefixes of long
  // inputs would be slow.)
  for (std::size_t n = 0; n <= size && size <= 512; ++n) {
    const ParsedHead part = ParseHead(text.substr(0, n), n == 0 ? 0 : n - 1);
    if (part.state != State::kIncomplete) {
      SIGNET_CHECK(part.state == got.state, "pieces mean another head");
      SIGNET_CHECK(got.state != State::kComplete || part.head.bytes == got.head.bytes, "length");
      break;
    }
  }
  if (got.state != State::kComplete) {
    SIGNET_CHECK(got.state == State::kBad || size <= kMaxHeadBytes, "an endless head");
    return 0;
  }
  SIGNET_CHECK(got.head.bytes <= size && got.head.bytes <= kMaxHeadBytes, "length");
  SIGNET_CHECK(got.head.fields.size() <= kMaxFields, "too many fields");
  const std::string_view whole = text.substr(0, got.head.bytes);
  CheckInside(whole, got.head.method);
  CheckInside(whole, got.head.target);
  for (const RequestHead::Field& field : got.head.fields) {
    CheckInside(whole, field.name);
    CheckInside(whole, field.value);
  }
  SIGNET_CHECK(ParseHead(whole).state == State::kComplete, "what comes behind decides");
  return 0;
}
