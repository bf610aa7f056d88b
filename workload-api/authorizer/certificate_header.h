#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace signet::authorizer {

/// Format is how a proxy writes certificates into a header.
enum class Format {
  kPem,      ///< PEM, URL-encoded (nginx, AWS) or with blanks for line ends (Apache)
  kDer,      ///< base64 of DER, several joined by commas or in one piece (HAProxy, Caddy, Traefik)
  kRfc9440,  ///< ":base64:", several joined by commas (Client-Cert, Client-Cert-Chain)
  kXfcc,     ///< Envoy's x-forwarded-client-cert: its Chain or Cert, and nothing else of it
};

/// ParseFormat takes "pem", "der", "rfc9440" or "xfcc".
Result<Format> ParseFormat(std::string_view name);

/// What a proxy may pass: more would be no X509-SVID.
inline constexpr std::size_t kMaxCertificates = 8;
inline constexpr std::size_t kMaxCertificateBytes = 16 * 1024;

/// DecodeCertificates gives the certificates in a header's value, in their order, as DER. They are
/// not parsed: only where the text ends and which bytes it means. INVALID_ARGUMENT says what is
/// wrong; a value without a certificate is an error too. Linear in the value's length.
Result<std::vector<Bytes>> DecodeCertificates(Format format, std::string_view value);

}  // namespace signet::authorizer
