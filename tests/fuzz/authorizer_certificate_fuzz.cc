// First byte: the format. What DecodeCertificates accepts is one to eight bounded byte strings,
// each found in the value, and an encoder's plain form of them is read as the same.
#include <cstdint>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "workload-api/authorizer/certificate_header.h"

using namespace signet;
using namespace signet::authorizer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto format = static_cast<Format>(data[0] % 4);
  const auto got = DecodeCertificates(format, AsText({data + 1, size - 1}));
  if (!got.ok()) {
    return 0;
  }
  SIGNET_CHECK(!got->empty() && got->size() <= kMaxCertificates, "too many or none");
  std::string pem;
  std::string rfc9440;
  for (const Bytes& der : *got) {
    SIGNET_CHECK(!der.empty() && der.size() <= kMaxCertificateBytes, "not bounded");
    SIGNET_CHECK(der.size() < size, "bytes that nobody sent");
    const std::string base64 = Base64Encode(der);
    pem += "-----BEGIN CERTIFICATE----- " + base64 + " -----END CERTIFICATE-----";
    rfc9440 += (rfc9440.empty() ? ":" : ", :") + base64 + ":";
  }
  const auto as_pem = DecodeCertificates(Format::kPem, pem);
  const auto as_rfc9440 = DecodeCertificates(Format::kRfc9440, rfc9440);
  SIGNET_CHECK(as_pem.ok() && *as_pem == *got, "another form means other certificates");
  SIGNET_CHECK(as_rfc9440.ok() && *as_rfc9440 == *got, "another form means other certificates");
  return 0;
}
