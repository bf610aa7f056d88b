#include "core/config/option_path.h"
#include "core/config/schema.h"

namespace signet::config {

const Values::Cell& Values::At(std::string_view path, Type type) const {
  const auto found = cells.find(path);
  SIGNET_CHECK(found != cells.end(),
               "configuration key that the schema lacks: " + std::string(path));
  SIGNET_CHECK(found->second.type == type,
               "configuration key of another type: " + std::string(path));
  return found->second;
}

const std::string& Values::String(std::string_view path) const {
  return std::get<std::string>(At(path, Type::kString).value);
}
std::int64_t Values::Int(std::string_view path) const {
  return std::get<std::int64_t>(At(path, Type::kInt).value);
}
bool Values::Bool(std::string_view path) const {
  return std::get<bool>(At(path, Type::kBool).value);
}
std::int64_t Values::Milliseconds(std::string_view path) const {
  return std::get<std::int64_t>(At(path, Type::kDuration).value);
}
std::int64_t Values::Seconds(std::string_view path) const {
  return (Milliseconds(path) + 999) / 1000;
}
const std::vector<std::string>& Values::List(std::string_view path) const {
  return std::get<std::vector<std::string>>(At(path, Type::kStringList).value);
}
bool Values::Given(std::string_view path) const {
  const auto found = cells.find(path);
  SIGNET_CHECK(found != cells.end(),
               "configuration key that the schema lacks: " + std::string(path));
  return found->second.given;
}

std::vector<std::string> Values::Names(std::string_view path) const {
  const auto found = names.find(path);
  return found == names.end() ? std::vector<std::string>{} : found->second;
}

std::string Values::PathOf(std::string_view path, const std::string& name) {
  return JoinPath(path, KeyOf(name));
}

}  // namespace signet::config
