// The tasks' store as a game that the fuzzer plays: its bytes decide what three owners do, a model says what they may.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "os/testing/temp_folder.h"
#include "tasks/sqlite_store.h"
#include "tasks/testing/store_game.h"

namespace {

// One file for all inputs; each game has keys of its own in it.
struct House {
  House() {
    if (!first.Open({hostler::tasks::kMigrations}) || !second.Open({hostler::tasks::kMigrations})) std::abort();
  }
  hostler::os::TempFolder folder;
  hostler::db::Database first{folder.path() / "hostler.db"};
  hostler::db::Database second{folder.path() / "hostler.db"};
  hostler::tasks::SqliteStore one{first};
  hostler::tasks::SqliteStore two{second};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static House house;
  // Nothing of an earlier input may change this one, and the file stays small.
  if (!house.first.Run("DELETE FROM tasks")) std::abort();
  std::size_t at = 0;
  hostler::tasks::StoreGame game(house.one, house.two, "game", [&](unsigned n) { return at < size ? data[at++] % n : 0U; });
  const std::string wrong = game.Play(static_cast<int>(std::min<std::size_t>(size / 4, 100)));
  if (!wrong.empty()) {
    std::fprintf(stderr, "the store broke a rule: %s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
