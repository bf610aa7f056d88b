#pragma once

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/crypto/x509_svid.h"
#include "core/spiffe/spiffe_id.h"
#include "workload-api/client/tls_material.h"

namespace signet::client {

/// Verdict is what was found out about a peer that was let in.
struct Verdict {
  spiffe::SpiffeId id;
  SystemTime not_after;
  crypto::Fingerprint authority;
  Epoch epoch;  ///< of the snapshot that it was judged by, not of a later one
};

/// EncodeVerdict is what a ticket carries, under the ticket's own encryption.
Bytes EncodeVerdict(const Verdict& verdict);
/// DecodeVerdict takes nothing but what EncodeVerdict makes.
Result<Verdict> DecodeVerdict(ByteView data);

}  // namespace signet::client
