// Opening: whose file it is, whether it is whole, and bringing its tables up to date.
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "base/clock.h"
#include "db/db.h"
#include "os/descriptor.h"
#include "os/files.h"
#include "os/system_error.h"

namespace hostler::db {
namespace {

constexpr std::int64_t kOurs = 0x68736c72;  // "hslr", in the file's header: this file is hostler's
constexpr std::int64_t kForm = 1;           // of the table below; the rooms count their own steps in it
constexpr const char* kBookkeeping =
    "CREATE TABLE migrations (room TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, applied_at REAL NOT NULL,"
    " PRIMARY KEY (room, number)) STRICT, WITHOUT ROWID;";

// Held while a file is opened: making it, turning it to WAL, bringing it up to date and setting it aside are one process's
// business at a time. Whoever holds it does so for milliseconds, and the kernel lets go for those who die.
Result<os::Descriptor> OpeningLock(const std::filesystem::path& file) {
  const std::filesystem::path path = file.string() + ".lock";
  os::Descriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return Fail(os::SystemError(errno, fmt::format("cannot open \"{}\"", path.string())));
  int failed = 0;
  do {
    failed = ::flock(lock.get(), LOCK_EX);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0) return Fail(os::SystemError(errno, fmt::format("cannot lock \"{}\"", path.string())));
  return lock;
}

// For its owner only; SQLite gives the files beside it the same rights.
Result<> Make(const std::filesystem::path& file) {
  const os::Descriptor made(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!made) return Fail(os::SystemError(errno, fmt::format("cannot open the database \"{}\"", file.string())));
  return {};
}

Error Unavailable(Error error) {
  // To whoever asks for a task or a reference it is all the same why.
  error.code = Code::kUnavailable;
  return error;
}

}  // namespace

Result<Database::Opened> Database::Open(const std::vector<Chapter>& chapters) {
  thread_ = std::this_thread::get_id();
  Close();
  Result<Opened> opened = OpenLocked(chapters);
  if (!opened) {
    Close();
    opened = Fail(Unavailable(std::move(opened).error()));
    closed_ = opened.error();
  }
  return opened;
}

bool Database::IsAwaited() const {
  std::error_code ignored;
  return awaited_ && !std::filesystem::exists(file_, ignored);
}

Result<Database::Opened> Database::OpenIfThere(const std::vector<Chapter>& chapters) {
  thread_ = std::this_thread::get_id();
  Close();
  awaited_ = chapters;
  if (IsAwaited()) return Opened{};
  awaited_.reset();
  return Open(chapters);
}

Result<Database::Opened> Database::OpenLocked(const std::vector<Chapter>& chapters) {
  Opened opened;
  if (file_.has_parent_path()) HOSTLER_OK(os::MakeDirectories(file_.parent_path()));
  HOSTLER_TRY(const os::Descriptor lock, OpeningLock(file_));
  HOSTLER_OK(Make(file_));
  const auto begin = [this]() -> Result<> {
    HOSTLER_OK(Connect());
    HOSTLER_OK(Check());
    HOSTLER_OK(LookWhose());
    return {};
  };
  if (Result<> begun = begin(); !begun) {
    if (begun.error().name != "corrupt") return Fail(begun.error());
    HOSTLER_TRY(std::string warning, SetAside());
    opened.warnings.push_back(fmt::format("{} ({})", warning, begun.error().message));
    HOSTLER_OK(Make(file_));
    HOSTLER_OK(begin());
  }
  for (const Chapter& chapter : chapters) HOSTLER_OK(Migrate(chapter));
  return opened;
}

// The whole file is read: it is small, and half of a broken one is worse than none.
Result<> Database::Check() {
  std::string found;
  HOSTLER_OK(Each("PRAGMA quick_check(1)", [&](const Row& row) { found = row.Text(0); }));
  if (found == "ok") return {};
  return Fail(Error{Code::kUnavailable,
                    fmt::format("the database \"{}\" is broken: {}", file_.string(), found),
                    "Restart hostler: it sets the broken file aside and begins a new one.",
                    {},
                    "corrupt"});
}

Result<> Database::LookWhose() {
  std::int64_t whose = 0;
  std::int64_t form = 0;
  std::int64_t tables = 0;
  HOSTLER_OK(Each("PRAGMA application_id", [&](const Row& row) { whose = row.Integer(0); }));
  HOSTLER_OK(Each("PRAGMA user_version", [&](const Row& row) { form = row.Integer(0); }));
  HOSTLER_OK(Each("SELECT count(*) FROM sqlite_schema", [&](const Row& row) { tables = row.Integer(0); }));
  if (whose != kOurs && (whose != 0 || tables > 0)) {
    return Fail(Code::kUnavailable, fmt::format("\"{}\" is a database of another program", file_.string()),
                "Move it away, or let hostler keep its data in another folder.");
  }
  if (form > kForm) {
    return Fail(Error{Code::kUnavailable,
                      fmt::format("the database \"{}\" was made by a newer hostler", file_.string()),
                      "Start that hostler again, or move the file away to begin with an empty one.",
                      {},
                      "newer_database"});
  }
  HOSTLER_OK(Run("PRAGMA journal_mode=WAL"));
  if (whose == kOurs) return {};
  HOSTLER_TRY(Transaction transaction, Begin(Durability::kPower));
  HOSTLER_OK(RunScript(fmt::format("{} PRAGMA application_id={}; PRAGMA user_version={};", kBookkeeping, kOurs, kForm)));
  return transaction.Commit();
}

Result<> Database::Migrate(const Chapter& chapter) {
  HOSTLER_TRY(Transaction transaction, Begin(Durability::kPower));
  std::int64_t at = 0;
  HOSTLER_OK(Each(
      "SELECT coalesce(max(number), 0) FROM migrations WHERE room = ?", [&](const Row& row) { at = row.Integer(0); },
      chapter.room));
  const int newest = chapter.migrations.empty() ? 0 : chapter.migrations.back().number;
  if (at > newest) {
    return Fail(Error{Code::kUnavailable,
                      fmt::format("the database \"{}\" was made by a newer hostler: its {} are at step {}, this program knows {}",
                                  file_.string(), chapter.room, at, newest),
                      "Start that hostler again, or move the file away to begin with an empty one.",
                      {},
                      "newer_database"});
  }
  for (const Migration& migration : chapter.migrations) {
    if (migration.number <= at) continue;
    HOSTLER_OK(RunScript(std::string(migration.sql)));
    HOSTLER_OK(Run("INSERT INTO migrations VALUES (?, ?, ?, ?)", chapter.room, migration.number, migration.name,
                   UnixSeconds(WallClock::now())));
  }
  return transaction.Commit();
}

Result<std::string> Database::SetAside() {
  Close();
  const auto second = std::chrono::floor<std::chrono::milliseconds>(WallClock::now());
  std::string stamp = IsoTime(second);
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  const std::string aside = fmt::format("{}.broken-{}", file_.string(), stamp);
  for (const char* part : {"-wal", "-shm", ""}) {
    const std::string from = file_.string() + part;
    if (::rename(from.c_str(), (aside + part).c_str()) == 0 || (errno == ENOENT && *part != 0)) continue;
    return Fail(os::SystemError(errno, fmt::format("cannot set the broken database aside as \"{}\"", aside)));
  }
  return fmt::format("the database \"{}\" was broken; it is kept as \"{}\", and a new one was begun", file_.string(), aside);
}

}  // namespace hostler::db
