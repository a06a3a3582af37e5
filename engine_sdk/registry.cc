#include "engine_sdk/registry.h"

#include <malloc.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"
#include "os/memory.h"

namespace hostler::engine_sdk {
namespace {

double MemoryNow() {
  return os::ReadPssMb(::getpid()).value_or(0);
}

// "+2590.8 MB"; a change that rounds to nothing is not negative.
std::string Change(double megabytes) {
  return fmt::format("{:+.1f} MB", std::abs(megabytes) < 0.05 ? 0.0 : megabytes);
}

// What a load may answer as it is; anything else is a failed load.
Error AsLoadError(Error error) {
  const bool kept =
      error.code == Code::kNotFound || error.code == Code::kInvalid || error.code == Code::kUnsupported || !error.name.empty();
  if (kept) return error;
  error.code = Code::kInternal;
  error.name = "load_failed";
  if (error.remedy.empty()) error.remedy = "GET /logs says more.";
  return error;
}

}  // namespace

Registry::Registry(Loop& loop, Engine& engine, Folders& folders, log::Log& log, int threads)
    : loop_(loop), engine_(engine), folders_(folders), log_(log), threads_(threads) {}

Registry::~Registry() {
  for (auto& [id, slot] : slots_) {
    if (slot.thread.joinable()) slot.thread.join();
  }
}

void Registry::Move(Slot& slot, State from, State to) {
  if (slot.state != from) {
    std::fprintf(stderr, "hostler: bug: model %s is %s, not %s\n", slot.id.c_str(), json::EnumName(slot.state).c_str(),
                 json::EnumName(from).c_str());
    std::abort();
  }
  slot.state = to;
  if (to != State::kError) slot.error.clear();
}

bool Registry::IsKnown(const std::string& id) const {
  if (slots_.contains(id) || folders_.Holds(id)) return true;
  const auto built_in = engine_.BuiltInModels();
  return std::find(built_in.begin(), built_in.end(), id) != built_in.end();
}

Error Registry::NotLoaded(const std::string& id) const {
  if (!IsKnown(id))
    return Error{Code::kNotFound, fmt::format("there is no model \"{}\"", id), "GET /models lists them."}.At("model_id");
  const auto found = slots_.find(id);
  const State state = found == slots_.end() ? State::kUnloaded : found->second.state;
  Error error{Code::kConflict, fmt::format("model \"{}\" is not loaded", id), "Load it with POST /models/load."};
  if (state == State::kLoading) {
    error.message = fmt::format("model \"{}\" is still loading", id);
    error.remedy = "Wait until it is loaded.";
  } else if (state == State::kUnloading) {
    error.message = fmt::format("model \"{}\" is being unloaded", id);
  } else if (state == State::kError) {
    error.message = fmt::format("model \"{}\" is not loaded: {}", id, found->second.error);
  }
  return std::move(error).Named("not_loaded");
}

// --- loading ---

Task<Result<wire::LoadReply>> Registry::Load(wire::LoadRequest request, OnProgress on_progress) {
  while (true) {
    const auto found = slots_.find(request.model_id);
    if (found == slots_.end() || found->second.state != State::kUnloading) break;
    const auto unload = found->second.unload;
    const std::uint64_t seen = unload->bell.count();
    if (!unload->done) co_await Rung(unload->bell, seen);
  }
  if (const auto found = slots_.find(request.model_id); found != slots_.end() && found->second.state == State::kLoaded) {
    co_return found->second.receipt;
  }
  HOSTLER_CO_TRY(const std::shared_ptr<LoadAttempt> attempt, Begin(request));
  std::uint64_t cursor = 1;
  while (true) {
    co_await attempt->Wait(cursor);
    const auto batch = attempt->Read(cursor);
    cursor = batch.next;
    for (const auto& [number, event, text] : batch.entries) {
      if (event->done) co_return *event->done;
      if (on_progress) co_await on_progress(event->progress);
    }
  }
}

Result<std::filesystem::path> Registry::PathOf(const wire::LoadRequest& request) {
  const bool odd = folders_.exist() && !Folders::IsPlainName(request.model_id);
  if (request.path || odd || folders_.Holds(request.model_id)) return folders_.Resolve(request.model_id, request.path);
  if (!engine_.NeedsFiles(request.model_id)) return std::filesystem::path();
  return folders_.Resolve(request.model_id, request.path);
}

Result<std::shared_ptr<Registry::LoadAttempt>> Registry::Begin(const wire::LoadRequest& request) {
  if (request.model_id.empty()) return Fail(Error{Code::kInvalid, "a model id cannot be empty"}.At("model_id"));
  if (request.options && !request.options->is_object()) {
    return Fail(Error{Code::kInvalid, "options must be an object", "Leave them out, or send {}."}.At("options"));
  }
  if (const auto found = slots_.find(request.model_id); found != slots_.end() && found->second.state == State::kLoading)
    return found->second.load;
  HOSTLER_TRY(std::filesystem::path path, PathOf(request));

  Slot& slot = slots_[request.model_id];
  slot.id = request.model_id;
  slot.path = std::move(path);
  Move(slot, slot.state == State::kError ? State::kError : State::kUnloaded, State::kLoading);
  slot.load = std::make_shared<LoadAttempt>(256);

  LoadContext context;
  context.model_id = slot.id;
  context.path = slot.path;
  context.options = request.options.value_or(json::Any(boost::json::object_kind));
  context.threads = threads_;
  context.log = &log_;
  context.progress = [attempt = slot.load](std::string_view stage, std::optional<double> fraction) {
    attempt->Append({.progress = {std::string(stage), fraction}, .done = {}});
  };
  slot.thread = std::thread([this, &slot, context = std::move(context)] {
    auto outcome = std::make_shared<Result<Outcome>>(LoadHere(context));
    loop_.Post([this, &slot, outcome] { Loaded(slot, std::move(*outcome)); });
  });
  return slot.load;
}

// On the load's own thread.
Result<Registry::Outcome> Registry::LoadHere(const LoadContext& context) {
  log_.Info("Loading model: {}", context.model_id);
  const double before = MemoryNow();
  log_.Debug("Memory before load: {:.1f} MB", before);
  const auto start = Clock::now();
  Outcome outcome;
  const auto loaded = Shielded([&]() -> Result<> {
    HOSTLER_TRY(outcome.model, engine_.Load(context));
    outcome.capabilities = outcome.model->capabilities();
    outcome.voices = outcome.model->voices();
    return {};
  });
  if (!loaded) {
    log_.Error("Loading model {} failed: {}", context.model_id, loaded.error().Text());
    return Fail(AsLoadError(loaded.error()));
  }
  const double after = MemoryNow();
  const double seconds = Seconds(Clock::now() - start);
  log_.Info("Model loaded successfully");
  log_.Info("Memory after load: {:.1f} MB ({})", after, Change(after - before));
  log_.Info("Load time: {:.1f} seconds", seconds);
  outcome.receipt = {context.model_id, State::kLoaded, before, after, after - before, seconds};
  return outcome;
}

void Registry::Loaded(Slot& slot, Result<Outcome> outcome) {
  slot.thread.join();
  const auto attempt = std::move(slot.load);
  if (!outcome) {
    Move(slot, State::kLoading, State::kError);
    slot.error = outcome.error().Text();
    attempt->Append({.progress = {}, .done = Fail(outcome.error())});
    return;
  }
  slot.receipt = outcome->receipt;
  slot.capabilities = std::move(outcome->capabilities);
  slot.voices = std::move(outcome->voices);
  slot.runner = std::make_shared<Runner>(slot.id, std::move(outcome->model));
  slot.loaded_at = UnixSeconds(WallClock::now());
  slot.last_used_at.reset();
  Move(slot, State::kLoading, State::kLoaded);
  attempt->Append({.progress = {}, .done = slot.receipt});
}

// --- unloading ---

Task<Result<wire::UnloadReply>> Registry::Unload(std::string model_id) {
  const auto found = slots_.find(model_id);
  if (found == slots_.end()) co_return Fail(NotLoaded(model_id));
  Slot& slot = found->second;
  if (slot.state == State::kError) {
    Move(slot, State::kError, State::kUnloaded);
    const double memory = MemoryNow();
    co_return wire::UnloadReply{model_id, State::kUnloaded, memory, memory, 0, 0};
  }
  if (slot.state == State::kUnloaded || slot.state == State::kLoading) co_return Fail(NotLoaded(model_id));
  const auto attempt = slot.state == State::kUnloading ? slot.unload : BeginUnload(slot);
  while (!attempt->done) co_await Rung(attempt->bell, attempt->bell.count());
  co_return *attempt->done;
}

std::shared_ptr<Registry::UnloadAttempt> Registry::BeginUnload(Slot& slot) {
  Move(slot, State::kLoaded, State::kUnloading);
  slot.unload = std::make_shared<UnloadAttempt>();
  slot.thread = std::thread([this, &slot, runner = std::move(slot.runner)]() mutable {
    auto reply = UnloadHere(slot.id, std::move(runner));
    loop_.Post([this, &slot, reply] { Unloaded(slot, reply); });
  });
  return slot.unload;
}

// On the unload's own thread.
wire::UnloadReply Registry::UnloadHere(const std::string& id, std::shared_ptr<Runner> runner) {
  log_.Info("Unloading model: {}", id);
  const double before = MemoryNow();
  log_.Debug("Memory before unload: {:.1f} MB", before);
  const auto start = Clock::now();
  runner->End();
  runner.reset();
  ::malloc_trim(0);
  const double after = MemoryNow();
  const double seconds = Seconds(Clock::now() - start);
  log_.Info("Model unloaded successfully");
  log_.Info("Memory after unload: {:.1f} MB ({})", after, Change(after - before));
  log_.Info("Unload time: {:.1f} seconds", seconds);
  return {id, State::kUnloaded, before, after, before - after, seconds};
}

void Registry::Unloaded(Slot& slot, wire::UnloadReply reply) {
  slot.thread.join();
  slot.loaded_at.reset();
  slot.capabilities = {};
  slot.voices.clear();
  Move(slot, State::kUnloading, State::kUnloaded);
  slot.unload->done = std::move(reply);
  slot.unload->bell.Ring();
}

Task<> Registry::UnloadAll() {
  for (auto& [id, slot] : slots_) {
    while (slot.state == State::kLoading) {
      const auto attempt = slot.load;
      co_await attempt->Wait(attempt->end());
    }
  }
  for (auto& [id, slot] : slots_) {
    if (slot.state == State::kLoaded) BeginUnload(slot);
  }
  for (auto& [id, slot] : slots_) {
    const auto attempt = slot.unload;
    while (attempt && !attempt->done) co_await Rung(attempt->bell, attempt->bell.count());
  }
}

// --- asking ---

wire::ModelRow Registry::Row(const std::string& id, const std::filesystem::path& path) const {
  wire::ModelRow row;
  row.id = id;
  row.name = id;
  if (!path.empty()) row.path = path.string();
  const auto found = slots_.find(id);
  if (found == slots_.end()) return row;
  const Slot& slot = found->second;
  row.state = slot.state;
  if (!slot.path.empty()) row.path = slot.path.string();
  if (slot.state == State::kLoaded || slot.state == State::kUnloading) row.memory_mb = slot.receipt.memory_delta_mb;
  if (slot.state == State::kError) row.error = slot.error;
  row.loaded_at = slot.loaded_at;
  row.last_used_at = slot.last_used_at;
  return row;
}

wire::ModelList Registry::List() {
  std::map<std::string, std::filesystem::path> known;
  for (const auto& found : folders_.Scan()) {
    if (engine_.Recognises(found.path)) known.emplace(found.name, found.path);
  }
  for (auto& id : engine_.BuiltInModels()) known.emplace(std::move(id), std::filesystem::path());
  for (const auto& [id, slot] : slots_) known.emplace(id, slot.path);
  wire::ModelList list;
  for (const auto& [id, path] : known) list.models.push_back(Row(id, path));
  return list;
}

int Registry::loaded() const {
  return static_cast<int>(
      std::count_if(slots_.begin(), slots_.end(), [](const auto& entry) { return entry.second.state == State::kLoaded; }));
}

Result<Registry::Ready> Registry::Find(const std::optional<std::string>& model_id) {
  const Slot* found = nullptr;
  if (model_id) {
    const auto slot = slots_.find(*model_id);
    if (slot == slots_.end() || slot->second.state != State::kLoaded) return Fail(NotLoaded(*model_id));
    found = &slot->second;
  } else {
    for (const auto& [id, slot] : slots_) {
      if (slot.state != State::kLoaded) continue;
      if (found != nullptr)
        return Fail(Error{Code::kInvalid, "several models are loaded", "Say which one with model_id."}.At("model_id"));
      found = &slot;
    }
    if (found == nullptr)
      return Fail(Error{Code::kConflict, "no model is loaded", "Load one with POST /models/load."}.Named("not_loaded"));
  }
  return Ready{found->id, found->runner, found->capabilities, found->voices};
}

void Registry::Touch(const std::string& model_id) {
  if (const auto slot = slots_.find(model_id); slot != slots_.end()) slot->second.last_used_at = UnixSeconds(WallClock::now());
}

}  // namespace hostler::engine_sdk
