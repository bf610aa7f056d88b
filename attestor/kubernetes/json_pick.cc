#include "attestor/kubernetes/json_pick.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace signet::kubernetes {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 64;
/// kMaxMembers keeps the search for a second member of a name from taking long.
constexpr std::size_t kMaxMembers = 4096;

/// Picker follows the parser's events. Each open object or array has a level: where its picked
/// members go, and the fields that are looked for in it (none: all of it is skipped).
class Picker final : public nlohmann::json_sax<Json> {
 public:
  Picker(const Field& root, const OnEach& on_each) : root_(root), on_each_(on_each) {}

  Value& result() { return result_; }
  const std::string& why() const { return why_; }

  bool null() override { return Scalar(Value::Kind::kNull, {}); }
  bool boolean(bool value) override { return Scalar(Value::Kind::kBool, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override {
    return Scalar(Value::Kind::kNumber, std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Scalar(Value::Kind::kNumber, std::to_string(value));
  }
  bool number_float(number_float_t, const string_t&) override {
    return Scalar(Value::Kind::kNumber, {});
  }
  bool string(string_t& value) override { return Scalar(Value::Kind::kText, std::move(value)); }
  bool binary(binary_t&) override { return Fail("binary"); }
  bool start_object(std::size_t) override { return Open(Value::Kind::kObject); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(Value::Kind::kArray); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    const Level& level = levels_.back();
    wanted_ = level.field == nullptr ? nullptr : FindField(*level.field, name);
    if (wanted_ == nullptr) {
      return true;
    }
    if (level.value.members.size() == kMaxMembers) {
      return Fail("an object has too many members");
    }
    if (level.value.Find(name) != nullptr) {
      return Fail("an object has a member twice");
    }
    name_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) override {
    return Fail("no JSON at byte " + std::to_string(position));
  }

 private:
  struct Level {
    const Field* field = nullptr;  ///< nullptr: skipped
    std::string name;              ///< under which the level above keeps it
    Value value;
  };

  static const Field* FindField(const Field& parent, std::string_view name) {
    const auto found = std::ranges::find_if(parent.inside, [name](const Field& field) {
      return field.name == name || field.name == kAnyName;
    });
    return found == parent.inside.end() ? nullptr : &*found;
  }

  /// FieldOfNext: what the value that comes now is picked as.
  const Field* FieldOfNext() const {
    if (levels_.empty()) {
      return &root_;
    }
    const Level& level = levels_.back();
    return level.value.kind == Value::Kind::kArray ? level.field : wanted_;
  }

  bool Scalar(Value::Kind kind, std::string text) {
    const Field* field = FieldOfNext();
    if (levels_.empty()) {
      return Fail("not an object");
    }
    if (field != nullptr && (field->inside.empty() || kind == Value::Kind::kNull)) {
      Keep(std::move(name_), Value{kind, std::move(text), {}, {}});
    }
    return true;
  }

  bool Open(Value::Kind kind) {
    if (levels_.size() == kMaxDepth) {
      return Fail("nested deeper than " + std::to_string(kMaxDepth));
    }
    if (levels_.empty() && kind == Value::Kind::kArray) {
      return Fail("not an object");
    }
    const Field* field = FieldOfNext();
    levels_.push_back({field, std::move(name_), {}});
    levels_.back().value.kind = kind;
    wanted_ = nullptr;
    return true;
  }

  bool Close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    if (levels_.empty()) {
      result_ = std::move(level.value);
      return true;
    }
    if (level.field == nullptr || level.field->inside.empty()) {
      return true;
    }
    if (level.field->each && level.value.kind == Value::Kind::kObject) {
      return HandOut(std::move(level.value));
    }
    Keep(std::move(level.name), std::move(level.value));
    return true;
  }

  void Keep(std::string name, Value value) {
    Value& parent = levels_.back().value;
    if (parent.kind == Value::Kind::kArray) {
      parent.items.push_back(std::move(value));
    } else {
      parent.members.push_back({std::move(name), std::move(value)});
    }
  }

  bool HandOut(Value value) {
    if (Status status = on_each_(std::move(value)); !status.ok()) {
      return Fail(status.error().message);
    }
    return true;
  }

  bool Fail(std::string why) {
    why_ = std::move(why);
    return false;
  }

  const Field& root_;
  const OnEach& on_each_;
  std::vector<Level> levels_;
  const Field* wanted_ = nullptr;  ///< of the member whose value comes next
  std::string name_;               ///< its name
  Value result_;
  std::string why_;
};

}  // namespace

const Value* Value::Find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(members, [name](const Member& member) { return member.name == name; });
  return found == members.end() ? nullptr : &found->value;
}

const Value& Value::operator[](std::string_view name) const {
  static const Value kNone;
  const Value* found = Find(name);
  return found == nullptr ? kNone : *found;
}

std::string_view Value::TextOf(std::string_view name) const {
  const Value& value = (*this)[name];
  return value.kind == Kind::kText ? std::string_view(value.text) : std::string_view();
}

Result<Value> PickJson(std::string_view json, const Field& root, const OnEach& on_each) {
  Picker picker(root, on_each);
  if (!Json::sax_parse(json, &picker)) {
    return InvalidArgument(picker.why());
  }
  return std::move(picker.result());
}

}  // namespace signet::kubernetes
