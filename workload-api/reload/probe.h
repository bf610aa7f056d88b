#pragma once

#include <chrono>
#include <string>

#include "core/base/bytes.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace signet::reload {

/// ProbeSpec is where a server can be seen to serve its certificate.
struct ProbeSpec {
  std::string address = {};  ///< host:port, [v6]:port, or the absolute path of a Unix socket
  std::string protocol =
      "tls";  ///< tls; or what comes before TLS: postgresql, mysql, nats, smtp, imap, ldap
  std::string server_name = {};  ///< SNI; empty: none
  Duration timeout = std::chrono::seconds(5);
};
/// CheckProbeSpec judges the words of it. INVALID_ARGUMENT.
Status CheckProbeSpec(const ProbeSpec& spec);

/// ServedCertificate connects, shakes hands as far as the server's certificate, and gives that leaf
/// as DER. It proves nothing about trust: the caller compares it with what should be served. No
/// client certificate is shown, so a server that insists on one still answers. UNAVAILABLE: nobody
/// there, or no TLS there; says which.
Result<Bytes> ServedCertificate(const ProbeSpec& spec);

}  // namespace signet::reload
