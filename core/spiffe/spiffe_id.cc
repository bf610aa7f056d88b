#include "core/spiffe/spiffe_id.h"

#include "core/spiffe/text.h"

namespace signet::spiffe {

std::string QuoteByte(char c) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (byte > 0x20 && byte < 0x7f) {
    return std::string("'") + c + "'";
  }
  return std::string("byte 0x") + kDigits[byte >> 4] + kDigits[byte & 0x0f];
}

Status ValidatePath(std::string_view path) {
  if (path.empty()) {
    return {};
  }
  if (path.front() != '/') {
    return InvalidArgument("path must start with '/'");
  }
  if (path.back() == '/') {
    return InvalidArgument("path must not end with '/'");
  }
  std::size_t start = 1;
  while (start <= path.size()) {
    const std::size_t slash = path.find('/', start);
    const std::string_view segment = path.substr(start, slash == std::string_view::npos ? slash : slash - start);
    if (segment.empty()) {
      return InvalidArgument("path has an empty segment");
    }
    if (segment == "." || segment == "..") {
      return InvalidArgument("path has a dot segment");
    }
    for (const char c : segment) {
      if (!IsSegmentChar(c)) {
        return InvalidArgument("path has " + QuoteByte(c) +
                               "; segments take only a-z, A-Z, 0-9, '.', '-' and '_'");
      }
    }
    if (slash == std::string_view::npos) {
      break;
    }
    start = slash + 1;
  }
  return {};
}

Result<SpiffeId> SpiffeId::Parse(std::string_view text) {
  if (text.empty()) {
    return InvalidArgument("SPIFFE ID is empty");
  }
  if (!text.starts_with(kScheme)) {
    return InvalidArgument("SPIFFE ID must start with spiffe://");
  }
  const std::string_view rest = text.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  SIGNET_TRY_ASSIGN(TrustDomain trust_domain, TrustDomain::Parse(rest.substr(0, slash)));
  return FromParts(trust_domain, slash == std::string_view::npos ? std::string_view{} : rest.substr(slash));
}

Result<SpiffeId> SpiffeId::FromParts(const TrustDomain& trust_domain, std::string_view path) {
  SIGNET_TRY(ValidatePath(path));
  const std::size_t size = kScheme.size() + trust_domain.name().size() + path.size();
  if (size > kMaxIdBytes) {
    return InvalidArgument("SPIFFE ID is " + std::to_string(size) + " bytes long; at most 2048 are allowed");
  }
  return SpiffeId(trust_domain, std::string(path));
}

}  // namespace signet::spiffe
