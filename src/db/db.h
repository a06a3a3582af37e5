// SQLite: one file, one thread, migrations. Alone knows sqlite3.h.
//
// A file may be shared by several processes (WAL, busy time-out); a connection may not be shared by threads.
//
// Owner: hostlerd, beside a Pool of one thread that all calls run on; the rooms that keep tables get a reference.
// Threads: the one that called Open(), asserted; construction and destruction any, while nothing else runs.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hostler::db {

// One step of a room's tables, from an .sql file beside its code (hostler_migrations() in CMake embeds it).
struct Migration {
  int number = 0;  // 1, 2, 3 …
  std::string_view name;
  std::string_view sql;
};

// What a room brings. No room knows another's tables; each counts its own steps.
struct Chapter {
  std::string_view room;
  std::span<const Migration> migrations;
};

// A value for a `?`.
class Value {
 public:
  Value(std::nullopt_t) {}
  Value(std::integral auto value) : kind_(Kind::kInteger), integer_(static_cast<std::int64_t>(value)) {}
  Value(double value) : kind_(Kind::kReal), real_(value) {}
  Value(std::string_view value) : kind_(Kind::kText), text_(value) {}
  Value(const std::string& value) : kind_(Kind::kText), text_(value) {}
  Value(const char* value) : kind_(Kind::kText), text_(value) {}
  template <class T>
  Value(const std::optional<T>& value) : Value(value ? Value(*value) : Value(std::nullopt)) {}

 private:
  friend class Database;
  enum class Kind { kNull, kInteger, kReal, kText };
  Kind kind_ = Kind::kNull;
  std::int64_t integer_ = 0;
  double real_ = 0;
  std::string_view text_;  // the text must live as long as the call
};

// The row that a query stands on; lives as long as the call of the function that it is given to.
class Row {
 public:
  [[nodiscard]] std::int64_t Integer(int column) const;
  [[nodiscard]] double Real(int column) const;
  [[nodiscard]] std::string Text(int column) const;
  [[nodiscard]] bool IsNull(int column) const;
  [[nodiscard]] std::optional<std::string> MaybeText(int column) const;
  [[nodiscard]] std::optional<double> MaybeReal(int column) const;

 private:
  friend class Database;
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  sqlite3_stmt* statement_;
};

class Database;

// How sure a commit is. What is shown again a moment later anyway need not wait for the disk; a claim or an ending that others
// act upon must survive a power cut.
enum class Durability {
  kProcess,  // survives this process (synchronous=NORMAL: the log is flushed at checkpoints only)
  kPower,    // survives a power cut (synchronous=FULL: flushed with each commit)
};

// Taken for writing from its beginning, so that what was read in it still holds when it is committed. Without Commit() it is
// rolled back.
class Transaction {
 public:
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  [[nodiscard]] Result<> Commit();

 private:
  friend class Database;
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

class Database {
 public:
  explicit Database(std::filesystem::path file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Makes the file if it is not there, and brings the tables up to date. A corrupt file is set aside under another name and a new
  // one begun; the warning, for the log, says so. Refused, and left as it is: a file of a newer hostler, or of another
  // program. If it fails, every later call answers with the same error, and Open() may be called again.
  struct Opened {
    std::vector<std::string> warnings;
  };
  [[nodiscard]] Result<Opened> Open(const std::vector<Chapter>& chapters);
  // The same if the file is there. Else it is made with the first row that is written; until then, or until somebody else makes
  // it, nothing is in it. An idle daemon is smaller and starts quicker without it.
  [[nodiscard]] Result<Opened> OpenIfThere(const std::vector<Chapter>& chapters);

  // Runs one statement; how many rows it changed. REQUIRES: `sql` comes from the program's text; it is kept prepared.
  template <class... Values>
  [[nodiscard]] Result<std::size_t> Run(std::string_view sql, const Values&... values) {
    const std::vector<Value> list = {Value(values)...};
    return RunList(sql, list, {});
  }
  // As Run, for a query: `visit` sees each row.
  template <class... Values>
  [[nodiscard]] Result<> Each(std::string_view sql, const std::function<void(const Row&)>& visit, const Values&... values) {
    const std::vector<Value> list = {Value(values)...};
    HOSTLER_OK(RunList(sql, list, visit));
    return {};
  }
  // Several statements without values, separated by ";"; not kept.
  [[nodiscard]] Result<> RunScript(const std::string& sql);

  // REQUIRES: no transaction is open.
  [[nodiscard]] Result<Transaction> Begin(Durability durability);

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  friend class Transaction;
  struct Closer {
    void operator()(sqlite3* connection) const;
    void operator()(sqlite3_stmt* statement) const;
  };
  using Statement = std::unique_ptr<sqlite3_stmt, Closer>;

  Result<Opened> OpenLocked(const std::vector<Chapter>& chapters);
  Result<> Connect();
  Result<> Check();
  Result<> LookWhose();
  Result<> Migrate(const Chapter& chapter);
  Result<std::string> SetAside();
  void Close();
  Result<> Ready();
  [[nodiscard]] bool IsAwaited() const;  // not there yet, and nobody has asked to write
  Result<sqlite3_stmt*> Prepared(std::string_view sql);
  Result<std::size_t> RunList(std::string_view sql, std::span<const Value> values, const std::function<void(const Row&)>& visit);
  Error Failure(int code, std::string_view what) const;

  const std::filesystem::path file_;
  std::thread::id thread_;
  std::optional<Error> closed_;                  // why it is not open
  std::optional<std::vector<Chapter>> awaited_;  // it is opened with these once it is there, or is written to
  std::unique_ptr<sqlite3, Closer> connection_;
  std::map<std::string, Statement, std::less<>> statements_;
  std::optional<Durability> durability_;
  bool in_transaction_ = false;
};

}  // namespace hostler::db
