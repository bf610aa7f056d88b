#include "workload-api/authorizer/certificate_header.h"

#include <optional>
#include <string>

#include "core/base/encoding.h"
#include "core/crypto/der.h"

namespace signet::authorizer {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::string_view kBlanks = " \t\r\n";

using Certificates = std::vector<Bytes>;

int HexValue(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Unescape undoes URL encoding. A '+' stays what it is: base64 has it, and nginx, AWS and Envoy
/// write a blank as %20.
Result<std::string> Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    if (low < 0) {
      return InvalidArgument("the URL encoding is broken");
    }
    out += static_cast<char>((high << 4) | low);
    i += 2;
  }
  return out;
}

std::string_view TrimBlanks(std::string_view text) {
  const std::size_t from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) {
    return {};
  }
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

Status Add(Certificates& out, Bytes der) {
  if (der.empty() || der.size() > kMaxCertificateBytes) {
    return InvalidArgument("a certificate is empty or longer than 16 KiB");
  }
  if (out.size() == kMaxCertificates) {
    return InvalidArgument("more than eight certificates");
  }
  out.push_back(std::move(der));
  return {};
}

Status AddBase64(Certificates& out, std::string_view base64) {
  SIGNET_TRY_ASSIGN(Bytes der, Base64Decode(base64));
  return Add(out, std::move(der));
}

/// HAProxy's ssl_c_chain_der is several certificates in one piece.
Status AddConcatenated(Certificates& out, std::string_view base64) {
  SIGNET_TRY_ASSIGN(const Bytes der, Base64Decode(base64));
  crypto::der::Reader reader(der);
  do {
    auto element = reader.Expect(crypto::der::kSequence);
    if (!element.ok()) {
      return InvalidArgument("what is in the base64 text is not DER");
    }
    SIGNET_TRY(Add(out, ToBytes(element->whole)));
  } while (!reader.AtEnd());
  return {};
}

Result<Certificates> FromPem(std::string_view value) {
  SIGNET_TRY_ASSIGN(const std::string text, Unescape(value));
  Certificates out;
  std::string base64;
  for (std::string_view rest = TrimBlanks(text); !rest.empty(); rest = TrimBlanks(rest)) {
    const std::size_t end = rest.find(kEnd);
    if (!rest.starts_with(kBegin) || end == std::string_view::npos) {
      return InvalidArgument("the PEM text has something beside whole CERTIFICATE blocks");
    }
    base64.clear();
    for (const char c : rest.substr(kBegin.size(), end - kBegin.size())) {
      if (kBlanks.find(c) == std::string_view::npos) {
        base64 += c;
      }
    }
    SIGNET_TRY(AddBase64(out, base64));
    rest.remove_prefix(end + kEnd.size());
  }
  return out;
}

/// ForEachItem calls `use` with each comma-separated item, without the blanks around it.
template <class Use>
Status ForEachItem(std::string_view text, const Use& use) {
  for (;;) {
    const std::size_t comma = text.find(',');
    SIGNET_TRY(use(TrimBlanks(text.substr(0, comma))));
    if (comma == std::string_view::npos) {
      return {};
    }
    text.remove_prefix(comma + 1);
  }
}

Result<Certificates> FromDer(std::string_view value) {
  SIGNET_TRY_ASSIGN(const std::string text, Unescape(value));
  Certificates out;
  SIGNET_TRY(ForEachItem(text, [&](std::string_view item) { return AddConcatenated(out, item); }));
  return out;
}

Result<Certificates> FromRfc9440(std::string_view value) {
  Certificates out;
  SIGNET_TRY(ForEachItem(value, [&](std::string_view item) -> Status {
    if (item.size() < 2 || item.front() != ':' || item.back() != ':') {
      return InvalidArgument("expected \":base64:\" as RFC 9440 has it");
    }
    return AddBase64(out, item.substr(1, item.size() - 2));
  }));
  return out;
}

/// TakeXfccValue cuts one value off, quoted or not; its end is ';', ',' or the end of the text.
Result<std::string> TakeXfccValue(std::string_view& text) {
  std::string out;
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find_first_of(";,"), text.size());
    out = text.substr(0, end);
    text.remove_prefix(end);
    return out;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return out;
    }
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
    }
    out += text[i];
  }
  return InvalidArgument("a quoted value does not end");
}

struct XfccElement {
  std::optional<std::string> cert;
  std::optional<std::string> chain;
};

Status SetOnce(std::optional<std::string>& slot, std::string value) {
  if (slot) {
    return InvalidArgument("the element names its certificate twice");
  }
  slot = std::move(value);
  return {};
}

Result<XfccElement> ParseXfcc(std::string_view text) {
  XfccElement element;
  while (!text.empty()) {
    const std::size_t equals = text.find_first_of("=;,\"");
    if (equals == std::string_view::npos || text[equals] != '=') {
      return InvalidArgument("expected Key=Value pairs");
    }
    const std::string_view key = TrimBlanks(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    SIGNET_TRY_ASSIGN(std::string value, TakeXfccValue(text));
    if (key == "Cert") {
      SIGNET_TRY(SetOnce(element.cert, std::move(value)));
    } else if (key == "Chain") {
      SIGNET_TRY(SetOnce(element.chain, std::move(value)));
    }
    if (text.starts_with(',')) {
      return InvalidArgument(
          "it holds the certificates of several hops; let the proxy replace the header "
          "(SANITIZE_SET) instead of adding to it");
    }
    if (!text.empty() && text.front() != ';') {
      return InvalidArgument("expected ';' between pairs");
    }
    text.remove_prefix(text.empty() ? 0 : 1);
  }
  return element;
}

Result<Certificates> FromXfcc(std::string_view value) {
  SIGNET_TRY_ASSIGN(const XfccElement element, ParseXfcc(value));
  if (!element.chain && !element.cert) {
    return InvalidArgument("it has neither Chain nor Cert");
  }
  SIGNET_TRY_ASSIGN(Certificates out, FromPem(element.chain ? *element.chain : *element.cert));
  if (element.chain && element.cert) {
    SIGNET_TRY_ASSIGN(const Certificates leaf, FromPem(*element.cert));
    if (leaf.size() != 1 || out.empty() || out.front() != leaf.front()) {
      return InvalidArgument("Chain does not begin with Cert");
    }
  }
  return out;
}

Result<Certificates> Decode(Format format, std::string_view value) {
  switch (format) {
    case Format::kPem:
      return FromPem(value);
    case Format::kDer:
      return FromDer(value);
    case Format::kRfc9440:
      return FromRfc9440(value);
    case Format::kXfcc:
      return FromXfcc(value);
  }
  return Internal("no such format");
}

}  // namespace

Result<Format> ParseFormat(std::string_view name) {
  if (name == "pem") {
    return Format::kPem;
  }
  if (name == "der") {
    return Format::kDer;
  }
  if (name == "rfc9440") {
    return Format::kRfc9440;
  }
  if (name == "xfcc") {
    return Format::kXfcc;
  }
  return InvalidArgument("expects \"pem\", \"der\", \"rfc9440\" or \"xfcc\"");
}

Result<Certificates> DecodeCertificates(Format format, std::string_view value) {
  SIGNET_TRY_ASSIGN(Certificates out, Decode(format, value));
  if (out.empty()) {
    return InvalidArgument("there is no certificate in it");
  }
  return out;
}

}  // namespace signet::authorizer
