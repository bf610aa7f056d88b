#include "core/crypto/pem.h"

#include <chrono>

#include "tests/support/result.h"

using namespace signet;
using namespace signet::crypto;

TEST_CASE("PEM blocks round-trip, with comments and blank lines between them") {
  const Bytes first(100, 0x5a);
  const Bytes second{1};
  const std::string text =
      "# roots\n\n" + PemEncode("CERTIFICATE", first) + "  \r\n" + PemEncode("PRIVATE KEY", second);
  const auto blocks = PemDecode(text);
  REQUIRE_OK(blocks);
  REQUIRE(blocks->size() == 2);
  CHECK((*blocks)[0].label == "CERTIFICATE");
  CHECK((*blocks)[0].content == first);
  CHECK((*blocks)[1].label == "PRIVATE KEY");
  CHECK((*blocks)[1].content == second);
}

TEST_CASE("PEM lines are 64 columns wide, as openssl writes them") {
  const std::string text = PemEncode("X", Bytes(49, 0));
  CHECK(text == "-----BEGIN X-----\n" + std::string(64, 'A') + "\nAA==\n-----END X-----\n");
}

TEST_CASE("PEM with CR LF line ends is read") {
  const auto blocks = PemDecode("-----BEGIN X-----\r\nAQ==\r\n-----END X-----\r\n");
  REQUIRE_OK(blocks);
  CHECK(blocks->front().content == Bytes{1});
}

TEST_CASE("PEM that is not exactly blocks is refused with the line") {
  const struct {
    const char* text;
    const char* why;
  } kCases[] = {
      {"junk\n-----BEGIN X-----\nAQ==\n-----END X-----\n", "line 1"},
      {"-----BEGIN X-----\nAQ==\n-----END Y-----\n", "END marker"},
      {"-----BEGIN X-----\nAQ==\n-----BEGIN X-----\nAQ==\n-----END X-----\n", "END marker"},
      {"-----BEGIN X-----\nAQ==\n", "inside a block"},
      {"-----BEGIN X-----\n-----END X-----\n", "empty"},
      {"-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAQ==\n-----END X-----\n", "not base64"},
      {"-----BEGIN X-----\n AQ==\n-----END X-----\n", "not base64"},
      {"-----BEGIN X-----\nAQ\n-----END X-----\n", "not base64"},
      {"-----BEGIN x-----\nAQ==\n-----END x-----\n", "line 1"},
      {"-----BEGIN -----\nAQ==\n-----END -----\n", "line 1"},
      {"-----BEGIN X-----\nAQ==\n-----END X-----junk\n", "END marker"},
  };
  for (const auto& c : kCases) {
    INFO(c.text);
    REQUIRE_ERROR(PemDecode(c.text), Code::kInvalidArgument, c.why);
  }
}

TEST_CASE("PEM is bounded in bytes and blocks, and broken text costs linear time") {
  CHECK_FALSE(PemDecode(std::string(1024 * 1024 + 1, '\n')).ok());
  std::string many;
  for (int i = 0; i < 257; ++i) {
    many += PemEncode("X", Bytes{1});
  }
  REQUIRE_ERROR(PemDecode(many), Code::kInvalidArgument, "256 blocks");
  std::string broken;
  while (broken.size() < 1024 * 1024 - 20) {
    broken += "-----BEGIN X-----\n";
  }
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(PemDecode(broken).ok());
  std::string open = "-----BEGIN X-----\n";
  while (open.size() < 1024 * 1024 - 20) {
    open += "AAAA\n";
  }
  CHECK_FALSE(PemDecode(open).ok());
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}
