#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ca/store/store.h"
#include "core/base/result.h"

namespace signet::store {

struct SqliteOptions {
  /// Told of every SQL statement that runs, without its values, from the thread that runs it.
  std::function<void(std::string_view sql)> on_statement = {};
  /// Limit of the database in pages of 4 KiB, 0: none. For tests of a full disk.
  std::int64_t max_page_count = 0;
};

/// OpenSqliteStore opens or creates the database file (mode 0600, its folder must exist) and brings
/// it to the current schema. One process at a time: `<path>.lock` is held, a second server gets
/// FAILED_PRECONDITION that names the first. So does a database of a newer version.
///
/// After a failed fsync or found corruption every further Commit is refused: what reached the disk
/// is unknown, only a restart tells.
Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path, SqliteOptions options = {});

}  // namespace signet::store
