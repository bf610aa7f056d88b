#include "attestor/kubernetes/line_splitter.h"

#include <string>
#include <vector>

#include "tests/support/result.h"

namespace signet::kubernetes {
namespace {

using Lines = std::vector<std::string>;

Lines SplitInPieces(const std::string& text, std::size_t piece) {
  LineSplitter splitter(1000);
  Lines lines;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const auto fed = splitter.Feed(text.substr(at, piece), [&lines](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
    REQUIRE_OK(fed);
    CHECK(*fed);
  }
  CHECK_FALSE(splitter.in_line());
  return lines;
}

TEST_CASE("lines come out the same however the stream is cut") {
  const std::string text = "{\"a\":1}\n\n{\"b\":2}\n" + std::string(500, 'x') + "\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    CHECK(SplitInPieces(text, piece) == Lines{"{\"a\":1}", "{\"b\":2}", std::string(500, 'x')});
  }
}

TEST_CASE("a reader that has enough gets no further line") {
  LineSplitter splitter(100);
  int lines = 0;
  const auto fed = splitter.Feed("a\nb\nc\n", [&lines](std::string_view) { return ++lines < 2; });
  REQUIRE_OK(fed);
  CHECK_FALSE(*fed);
  CHECK(lines == 2);
}

TEST_CASE("a line that is too long is refused as soon as that is known") {
  const auto ignore = [](std::string_view) { return true; };
  LineSplitter splitter(10);
  REQUIRE_OK(splitter.Feed("0123456789\n", ignore));
  REQUIRE_OK(splitter.Feed("01234", ignore));
  CHECK(splitter.in_line());
  REQUIRE_ERROR(splitter.Feed("567890", ignore), Code::kResourceExhausted, "more than 10");
}

}  // namespace
}  // namespace signet::kubernetes
