#include "app/removal.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/library.h"
#include "store/hash.h"

namespace hostler::app {
namespace {

// "Semantik's collections a, b, c and 4 more"
std::string FirstThree(const std::vector<std::string>& names) {
  std::vector<std::string> shown(names.begin(),
                                 names.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(3, names.size())));
  std::string text = Join(shown, ", ");
  if (names.size() > 3) text += fmt::format(" and {} more", names.size() - 3);
  return text;
}

// What other installed entries still need of the same repository.
std::vector<model::Selection> Keep(const House& house, const Subject& subject, const Holdings& holdings) {
  std::vector<model::Selection> keep;
  if (subject.entry == nullptr) return keep;
  for (const catalog::Entry* other : house.catalogue.InRepository(subject.repo.id)) {
    if (other == subject.entry || other->id == subject.id) continue;
    const Standing* standing = holdings.Find(other->id);
    if (standing != nullptr && standing->presence.bytes_present > 0) keep.push_back(other->files);
  }
  return keep;
}

void LookInMemory(const House& house, Usage& usage) {
  const auto status = house.lifecycle.Get(usage.subject.id);
  if (!status || status->state == model::MemoryState::kUnloaded || status->state == model::MemoryState::kError) return;
  usage.loaded_as.push_back(json::EnumName(status->entry.type));
  usage.leases = status->leases + status->waiting;
}

void LookAtConfiguration(const House& house, Usage& usage) {
  const config::Config& config = house.config;
  const auto named = [&](const std::vector<std::string>& list) {
    return std::find(list.begin(), list.end(), usage.subject.id) != list.end();
  };
  usage.is_default = usage.subject.id == config.default_tts || usage.subject.id == config.default_stt || named(config.preload) ||
                     named(config.pinned);
  usage.is_default_embedding_model = usage.subject.entry != nullptr && usage.subject.entry->is_default &&
                                     usage.subject.entry->type == model::ModelType::kEmbedding;
}

Task<> LookAtReferences(House& house, Usage& usage) {
  const auto found = co_await house.database_pool.Run([book = &house.references, id = usage.subject.id] { return book->Of(id); });
  if (!found) {
    usage.warnings.push_back("It is not known who uses it: " + found.error().Text());
    co_return;
  }
  for (const references::Reference& reference : *found) {
    switch (reference.kind) {
      case references::Kind::kCollection: usage.blocked_by_collections.push_back(reference.name); break;
      case references::Kind::kPreference: ++usage.user_preferences_count; break;
      case references::Kind::kLlmConfig: ++usage.llm_config_count; break;
    }
  }
  std::sort(usage.blocked_by_collections.begin(), usage.blocked_by_collections.end());
}

// In the order of spec/models.md section 5, then hostler's own.
void Warn(Usage& usage) {
  std::vector<std::string> warnings;
  if (!usage.blocked_by_collections.empty()) {
    warnings.push_back(fmt::format(
        "{} collection{} use{} it: {}", usage.blocked_by_collections.size(), usage.blocked_by_collections.size() == 1 ? "" : "s",
        usage.blocked_by_collections.size() == 1 ? "s" : "", FirstThree(usage.blocked_by_collections)));
  }
  if (usage.user_preferences_count > 0)
    warnings.push_back(fmt::format("It is the default of {} user{}", usage.user_preferences_count,
                                   usage.user_preferences_count == 1 ? "" : "s"));
  if (usage.llm_config_count > 0)
    warnings.push_back(fmt::format("{} LLM configuration{} name{} it", usage.llm_config_count,
                                   usage.llm_config_count == 1 ? "" : "s", usage.llm_config_count == 1 ? "s" : ""));
  if (usage.is_default_embedding_model) warnings.push_back("It is the default embedding model");
  if (usage.is_default) warnings.push_back("The configuration names it: as a default, to be loaded at start, or pinned");
  if (!usage.loaded_as.empty()) {
    warnings.push_back(fmt::format(
        "It is loaded ({}){}; it will be unloaded", Join(usage.loaded_as, ", "),
        usage.leases == 0 ? "" : fmt::format(" and {} request{} use it", usage.leases, usage.leases == 1 ? "" : "s")));
  }
  if (!usage.scan_error.empty()) warnings.push_back("The cache could not be read as a whole: " + usage.scan_error);
  warnings.insert(warnings.end(), usage.warnings.begin(), usage.warnings.end());
  usage.warnings = std::move(warnings);
}

Task<Result<store::RemovalPlan>> PlanOf(House& house, const Subject& subject, std::string revision) {
  const auto holdings = co_await house.library.Now();
  store::Scope scope;
  scope.repo = subject.repo;
  scope.revision = std::move(revision);
  scope.keep = Keep(house, subject, *holdings);
  // Alone in its repository, a model takes the whole of it along; files that its patterns do not name, too.
  if (!scope.keep.empty()) scope.files = subject.files;
  co_return co_await house.disk_pool.Run(
      [cache = &house.cache, scope = std::move(scope)] { return store::PlanRemoval(*cache, scope); });
}

Error NeedsConfirmation(const Usage& usage) {
  return Error{Code::kConflict,
               "deleting it needs a confirmation: " + Join(usage.warnings, "; "),
               "Confirm with confirm=" + usage.Digest() + ", which accepts exactly this, or with confirm=true.",
               {},
               "requires_confirmation"};
}

}  // namespace

