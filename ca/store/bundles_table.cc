#include <unordered_map>

#include "ca/store/tables.h"

namespace signet::store {
namespace {

using Index = std::unordered_map<std::int64_t, spiffe::Bundle*>;

Result<spiffe::Bundle*> Parent(const Index& by_row, const Statement& s) {
  const auto found = by_row.find(s.Int(0));
  if (found == by_row.end()) {
    return DataLoss("row " + std::to_string(s.Int(0)) + " of the bundles is missing");
  }
  return found->second;
}

Status LoadX509(Db& db, const Index& by_row) {
  return EachRow(db.Query("SELECT bundle_row, der, tainted FROM bundle_x509_authorities"
                          " ORDER BY bundle_row, position"),
                 [&](const Statement& s) -> Status {
                   SIGNET_TRY_ASSIGN(spiffe::Bundle * bundle, Parent(by_row, s));
                   bundle->x509_authorities.push_back({.der = s.Blob(1), .tainted = s.Int(2) != 0});
                   return {};
                 });
}

Status LoadJwt(Db& db, const Index& by_row) {
  return EachRow(db.Query("SELECT bundle_row, spki, key_id, expires_at, tainted"
                          " FROM bundle_jwt_authorities ORDER BY bundle_row, position"),
                 [&](const Statement& s) -> Status {
                   SIGNET_TRY_ASSIGN(spiffe::Bundle * bundle, Parent(by_row, s));
                   bundle->jwt_authorities.push_back({.spki = s.Blob(1),
                                                      .key_id = s.Text(2),
                                                      .expires_at = s.Int(3),
                                                      .tainted = s.Int(4) != 0});
                   return {};
                 });
}

}  // namespace

Status PutBundleRow(Db& db, const StoredBundle& stored) {
  const auto& bundle = stored.bundle;
  SIGNET_TRY(DeleteBundleRow(db, bundle.trust_domain));
  // SQLite has signed 64-bit integers: the sequence keeps its bits and is cast back on reading.
  SIGNET_TRY(db.Run("INSERT INTO bundles VALUES (?, ?, ?, ?)", stored.row,
                    bundle.trust_domain.name(), static_cast<std::int64_t>(bundle.sequence),
                    bundle.refresh_hint_seconds));
  std::int64_t position = 0;
  for (const auto& authority : bundle.x509_authorities) {
    SIGNET_TRY(db.Run("INSERT INTO bundle_x509_authorities VALUES (?, ?, ?, ?)", stored.row,
                      position++, authority.der, authority.tainted));
  }
  position = 0;
  for (const auto& authority : bundle.jwt_authorities) {
    SIGNET_TRY(db.Run("INSERT INTO bundle_jwt_authorities VALUES (?, ?, ?, ?, ?, ?)", stored.row,
                      position++, authority.spki, authority.key_id, authority.expires_at,
                      authority.tainted));
  }
  return {};
}

Status DeleteBundleRow(Db& db, const spiffe::TrustDomain& trust_domain) {
  return db.Run("DELETE FROM bundles WHERE trust_domain = ?", trust_domain.name());
}

Result<std::vector<StoredBundle>> LoadBundles(Db& db) {
  std::vector<StoredBundle> bundles;
  SIGNET_TRY(EachRow(
      db.Query(
          "SELECT row, trust_domain, sequence, refresh_hint_seconds FROM bundles ORDER BY row"),
      [&](const Statement& s) -> Status {
        auto trust_domain = spiffe::TrustDomain::Parse(s.Text(1));
        if (!trust_domain.ok()) {
          return DataLoss("bundle " + s.Text(1) + ": " + trust_domain.error().message);
        }
        bundles.push_back({.row = s.Int(0),
                           .bundle = {.trust_domain = std::move(trust_domain).value(),
                                      .sequence = static_cast<std::uint64_t>(s.Int(2)),
                                      .refresh_hint_seconds = s.Int(3)}});
        return {};
      }));
  Index by_row;
  for (auto& stored : bundles) {
    by_row.emplace(stored.row, &stored.bundle);
  }
  SIGNET_TRY(LoadX509(db, by_row));
  SIGNET_TRY(LoadJwt(db, by_row));
  return bundles;
}

}  // namespace signet::store
