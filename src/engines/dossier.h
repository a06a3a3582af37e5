// Crash dossiers: what is known about an engine that ended by itself, kept as JSON under HOME/crashes/ and shown to people.
//
// DossierStore: owned by hostlerd; Save and Read block on the disk, so they run on the pool. The structs are plain values.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "wire/wire.h"

namespace hostler::engines {

struct ExitFact {
  bool signalled = false;
  int status = 0;    // exit status, or the signal's number
  std::string text;  // "signal 11 (SIGSEGV)"
};
BOOST_DESCRIBE_STRUCT(ExitFact, (), (signalled, status, text))

struct Dossier {
  std::string id;  // "2026-01-15T10-30-45-kokoro-1f3a"
  std::string model;
  std::string engine;  // path of the executable
  std::string time;    // ISO 8601, UTC
  std::string phase;   // "starting", "loading", "idle", "working", "stopping"
  std::string reason;  // one sentence for people
  json::Nullable<ExitFact> exit;
  double memory_mb = 0;  // resident, last reading
  double uptime_s = 0;
  int active_requests = 0;
  std::vector<std::string> requests;    // what they were and for how long they ran
  json::Any options;                    // of the load
  std::string next;                     // what hostler did about it
  std::optional<std::string> remedy;    // what a person can do, where that is known
  std::vector<std::string> last_lines;  // of standard error, up to 200: the engine's log and what its libraries printed
};
BOOST_DESCRIBE_STRUCT(Dossier, (),
                      (id, model, engine, time, phase, reason, exit, memory_mb, uptime_s, active_requests, requests, options,
                       next, remedy, last_lines))

// What a person can do: the dossier's own advice, or to read it.
[[nodiscard]] std::string RemedyOf(const Dossier& dossier);

class DossierStore {
 public:
  static constexpr std::size_t kKept = 100;           // files; the oldest go first
  static constexpr std::uint64_t kLongest = 4 << 20;  // bytes of one

  explicit DossierStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<> Save(const Dossier& dossier);
  [[nodiscard]] std::vector<Dossier> List() const;                  // newest first
  [[nodiscard]] Result<Dossier> Read(const std::string& id) const;  // kNotFound

 private:
  const std::filesystem::path folder_;
};

}  // namespace hostler::engines
