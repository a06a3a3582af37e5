// What Core asks of the store, each in one go on the database's thread, and what it learns.
//
// Pure functions over the store. Threads: the database's. Internal to this room.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tasks/record.h"
#include "tasks/store.h"

namespace hostler::tasks {

// Who asks, by what rules. Copied into each piece of work.
struct Asker {
  std::string owner;
  double lease_s = 60;
  std::set<Operation> operations;  // it has a runner for; others are left to whoever has
};

// Others' tasks that have given no sign of life for a lease, by our own clock: id and updated_at as it stood all the time.
// Measured by watching, since clocks on the wall jump, and all processes of a machine that slept wake up with a lease that looks
// expired.
using Stale = std::map<std::string, double>;

struct Renewed {
  std::set<std::string> lost;    // ids that somebody else has now
  std::set<std::string> cancel;  // ids that somebody wants cancelled
  std::optional<Error> trouble;  // the store's own failure; then all goes on as it is
  bool well = false;             // all that there was to write has been written: a full disk can be read, which proves nothing
};
[[nodiscard]] Renewed RenewAll(Store& store, const std::vector<Record>& own);

struct Look {
  std::vector<Record> own;         // to be renewed
  std::vector<Record> unwritten;   // endings that the store did not take so far
  std::set<std::string> owned;     // ids that are not up for taking
  std::vector<std::string> known;  // ids of others' that were active when last seen
  Stale stale;
  bool take = true;    // whether to take over what is nobody's
  bool first = false;  // nothing of ours runs yet: what is in our name was left by an earlier life
  std::optional<double> forget_before;
};
struct Seen {
  Renewed renewed;
  std::vector<std::string> written;   // of `unwritten`: ids that are settled
  std::vector<Record> taken;          // ours from now on
  std::vector<Record> others;         // unfinished, somebody else's
  std::vector<Record> ended;          // of `known`, as they ended
  std::vector<std::string> vanished;  // of `known`: forgotten meanwhile
};
[[nodiscard]] Seen LookAround(Store& store, const Asker& asker, const Look& look);

struct ClaimOutcome {
  Record record;
  bool joined = false;  // it was there
  bool ours = false;    // claimed, or taken over from somebody dead
};
[[nodiscard]] Result<ClaimOutcome> ClaimOrTake(Store& store, const Asker& asker, const Record& record,
                                               const std::vector<Record>& unwritten, const Stale& stale);

// Asks another process to cancel, or does it if nobody else can. The record as it is now.
[[nodiscard]] Result<Record> CancelOther(Store& store, Asker asker, const std::string& id, const Stale& stale);

[[nodiscard]] bool IsSuperseded(const Error& error);
[[nodiscard]] double UnixNow();

}  // namespace hostler::tasks
