#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/spiffe/bundle.h"
#include "core/spiffe/selector.h"
#include "core/spiffe/spiffe_id.h"

namespace signet::store {

/// AdditionalAttributes of an entry keep their explicit presence on the wire (spire-api §10.1).
struct AdditionalAttributes {
  bool disable_x509_svid_prefetch = false;
  bool jwt_svid_include_jti = false;
  friend bool operator==(const AdditionalAttributes&, const AdditionalAttributes&) = default;
};

/// Entry is a registration entry: who (selectors, under a parent) gets which SPIFFE ID. Times are
/// Unix seconds.
struct Entry {
  std::int64_t row = 0;  ///< order of creation, never reused; pages follow it
  std::string id;
  spiffe::SpiffeId spiffe_id;
  spiffe::SpiffeId parent_id;
  std::vector<spiffe::Selector> selectors = {};
  std::int32_t x509_svid_ttl = 0;  ///< seconds, 0: the server's default
  std::int32_t jwt_svid_ttl = 0;
  std::vector<spiffe::TrustDomain> federates_with = {};
  bool admin = false;
  bool downstream = false;
  bool store_svid = false;
  std::int64_t expires_at = 0;  ///< 0: never
  std::vector<std::string> dns_names = {};
  std::string hint = {};
  std::int64_t revision_number = 0;  ///< 0 at creation, +1 at every update
  std::int64_t created_at = 0;
  std::optional<AdditionalAttributes> additional_attributes = {};
  friend bool operator==(const Entry&, const Entry&) = default;
};

/// Agent is an attested node. Serials are decimal text; an empty current serial means banned.
struct Agent {
  std::int64_t row = 0;
  spiffe::SpiffeId id;
  std::string attestation_type = {};
  std::string serial = {};
  std::int64_t not_after = 0;
  std::string pending_serial = {};  ///< renewed, becomes current at its first use
  std::int64_t pending_not_after = 0;
  bool can_reattest = false;
  std::vector<spiffe::Selector> selectors = {};
  std::string version = {};
  bool banned() const { return serial.empty(); }
  friend bool operator==(const Agent&, const Agent&) = default;
};

/// JoinToken is a one-time secret; stored as it is since operators may choose it, in a table with
/// secure_delete.
struct JoinToken {
  std::string token;
  std::int64_t expires_at = 0;
  friend bool operator==(const JoinToken&, const JoinToken&) = default;
};

/// StoredBundle is the bundle of one trust domain, the server's own included.
struct StoredBundle {
  std::int64_t row = 0;
  spiffe::Bundle bundle;
  friend bool operator==(const StoredBundle&, const StoredBundle&) = default;
};

enum class SlotStatus : std::uint8_t { kPrepared = 1, kActive = 2, kOld = 3 };

/// AuthoritySlot is one X.509 authority of the journal. The key stays in the key manager under
/// key_id.
struct AuthoritySlot {
  std::string authority_id;  ///< lower-case hex of the certificate's SubjectKeyId
  std::string key_id;        ///< "x509-CA-A" or "x509-CA-B"
  SlotStatus status = SlotStatus::kPrepared;
  Bytes certificate;  ///< DER
  std::int64_t issued_at = 0;
  std::int64_t activated_at = 0;  ///< 0: not yet
  std::int64_t not_after = 0;
  friend bool operator==(const AuthoritySlot&, const AuthoritySlot&) = default;
};

/// Journal remembers the slots across restarts; at most one ACTIVE, and one PREPARED or OLD
/// (spire-api §7.6).
struct Journal {
  std::vector<AuthoritySlot> x509 = {};
  friend bool operator==(const Journal&, const Journal&) = default;
};

}  // namespace signet::store
