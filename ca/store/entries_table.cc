#include <unordered_map>

#include "ca/store/tables.h"

namespace signet::store {
namespace {

Status PutLists(Db& db, const Entry& entry) {
  std::int64_t position = 0;
  for (const auto& selector : entry.selectors) {
    SIGNET_TRY(db.Run("INSERT INTO entry_selectors VALUES (?, ?, ?, ?)", entry.row, position++,
                      selector.type, selector.value));
  }
  position = 0;
  for (const auto& trust_domain : entry.federates_with) {
    SIGNET_TRY(db.Run("INSERT INTO entry_federates_with VALUES (?, ?, ?)", entry.row, position++,
                      trust_domain.name()));
  }
  position = 0;
  for (const auto& name : entry.dns_names) {
    SIGNET_TRY(db.Run("INSERT INTO entry_dns_names VALUES (?, ?, ?)", entry.row, position++, name));
  }
  return {};
}

// Columns in the order of LoadEntries' SELECT.
Result<Entry> ReadEntry(const Statement& s) {
  SIGNET_TRY_ASSIGN(auto spiffe_id, spiffe::SpiffeId::Parse(s.Text(2)));
  SIGNET_TRY_ASSIGN(auto parent_id, spiffe::SpiffeId::Parse(s.Text(3)));
  Entry entry{.row = s.Int(0),
              .id = s.Text(1),
              .spiffe_id = std::move(spiffe_id),
              .parent_id = std::move(parent_id),
              .x509_svid_ttl = static_cast<std::int32_t>(s.Int(4)),
              .jwt_svid_ttl = static_cast<std::int32_t>(s.Int(5)),
              .admin = s.Int(6) != 0,
              .downstream = s.Int(7) != 0,
              .store_svid = s.Int(8) != 0,
              .expires_at = s.Int(9),
              .hint = s.Text(10),
              .revision_number = s.Int(11),
              .created_at = s.Int(12)};
  if (!s.IsNull(13)) {
    entry.additional_attributes = AdditionalAttributes{.disable_x509_svid_prefetch = s.Int(13) != 0,
                                                       .jwt_svid_include_jti = s.Int(14) != 0};
  }
  return entry;
}

// Children of an entry, by its row.
using Index = std::unordered_map<std::int64_t, Entry*>;

Result<Entry*> Parent(const Index& by_row, const Statement& s) {
  const auto found = by_row.find(s.Int(0));
  if (found == by_row.end()) {
    return DataLoss("row " + std::to_string(s.Int(0)) + " of the entries is missing");
  }
  return found->second;
}

Status LoadSelectors(Db& db, const Index& by_row) {
  return EachRow(
      db.Query("SELECT entry_row, type, value FROM entry_selectors ORDER BY entry_row, position"),
      [&](const Statement& s) -> Status {
        SIGNET_TRY_ASSIGN(Entry * entry, Parent(by_row, s));
        entry->selectors.push_back({s.Text(1), s.Text(2)});
        return {};
      });
}

Status LoadFederatesWith(Db& db, const Index& by_row) {
  return EachRow(db.Query("SELECT entry_row, trust_domain FROM entry_federates_with"
                          " ORDER BY entry_row, position"),
                 [&](const Statement& s) -> Status {
                   SIGNET_TRY_ASSIGN(Entry * entry, Parent(by_row, s));
                   SIGNET_TRY_ASSIGN(auto name, spiffe::TrustDomain::Parse(s.Text(1)));
                   entry->federates_with.push_back(std::move(name));
                   return {};
                 });
}

Status LoadDnsNames(Db& db, const Index& by_row) {
  return EachRow(
      db.Query("SELECT entry_row, name FROM entry_dns_names ORDER BY entry_row, position"),
      [&](const Statement& s) -> Status {
        SIGNET_TRY_ASSIGN(Entry * entry, Parent(by_row, s));
        entry->dns_names.push_back(s.Text(1));
        return {};
      });
}

}  // namespace

Status PutEntryRow(Db& db, const Entry& entry) {
  SIGNET_TRY(DeleteEntryRow(db, entry.id));
  const auto& extra = entry.additional_attributes;
  const auto prefetch =
      extra ? std::optional<std::int64_t>(extra->disable_x509_svid_prefetch) : std::nullopt;
  const auto jti = extra ? std::optional<std::int64_t>(extra->jwt_svid_include_jti) : std::nullopt;
  SIGNET_TRY(db.Run("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    entry.row, entry.id, entry.spiffe_id.ToString(), entry.parent_id.ToString(),
                    entry.x509_svid_ttl, entry.jwt_svid_ttl, entry.admin, entry.downstream,
                    entry.store_svid, entry.expires_at, entry.hint, entry.revision_number,
                    entry.created_at, prefetch, jti));
  return PutLists(db, entry);
}

Status DeleteEntryRow(Db& db, const std::string& id) {
  return db.Run("DELETE FROM entries WHERE id = ?", id);
}

Result<std::vector<Entry>> LoadEntries(Db& db) {
  std::vector<Entry> entries;
  SIGNET_TRY(EachRow(
      db.Query("SELECT row, id, spiffe_id, parent_id, x509_svid_ttl, jwt_svid_ttl, admin,"
               " downstream, store_svid, expires_at, hint, revision_number, created_at,"
               " disable_x509_svid_prefetch, jwt_svid_include_jti FROM entries ORDER BY row"),
      [&](const Statement& s) -> Status {
        auto entry = ReadEntry(s);
        if (!entry.ok()) {
          return DataLoss("entry " + s.Text(1) + ": " + entry.error().message);
        }
        entries.push_back(std::move(entry).value());
        return {};
      }));
  Index by_row;
  for (auto& entry : entries) {
    by_row.emplace(entry.row, &entry);
  }
  SIGNET_TRY(LoadSelectors(db, by_row));
  SIGNET_TRY(LoadFederatesWith(db, by_row));
  SIGNET_TRY(LoadDnsNames(db, by_row));
  return entries;
}

}  // namespace signet::store
