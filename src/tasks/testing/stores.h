// The implementations of Store that one suite of tests is run over, each with what it lives on.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "db/db.h"
#include "os/testing/temp_folder.h"
#include "tasks/sqlite_store.h"
#include "tasks/testing/memory_store.h"

namespace hostler::tasks {

enum class StoreKind { kSqlite, kMemory };

inline void PrintTo(StoreKind kind, std::ostream* out) {
  *out << (kind == StoreKind::kSqlite ? "Sqlite" : "Memory");
}
inline std::string StoreName(const testing::TestParamInfo<StoreKind>& info) {
  return info.param == StoreKind::kSqlite ? "Sqlite" : "Memory";
}

// One place where records are kept; Connect() gives each daemon its own way to it. Connections belong to the thread that made
// them.
class Records {
 public:
  explicit Records(StoreKind kind) : kind_(kind), file_(folder_.path() / "hostler.db") {}
  // In a file of somebody else.
  explicit Records(std::filesystem::path file) : kind_(StoreKind::kSqlite), file_(std::move(file)) {}

  struct Connection {
    std::unique_ptr<db::Database> database;
    std::unique_ptr<SqliteStore> sqlite;
    Store* store = nullptr;
  };
  [[nodiscard]] Connection Connect() {
    Connection connection;
    if (kind_ == StoreKind::kMemory) {
      connection.store = &memory_;
      return connection;
    }
    connection.database = std::make_unique<db::Database>(file_);
    const auto opened = connection.database->Open({kMigrations});
    EXPECT_TRUE(opened) << opened.error().Text();
    connection.sqlite = std::make_unique<SqliteStore>(*connection.database);
    connection.store = connection.sqlite.get();
    return connection;
  }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] MemoryStore& memory() { return memory_; }

 private:
  const StoreKind kind_;
  const os::TempFolder folder_;
  const std::filesystem::path file_;
  MemoryStore memory_;
};

}  // namespace hostler::tasks
