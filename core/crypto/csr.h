#pragma once

#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/crypto/key.h"

namespace signet::crypto {

/// kMaxCsrBytes bounds a CSR before a byte of it is read (EC requests take 300 bytes, RSA-4096
/// about 1,200).
inline constexpr std::size_t kMaxCsrBytes = 8 * 1024;

/// Csr is a verified PKCS#10 request: its key is of an accepted type and signed it. What else it
/// asks for is only kept for MintX509SVID; issuance for agents and workloads uses the key alone.
struct Csr {
  PublicKey public_key;
  Bytes subject;  ///< Name, DER; may be an empty sequence
  std::vector<std::string> uri_sans;
  std::vector<std::string> dns_sans;
};

/// ParseCsr: size → strict DER → key policy → signature, in this order, so that a hostile key never
/// costs a slow verification. INVALID_ARGUMENT says which step failed.
Result<Csr> ParseCsr(ByteView der);

struct CsrRequest {
  std::vector<std::string> uri_sans = {};
  std::vector<std::string> dns_sans = {};
};

/// BuildCsr makes a PKCS#10 request with subject C=US, O=SPIRE, signed by the key it is for.
Result<Bytes> BuildCsr(const Signer& signer, const CsrRequest& request = {});

}  // namespace signet::crypto
