#include "core/crypto/json_check.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace signet::crypto {
namespace {

using Json = nlohmann::json;

/// Handler follows the parser's events and keeps nothing but the members of the objects that are
/// open.
class Handler final : public nlohmann::json_sax<Json> {
 public:
  explicit Handler(std::size_t max_depth) : max_depth_(max_depth) {}

  const std::string& why() const { return why_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    return open_.back().insert(name).second || Fail("an object has a member twice");
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) override {
    return Fail("no JSON at byte " + std::to_string(position));
  }

 private:
  bool Open() {
    if (open_.size() == max_depth_) {
      return Fail("nested deeper than " + std::to_string(max_depth_));
    }
    open_.emplace_back();
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }
  bool Fail(std::string why) {
    why_ = std::move(why);
    return false;
  }

  std::size_t max_depth_;
  std::vector<std::set<std::string>> open_;
  std::string why_;
};

}  // namespace

Status CheckJson(std::string_view text, std::size_t max_depth) {
  Handler handler(max_depth);
  if (!Json::sax_parse(text, &handler)) {
    return InvalidArgument(handler.why());
  }
  return {};
}

}  // namespace signet::crypto
