// Invariant: the same messages and the same verdict come out, however the bytes are cut; what comes
// out, framed again, is a prefix of what went in.
#include <cstdint>

#include "core/base/check.h"
#include "core/rpc/grpc_framing.h"

using namespace signet;
using namespace signet::rpc;

namespace {

struct Parsed {
  std::string again;
  Code code = Code::kOk;
  bool partial = false;
  friend bool operator==(const Parsed&, const Parsed&) = default;
};

/// Parse cuts after each step's byte count, taken in turn from the low bits of `cuts`.
Parsed Parse(std::string_view wire, std::uint64_t cuts) {
  MessageParser parser(4096);
  parser.set_encoding_named(true);
  Parsed parsed;
  for (std::size_t step = 0; !wire.empty() && parsed.code == Code::kOk; ++step) {
    const std::size_t want = cuts == 0 ? wire.size() : 1 + ((cuts >> (step * 5 % 60)) & 31);
    const std::string_view chunk = wire.substr(0, want);
    wire.remove_prefix(chunk.size());
    parsed.code = parser
                      .Feed(chunk,
                            [&parsed](std::string_view message) {
                              AppendPrefix(parsed.again, message.size());
                              parsed.again.append(message);
                              return true;
                            })
                      .code;
    SIGNET_CHECK(parser.buffered() <= 4096, "a message over the limit is kept");
  }
  parsed.partial = parser.partial();
  return parsed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint64_t cuts = 0;
  for (; size > 0 && cuts < (1ULL << 56); --size) {
    cuts = cuts << 8 | *data++ | 1;
  }
  const std::string_view wire = AsText({data, size});
  const Parsed whole = Parse(wire, 0);
  SIGNET_CHECK(whole == Parse(wire, cuts | 1), "the cuts change the messages");
  SIGNET_CHECK(wire.starts_with(whole.again), "messages differ from what was sent");
  return 0;
}
