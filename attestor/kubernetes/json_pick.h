#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace signet::kubernetes {

struct Member;

/// Value is a picked piece of a JSON document.
struct Value {
  enum class Kind : std::uint8_t { kNull, kText, kNumber, kBool, kObject, kArray };
  Kind kind = Kind::kNull;
  std::string text;             ///< kText; kNumber: an integer's digits; kBool: "true" or "false"
  std::vector<Member> members;  ///< kObject, in the document's order
  std::vector<Value> items;     ///< kArray

  /// Find gives a member, nullptr if there is none.
  const Value* Find(std::string_view name) const;
  /// operator[] gives a member; a null value if there is none.
  const Value& operator[](std::string_view name) const;
  /// TextOf gives a member's text; empty if it is no text.
  std::string_view TextOf(std::string_view name) const;
};

struct Member {
  std::string name;
  Value value;
};

/// Field says what to pick: a member of this name (kAnyName: every member). Arrays are looked
/// through: a field of theirs is picked from each of their objects.
struct Field {
  std::string_view name;
  std::vector<Field> inside = {};  ///< empty: the member itself, if it is a scalar
  /// each: objects at this place are handed out one by one as soon as they are complete, and not
  /// kept.
  bool each = false;
};
inline constexpr std::string_view kAnyName = "*";

/// PickJson reads one JSON object in a single pass and keeps nothing but root's fields: memory is
/// bounded by what is picked, whatever else the document holds. A null is kept wherever it is
/// looked for. INVALID_ARGUMENT: no JSON, nested deeper than 64, an object that has a picked member
/// twice or more than 4,096 of them, or what on_each said.
using OnEach = std::function<Status(Value value)>;
Result<Value> PickJson(std::string_view json, const Field& root, const OnEach& on_each = nullptr);

}  // namespace signet::kubernetes
