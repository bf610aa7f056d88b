// Any bytes as an HCL file: never a crash, and what is read has names and values that a
// configuration may hold, at places that the file has.
#include <algorithm>

#include "core/base/check.h"
#include "core/config/hcl_reader.h"
#include "core/config/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace signet::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const JsonDocument document = ReadHcl(text);
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  for (const JsonProblem& problem : document.problems) {
    SIGNET_CHECK(problem.line >= 1 && problem.line <= lines, "a problem past the end");
    SIGNET_CHECK(!problem.text.empty(), "a problem without a text");
  }
  for (const JsonItem& item : document.items) {
    SIGNET_CHECK(item.line >= 1 && item.line <= lines, "an item past the end");
    SIGNET_CHECK(IsUtf8(item.text) && IsUtf8(item.path), "text that is not UTF-8");
    SIGNET_CHECK(item.list.empty() || item.kind == JsonItem::Kind::kStringList, "a stray list");
  }
  return 0;
}
