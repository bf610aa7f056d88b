// Invariant: a request that RequestRules lets pass, nghttp2's own judgement lets pass too once its
// `:authority` is an ordinary one: nothing but that field is loosened.
//
// Input: lines "name<TAB>value" of the head; a line "=" and a byte, for the length of a body; lines
// of the trailers.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/rpc/request_rules.h"

using namespace signet;
using namespace signet::rpc;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  Fields head;
  std::optional<std::size_t> body;
  Fields trailers;
};

Request Parse(std::string_view text) {
  Request request;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!request.body && line.size() == 2 && line.front() == '=') {
      request.body = static_cast<std::uint8_t>(line.back());
      continue;
    }
    const std::string_view name = line.substr(0, line.find('\t'));
    const std::string_view value = line.substr(std::min(line.size(), name.size() + 1));
    (request.body ? request.trailers : request.head).emplace_back(name, value);
  }
  return request;
}

bool AllPass(RequestRules& rules, const Fields& fields) {
  return std::ranges::all_of(
      fields, [&rules](const auto& field) { return rules.Field(field.first, field.second); });
}

bool WePass(const Request& request) {
  RequestRules rules;
  const bool trailers = !request.trailers.empty();
  return AllPass(rules, request.head) && rules.HeadersEnd(!request.body) &&
         rules.Data(request.body.value_or(0)) && AllPass(rules, request.trailers) &&
         (!trailers || rules.HeadersEnd(true)) && rules.RequestEnd();
}

/// WithAuthority has an `:authority` that nghttp2 likes.
Fields WithAuthority(Fields fields) {
  bool has = false;
  for (auto& [name, value] : fields) {
    if (name == ":authority") {
      value = "a";
      has = true;
    }
  }
  if (!has) {
    fields.insert(fields.begin(), {":authority", "a"});
  }
  return fields;
}

std::string Frame(std::uint8_t type, std::uint8_t flags, const std::string& payload) {
  const std::size_t size = payload.size();
  std::string frame{static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                    static_cast<char>(size), static_cast<char>(type), static_cast<char>(flags)};
  return frame + std::string{0, 0, 0, static_cast<char>(type == NGHTTP2_SETTINGS ? 0 : 1)} +
         payload;
}

std::string Packed(nghttp2_hd_deflater* deflater, Fields fields) {
  std::vector<nghttp2_nv> list;
  for (auto& [name, value] : fields) {
    list.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                    reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), 0});
  }
  Bytes block(nghttp2_hd_deflate_bound(deflater, list.data(), list.size()));
  const ssize_t n =
      nghttp2_hd_deflate_hd(deflater, block.data(), block.size(), list.data(), list.size());
  SIGNET_CHECK(n >= 0, "fields cannot be packed");
  return std::string(AsText({block.data(), static_cast<std::size_t>(n)}));
}

std::string Wire(const Request& request) {
  nghttp2_hd_deflater* deflater = nullptr;
  SIGNET_CHECK(nghttp2_hd_deflate_new(&deflater, 4096) == 0, "out of memory");
  const auto flags = [](bool headers, bool end) {
    return static_cast<std::uint8_t>((headers ? NGHTTP2_FLAG_END_HEADERS : 0) |
                                     (end ? NGHTTP2_FLAG_END_STREAM : 0));
  };
  std::string wire = NGHTTP2_CLIENT_MAGIC + Frame(NGHTTP2_SETTINGS, 0, "");
  wire += Frame(NGHTTP2_HEADERS, flags(true, !request.body),
                Packed(deflater, WithAuthority(request.head)));
  if (request.body) {
    wire += Frame(NGHTTP2_DATA, flags(false, request.trailers.empty()),
                  std::string(*request.body, 'd'));
  }
  if (!request.trailers.empty()) {
    wire += Frame(NGHTTP2_HEADERS, flags(true, true), Packed(deflater, request.trailers));
  }
  nghttp2_hd_deflate_del(deflater);
  return wire;
}

int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* ended) {
  *static_cast<bool*>(ended) |=
      frame->hd.stream_id == 1 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  return 0;
}

bool Nghttp2Passes(const Request& request) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session* session = nullptr;
  bool ended = false;
  SIGNET_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0, "out of memory");
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  SIGNET_CHECK(nghttp2_session_server_new(&session, callbacks, &ended) == 0, "out of memory");
  const std::string wire = Wire(request);
  const ssize_t taken = nghttp2_session_mem_recv(session, AsBytes(wire).data(), wire.size());
  SIGNET_CHECK(taken == static_cast<ssize_t>(wire.size()), "the frames themselves are wrong");
  nghttp2_session_del(session);
  nghttp2_session_callbacks_del(callbacks);
  return ended;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kOneFrame = 4096;  // of input: its header blocks fit one frame each
  const Request request = Parse(AsText({data, std::min(size, kOneFrame)}));
  if (WePass(request)) {
    SIGNET_CHECK(Nghttp2Passes(request), "looser than nghttp2");
  }
  return 0;
}
