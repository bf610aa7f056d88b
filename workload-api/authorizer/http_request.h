#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace signet::authorizer {

inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;
inline constexpr std::size_t kMaxFields = 128;

/// RequestHead is the request line and the header fields of one HTTP/1.0 or HTTP/1.1 request. It
/// points into the text that it was parsed from.
struct RequestHead {
  struct Field {
    std::string_view name;  ///< as it was sent; names compare without case
    std::string_view value;
  };
  std::string_view method;
  std::string_view target;
  std::vector<Field> fields = {};
  /// The connection may carry another request. Never after a request that announces a body: bodies
  /// are not read, so that nothing in one can pass for a request.
  bool keep_alive = false;
  std::size_t bytes = 0;  ///< of the head, with the empty line

  /// All gives the values of every field of that name, in order.
  std::vector<std::string_view> All(std::string_view name) const;
};

struct ParsedHead {
  enum class State { kIncomplete, kComplete, kBad };
  State state = State::kIncomplete;
  const char* problem = "";  ///< kBad: for the answer and the log
  RequestHead head = {};
};

/// ParseHead reads the first request of `text` strictly: lines end with CRLF, no folded lines, no
/// blanks around names, no control characters. `seen` bytes were given before and were incomplete:
/// they are not searched again, so that a head that comes byte by byte stays linear. Pure.
ParsedHead ParseHead(std::string_view text, std::size_t seen = 0);

/// EqualNoCase compares header names and tokens.
bool EqualNoCase(std::string_view a, std::string_view b);

/// IsToken: what HTTP allows as the name of a header (RFC 9110 §5.6.2).
bool IsToken(std::string_view text);

}  // namespace signet::authorizer
