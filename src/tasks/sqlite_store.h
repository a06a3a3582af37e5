// The store in SQLite: the default, and enough for any number of daemons on one machine.
//
// Owner: hostlerd. Threads: the database's.
#pragma once

#include "db/db.h"
#include "tasks/migrations.h"
#include "tasks/store.h"

namespace hostler::tasks {

class SqliteStore final : public Store {
 public:
  // REQUIRES: the database is opened with kMigrations; while it is not, every call answers with the reason.
  explicit SqliteStore(db::Database& database) : database_(database) {}

  Result<Claimed> Claim(const Record& record) override;
  Result<> Renew(const Record& record, double now) override;
  Result<> Finish(const Record& record, double now) override;
  Result<std::optional<Record>> TakeOver(const std::string& id, const std::string& new_owner, double now, double expired,
                                         const std::optional<std::string>& dead_owner) override;
  Result<> AskCancel(const std::string& id) override;
  Result<bool> CancelAsked(const std::string& id) override;
  Result<std::optional<Record>> Get(const std::string& id) override;
  Result<std::vector<Record>> Unfinished() override;
  Result<std::vector<Record>> Recent(std::size_t limit) override;
  Result<> Forget(double finished_before) override;

 private:
  Result<> Write(const Record& record, double now, db::Durability durability);

  db::Database& database_;
};

}  // namespace hostler::tasks
