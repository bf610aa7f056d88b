#include "workload-api/authorizer/http_request.h"

#include <algorithm>

namespace signet::authorizer {
namespace {

using State = ParsedHead::State;

constexpr std::size_t kMaxMethodBytes = 32;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsTokenChar(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  const char lower = Lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

bool IsValueChar(char c) {
  return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

std::string_view Trim(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) {
    return {};
  }
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

ParsedHead Bad(const char* problem) { return {.state = State::kBad, .problem = problem}; }

/// TakeLine cuts a line with its CRLF off; false: it has not ended yet.
bool TakeLine(std::string_view& text, std::string_view& line) {
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) {
    return false;
  }
  line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return true;
}

const char* ParseRequestLine(std::string_view line, RequestHead& head, bool& http_1_0) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return "the request line is not \"METHOD target HTTP/1.1\"";
  }
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  http_1_0 = version == "HTTP/1.0";
  if (!http_1_0 && version != "HTTP/1.1") {
    return "only HTTP/1.0 and HTTP/1.1 are spoken here";
  }
  const bool visible = std::all_of(head.target.begin(), head.target.end(),
                                   [](char c) { return c > 0x20 && c < 0x7f; });
  if (!IsToken(head.method) || head.method.size() > kMaxMethodBytes || head.target.empty() ||
      !visible) {
    return "the request line has characters that do not belong there";
  }
  return nullptr;
}

const char* ParseField(std::string_view line, RequestHead& head) {
  if (line.front() == ' ' || line.front() == '\t') {
    return "a header is folded over several lines; nginx does so with $ssl_client_cert, use "
           "$ssl_client_escaped_cert";
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return "a header line has no proper name";
  }
  const std::string_view value = line.substr(colon + 1);
  if (!std::all_of(value.begin(), value.end(), IsValueChar)) {
    return "a header has a control character in it";
  }
  if (head.fields.size() == kMaxFields) {
    return "more than 128 headers";
  }
  head.fields.push_back({line.substr(0, colon), Trim(value)});
  return nullptr;
}

/// HasToken: one of the comma-separated tokens of these values is `token`.
bool HasToken(const std::vector<std::string_view>& values, std::string_view token) {
  for (std::string_view value : values) {
    while (!value.empty()) {
      const std::size_t comma = std::min(value.find(','), value.size());
      if (EqualNoCase(Trim(value.substr(0, comma)), token)) {
        return true;
      }
      value.remove_prefix(std::min(comma + 1, value.size()));
    }
  }
  return false;
}

/// JudgeFraming decides what follows the head. Whatever announces a body ends the connection.
const char* JudgeFraming(RequestHead& head, bool http_1_0) {
  const auto lengths = head.All("content-length");
  const bool chunked = !head.All("transfer-encoding").empty();
  if (lengths.size() > 1 || (chunked && !lengths.empty())) {
    return "the request says twice how long its body is";
  }
  const bool number =
      lengths.empty() ||
      (!lengths[0].empty() && lengths[0].find_first_not_of("0123456789") == std::string_view::npos);
  if (!number) {
    return "Content-Length is not a number";
  }
  const bool empty = lengths.empty() || lengths[0] == "0";
  const auto connection = head.All("connection");
  const bool wanted =
      http_1_0 ? HasToken(connection, "keep-alive") : !HasToken(connection, "close");
  head.keep_alive = wanted && empty && !chunked;
  return nullptr;
}

ParsedHead ParseLines(std::string_view text) {
  ParsedHead out;
  const std::size_t all = text.size();
  std::string_view line;
  bool http_1_0 = false;
  for (bool first = true; TakeLine(text, line); first = false) {
    if (line.empty() && !first) {
      out.head.bytes = all - text.size();
      const char* const problem = JudgeFraming(out.head, http_1_0);
      out.state = State::kComplete;
      return problem == nullptr ? out : Bad(problem);
    }
    const char* const problem =
        first ? ParseRequestLine(line, out.head, http_1_0) : ParseField(line, out.head);
    if (problem != nullptr) {
      return Bad(problem);
    }
  }
  return {};
}

}  // namespace

bool EqualNoCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}

std::vector<std::string_view> RequestHead::All(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const Field& field : fields) {
    if (EqualNoCase(field.name, name)) {
      values.push_back(field.value);
    }
  }
  return values;
}

ParsedHead ParseHead(std::string_view text, std::size_t seen) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t end = text.find(kEnd, seen < kEnd.size() ? 0 : seen - kEnd.size() + 1);
  const bool whole = end != std::string_view::npos;
  const std::size_t size = whole ? end + kEnd.size() : text.size();
  if (size > kMaxHeadBytes) {
    return Bad("the request's headers are longer than 64 KiB");
  }
  // A lone LF would be the end of a line to some and part of it to others.
  for (std::size_t at = text.find('\n', seen); at < size; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') {
      return Bad("a line does not end with CRLF");
    }
  }
  return whole ? ParseLines(text.substr(0, size)) : ParsedHead{};
}

}  // namespace signet::authorizer
