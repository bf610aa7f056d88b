#include "core/crypto/pem.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/base/secret.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kMaxPemBytes = 1024 * 1024;
constexpr std::size_t kMaxPemBlocks = 256;
constexpr std::size_t kMaxLabelBytes = 64;
constexpr std::size_t kColumns = 64;
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

struct Wipe {
  std::string& text;
  ~Wipe() {
    text.resize(text.capacity());
    WipeBytes({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  }
};

Error AtLine(std::size_t line, std::string_view what) {
  return InvalidArgument("PEM line " + std::to_string(line) + ": " + std::string(what));
}

/// TakeLine cuts the first line off text; a carriage return before the line feed goes too.
std::string_view TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

bool IsFiller(std::string_view line) {
  return line.starts_with('#') || line.find_first_not_of(" \t") == std::string_view::npos;
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabelBytes &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
         });
}

/// MarkerLabel gives the label of "-----BEGIN label-----" (or END); "" when the line is no such
/// marker.
std::string_view MarkerLabel(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix) || !line.ends_with(kDashes) ||
      line.size() < prefix.size() + kDashes.size()) {
    return {};
  }
  line.remove_prefix(prefix.size());
  line.remove_suffix(kDashes.size());
  if (!IsLabel(line)) {
    return {};
  }
  return line;
}

}  // namespace

std::string PemEncode(std::string_view label, ByteView content) {
  std::string base64 = Base64Encode(content);
  const Wipe wipe{base64};
  std::string out;
  out.reserve(base64.size() + base64.size() / kColumns + 2 * label.size() + 40);
  out.append(kBegin).append(label).append(kDashes).append("\n");
  for (std::size_t at = 0; at < base64.size(); at += kColumns) {
    out.append(base64, at, kColumns).append("\n");
  }
  out.append(kEnd).append(label).append(kDashes).append("\n");
  return out;
}

Result<std::vector<PemBlock>> PemDecode(std::string_view text) {
  if (text.size() > kMaxPemBytes) {
    return InvalidArgument("PEM text is longer than 1 MiB");
  }
  std::vector<PemBlock> blocks;
  std::string_view label;  // of the block that is open
  std::string base64;      // may be of a private key: never reallocated, wiped at the end
  base64.reserve(text.size());
  const Wipe wipe{base64};
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = TakeLine(text);
    if (label.empty()) {
      label = MarkerLabel(line, kBegin);
      if (label.empty() && !IsFiller(line)) {
        return AtLine(number, "neither a BEGIN marker, a comment nor blank");
      }
      continue;
    }
    if (!line.starts_with('-')) {
      base64.append(line);
      continue;
    }
    if (MarkerLabel(line, kEnd) != label) {
      return AtLine(number, "the END marker of the open block was expected");
    }
    auto content = Base64Decode(base64);
    if (!content.ok() || content->empty()) {
      return AtLine(number, "the block that ends here is empty or not base64");
    }
    if (blocks.size() == kMaxPemBlocks) {
      return AtLine(number, "more than 256 blocks");
    }
    blocks.push_back({std::string(label), *std::move(content)});
    label = {};
    base64.clear();
  }
  if (!label.empty()) {
    return InvalidArgument("PEM text ends inside a block");
  }
  return blocks;
}

}  // namespace signet::crypto
