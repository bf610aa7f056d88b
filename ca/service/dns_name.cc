#include "ca/service/dns_name.h"

#include <algorithm>

namespace signet::service {
namespace {

constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;

bool IsLabelChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

Status ValidateLabel(std::string_view label) {
  if (label.empty()) {
    return InvalidArgument("it has an empty label");
  }
  if (label.size() > kMaxLabelBytes) {
    return InvalidArgument("it has a label of more than 63 bytes");
  }
  if (label.front() == '-' || label.back() == '-') {
    return InvalidArgument("a label starts or ends with '-'");
  }
  if (!std::all_of(label.begin(), label.end(), IsLabelChar)) {
    return InvalidArgument("only letters, digits, '-', '_' and '.' are allowed");
  }
  const bool hyphens_at_3_and_4 = label.size() > 3 && label[2] == '-' && label[3] == '-';
  const bool punycode = label.size() > 4 && (label[0] == 'x' || label[0] == 'X') &&
                        (label[1] == 'n' || label[1] == 'N');
  if (hyphens_at_3_and_4 && !punycode) {
    return InvalidArgument("a label has \"--\" at its third place without being punycode (xn--)");
  }
  return {};
}

Status ValidateLabels(std::string_view name) {
  if (name.empty()) {
    return InvalidArgument("it is empty");
  }
  if (name.size() > kMaxNameBytes) {
    return InvalidArgument("it is longer than 253 bytes");
  }
  if (name.starts_with("*.")) {
    name.remove_prefix(2);
  }
  for (;;) {
    const std::size_t dot = name.find('.');
    SIGNET_TRY(ValidateLabel(name.substr(0, dot)));
    if (dot == std::string_view::npos) {
      return {};
    }
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

Status ValidateDnsName(std::string_view name) {
  return ValidateLabels(name).Context("DNS name \"" + std::string(name.substr(0, 256)) + "\"");
}

Status CheckWildcardOverlap(const std::vector<std::string>& names) {
  for (const std::string& wildcard : names) {
    if (!wildcard.starts_with("*.")) {
      continue;
    }
    const std::string_view suffix = std::string_view(wildcard).substr(1);
    for (const std::string& name : names) {
      const std::size_t dot = name.find('.');
      if (name != wildcard && dot != std::string::npos &&
          std::string_view(name).substr(dot) == suffix) {
        return InvalidArgument("DNS name \"" + wildcard + "\" already covers \"" + name + "\"");
      }
    }
  }
  return {};
}

}  // namespace signet::service
