#include "core/crypto/der.h"

#include <charconv>
#include <string>

#include "core/base/check.h"

namespace signet::crypto::der {
namespace {

constexpr std::uint8_t kManyByteTag = 0x1f;
constexpr std::uint8_t kLongLength = 0x80;
constexpr std::size_t kMaxLengthBytes = 4;

std::string TagText(std::uint8_t tag) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  return std::string("0x") + kDigits[tag >> 4] + kDigits[tag & 0x0f];
}

struct Header {
  std::size_t size = 0;
  std::size_t content = 0;
};

Result<Header> ReadHeader(ByteView input) {
  if (input.size() < 2) {
    return InvalidArgument("DER ends inside a header");
  }
  if (input[0] == 0 || (input[0] & kManyByteTag) == kManyByteTag) {
    return InvalidArgument("DER has the unusable tag " + TagText(input[0]));
  }
  if (input[1] < kLongLength) {
    return Header{2, input[1]};
  }
  const std::size_t count = input[1] & 0x7f;
  if (count == 0 || count > kMaxLengthBytes) {
    return InvalidArgument("DER has an indefinite or huge length");
  }
  if (input.size() < 2 + count) {
    return InvalidArgument("DER ends inside a header");
  }
  std::size_t length = 0;
  for (std::size_t i = 0; i < count; ++i) {
    length = (length << 8) | input[2 + i];
  }
  if (input[2] == 0 || length < kLongLength) {
    return InvalidArgument("DER has a length that is not minimal");
  }
  return Header{2 + count, length};
}

Status CheckInteger(ByteView content) {
  if (content.empty()) {
    return InvalidArgument("DER integer is empty");
  }
  if (content.size() > 1) {
    const bool high = (content[1] & 0x80) != 0;
    if ((content[0] == 0x00 && !high) || (content[0] == 0xff && high)) {
      return InvalidArgument("DER integer is not minimal");
    }
  }
  return {};
}

void AppendArc(Bytes& out, std::uint64_t arc) {
  std::uint8_t reversed[10];
  std::size_t count = 0;
  do {
    reversed[count++] = static_cast<std::uint8_t>(arc & 0x7f);
    arc >>= 7;
  } while (arc != 0);
  while (count-- > 1) {
    out.push_back(reversed[count] | 0x80);
  }
  out.push_back(reversed[0]);
}

}  // namespace

std::optional<std::uint8_t> Reader::PeekTag() const {
  if (rest_.empty()) {
    return std::nullopt;
  }
  return rest_[0];
}

Result<Element> Reader::Next() {
  SIGNET_TRY_ASSIGN(const Header header, ReadHeader(rest_));
  if (header.content > rest_.size() - header.size) {
    return InvalidArgument("DER ends inside an element");
  }
  const Element element{rest_[0], rest_.subspan(header.size, header.content),
                        rest_.first(header.size + header.content)};
  rest_ = rest_.subspan(element.whole.size());
  return element;
}

Result<Element> Reader::Expect(std::uint8_t tag) {
  if (rest_.empty()) {
    return InvalidArgument("DER ends where tag " + TagText(tag) + " was expected");
  }
  if (rest_[0] != tag) {
    return InvalidArgument("DER has tag " + TagText(rest_[0]) + " where " + TagText(tag) +
                           " was expected");
  }
  return Next();
}

Result<std::optional<Element>> Reader::Optional(std::uint8_t tag) {
  if (PeekTag() != tag) {
    return std::optional<Element>();
  }
  SIGNET_TRY_ASSIGN(const Element element, Next());
  return std::optional<Element>(element);
}

Result<Reader> Reader::Enter(std::uint8_t tag) {
  SIGNET_TRY_ASSIGN(const Element element, Expect(tag));
  return Reader(element.content);
}

Status Reader::Finish() const {
  if (!rest_.empty()) {
    return InvalidArgument("DER has " + std::to_string(rest_.size()) + " trailing bytes");
  }
  return {};
}

Result<bool> ReadBoolean(ByteView content) {
  if (content.size() != 1 || (content[0] != 0x00 && content[0] != 0xff)) {
    return InvalidArgument("DER boolean is neither 0x00 nor 0xff");
  }
  return content[0] == 0xff;
}

Result<std::int64_t> ReadSmallInteger(ByteView content) {
  SIGNET_TRY(CheckInteger(content));
  if (content.size() > 8) {
    return InvalidArgument("DER integer is too big here");
  }
  std::uint64_t value = (content[0] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (const std::uint8_t byte : content) {
    value = (value << 8) | byte;
  }
  return static_cast<std::int64_t>(value);
}

Result<ByteView> ReadUnsigned(ByteView content) {
  SIGNET_TRY(CheckInteger(content));
  if ((content[0] & 0x80) != 0) {
    return InvalidArgument("DER integer is negative");
  }
  if (content[0] != 0) {
    return content;
  }
  if (content.size() == 1) {
    return InvalidArgument("DER integer is zero");
  }
  return content.subspan(1);
}

Result<ByteView> ReadBitString(ByteView content) {
  if (content.empty() || content[0] != 0) {
    return InvalidArgument("DER bit string does not hold whole bytes");
  }
  return content.subspan(1);
}

Bytes Tlv(std::uint8_t tag, ByteView content) {
  Bytes out;
  out.reserve(content.size() + 6);
  out.push_back(tag);
  if (content.size() < kLongLength) {
    out.push_back(static_cast<std::uint8_t>(content.size()));
  } else {
    std::uint8_t count = 1;
    while (content.size() >> (8 * count) != 0) {
      ++count;
    }
    out.push_back(kLongLength | count);
    while (count-- > 0) {
      out.push_back(static_cast<std::uint8_t>(content.size() >> (8 * count)));
    }
  }
  Append(out, content);
  return out;
}

Bytes Join(std::initializer_list<ByteView> parts) {
  std::size_t size = 0;
  for (const ByteView part : parts) {
    size += part.size();
  }
  Bytes out;
  out.reserve(size);
  for (const ByteView part : parts) {
    Append(out, part);
  }
  return out;
}

Bytes Sequence(std::initializer_list<ByteView> parts) { return Tlv(kSequence, Join(parts)); }

Bytes Unsigned(ByteView magnitude) {
  while (!magnitude.empty() && magnitude[0] == 0) {
    magnitude = magnitude.subspan(1);
  }
  Bytes content;
  content.reserve(magnitude.size() + 1);
  if (magnitude.empty() || (magnitude[0] & 0x80) != 0) {
    content.push_back(0);
  }
  Append(content, magnitude);
  return Tlv(kInteger, content);
}

Bytes BitString(ByteView bytes) {
  static constexpr std::uint8_t kNoUnusedBits[] = {0};
  return Tlv(kBitString, Join({kNoUnusedBits, bytes}));
}

Bytes Oid(std::string_view dotted) {
  Bytes content;
  std::uint64_t first = 0;
  std::size_t index = 0;
  const char* at = dotted.data();
  const char* const end = at + dotted.size();
  while (at < end) {
    std::uint64_t arc = 0;
    const auto [next, failure] = std::from_chars(at, end, arc);
    SIGNET_CHECK(failure == std::errc() && (next == end || *next == '.'), "malformed OID literal");
    if (index == 0) {
      first = arc;
    } else {
      AppendArc(content, index == 1 ? first * 40 + arc : arc);
    }
    ++index;
    at = next == end ? end : next + 1;
  }
  SIGNET_CHECK(index >= 2, "an OID has at least two arcs");
  return Tlv(kOid, content);
}

}  // namespace signet::crypto::der