std::string Usage::DigestOnDisk() const {
  store::Hasher hasher = store::Hasher::Sha256();
  const auto add = [&](std::string_view part) {
    hasher.Update(part);
    hasher.Update(std::string_view("\0", 1));
  };
  add(plan.Digest());
  add(subject.id);
  for (const std::string& name : blocked_by_collections) add(name);
  add(fmt::format("{} {} {} {}", user_preferences_count, llm_config_count, is_default, is_default_embedding_model));
  add(scan_error);
  return hasher.Finish();
}

std::string Usage::Digest() const {
  store::Hasher hasher = store::Hasher::Sha256();
  hasher.Update(DigestOnDisk());
  for (const std::string& type : loaded_as) hasher.Update(type);
  return hasher.Finish();
}

Task<Result<Usage>> UsageOf(House& house, std::string id, std::string revision, bool unmanaged) {
  HOSTLER_CO_TRY(Subject subject, FindSubject(house, id, unmanaged));
  Usage usage;
  usage.subject = std::move(subject);
  HOSTLER_CO_TRY(usage.plan, co_await PlanOf(house, usage.subject, std::move(revision)));
  const auto holdings = co_await house.library.Now();
  usage.scan_error = holdings->scan->error;
  if (const Standing* standing = holdings->Find(usage.subject.id))
    usage.is_installed = standing->presence.complete;
  else
    usage.is_installed = !usage.plan.Empty();
  LookInMemory(house, usage);
  LookAtConfiguration(house, usage);
  co_await LookAtReferences(house, usage);
  Warn(usage);
  co_return usage;
}

Task<Result<std::variant<Begun, Refusal>>> StartRemoval(House& house, RemovalRequest request) {
  using Answer = std::variant<Begun, Refusal>;
  HOSTLER_CO_TRY(const Subject subject, FindSubject(house, request.id, request.unmanaged));
  Begun begun{subject.id, tasks::Operation::kDelete, {}, {}, {}};
  if (auto active = house.tasks.ActiveOf(subject.id)) {
    if (active->operation != tasks::Operation::kDelete) {
      const std::string operation = json::EnumName(active->operation);
      co_return Answer(Refusal{"cross_op_exclusion",
                               fmt::format("a {} of \"{}\" is under way", operation, subject.id),
                               "Cancel it, or wait until it is done.",
                               std::move(*active),
                               {}});
    }
    begun.outcome = "joined";
    begun.task = std::move(*active);
    co_return Answer(std::move(begun));
  }
  HOSTLER_CO_TRY(Usage usage, co_await UsageOf(house, request.id, request.revision, request.unmanaged));
  if (usage.plan.Empty()) {
    begun.outcome = "not_installed";
    co_return Answer(std::move(begun));
  }
  if (!usage.can_delete()) {
    const std::string names = FirstThree(usage.blocked_by_collections);
    co_return Answer(Refusal{"in_use_block",
                             fmt::format("\"{}\" is used by collections: {}", subject.id, names),
                             "Delete these collections or give them another model first.",
                             {},
                             std::move(usage)});
  }
  const bool digest_given = !request.confirm.empty() && request.confirm != "true";
  if (digest_given && request.confirm != usage.Digest()) {
    co_return Answer(Refusal{"plan_changed",
                             fmt::format("what would be deleted of \"{}\" is no longer what was shown", subject.id),
                             "Look at it again and confirm with the new digest.",
                             {},
                             std::move(usage)});
  }
  if (usage.requires_confirmation() && request.confirm.empty()) {
    const Error error = NeedsConfirmation(usage);
    co_return Answer(Refusal{"requires_confirmation", error.message, error.remedy, {}, std::move(usage)});
  }
  begun.warnings = usage.warnings;
  const RemoveOrder order{subject.repo.kind, subject.repo.id, request.revision,
                          request.unmanaged, request.at_once, usage.DigestOnDisk()};
  auto started = co_await house.tasks.StartOrJoin(subject.id, tasks::Operation::kDelete, json::ToJson(order));
  if (!started && started.error().name == "cross_op_exclusion") {
    co_return Answer(
        Refusal{"cross_op_exclusion", started.error().message, started.error().remedy, house.tasks.ActiveOf(subject.id), {}});
  }
  if (!started) co_return std::unexpected(std::move(started).error());
  begun.outcome = started->joined ? "joined" : "started";
  begun.task = std::move(started->record);
  co_return Answer(std::move(begun));
}

