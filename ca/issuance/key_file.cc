#include "ca/issuance/key_file.h"

#include <algorithm>

#include "core/base/encoding.h"

namespace signet::issuance {
namespace {

constexpr std::string_view kHeader = "signet-keys 1\n";
constexpr std::size_t kMaxKeyIdBytes = 64;

bool IsKeyIdChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
}

Status ParseLine(std::string_view line, StoredKeys& keys) {
  const auto space = line.find(' ');
  if (space == line.npos) {
    return InvalidArgument("expected a key id, a space and a key");
  }
  const std::string_view key_id = line.substr(0, space);
  SIGNET_TRY(CheckKeyId(key_id));
  if (!keys.empty() && keys.rbegin()->first >= key_id) {
    return InvalidArgument("key ids are not in rising order");
  }
  auto decoded = Base64Decode(line.substr(space + 1));
  if (!decoded.ok() || decoded->empty()) {
    return InvalidArgument("the key is not base64");
  }
  keys.emplace(key_id, Secret(std::move(decoded).value()));
  return {};
}

}  // namespace

Status CheckKeyId(std::string_view key_id) {
  if (key_id.empty() || key_id.size() > kMaxKeyIdBytes ||
      !std::all_of(key_id.begin(), key_id.end(), IsKeyIdChar)) {
    return InvalidArgument("a key id has 1 to 64 letters, digits and '-'");
  }
  return {};
}

Result<StoredKeys> ParseKeyFile(ByteView text) {
  std::string_view rest = AsText(text);
  if (!rest.starts_with(kHeader)) {
    return InvalidArgument("line 1: not a key file of version 1");
  }
  rest.remove_prefix(kHeader.size());
  StoredKeys keys;
  for (int number = 2; !rest.empty(); ++number) {
    const std::string where = "line " + std::to_string(number);
    const auto end = rest.find('\n');
    if (end == rest.npos) {
      return InvalidArgument(where + ": cut off");
    }
    SIGNET_TRY(ParseLine(rest.substr(0, end), keys).Context(where));
    rest.remove_prefix(end + 1);
  }
  return keys;
}

Secret WriteKeyFile(const StoredKeys& keys) {
  // Reserved at once: growing would leave copies of keys in freed memory.
  std::size_t size = kHeader.size();
  for (const auto& [key_id, key] : keys) {
    size += key_id.size() + (key.RevealSecret().size() + 2) / 3 * 4 + 2;
  }
  Bytes text;
  text.reserve(size);
  Append(text, AsBytes(kHeader));
  for (const auto& [key_id, key] : keys) {
    std::string encoded = Base64Encode(key.RevealSecret());
    Append(text, AsBytes(key_id));
    text.push_back(' ');
    Append(text, AsBytes(encoded));
    text.push_back('\n');
    WipeBytes({reinterpret_cast<std::uint8_t*>(encoded.data()), encoded.size()});
  }
  return Secret(std::move(text));
}

}  // namespace signet::issuance
