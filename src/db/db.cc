#include "db/db.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "os/system_error.h"

namespace hostler::db {
namespace {

// A write of another process takes milliseconds; one that takes longer than this has a problem that people should see.
constexpr int kBusyMilliseconds = 5000;

std::string Quoted(const std::filesystem::path& path) {
  return fmt::format("\"{}\"", path.string());
}

}  // namespace

std::int64_t Row::Integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Row::Real(int column) const {
  return sqlite3_column_double(statement_, column);
}
std::string Row::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}
bool Row::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
std::optional<std::string> Row::MaybeText(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Text(column);
}
std::optional<double> Row::MaybeReal(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Real(column);
}

Transaction::~Transaction() {
  if (database_ == nullptr) return;
  database_->in_transaction_ = false;
  // SQLite has rolled back already if the failure was grave; then there is nothing left to do.
  if (sqlite3_get_autocommit(database_->connection_.get()) == 0) (void)database_->Run("ROLLBACK");
}

Result<> Transaction::Commit() {
  HOSTLER_OK(database_->Run("COMMIT"));
  std::exchange(database_, nullptr)->in_transaction_ = false;
  return {};
}

void Database::Closer::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}
void Database::Closer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Database::Database(std::filesystem::path file)
    : file_(std::move(file)),
      closed_(Error{Code::kUnavailable,
                    fmt::format("the database {} is not open yet", Quoted(file_)),
                    "Try again in a moment; if it stays so, look at the log.",
                    {},
                    {}}) {}

Database::~Database() {
  Close();
}

void Database::Close() {
  statements_.clear();
  connection_.reset();
  durability_.reset();
  in_transaction_ = false;
}

Result<> Database::Connect() {
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(file_.c_str(), &connection, flags, nullptr);
  connection_.reset(connection);
  if (code != SQLITE_OK) return Fail(Failure(code, "cannot open"));
  sqlite3_busy_timeout(connection, kBusyMilliseconds);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  return RunScript("PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA journal_size_limit=4194304");
}

Result<> Database::Ready() {
  if (thread_ != std::this_thread::get_id() && thread_ != std::thread::id()) {
    std::fprintf(stderr, "hostler: bug: the database was called off its thread\n");
    std::abort();
  }
  if (awaited_) {
    const std::vector<Chapter> chapters = std::exchange(awaited_, std::nullopt).value();
    HOSTLER_OK(Open(chapters));
  }
  if (connection_ == nullptr) return Fail(*closed_);
  return {};
}

Result<sqlite3_stmt*> Database::Prepared(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second.get();
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return Fail(Failure(code, "cannot use"));
  statements_.emplace(sql, Statement(statement));
  return statement;
}

Result<std::size_t> Database::RunList(std::string_view sql, std::span<const Value> values,
                                      const std::function<void(const Row&)>& visit) {
  if (IsAwaited() && !sql.starts_with("INSERT")) return 0;  // whoever reads, changes or removes rows finds none
  HOSTLER_OK(Ready());
  HOSTLER_TRY(sqlite3_stmt* const statement, Prepared(sql));
  struct Rest {
    sqlite3_stmt* statement;
    ~Rest() {
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
    }
  } const rest{statement};
  int code = SQLITE_OK;
  for (std::size_t i = 0; i < values.size() && code == SQLITE_OK; ++i) {
    const Value& value = values[i];
    const int at = static_cast<int>(i) + 1;
    switch (value.kind_) {
      case Value::Kind::kNull: code = sqlite3_bind_null(statement, at); break;
      case Value::Kind::kInteger: code = sqlite3_bind_int64(statement, at, value.integer_); break;
      case Value::Kind::kReal: code = sqlite3_bind_double(statement, at, value.real_); break;
      case Value::Kind::kText:
        code = sqlite3_bind_text64(statement, at, value.text_.data() == nullptr ? "" : value.text_.data(), value.text_.size(),
                                   SQLITE_STATIC, SQLITE_UTF8);
        break;
    }
  }
  if (code != SQLITE_OK) return Fail(Failure(code, "cannot use"));
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    if (visit) visit(Row(statement));
  }
  if (code != SQLITE_DONE) return Fail(Failure(code, sqlite3_stmt_readonly(statement) != 0 ? "cannot read" : "cannot write to"));
  return static_cast<std::size_t>(sqlite3_changes64(connection_.get()));
}

Result<> Database::RunScript(const std::string& sql) {
  HOSTLER_OK(Ready());
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Fail(Failure(code, "cannot use"));
  return {};
}

Result<Transaction> Database::Begin(Durability durability) {
  HOSTLER_OK(Ready());
  if (in_transaction_) return Fail(Code::kInternal, "a transaction was begun inside another one", "Report this.");
  if (durability_ != durability) {
    HOSTLER_OK(Run(durability == Durability::kPower ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
    durability_ = durability;
  }
  HOSTLER_OK(Run("BEGIN IMMEDIATE"));
  in_transaction_ = true;
  return Transaction(this);
}

Error Database::Failure(int code, std::string_view what) const {
  const int system = connection_ != nullptr ? sqlite3_system_errno(connection_.get()) : 0;
  const std::string detail = connection_ != nullptr ? sqlite3_errmsg(connection_.get()) : sqlite3_errstr(code);
  const std::string message = fmt::format("{} the database {}: {}", what, Quoted(file_), detail);
  const std::string folder = Quoted(file_.parent_path());
  const auto error = [&](Code kind, std::string remedy, std::string name) {
    return Error{kind, message, std::move(remedy), {}, std::move(name)};
  };
  switch (code & 0xff) {
    case SQLITE_FULL:
      return error(Code::kUnavailable, fmt::format("The disk is full: free some space on the file system of {}.", folder),
                   "disk_full");
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return error(
          Code::kUnavailable,
          fmt::format("Give the user that runs hostler the right to write to the file and to {}, on a file system that is "
                      "not mounted read-only.",
                      folder),
          "permission");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(Code::kUnavailable, "Another process has kept it locked for seconds: end that process, or try again.",
                   "database_busy");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return error(Code::kUnavailable, "Restart hostler: it sets the broken file aside and begins a new one.", "corrupt");
    case SQLITE_CONSTRAINT: return error(Code::kConflict, "Something of that name is there already.", {});
    case SQLITE_TOOBIG: return error(Code::kTooLarge, "Make it smaller.", {});
    case SQLITE_NOMEM: return error(Code::kUnavailable, "The machine is short of memory: free some and try again.", {});
    case SQLITE_IOERR:
      if (system == ENOSPC || system == EDQUOT) {
        return error(Code::kUnavailable, fmt::format("The disk is full: free some space on the file system of {}.", folder),
                     "disk_full");
      }
      return Error{Code::kUnavailable,
                   system != 0 ? fmt::format("{} ({})", message, os::ErrnoText(system)) : message,
                   "Look at the system's log for a failing disk.",
                   {},
                   {}};
    default: return error(Code::kInternal, "Report this.", {});
  }
}

}  // namespace hostler::db
