#include "ca/store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>

#include "core/base/files.h"
#include "core/base/unique_fd.h"

namespace signet::store {
namespace {

Code CodeOf(int extended) {
  switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return Code::kAlreadyExists;
    case SQLITE_IOERR_FSYNC:
    case SQLITE_IOERR_DIR_FSYNC:
      return Code::kDataLoss;
    default:
      break;
  }
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return Code::kResourceExhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
      return Code::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::kDataLoss;
    default:
      return Code::kInternal;
  }
}

Error ErrorOf(sqlite3* db, int code) {
  const int extended = db != nullptr ? sqlite3_extended_errcode(db) : code;
  const char* text = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  const Code kind = CodeOf(extended);
  if (kind == Code::kResourceExhausted) {
    return {kind, std::string("no space left for the database (") + text +
                      "); nothing was written, free disk space and try again"};
  }
  return {kind, std::string("database: ") + text + " (" + std::to_string(extended) + ")"};
}

// SQLite would create the file with the umask's mode, and give that mode to the WAL.
Status PrepareFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd) {
    if (::fchmod(fd.get(), 0600) != 0) {
      return Internal("database " + path + ": cannot set mode 0600: " + ErrnoText(errno));
    }
    return {};
  }
  if (errno != EEXIST) {
    return FailedPrecondition("database " + path + ": cannot be created: " + ErrnoText(errno));
  }
  // By name, not by descriptor: closing a descriptor would drop POSIX locks on the file.
  for (const char* suffix : {"", "-wal", "-shm"}) {
    if (::chmod((path + suffix).c_str(), 0600) != 0 && errno != ENOENT) {
      return FailedPrecondition("database " + path + suffix +
                                ": cannot set mode 0600: " + ErrnoText(errno));
    }
  }
  return {};
}

int OnTrace(unsigned, void* context, void*, void* sql) {
  const auto& observer = *static_cast<const std::function<void(std::string_view)>*>(context);
  observer(static_cast<const char*>(sql));
  return 0;
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      statement_(std::exchange(other.statement_, nullptr)),
      next_parameter_(other.next_parameter_),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  if (statement_ != nullptr) {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
}

void Statement::Note(int code) {
  if (bind_error_ == SQLITE_OK) {
    bind_error_ = code;
  }
}

void Statement::Bind(std::int64_t value) {
  Note(sqlite3_bind_int64(statement_, next_parameter_++, value));
}

void Statement::Bind(std::string_view value) {
  Note(sqlite3_bind_text64(statement_, next_parameter_++, value.data() ? value.data() : "",
                           value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::Bind(ByteView value) {
  const void* data = value.empty() ? static_cast<const void*>("") : value.data();
  Note(sqlite3_bind_blob64(statement_, next_parameter_++, data, value.size(), SQLITE_TRANSIENT));
}

void Statement::BindNull() { Note(sqlite3_bind_null(statement_, next_parameter_++)); }

Result<bool> Statement::Step() {
  if (bind_error_ != SQLITE_OK) {
    return Internal(std::string("database: binding a parameter: ") + sqlite3_errstr(bind_error_));
  }
  switch (const int code = sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return ErrorOf(db_, code);
  }
}

std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return text != nullptr ? std::string(text, size) : std::string();
}

Bytes Statement::Blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data != nullptr ? Bytes(data, data + size) : Bytes();
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Db::Db(sqlite3* db, DbOptions options) : db_(db), options_(std::move(options)) {}

Db::~Db() {
  for (const auto& [text, statement] : cache_) {
    sqlite3_finalize(statement);
  }
  sqlite3_close(db_);
}

Result<std::unique_ptr<Db>> Db::Open(const std::string& path, DbOptions options) {
  SIGNET_TRY(PrepareFile(path));
  sqlite3* raw = nullptr;
  // The Store's mutex already keeps threads apart.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  std::unique_ptr<Db> db(new Db(raw, std::move(options)));
  if (code != SQLITE_OK) {
    return ErrorOf(raw, code).Context("opening " + path);
  }
  SIGNET_TRY(db->Configure().Context("opening " + path));
  return db;
}

Status Db::Configure() {
  if (options_.on_statement) {
    sqlite3_trace_v2(db_, SQLITE_TRACE_STMT, OnTrace, &options_.on_statement);
  }
  sqlite3_busy_timeout(db_, 5000);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  SIGNET_TRY(
      Script("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
             "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;"
             "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
             "PRAGMA journal_size_limit = 67108864;"));
  SIGNET_TRY_ASSIGN(Statement mode, Query("PRAGMA journal_mode"));
  SIGNET_TRY_ASSIGN(const bool row, mode.Step());
  if (!row || mode.Text(0) != "wal") {
    return FailedPrecondition(
        "the file system does not support write-ahead logging; use a local disk, not a network "
        "share");
  }
  if (options_.max_page_count > 0) {
    const auto pragma = "PRAGMA max_page_count = " + std::to_string(options_.max_page_count);
    if (sqlite3_exec(db_, pragma.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      return LastError();
    }
  }
  return {};
}

Result<Statement> Db::Prepare(Sql sql) {
  auto& cached = cache_[sql.text];
  if (cached == nullptr) {
    const int code =
        sqlite3_prepare_v3(db_, sql.text, -1, SQLITE_PREPARE_PERSISTENT, &cached, nullptr);
    if (code != SQLITE_OK) {
      return ErrorOf(db_, code).Context(sql.text);
    }
  }
  return Statement(db_, cached);
}

Status Db::LastError() const { return ErrorOf(db_, SQLITE_ERROR); }

Status Db::Script(Sql sql) {
  if (sqlite3_exec(db_, sql.text, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return LastError();
  }
  return {};
}

Result<std::int64_t> Db::ReadInt(Sql sql) {
  SIGNET_TRY_ASSIGN(Statement statement, Query(sql));
  SIGNET_TRY_ASSIGN(const bool row, statement.Step());
  if (!row) {
    return DataLoss(std::string("database: no row for ") + sql.text);
  }
  return statement.Int(0);
}

std::int64_t Db::changed_rows() const { return sqlite3_changes64(db_); }

Result<Transaction> Transaction::Begin(Db& db) {
  SIGNET_TRY(db.Run("BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::~Transaction() {
  if (db_ != nullptr) {
    // Fails only when SQLite rolled back on its own, as it does on a full disk.
    (void)db_->Run("ROLLBACK");
  }
}

Status Transaction::Commit() {
  SIGNET_TRY(db_->Run("COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace signet::store
