#include "workload-api/sds/client.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "envoy/config/core/v3/base.pb.h"

namespace signet::sds {
namespace {

constexpr std::size_t kMaxNodeIdBytes = 256;
constexpr char kDisableKey[] = "disable_spiffe_cert_validation";

/// ParseBool takes what SPIRE's agent takes.
std::optional<bool> ParseBool(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::array<std::string_view, 6> kFalse = {"0", "f", "F", "FALSE", "false", "False"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) {
    return true;
  }
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) {
    return false;
  }
  return std::nullopt;
}

std::optional<bool> ReadDisable(const google::protobuf::Struct& metadata) {
  const auto found = metadata.fields().find(kDisableKey);
  if (found == metadata.fields().end()) {
    return std::nullopt;
  }
  const google::protobuf::Value& value = found->second;
  if (value.kind_case() == google::protobuf::Value::kBoolValue) {
    return value.bool_value();
  }
  if (value.kind_case() == google::protobuf::Value::kStringValue) {
    return ParseBool(value.string_value());
  }
  return std::nullopt;
}

}  // namespace

Client ReadClient(const envoy::config::core::v3::Node& node) {
  Client client{.node_id = CutText(node.id(), kMaxNodeIdBytes),
                .disable_spiffe_validation = ReadDisable(node.metadata())};
  // Without a version it is taken for a new one: gRPC's clients and Istio's send none or text.
  if (node.has_user_agent_build_version() && node.user_agent_build_version().has_version()) {
    const auto& version = node.user_agent_build_version().version();
    client.before_spiffe_validator = std::pair(version.major_number(), version.minor_number()) <
                                     std::pair<std::uint32_t, std::uint32_t>(1, 18);
  }
  return client;
}

std::string CutText(std::string_view text, std::size_t max_bytes) {
  const auto continues = [&](std::size_t at) { return (text[at] & 0xC0) == 0x80; };
  std::size_t size = std::min(text.size(), max_bytes);
  while (size > 0 && size < text.size() && continues(size)) {
    --size;
  }
  return std::string(text.substr(0, size));
}

}  // namespace signet::sds
