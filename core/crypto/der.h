#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace signet::crypto::der {

/// Universal tags used here, as the identifier octet.
enum Tag : std::uint8_t {
  kBoolean = 0x01,
  kInteger = 0x02,
  kBitString = 0x03,
  kOctetString = 0x04,
  kNull = 0x05,
  kOid = 0x06,
  kUtf8String = 0x0c,
  kPrintableString = 0x13,
  kIa5String = 0x16,
  kUtcTime = 0x17,
  kGeneralizedTime = 0x18,
  kSequence = 0x30,
  kSet = 0x31,
};

/// Element is one TLV; `whole` includes the header.
struct Element {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;
};

/// Reader walks DER left to right. Strict: definite minimal lengths, single-byte tags, nothing past
/// the end. It views the input and copies nothing. Any failure is INVALID_ARGUMENT.
class Reader {
 public:
  explicit Reader(ByteView input) : rest_(input) {}

  bool AtEnd() const { return rest_.empty(); }
  ByteView rest() const { return rest_; }
  /// Peek gives the next tag without consuming it.
  std::optional<std::uint8_t> PeekTag() const;
  /// Next reads any element.
  Result<Element> Next();
  /// Expect reads an element with the tag.
  Result<Element> Expect(std::uint8_t tag);
  /// Optional reads an element with the tag if it is next.
  Result<std::optional<Element>> Optional(std::uint8_t tag);
  /// Enter expects a constructed element and gives a reader of its inside.
  Result<Reader> Enter(std::uint8_t tag);
  /// Finish fails unless all was read.
  Status Finish() const;

 private:
  ByteView rest_;
};

/// Strict content checks.
Result<bool> ReadBoolean(ByteView content);               ///< 0x00 or 0xff only
Result<std::int64_t> ReadSmallInteger(ByteView content);  ///< minimal, fits 63 bits
Result<ByteView> ReadUnsigned(ByteView content);   ///< minimal, positive; leading zero removed
Result<ByteView> ReadBitString(ByteView content);  ///< whole bytes, no unused bits

/// Writers: each gives one complete TLV.
Bytes Tlv(std::uint8_t tag, ByteView content);
Bytes Join(std::initializer_list<ByteView> parts);
Bytes Sequence(std::initializer_list<ByteView> parts);
Bytes Unsigned(ByteView magnitude);
Bytes BitString(ByteView bytes);
Bytes Oid(std::string_view dotted);

}  // namespace signet::crypto::der
