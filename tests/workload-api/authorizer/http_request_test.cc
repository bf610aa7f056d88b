#include "workload-api/authorizer/http_request.h"

#include <string>

#include "tests/support/result.h"

namespace signet::authorizer {
namespace {

using State = ParsedHead::State;

TEST_CASE("a request as nginx sends it") {
  const std::string text =
      "GET /authorize/web HTTP/1.0\r\nX-SSL-Client-Cert:  abc \t\r\nHost: localhost\r\n"
      "Connection: close\r\n\r\n";
  const std::string more = text + "GET /next";
  const ParsedHead got = ParseHead(more);
  REQUIRE(got.state == State::kComplete);
  CHECK(got.head.method == "GET");
  CHECK(got.head.target == "/authorize/web");
  CHECK(got.head.All("x-ssl-client-cert") == std::vector<std::string_view>{"abc"});
  CHECK(got.head.All("x-other").empty());
  CHECK_FALSE(got.head.keep_alive);
  CHECK(got.head.bytes == text.size());
}

TEST_CASE("a connection goes on only where both sides know that it does") {
  const std::vector<std::pair<std::string, bool>> rows = {
      {"GET / HTTP/1.1\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nConnection: upgrade , CLOSE\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nContent-Length: 10\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false},
  };
  for (const auto& [text, want] : rows) {
    INFO(text);
    const ParsedHead got = ParseHead(text);
    REQUIRE(got.state == State::kComplete);
    CHECK(got.head.keep_alive == want);
  }
}

TEST_CASE("what could be read in two ways is refused") {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"GET / HTTP/1.1\nHost: a\n\n", "CRLF"},
      {"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", "CRLF"},
      {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "folded"},
      {"GET / HTTP/1.1\r\nA : b\r\n\r\n", "proper name"},
      {"GET / HTTP/1.1\r\n: b\r\n\r\n", "proper name"},
      {"GET / HTTP/1.1\r\nA\r\n\r\n", "proper name"},
      {std::string("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 26), "control character"},
      {"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "control character"},
      {"GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", "twice"},
      {"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "twice"},
      {"GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n", "not a number"},
      {"GET / HTTP/2.0\r\n\r\n", "HTTP/1.0 and HTTP/1.1"},
      {"GET  HTTP/1.1\r\n\r\n", "request line"},
      {"GET / /x HTTP/1.1\r\n\r\n", "request line"},
      {"G(T / HTTP/1.1\r\n\r\n", "request line"},
      {"\r\n\r\n", "request line"},
      {"GET /\r\n\r\n", "request line"},
  };
  for (const auto& [text, want] : rows) {
    INFO(text);
    const ParsedHead got = ParseHead(text);
    REQUIRE(got.state == State::kBad);
    CHECK_THAT(got.problem, Catch::Contains(want));
  }
}

TEST_CASE("a head that comes byte by byte is the same head, and is bounded") {
  const std::string text = "GET /authorize/a HTTP/1.1\r\nA: b\r\nB:\r\n\r\n";
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK(ParseHead(std::string_view(text).substr(0, size), size == 0 ? 0 : size - 1).state ==
          State::kIncomplete);
  }
  CHECK(ParseHead(text, text.size() - 1).state == State::kComplete);

  const std::string start = "GET / HTTP/1.1\r\nA: ";
  CHECK(ParseHead(start + std::string(kMaxHeadBytes - start.size(), 'x')).state ==
        State::kIncomplete);
  CHECK(ParseHead(start + std::string(kMaxHeadBytes - start.size() + 1, 'x')).state == State::kBad);
  std::string many = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i < kMaxFields; ++i) {
    many += "A: b\r\n";
  }
  CHECK(ParseHead(many + "\r\n").state == State::kComplete);
  CHECK(ParseHead(many + "A: b\r\n\r\n").state == State::kBad);
}

}  // namespace
}  // namespace signet::authorizer
