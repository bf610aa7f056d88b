#include "core/config/json_reader.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "core/config/option_path.h"

namespace signet::config {
namespace {

using Json = nlohmann::json;
using Kind = JsonItem::Kind;

constexpr std::size_t kMaxDepth = 16;

// CountingIterator tells how far the parser has read, which its own callbacks do not.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** high_water) : at_(at), high_water_(high_water) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    *high_water_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator old = *this;
    ++*this;
    return old;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }

 private:
  const char* at_;
  const char** high_water_;
};

// Sax turns the parser's events into items. Its functions' names and types are nlohmann's.
class Sax final : public nlohmann::json_sax<Json> {
 public:
  Sax(std::string_view text, JsonDocument& out)
      : read_(text.data()), counted_(text.data()), out_(out) {}
  const char** high_water() { return &read_; }

  bool null() override { return Scalar(Kind::kNull, "null"); }
  bool boolean(bool value) override { return Scalar(Kind::kBool, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) override {
    return Scalar(Kind::kInteger, std::to_string(value));
  }
  bool number_unsigned(std::uint64_t value) override {
    return Scalar(Kind::kInteger, std::to_string(value));
  }
  bool number_float(double, const std::string& text) override {
    return Scalar(Kind::kFraction, text);
  }
  bool string(std::string& value) override { return Scalar(Kind::kString, value); }
  bool binary(Json::binary_t&) override { return false; }  // JSON text has none

  bool start_object(std::size_t) override {
    if (!Enter(false)) {
      return false;
    }
    out_.items.push_back({.path = Path(), .kind = Kind::kObject, .line = Line()});
    return true;
  }
  bool key(std::string& name) override {
    Frame& frame = frames_.back();
    frame.key = KeyOf(name);
    if (!frame.keys.insert(name).second) {
      Problem(Path() + ": this key is there twice");
    }
    return true;
  }
  bool end_object() override {
    frames_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override { return Enter(true); }
  bool end_array() override {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (!frame.has_objects) {
      out_.items.push_back({.path = Path(),
                            .kind = Kind::kStringList,
                            .list = std::move(frame.list),
                            .line = frame.line});
    }
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: what" → "what"
    std::string_view what = error.what();
    const std::size_t place = what.find(", column ");
    const std::size_t colon = place == std::string_view::npos ? place : what.find(": ", place);
    what = colon == std::string_view::npos ? what : what.substr(colon + 2);
    Problem("not valid JSON: " + std::string(what.substr(0, 300)));
    return false;
  }

 private:
  struct Frame {
    bool array = false;
    bool has_objects = false;
    int line = 0;
    std::string key = {};
    std::set<std::string> keys = {};
    std::vector<std::string> list = {};
  };

  // The parser may have read one character past a number, never more; that one is not counted.
  int Line() {
    for (; counted_ + 1 < read_; ++counted_) {
      line_ += *counted_ == '\n' ? 1 : 0;
    }
    return line_;
  }
  void Problem(std::string text) { out_.problems.push_back({Line(), std::move(text)}); }

  std::string Path() const {
    std::string path;
    for (const Frame& frame : frames_) {
      if (!frame.array && !frame.key.empty()) {
        path += (path.empty() ? "" : ".") + frame.key;
      }
    }
    return path;
  }

  bool Enter(bool array) {
    if (frames_.size() >= kMaxDepth) {
      Problem("nested more than " + std::to_string(kMaxDepth) + " levels deep");
      return false;
    }
    if (frames_.empty() && array) {
      Problem("a configuration is one object: { … }");
      return false;
    }
    if (!frames_.empty() && frames_.back().array) {
      if (array) {
        Problem(Path() + ": a list in a list has no meaning here");
      }
      frames_.back().has_objects = true;
    }
    frames_.push_back({.array = array, .line = Line()});
    return true;
  }

  bool Scalar(Kind kind, std::string value) {
    if (frames_.empty()) {
      Problem("a configuration is one object: { … }");
      return false;
    }
    const auto is_control = [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    };
    if (std::any_of(value.begin(), value.end(), is_control)) {
      Problem(Path() + ": control characters have no meaning here");
      return true;
    }
    if (!frames_.back().array) {
      out_.items.push_back(
          {.path = Path(), .kind = kind, .text = std::move(value), .line = Line()});
      return true;
    }
    if (kind != Kind::kString) {
      Problem(Path() + ": a list holds strings, found " + std::string(JsonKindName(kind)));
    }
    frames_.back().list.push_back(std::move(value));
    return true;
  }

  const char* read_;     // how far the parser has read
  const char* counted_;  // line_ counts the lines up to here
  int line_ = 1;
  JsonDocument& out_;
  std::vector<Frame> frames_;
};

}  // namespace

JsonDocument ReadJson(std::string_view text) {
  JsonDocument document;
  Sax sax(text, document);
  Json::sax_parse(CountingIterator(text.data(), sax.high_water()),
                  CountingIterator(text.data() + text.size(), sax.high_water()), &sax);
  return document;
}

std::string_view JsonKindName(JsonItem::Kind kind) {
  switch (kind) {
    case Kind::kObject:
      return "an object";
    case Kind::kString:
      return "a string";
    case Kind::kInteger:
      return "a whole number";
    case Kind::kFraction:
      return "a fraction";
    case Kind::kBool:
      return "true or false";
    case Kind::kNull:
      return "null";
    case Kind::kStringList:
      return "a list";
  }
  return "something else";
}

}  // namespace signet::config