namespace {

tasks::Progress Phase(std::string phase, const store::RemovalPlan& plan) {
  tasks::Progress progress;
  progress.phase = std::move(phase);
  progress.files_total = plan.files;
  return progress;
}

Result<> StillAccepted(const Usage& usage, const RemoveOrder& order) {
  if (!usage.can_delete()) {
    return Fail(Error{Code::kConflict,
                      "it is used by collections meanwhile: " + FirstThree(usage.blocked_by_collections),
                      "Delete these collections or give them another model first.",
                      {},
                      "in_use_block"});
  }
  if (usage.DigestOnDisk() != order.digest) {
    return Fail(Error{Code::kConflict,
                      "what would be deleted is no longer what was shown; nothing was deleted",
                      "Look at it again and confirm with the new digest.",
                      {},
                      "plan_changed"});
  }
  return {};
}

// `2026-01-15 10:30` in local time.
std::string Minute(double unix_seconds) {
  const auto since_epoch = std::chrono::duration_cast<WallClock::duration>(std::chrono::duration<double>(unix_seconds));
  return LogTime(WallClock::time_point(since_epoch)).substr(0, 16);
}

// The model leaves memory; requests that use it are waited for.
Task<Result<>> LeaveMemory(House& house, const Usage& usage) {
  if (usage.loaded_as.empty()) co_return Result<>{};
  auto unloaded = co_await house.lifecycle.Unload(usage.subject.id);
  if (!unloaded) co_return std::unexpected(std::move(unloaded).error());
  co_return Result<>{};
}

Task<> LeaveShelf(House& house, const std::string& id) {
  const Result<> unlinked = co_await house.disk_pool.Run([shelf = &house.shelf, id] { return shelf->Unlink(id); });
  if (!unlinked && unlinked.error().code != Code::kNotFound)
    house.log.Warning("The link of {} in models/ could not be removed: {}", id, unlinked.error().Text());
}

}  // namespace

Task<Result<tasks::Ending>> RunRemoval(House& house, tasks::Handle& handle) {
  const std::string id = handle.record().key;
  HOSTLER_CO_TRY(const RemoveOrder order, ReadOrder<RemoveOrder>(handle.record().payload));
  // Another process was killed at it: what is half removed comes back first, and what is gone is gone.
  const bool resumed = handle.record().epoch > 1;
  if (resumed) HOSTLER_CO_OK(co_await house.disk_pool.Run([trash = &house.trash] { return trash->Recover(); }));
  HOSTLER_CO_TRY(const Usage usage, co_await UsageOf(house, id, order.revision, order.unmanaged));
  if (usage.plan.Empty()) {
    if (order.revision.empty()) co_await LeaveShelf(house, id);
    co_return resumed ? tasks::Ending::kCompleted : tasks::Ending::kNotInstalled;
  }
  HOSTLER_CO_OK(StillAccepted(usage, order));
  handle.Show(Phase("draining", usage.plan));
  HOSTLER_CO_OK(co_await LeaveMemory(house, usage));
  handle.Show(Phase("removing", usage.plan));
  const bool at_once = order.at_once || house.config.trash_minutes == 0;
  const auto removed = co_await house.disk_pool.Run([trash = &house.trash, plan = usage.plan, id, at_once] {
    return trash->Remove(plan, id, at_once ? store::Fate::kDoomed : store::Fate::kKept);
  });
  house.scanner.Changed(usage.subject.repo);
  if (!removed) co_return std::unexpected(removed.error());
  if (order.revision.empty()) co_await LeaveShelf(house, id);
  tasks::Progress progress = Phase("removing", usage.plan);
  progress.files_done = progress.files_total;
  if (at_once) {
    const auto purged = co_await house.bulk_pool.Run([trash = &house.trash, item = removed->id] { return trash->Purge(item); });
    if (!purged && purged.error().code != Code::kNotFound) co_return std::unexpected(purged.error());
    house.log.Info("{} was deleted; {} are free", id, HumanBytes(static_cast<double>(removed->bytes)));
  } else {
    progress.warnings.push_back(fmt::format("It can be brought back until {}.", Minute(PurgedAt(house, *removed))));
    house.log.Info("{} was deleted; it can be brought back for {} minutes", id, house.config.trash_minutes);
  }
  handle.Show(std::move(progress));
  co_return tasks::Ending::kCompleted;
}

