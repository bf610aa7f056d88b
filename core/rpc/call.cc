#include "core/rpc/call.h"

namespace signet::rpc {

std::vector<std::string_view> Metadata::All(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : entries_) {
    if (key == name) {
      values.emplace_back(value);
    }
  }
  return values;
}

}  // namespace signet::rpc
