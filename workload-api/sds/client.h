#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace envoy::config::core::v3 {
class Node;
}

namespace signet::sds {

/// Client is what a node says of itself, as far as it changes what it gets.
struct Client {
  std::string node_id = {};                            ///< cut to 256 bytes
  std::optional<bool> disable_spiffe_validation = {};  ///< its metadata's word, if there is one
  bool before_spiffe_validator = false;                ///< it is an Envoy older than 1.18
};

/// ReadClient never fails: metadata of odd types say nothing.
Client ReadClient(const envoy::config::core::v3::Node& node);

/// CutText shortens a client's UTF-8 text to at most so many bytes and splits no character: half of
/// one would make a message that nobody can parse.
std::string CutText(std::string_view text, std::size_t max_bytes);

}  // namespace signet::sds
