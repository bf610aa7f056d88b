#include "attestor/kubernetes/names.h"

#include <algorithm>

namespace signet::kubernetes {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLowerOrDigit(char c) { return IsLower(c) || IsDigit(c); }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// HasLabelForm: the form of a label, without the limit on its length; Kubernetes does not apply
/// that one to the labels of a subdomain.
bool HasLabelForm(std::string_view text) {
  return !text.empty() && IsLowerOrDigit(text.front()) && IsLowerOrDigit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

}  // namespace

bool IsDnsLabel(std::string_view text) { return text.size() <= 63 && HasLabelForm(text); }

bool IsDnsSubdomain(std::string_view text) {
  if (text.size() > 253) {
    return false;
  }
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!HasLabelForm(text.substr(0, dot))) {
      return false;
    }
    if (dot == std::string_view::npos) {
      return true;
    }
    text.remove_prefix(dot + 1);
  }
}

bool IsUid(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return IsDigit(c) || IsLower(c) || IsUpper(c) || c == '-';
  });
}

bool IsAddress(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::ranges::all_of(text, [](char c) { return IsHex(c) || c == '.' || c == ':'; });
}

}  // namespace signet::kubernetes
