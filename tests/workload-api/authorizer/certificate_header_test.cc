#include "workload-api/authorizer/certificate_header.h"

#include <fstream>
#include <iterator>

#include "core/base/encoding.h"
#include "core/crypto/pem.h"
#include "tests/support/result.h"

namespace signet::authorizer {
namespace {

/// Recorded gives a file of tests/data/authorizer, see the README there.
std::string Recorded(const std::string& name) {
  std::ifstream file(std::string(SIGNET_TEST_DATA) + "/authorizer/" + name);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  REQUIRE_FALSE(text.empty());
  return text;
}

Bytes Der(const std::string& name) {
  const auto blocks = crypto::PemDecode(Recorded(name));
  REQUIRE_OK(blocks);
  return blocks->front().content;
}

TEST_CASE("what real proxies write means the certificates that the client has sent") {
  const Bytes leaf = Der("leaf.pem");
  const Bytes intermediate = Der("intermediate.pem");
  struct Row {
    const char* file;
    Format format;
    std::vector<Bytes> want;
  };
  const std::vector<Row> rows = {
      {"nginx-escaped", Format::kPem, {leaf}},
      {"apache-pem", Format::kPem, {leaf}},
      {"apache-escaped", Format::kPem, {leaf}},
      {"apache-pem-chain", Format::kPem, {leaf, intermediate}},
      {"aws-chain", Format::kPem, {leaf, intermediate}},
      {"leaf.pem", Format::kPem, {leaf}},
      {"haproxy-der", Format::kDer, {leaf}},
      {"haproxy-chain-der", Format::kDer, {intermediate}},
      {"two-der-in-one", Format::kDer, {leaf, intermediate}},
      {"caddy-der", Format::kDer, {leaf}},
      {"traefik3-chain", Format::kDer, {leaf, intermediate}},
      {"traefik2-chain", Format::kDer, {leaf, intermediate}},
      {"rfc9440-leaf", Format::kRfc9440, {leaf}},
      {"rfc9440-chain", Format::kRfc9440, {leaf, intermediate}},
      {"envoy-xfcc", Format::kXfcc, {leaf, intermediate}},
  };
  for (const Row& row : rows) {
    INFO(row.file);
    const auto got = DecodeCertificates(row.format, Recorded(row.file));
    REQUIRE_OK(got);
    CHECK(*got == row.want);
  }
}

TEST_CASE("a form that was not configured is not guessed") {
  for (const Format format : {Format::kPem, Format::kDer, Format::kRfc9440, Format::kXfcc}) {
    for (const char* const file : {"nginx-escaped", "haproxy-der", "rfc9440-leaf", "envoy-xfcc"}) {
      const std::string text = Recorded(file);
      const bool own = (format == Format::kPem) == (text.front() == '-') &&
                       (format == Format::kDer) == (text.front() == 'M') &&
                       (format == Format::kRfc9440) == (text.front() == ':') &&
                       (format == Format::kXfcc) == (text.front() == 'H');
      INFO(file << " as format " << static_cast<int>(format));
      CHECK(DecodeCertificates(format, text).ok() == own);
    }
  }
}

TEST_CASE("broken values are refused with what is wrong with them") {
  const std::string pem = Recorded("apache-pem");
  const std::string der = Recorded("caddy-der");
  struct Row {
    Format format;
    std::string value;
    const char* want;
  };
  std::string nine = der;
  for (int i = 0; i < 8; ++i) {
    nine += "," + der;
  }
  const std::vector<Row> rows = {
      {Format::kPem, "", "no certificate"},
      {Format::kPem, "(null)", "whole CERTIFICATE blocks"},
      {Format::kPem, "x " + pem, "whole CERTIFICATE blocks"},
      {Format::kPem, pem + " x", "whole CERTIFICATE blocks"},
      {Format::kPem, pem.substr(0, 300), "whole CERTIFICATE blocks"},
      {Format::kPem, "-----BEGIN PRIVATE KEY----- AAAA -----END PRIVATE KEY-----", "whole"},
      {Format::kPem, "-----BEGIN CERTIFICATE----- -----END CERTIFICATE-----", "empty"},
      {Format::kPem, "-----BEGIN%2", "URL encoding"},
      {Format::kPem, "%zz", "URL encoding"},
      {Format::kDer, "{http.request.tls.client.certificate_der_base64}", "base64"},
      {Format::kDer, der + ",", "DER"},
      {Format::kDer, der.substr(0, 400), "DER"},
      {Format::kDer, nine, "more than eight"},
      {Format::kDer, "AAAA", "DER"},
      {Format::kRfc9440, ":" + der, "RFC 9440"},
      {Format::kRfc9440, ":" + der + ":;a=1", "RFC 9440"},
      {Format::kXfcc, "Hash=aa;URI=spiffe://example.org/web", "neither Chain nor Cert"},
      {Format::kXfcc, "Cert=\"" + pem, "does not end"},
      {Format::kXfcc, "Cert=\"" + pem + "\",Cert=\"" + pem + "\"", "several hops"},
      {Format::kXfcc, "Cert=\"" + pem + "\";Cert=\"" + pem + "\"", "twice"},
      {Format::kXfcc, "Cert=\"" + pem + "\"x", "';'"},
      {Format::kXfcc, "Cert", "Key=Value"},
      {Format::kXfcc, "Cert=\"" + pem + "\";Chain=\"" + Recorded("intermediate.pem") + "\"",
       "does not begin with Cert"},
  };
  for (const Row& row : rows) {
    INFO(row.value);
    REQUIRE_ERROR(DecodeCertificates(row.format, row.value), Code::kInvalidArgument, row.want);
  }
}

TEST_CASE("Envoy's other words about the client are not believed") {
  const std::string pem = Recorded("nginx-escaped");
  const auto got = DecodeCertificates(
      Format::kXfcc,
      "By=spiffe://example.org/me;Subject=\"/O=a\\\";Cert=b\";URI=spiffe://x/y;Cert=\"" + pem +
          "\"");
  REQUIRE_OK(got);
  CHECK(*got == std::vector<Bytes>{Der("leaf.pem")});
}

}  // namespace
}  // namespace signet::authorizer
