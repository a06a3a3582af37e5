// What everybody may see of the tasks at any moment: copies behind one short lock, and the ring of their changes.
//
// Owner: Core. Threads: Put and Forget from the tasks' loop, the rest from any.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/guarded.h"
#include "events/ring.h"
#include "tasks/record.h"

namespace hostler::tasks {

class Board {
 public:
  static constexpr std::size_t kMostFinished = 1000;  // the newest; the store has the others

  // Tells the ring if there is anything to see in it.
  void Put(Record record);
  // Finished records older than that, and those beyond the most.
  void Forget(double finished_before);
  void Remove(const std::string& id);

  [[nodiscard]] std::optional<Record> Get(const std::string& id) const;
  [[nodiscard]] std::optional<Record> ActiveOf(const std::string& key) const;
  [[nodiscard]] std::map<std::string, Record> Active() const;
  [[nodiscard]] std::size_t active_count() const;
  [[nodiscard]] std::vector<Record> List() const;
  [[nodiscard]] events::Ring<Record>& ring() { return ring_; }

 private:
  using Entry = std::shared_ptr<const Record>;
  struct Shown {
    std::map<std::pair<double, std::string>, Entry> by_age;  // created_at, id
    std::unordered_map<std::string, Entry> by_id;
    std::map<std::string, Entry> active;  // by key
  };

  Guarded<Shown> shown_;
  events::Ring<Record> ring_{1000};
};

}  // namespace hostler::tasks