Task<std::vector<store::TrashItem>> TrashOf(House& house) {
  co_return co_await house.disk_pool.Run([trash = &house.trash] { return trash->List(); });
}

double PurgedAt(const House& house, const store::TrashItem& item) {
  return item.removed_at + house.config.trash_minutes * 60;
}

namespace {

Result<store::TrashItem> FindInTrash(const std::vector<store::TrashItem>& items, const std::string& id) {
  const auto found = std::find_if(items.begin(), items.end(),
                                  [&](const store::TrashItem& item) { return id.empty() || item.id == id || item.label == id; });
  if (found != items.end()) return *found;
  std::vector<std::string> labels;
  for (const store::TrashItem& item : items) labels.push_back(item.label);
  return Fail(Error{Code::kNotFound, id.empty() ? "the trash is empty" : fmt::format("\"{}\" is not in the trash", Clip(id, 200)),
                    labels.empty() ? "What was freed is gone; download it again." : "In the trash: " + Join(labels, ", ") + ".",
                    "model_id", "not_in_trash"});
}

}  // namespace

Task<Result<store::TrashItem>> Undo(House& house, std::string id) {
  HOSTLER_CO_OK(co_await house.disk_pool.Run([trash = &house.trash] { return trash->Recover(); }));
  HOSTLER_CO_TRY(const store::TrashItem item, FindInTrash(co_await TrashOf(house), id));
  if (const auto active = house.tasks.ActiveOf(item.label)) {
    co_return Fail(Error{Code::kConflict,
                         fmt::format("a {} of \"{}\" is under way", json::EnumName(active->operation), item.label),
                         "Wait until it is done.",
                         {},
                         "cross_op_exclusion"});
  }
  auto restored = co_await house.disk_pool.Run([trash = &house.trash, id = item.id] { return trash->Restore(id); });
  house.scanner.Changed(item.repo);
  if (!restored) co_return std::unexpected(std::move(restored).error());
  house.log.Info("{} was brought back", item.label);
  if (const catalog::Entry* entry = house.catalogue.Find(item.label)) {
    const auto presence = co_await house.disk_pool.Run(
        [cache = &house.cache, repo = item.repo, entry] { return cache->Look(repo, entry->revision, entry->files); });
    if (presence.complete) {
      const Result<> linked = co_await house.disk_pool.Run(
          [shelf = &house.shelf, name = item.label, target = presence.snapshot] { return shelf->Link(name, target); });
      if (!linked) house.log.Warning("{} is back, but not linked into models/: {}", item.label, linked.error().Text());
    }
  }
  co_return restored;
}

Task<Result<std::uint64_t>> PurgeTrash(House& house, std::string id) {
  const auto items = co_await TrashOf(house);
  if (!id.empty()) HOSTLER_CO_OK(FindInTrash(items, id));
  std::uint64_t bytes = 0;
  for (const store::TrashItem& item : items) {
    if (!id.empty() && item.id != id && item.label != id) continue;
    HOSTLER_CO_TRY(const std::uint64_t freed,
                   co_await house.bulk_pool.Run([trash = &house.trash, id = item.id] { return trash->Purge(id); }));
    bytes += freed;
  }
  co_return bytes;
}

Task<> KeepTrash(House& house) {
  for (;;) {
    const Result<> recovered = co_await house.bulk_pool.Run([trash = &house.trash] { return trash->Recover(); });
    if (!recovered) house.log.Warning("The trash could not be put in order: {}", recovered.error().Text());
    const double now = UnixSeconds(WallClock::now());
    const auto purged = co_await house.bulk_pool.Run(
        [trash = &house.trash, before = now - house.config.trash_minutes * 60] { return trash->PurgeOlderThan(before); });
    if (!purged)
      house.log.Warning("The trash could not be emptied: {}", purged.error().Text());
    else if (*purged > 0)
      house.log.Info("The trash was emptied: {} are free", HumanBytes(static_cast<double>(*purged)));
    // Whatever is removed from now on lives at least so long; what is there already ends with the oldest.
    double wait = std::max(1.0, house.config.trash_minutes * 60);
    for (const store::TrashItem& item : co_await TrashOf(house))
      wait = std::min(wait, std::max(1.0, PurgedAt(house, item) - now));
    co_await Sleep(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(wait)));
  }
}

}  // namespace hostler::app
