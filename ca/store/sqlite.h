#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/bytes.h"
#include "core/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace signet::store {

/// Sql is SQL text that is known at compile time: a statement cannot be put together from input.
struct Sql {
  consteval Sql(const char* literal) : text(literal) {}  // NOLINT: implicit by design
  const char* text;
};

/// Statement is one execution of a prepared statement; the statement returns to the Db's cache,
/// reset, at the end of the scope. Columns are views or copies of the current row.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Step goes to the next row; false at the end.
  Result<bool> Step();

  std::int64_t Int(int column) const;
  std::string Text(int column) const;
  Bytes Blob(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Db;
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  // Parameters are bound in order; the first failure is kept and returned by Step.
  void Bind(std::int64_t value);
  void Bind(std::string_view value);
  void Bind(ByteView value);
  void BindNull();
  template <class T>
  void Bind(const std::optional<T>& value) {
    value ? Bind(*value) : BindNull();
  }
  void Note(int code);

  sqlite3* db_;
  sqlite3_stmt* statement_;
  int next_parameter_ = 1;
  int bind_error_ = 0;
};

/// EachRow calls body(statement) for every row; the first failure ends it.
template <class Body>
Status EachRow(Result<Statement> query, const Body& body) {
  SIGNET_TRY_ASSIGN(Statement statement, std::move(query));
  for (;;) {
    SIGNET_TRY_ASSIGN(const bool row, statement.Step());
    if (!row) {
      return {};
    }
    SIGNET_TRY(body(std::as_const(statement)));
  }
}

struct DbOptions {
  /// Told of every statement that runs, without its values.
  std::function<void(std::string_view sql)> on_statement = {};
  /// 0: no limit. For tests of a full disk.
  std::int64_t max_page_count = 0;
};

/// Db is one connection with Signet's settings: WAL, synchronous=FULL, foreign keys, secure_delete,
/// no trusted schema. For one thread at a time.
class Db {
 public:
  /// Open creates the file with mode 0600 whatever the umask is (WAL and shared memory take the
  /// mode over), and tightens one that is there.
  static Result<std::unique_ptr<Db>> Open(const std::string& path, DbOptions options);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  /// Query prepares (from the cache) and binds the values in order.
  template <class... Values>
  Result<Statement> Query(Sql sql, const Values&... values) {
    SIGNET_TRY_ASSIGN(Statement statement, Prepare(sql));
    (statement.Bind(values), ...);
    return statement;
  }
  /// Run executes a statement whose rows nobody wants.
  template <class... Values>
  Status Run(Sql sql, const Values&... values) {
    SIGNET_TRY_ASSIGN(Statement statement, Query(sql, values...));
    auto stepped = statement.Step();
    if (!stepped.ok()) {
      return std::move(stepped).error();
    }
    return {};
  }
  /// Script executes several statements without parameters.
  Status Script(Sql sql);
  /// ReadInt gives the first column of the only row.
  Result<std::int64_t> ReadInt(Sql sql);
  /// changed_rows of the last statement.
  std::int64_t changed_rows() const;

 private:
  Db(sqlite3* db, DbOptions options);
  Result<Statement> Prepare(Sql sql);
  Status LastError() const;
  Status Configure();

  sqlite3* db_;
  DbOptions options_;
  std::unordered_map<const char*, sqlite3_stmt*> cache_;
};

/// Transaction rolls back at the end of the scope unless Commit succeeded.
class Transaction {
 public:
  static Result<Transaction> Begin(Db& db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status Commit();

 private:
  explicit Transaction(Db& db) : db_(&db) {}
  Db* db_;
};

}  // namespace signet::store
