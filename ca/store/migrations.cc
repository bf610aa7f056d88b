#include "ca/store/migrations.h"

#include <string>

namespace signet::store {
namespace {

// Version 1. Lists live in child tables with their position, since order is kept on the wire.
// Tokens are stored as they are: the operator may choose them, and the owner of the file could
// issue anything anyway.
constexpr Sql kFirst = R"sql(
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('next_row', 1);

CREATE TABLE changes (
  revision INTEGER PRIMARY KEY CHECK (revision > 0),
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
  key TEXT NOT NULL
) STRICT;

CREATE TABLE entries (
  row INTEGER PRIMARY KEY CHECK (row > 0),
  id TEXT NOT NULL UNIQUE CHECK (id <> ''),
  spiffe_id TEXT NOT NULL CHECK (spiffe_id LIKE 'spiffe://%'),
  parent_id TEXT NOT NULL CHECK (parent_id LIKE 'spiffe://%'),
  x509_svid_ttl INTEGER NOT NULL CHECK (x509_svid_ttl >= 0),
  jwt_svid_ttl INTEGER NOT NULL CHECK (jwt_svid_ttl >= 0),
  admin INTEGER NOT NULL CHECK (admin IN (0, 1)),
  downstream INTEGER NOT NULL CHECK (downstream IN (0, 1)),
  store_svid INTEGER NOT NULL CHECK (store_svid IN (0, 1)),
  expires_at INTEGER NOT NULL,
  hint TEXT NOT NULL,
  revision_number INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  disable_x509_svid_prefetch INTEGER CHECK (disable_x509_svid_prefetch IN (0, 1)),
  jwt_svid_include_jti INTEGER CHECK (jwt_svid_include_jti IN (0, 1)),
  CHECK ((disable_x509_svid_prefetch IS NULL) = (jwt_svid_include_jti IS NULL))
) STRICT;

CREATE TABLE entry_selectors (
  entry_row INTEGER NOT NULL REFERENCES entries (row) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  type TEXT NOT NULL CHECK (type <> ''),
  value TEXT NOT NULL CHECK (value <> ''),
  PRIMARY KEY (entry_row, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE entry_federates_with (
  entry_row INTEGER NOT NULL REFERENCES entries (row) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  trust_domain TEXT NOT NULL CHECK (trust_domain <> ''),
  PRIMARY KEY (entry_row, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE entry_dns_names (
  entry_row INTEGER NOT NULL REFERENCES entries (row) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (entry_row, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
  row INTEGER PRIMARY KEY CHECK (row > 0),
  id TEXT NOT NULL UNIQUE CHECK (id LIKE 'spiffe://%'),
  attestation_type TEXT NOT NULL,
  serial TEXT NOT NULL,
  not_after INTEGER NOT NULL,
  pending_serial TEXT NOT NULL,
  pending_not_after INTEGER NOT NULL,
  can_reattest INTEGER NOT NULL CHECK (can_reattest IN (0, 1)),
  version TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX agents_serial ON agents (serial) WHERE serial <> '';

CREATE TABLE agent_selectors (
  agent_row INTEGER NOT NULL REFERENCES agents (row) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  type TEXT NOT NULL CHECK (type <> ''),
  value TEXT NOT NULL CHECK (value <> ''),
  PRIMARY KEY (agent_row, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE bundles (
  row INTEGER PRIMARY KEY CHECK (row > 0),
  trust_domain TEXT NOT NULL UNIQUE CHECK (trust_domain <> ''),
  sequence INTEGER NOT NULL,
  refresh_hint_seconds INTEGER NOT NULL
) STRICT;

CREATE TABLE bundle_x509_authorities (
  bundle_row INTEGER NOT NULL REFERENCES bundles (row) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  der BLOB NOT NULL,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1)),
  PRIMARY KEY (bundle_row, position)
) STRICT;

CREATE TABLE bundle_jwt_authorities (
  bundle_row INTEGER NOT NULL REFERENCES bundles (row) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  spki BLOB NOT NULL,
  key_id TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  tainted INTEGER NOT NULL CHECK (tainted IN (0, 1)),
  PRIMARY KEY (bundle_row, position)
) STRICT;

CREATE TABLE join_tokens (
  token TEXT PRIMARY KEY CHECK (token <> ''),
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE x509_slots (
  position INTEGER PRIMARY KEY,
  authority_id TEXT NOT NULL UNIQUE CHECK (authority_id <> ''),
  key_id TEXT NOT NULL UNIQUE CHECK (key_id <> ''),
  status INTEGER NOT NULL CHECK (status BETWEEN 1 AND 3),
  certificate BLOB NOT NULL,
  issued_at INTEGER NOT NULL,
  activated_at INTEGER NOT NULL,
  not_after INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_active_x509_slot ON x509_slots (status) WHERE status = 2;

PRAGMA user_version = 1;
)sql";

constexpr Sql kSteps[] = {kFirst};

}  // namespace

std::span<const Sql> Migrations() { return kSteps; }

Status Migrate(Db& db, std::span<const Sql> steps) {
  const auto last = static_cast<std::int64_t>(steps.size());
  SIGNET_TRY_ASSIGN(std::int64_t version, db.ReadInt("PRAGMA user_version"));
  if (version < 0 || version > last) {
    return FailedPrecondition(
        "the database has schema version " + std::to_string(version) +
        ", this server knows versions up to " + std::to_string(last) +
        "; start the newer server that wrote it, or restore a backup of version " +
        std::to_string(last));
  }
  while (version < last) {
    const std::string what = "migrating the database from version " + std::to_string(version);
    SIGNET_TRY_ASSIGN(Transaction transaction, Transaction::Begin(db));
    SIGNET_TRY(db.Script(steps[static_cast<std::size_t>(version)]).Context(what));
    SIGNET_TRY_ASSIGN(const std::int64_t reached, db.ReadInt("PRAGMA user_version"));
    SIGNET_CHECK(reached == version + 1, "a migration must end by setting user_version");
    SIGNET_TRY(transaction.Commit().Context(what));
    version = reached;
  }
  return {};
}

}  // namespace signet::store
