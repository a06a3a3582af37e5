// Which models there are and in which state each one is. Loads and unloads run on threads of their own; everything else
// happens on the loop.
//
//   unloaded --load--> loading --ok--> loaded --unload--> unloading --> unloaded
//                         \--failed--> error --load--> loading,  error --unload--> unloaded
//
// Owner: the service. Threads: the loop only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine_sdk/engine.h"
#include "engine_sdk/folders.h"
#include "engine_sdk/runner.h"
#include "events/ring.h"

namespace hostler::engine_sdk {

class Registry {
 public:
  Registry(Loop& loop, Engine& engine, Folders& folders, log::Log& log, int threads);
  ~Registry();  // waits for what runs on its threads
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  using OnProgress = std::function<Task<>(const wire::LoadProgress&)>;
  // Loads, or joins the load that runs, or answers with the receipt of the one that was. Leaving early leaves the load running.
  [[nodiscard]] Task<Result<wire::LoadReply>> Load(wire::LoadRequest request, OnProgress on_progress);
  [[nodiscard]] Task<Result<wire::UnloadReply>> Unload(std::string model_id);
  // The end: waits for loads and unloads every model.
  [[nodiscard]] Task<> UnloadAll();

  [[nodiscard]] wire::ModelList List();
  [[nodiscard]] int loaded() const;

  // A model that is ready.
  struct Ready {
    std::string id;
    std::shared_ptr<Runner> runner;
    wire::Capabilities capabilities;
    std::vector<wire::Voice> voices;
  };
  // nullopt: the only one that is loaded. Errors: not_found, not_loaded, bad_request (there are several).
  [[nodiscard]] Result<Ready> Find(const std::optional<std::string>& model_id);
  void Touch(const std::string& model_id);

 private:
  using State = model::MemoryState;
  struct LoadEvent {
    wire::LoadProgress progress;
    std::optional<Result<wire::LoadReply>> done;
  };
  using LoadAttempt = events::Ring<LoadEvent>;  // the last entry is the result
  struct UnloadAttempt {
    events::Bell bell;
    std::optional<Result<wire::UnloadReply>> done;
  };
  struct Outcome {  // of a load, on its way from its thread
    std::unique_ptr<Model> model;
    wire::Capabilities capabilities;
    std::vector<wire::Voice> voices;
    wire::LoadReply receipt;
  };
  struct Slot {
    std::string id;
    State state = State::kUnloaded;
    std::filesystem::path path;
    std::string error;
    wire::LoadReply receipt;
    wire::Capabilities capabilities;
    std::vector<wire::Voice> voices;
    std::shared_ptr<Runner> runner;
    std::optional<double> loaded_at;
    std::optional<double> last_used_at;
    std::shared_ptr<LoadAttempt> load;
    std::shared_ptr<UnloadAttempt> unload;
    std::thread thread;  // of the load or unload that runs
  };

  Result<std::shared_ptr<LoadAttempt>> Begin(const wire::LoadRequest& request);
  Result<std::filesystem::path> PathOf(const wire::LoadRequest& request);
  Result<Outcome> LoadHere(const LoadContext& context);
  void Loaded(Slot& slot, Result<Outcome> outcome);
  std::shared_ptr<UnloadAttempt> BeginUnload(Slot& slot);
  wire::UnloadReply UnloadHere(const std::string& id, std::shared_ptr<Runner> runner);
  void Unloaded(Slot& slot, wire::UnloadReply reply);
  void Move(Slot& slot, State from, State to);
  [[nodiscard]] bool IsKnown(const std::string& id) const;
  [[nodiscard]] wire::ModelRow Row(const std::string& id, const std::filesystem::path& path) const;
  [[nodiscard]] Error NotLoaded(const std::string& id) const;

  Loop& loop_;
  Engine& engine_;
  Folders& folders_;
  log::Log& log_;
  const int threads_;
  std::map<std::string, Slot> slots_;  // by model id; nodes stay where they are
};

}  // namespace hostler::engine_sdk
