#include "core/crypto/der.h"

#include "core/base/encoding.h"
#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;

TEST_CASE("the DER reader walks what X.690 allows and refuses the rest") {
  const struct {
    const char* hex;
    const char* why;
  } kBad[] = {
      {"", "ends"},
      {"02", "header"},
      {"0201", "inside an element"},
      {"028101aa", "minimal"},
      {"02820001aa", "minimal"},
      {"0280aa0000", "indefinite"},
      {"0285000000000100", "huge"},
      {"1f0100", "tag"},
      {"0000", "tag"},
      {"0284ffffffff", "inside an element"},
      {"0282", "header"},
  };
  for (const auto& c : kBad) {
    INFO(c.hex);
    const Bytes input = *HexDecode(c.hex);
    der::Reader reader{input};
    REQUIRE_ERROR(reader.Next(), Code::kInvalidArgument, c.why);
  }
}

TEST_CASE("the DER reader views elements, headers included, and leaves the rest") {
  const Bytes input = *HexDecode("3006020101040100ff");
  der::Reader outer{input};
  auto inner = outer.Enter(der::kSequence);
  REQUIRE_OK(inner);
  CHECK(HexEncode(outer.rest()) == "ff");
  REQUIRE_ERROR(outer.Finish(), Code::kInvalidArgument, "1 trailing");
  CHECK(HexEncode(inner->Next()->whole) == "020101");
  CHECK_FALSE((*inner->Optional(der::kNull)).has_value());
  CHECK(HexEncode((*inner->Optional(der::kOctetString))->content) == "00");
  CHECK(inner->AtEnd());
  REQUIRE_OK(inner->Finish());
}

TEST_CASE("DER contents are checked strictly") {
  const auto boolean = [](const char* hex) { return der::ReadBoolean(*HexDecode(hex)).ok(); };
  CHECK(boolean("00"));
  CHECK(boolean("ff"));
  CHECK_FALSE(boolean("01"));
  CHECK_FALSE(boolean(""));
  CHECK_FALSE(boolean("ffff"));
  const auto number = [](const char* hex) { return der::ReadSmallInteger(*HexDecode(hex)); };
  CHECK(*number("00") == 0);
  CHECK(*number("7f") == 127);
  CHECK(*number("0080") == 128);
  CHECK(*number("80") == -128);
  CHECK(*number("ff") == -1);
  CHECK(*number("7fffffffffffffff") == INT64_MAX);
  CHECK(*number("8000000000000000") == INT64_MIN);
  for (const char* bad : {"", "007f", "ff80", "008000000000000000"}) {
    INFO(bad);
    CHECK_FALSE(number(bad).ok());
  }
  const auto magnitude = [](const char* hex) -> std::string {
    const Bytes content = *HexDecode(hex);
    const auto read = der::ReadUnsigned(content);
    return read.ok() ? HexEncode(*read) : "refused";
  };
  CHECK(magnitude("0080") == "80");
  CHECK(magnitude("01") == "01");
  CHECK(magnitude("00") == "refused");
  CHECK(magnitude("80") == "refused");
  CHECK(magnitude("0001") == "refused");
  CHECK(der::ReadBitString(*HexDecode("00aa")).ok());
  CHECK_FALSE(der::ReadBitString(*HexDecode("01aa")).ok());
  CHECK_FALSE(der::ReadBitString(ByteView()).ok());
}

TEST_CASE("the DER writer gives the bytes that openssl asn1parse reads") {
  CHECK(HexEncode(der::Unsigned(Bytes{0x80})) == "02020080");
  CHECK(HexEncode(der::Unsigned(Bytes{0, 0, 1})) == "020101");
  CHECK(HexEncode(der::Unsigned({})) == "020100");
  CHECK(HexEncode(der::BitString(Bytes{0xaa})) == "030200aa");
  CHECK(HexEncode(der::Sequence({})) == "3000");
  // From `openssl asn1parse -genstr OID:…`.
  CHECK(HexEncode(der::Oid("1.2.840.10045.4.3.2")) == "06082a8648ce3d040302");
  CHECK(HexEncode(der::Oid("2.5.29.17")) == "0603551d11");
  CHECK(HexEncode(der::Oid("2.999.1")) == "0603883701");
  for (const std::size_t size : {0, 1, 127, 128, 255, 256, 65535, 65536, 70000}) {
    const Bytes content(size, 0x42);
    const Bytes whole = der::Tlv(der::kOctetString, content);
    der::Reader reader{whole};
    const auto element = reader.Expect(der::kOctetString);
    REQUIRE_OK(element);
    CHECK(Equal(element->content, content));
    CHECK(reader.AtEnd());
  }
}
