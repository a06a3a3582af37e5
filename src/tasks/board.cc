#include "tasks/board.h"

namespace hostler::tasks {
namespace {

bool LooksTheSame(const Record& a, Record b) {
  b.updated_at = a.updated_at;
  return a == b;
}

}  // namespace

void Board::Put(Record record) {
  const auto entry = std::make_shared<const Record>(std::move(record));
  Entry before;  // goes away outside the lock
  shown_.With([&](Shown& shown) {
    before = std::exchange(shown.by_id[entry->id], entry);
    if (before) shown.by_age.erase({before->created_at, before->id});
    shown.by_age.emplace(std::pair(entry->created_at, entry->id), entry);
    const auto active = shown.active.find(entry->key);
    if (!IsFinished(entry->status)) {
      shown.active.insert_or_assign(entry->key, entry);
    } else if (active != shown.active.end() && active->second->id == entry->id) {
      shown.active.erase(active);
    }
  });
  if (!before || !LooksTheSame(*before, *entry)) ring_.Append(*entry);
}

void Board::Forget(double finished_before) {
  std::vector<Entry> gone;  // destroyed outside the lock
  shown_.With([&](Shown& shown) {
    std::size_t finished = shown.by_age.size() - shown.active.size();
    for (auto at = shown.by_age.begin(); at != shown.by_age.end();) {
      const Entry entry = at->second;
      if (!IsFinished(entry->status) || (entry->updated_at >= finished_before && finished <= kMostFinished)) {
        ++at;
        continue;
      }
      --finished;
      gone.push_back(entry);
      shown.by_id.erase(entry->id);
      at = shown.by_age.erase(at);
    }
  });
}

void Board::Remove(const std::string& id) {
  Entry gone;
  shown_.With([&](Shown& shown) {
    const auto found = shown.by_id.find(id);
    if (found == shown.by_id.end()) return;
    gone = found->second;
    shown.by_id.erase(found);
    shown.by_age.erase({gone->created_at, gone->id});
    const auto active = shown.active.find(gone->key);
    if (active != shown.active.end() && active->second->id == id) shown.active.erase(active);
  });
}

std::optional<Record> Board::Get(const std::string& id) const {
  const Entry entry = shown_.With([&](const Shown& shown) -> Entry {
    const auto found = shown.by_id.find(id);
    return found == shown.by_id.end() ? nullptr : found->second;
  });
  if (!entry) return std::nullopt;
  return *entry;
}

std::optional<Record> Board::ActiveOf(const std::string& key) const {
  const Entry entry = shown_.With([&](const Shown& shown) -> Entry {
    const auto found = shown.active.find(key);
    return found == shown.active.end() ? nullptr : found->second;
  });
  if (!entry) return std::nullopt;
  return *entry;
}

std::map<std::string, Record> Board::Active() const {
  const auto active = shown_.With([](const Shown& shown) { return shown.active; });
  std::map<std::string, Record> records;
  for (const auto& [key, entry] : active) records.emplace_hint(records.end(), key, *entry);
  return records;
}

std::size_t Board::active_count() const {
  return shown_.With([](const Shown& shown) { return shown.active.size(); });
}

std::vector<Record> Board::List() const {
  std::vector<Entry> entries;
  shown_.With([&](const Shown& shown) {
    entries.reserve(shown.by_age.size());
    for (auto at = shown.by_age.rbegin(); at != shown.by_age.rend(); ++at) entries.push_back(at->second);
  });
  std::vector<Record> records;
  records.reserve(entries.size());
  for (const Entry& entry : entries) records.push_back(*entry);
  return records;
}

}  // namespace hostler::tasks
