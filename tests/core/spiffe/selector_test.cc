#include "core/spiffe/selector.h"

#include "tests/support/result.h"

using namespace signet;
using spiffe::IsSubset;
using spiffe::SameSet;
using spiffe::Selector;

TEST_CASE("a selector splits at its first colon") {
  const auto selector = Selector::Parse("unix:uid:1000");
  REQUIRE_OK(selector);
  CHECK(selector->type == "unix");
  CHECK(selector->value == "uid:1000");
  CHECK(selector->ToString() == "unix:uid:1000");
}

TEST_CASE("a selector without type, value or colon is refused") {
  REQUIRE_ERROR(Selector::Parse("unix"), Code::kInvalidArgument, "type:value");
  REQUIRE_ERROR(Selector::Parse(":x"), Code::kInvalidArgument, "type is empty");
  REQUIRE_ERROR(Selector::Parse("unix:"), Code::kInvalidArgument, "value is empty");
  REQUIRE_ERROR(Selector::Create("a:b", "c"), Code::kInvalidArgument, "contains ':'");
}

TEST_CASE("selector sets compare without order or repetition") {
  const Selector a{"unix", "uid:1"};
  const Selector b{"unix", "gid:1"};
  CHECK(IsSubset({a}, {b, a}));
  CHECK(IsSubset({}, {}));
  CHECK_FALSE(IsSubset({a, b}, {a}));
  CHECK(SameSet({a, b}, {b, a}));
  CHECK(SameSet({a, a}, {a}));
  CHECK_FALSE(SameSet({a}, {a, b}));
}
