#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/spiffe/bundle.h"

namespace signet::crypto {

/// WriteBundleJson gives the SPIFFE JWK set (rows BUN-*, X509-29 … X509-32): published strictly.
/// What the specification has no member for (taint, expiry) is not in it.
Result<std::string> WriteBundleJson(const spiffe::Bundle& bundle);

/// WriteBundleMapJson gives the SPIFFE bundle map that Envoy's SPIFFE validator (`trust_bundles`)
/// and gRPC (proposal A87) read: for each trust domain its X.509 authorities, one certificate an
/// entry, and nothing else, since one entry of another use makes them refuse the whole map. A trust
/// domain without authorities is not in it for the same reason. Fails on what WriteBundleJson fails
/// on.
Result<std::string> WriteBundleMapJson(const std::vector<spiffe::Bundle>& bundles);

/// ParseBundleJson reads it leniently, as the rows ask: an entry that is unknown or broken is
/// dropped, the rest kept (BUN-06, BUN-10, X509-33, X509-34); missing `keys`, duplicate members,
/// depth > 8 or > 1 MiB is an error. 64-bit sequence numbers survive.
Result<spiffe::Bundle> ParseBundleJson(const spiffe::TrustDomain& trust_domain,
                                       std::string_view json);

/// WriteBundlePem and ParseBundlePem carry the X.509 authorities alone.
std::string WriteBundlePem(const spiffe::Bundle& bundle);
Result<spiffe::Bundle> ParseBundlePem(const spiffe::TrustDomain& trust_domain,
                                      std::string_view pem);

/// ConcatenateX509 gives the authorities as concatenated DER (WL-16).
Bytes ConcatenateX509(const spiffe::Bundle& bundle);

/// ValidateAuthority checks that DER is one CA certificate (CA:TRUE, keyCertSign if it has a key
/// usage) that libcrypto reads too, as the programs do that are given it.
Status ValidateAuthority(ByteView der);

}  // namespace signet::crypto
