#include "tasks/sqlite_store.h"

#include <fmt/format.h>

#include "tasks/record_json.h"

namespace hostler::tasks {
namespace {

#define HOSTLER_TASK_COLUMNS \
  "id, key, operation, status, payload, progress, error, attempt, next_attempt_at, created_at, updated_at, epoch, owner"

Record ReadRecord(const db::Row& row) {
  Record record;
  record.id = row.Text(0);
  record.key = row.Text(1);
  // The table's checks let no other words in.
  record.operation = json::EnumFromName<Operation>(row.Text(2)).value_or(Operation::kDownload);
  record.status = json::EnumFromName<Status>(row.Text(3)).value_or(Status::kFailed);
  record.payload = row.Text(4);
  record.progress = ProgressFromJson(row.Text(5));
  if (const auto error = row.MaybeText(6)) record.error = ErrorFromJson(*error);
  record.attempt = static_cast<int>(row.Integer(7));
  record.next_attempt_at = row.MaybeReal(8);
  record.created_at = row.Real(9);
  record.updated_at = row.Real(10);
  record.epoch = row.Integer(11);
  record.owner = row.Text(12);
  return record;
}

std::optional<std::string> ErrorOf(const Record& record) {
  if (!record.error) return std::nullopt;
  return ErrorToJson(*record.error);
}

}  // namespace

Result<Store::Claimed> SqliteStore::Claim(const Record& record) {
  HOSTLER_TRY(db::Transaction transaction, database_.Begin(db::Durability::kPower));
  std::optional<Record> active;
  HOSTLER_OK(database_.Each(
      "SELECT " HOSTLER_TASK_COLUMNS " FROM tasks WHERE key = ? AND finished = 0",
      [&](const db::Row& row) { active = ReadRecord(row); }, record.key));
  if (active) return Claimed{std::move(*active), true};
  Claimed claimed{record, false};
  claimed.record.epoch = 1;
  HOSTLER_OK(database_.Run(
      "INSERT INTO tasks (" HOSTLER_TASK_COLUMNS ", finished) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 0)", record.id,
      record.key, json::EnumName(record.operation), json::EnumName(record.status), record.payload, json::ToJson(record.progress),
      ErrorOf(record), record.attempt, record.next_attempt_at, record.created_at, record.updated_at, record.owner));
  HOSTLER_OK(transaction.Commit());
  return claimed;
}

Result<> SqliteStore::Write(const Record& record, double now, db::Durability durability) {
  HOSTLER_TRY(db::Transaction transaction, database_.Begin(durability));
  const std::string owner = record.status == Status::kInterrupted ? std::string() : record.owner;
  HOSTLER_TRY(
      const std::size_t changed,
      database_.Run("UPDATE tasks SET status = ?, finished = ?, progress = ?, error = ?, attempt = ?, next_attempt_at = ?,"
                    " updated_at = ?, owner = ? WHERE id = ? AND epoch = ? AND owner = ? AND finished = 0",
                    json::EnumName(record.status), IsFinished(record.status), json::ToJson(record.progress), ErrorOf(record),
                    record.attempt, record.next_attempt_at, now, owner, record.id, record.epoch, record.owner));
  if (changed == 0) return Fail(Superseded(record));
  return transaction.Commit();
}

Result<> SqliteStore::Renew(const Record& record, double now) {
  if (IsFinished(record.status) || record.status == Status::kInterrupted) {
    return Fail(Code::kInternal, "an ended task was to be renewed", "Report this.");
  }
  return Write(record, now, db::Durability::kProcess);
}

Result<> SqliteStore::Finish(const Record& record, double now) {
  if (!IsFinished(record.status) && record.status != Status::kInterrupted) {
    return Fail(Code::kInternal, "a task was to be finished without an ending", "Report this.");
  }
  return Write(record, now, db::Durability::kPower);
}

Result<std::optional<Record>> SqliteStore::TakeOver(const std::string& id, const std::string& new_owner, double now,
                                                    double expired, const std::optional<std::string>& dead_owner) {
  HOSTLER_TRY(db::Transaction transaction, database_.Begin(db::Durability::kPower));
  HOSTLER_TRY(const std::size_t changed,
              database_.Run("UPDATE tasks SET epoch = epoch + 1, owner = ?, updated_at = ?, next_attempt_at = NULL,"
                            " status = iif(status = 'pending', 'pending', 'interrupted')"
                            " WHERE id = ? AND finished = 0 AND (owner = '' OR updated_at < ? OR owner = ?)",
                            new_owner, now, id, expired, dead_owner));
  if (changed == 0) return std::optional<Record>();
  HOSTLER_TRY(std::optional<Record> taken, Get(id));
  HOSTLER_OK(transaction.Commit());
  return taken;
}

Result<> SqliteStore::AskCancel(const std::string& id) {
  HOSTLER_TRY(db::Transaction transaction, database_.Begin(db::Durability::kPower));
  HOSTLER_TRY(const std::size_t found, database_.Run("UPDATE tasks SET cancel_asked = 1 WHERE id = ?", id));
  if (found == 0) return Fail(NoSuchTask(id));
  return transaction.Commit();
}

Result<bool> SqliteStore::CancelAsked(const std::string& id) {
  std::optional<bool> asked;
  HOSTLER_OK(database_.Each(
      "SELECT cancel_asked FROM tasks WHERE id = ?", [&](const db::Row& row) { asked = row.Integer(0) != 0; }, id));
  if (!asked) return Fail(NoSuchTask(id));
  return *asked;
}

Result<std::optional<Record>> SqliteStore::Get(const std::string& id) {
  std::optional<Record> found;
  HOSTLER_OK(database_.Each(
      "SELECT " HOSTLER_TASK_COLUMNS " FROM tasks WHERE id = ?", [&](const db::Row& row) { found = ReadRecord(row); }, id));
  return found;
}

Result<std::vector<Record>> SqliteStore::Unfinished() {
  std::vector<Record> records;
  HOSTLER_OK(database_.Each("SELECT " HOSTLER_TASK_COLUMNS " FROM tasks WHERE finished = 0 ORDER BY created_at, rowid",
                            [&](const db::Row& row) { records.push_back(ReadRecord(row)); }));
  return records;
}

Result<std::vector<Record>> SqliteStore::Recent(std::size_t limit) {
  std::vector<Record> records;
  HOSTLER_OK(database_.Each(
      "SELECT " HOSTLER_TASK_COLUMNS " FROM tasks ORDER BY created_at DESC, rowid DESC LIMIT ?",
      [&](const db::Row& row) { records.push_back(ReadRecord(row)); }, limit));
  return records;
}

Result<> SqliteStore::Forget(double finished_before) {
  // Without a transaction of its own: where no file is, none is made for this.
  HOSTLER_OK(database_.Run("DELETE FROM tasks WHERE finished = 1 AND updated_at < ?", finished_before));
  return {};
}

}  // namespace hostler::tasks
