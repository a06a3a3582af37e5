// What can be set, where each value came from, and how it is read: defaults < TOML file < environment < flags.
//
// Load once at start; read only afterwards, so any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/model.h"

namespace hostler::config {

enum class Evict { kNone, kLru };  // what to do when a model needs room: refuse, or put the longest unused one away
BOOST_DESCRIBE_ENUM(Evict, kNone, kLru)

struct Config {
  // [server]
  std::string host = "127.0.0.1";
  std::uint16_t port = 8100;
  bool insecure = false;  // allow binding beyond loopback without accounts
  int threads = 0;        // I/O threads; 0: as many as cores, at most 4
  int max_upload_mb = 100;
  int max_connections = 16384;
  std::vector<std::string> allowed_hosts;    // Host names beyond loopback ones that are answered (DNS rebinding)
  std::vector<std::string> allowed_origins;  // web pages on other origins that may call the API
  // [log]
  std::string log_level = "INFO";
  // [engines]
  std::filesystem::path engines_folder;  // empty: beside the hostler program, else ../lib/hostler
  int engine_threads = 0;                // for the native libraries; 0: physical cores
  double start_timeout_s = 10;           // until an engine answers /health
  double load_timeout_s = 60;            // plus a second per 100 MB of weights
  double stop_timeout_s = 10;            // after SIGTERM
  double health_interval_s = 15;         // between checks of an idle engine; 0: never
  int max_memory_mb = 0;                 // of one engine with all that it starts; 0: no limit
  int max_processes = 4000;              // … and threads; 0: no limit
  // [models]
  bool autoload = true;       // load a model with the first request for it
  bool fetch_on_load = true;  // what somebody loads and is not downloaded is fetched first
  int max_loaded = 0;         // 0: no limit
  Evict evict = Evict::kLru;
  double idle_timeout_s = 0;  // unload after so long without a request; 0: never
  std::vector<std::string> preload;
  std::vector<std::string> pinned;  // never evicted, never idled out
  std::string default_tts = "espeak";
  std::string default_stt = "pocketsphinx";
  std::string default_llm;          // empty: the only one that is loaded, or on the disk
  std::string default_diarization;  // tells speakers apart; empty: none
  // [store]
  std::filesystem::path cache;        // the Hugging Face cache; empty: as huggingface_hub finds it (HF_HUB_CACHE, HF_HOME …)
  std::filesystem::path models_base;  // holds models/, external_models/, samples/; empty: the home
  std::filesystem::path database;     // tasks and references; empty: HOME/hostler.db
  std::filesystem::path catalogue;    // the user's own entries; empty: HOME/models.toml
  double trash_minutes = 60;          // a deleted model can be brought back for so long; 0: it is gone at once
  int keep_free_mb = 256;             // of the disk, that downloads leave alone
  // [download]
  std::string download_limit = "0";  // base/rate.h
  std::string download_schedule;
  int download_connections = 16;  // at the same time, over all downloads
  int download_memory_mb = 32;    // received and not on disk yet, over all downloads
  int download_tasks = 2;         // models that are fetched at the same time
  // [speech]
  int max_input_length = 4096;       // characters
  std::filesystem::path dictionary;  // how words are pronounced: src/speech/dictionary.h; empty: none
  bool trim_silence = false;         // at the beginning and the end of what is spoken
  bool normalize = false;            // what is sent whole: its loudest sample at 95 % of full scale
  std::filesystem::path presets;     // voices under a name; empty: none
  double max_reference_s = 60;       // of a recording whose voice is cloned
  int max_samples = 100;             // recordings in samples/ that hostler puts there
  double max_recording_hours = 12;   // of what is transcribed

  std::filesystem::path home;        // --home, $HOSTLER_HOME, else $XDG_STATE_HOME/hostler, else ~/.local/state/hostler
  std::vector<model::Entry> models;  // [[model]]: what the user adds to the catalogue
};

// Where these are if nothing was set.
[[nodiscard]] inline std::filesystem::path DatabaseFile(const Config& config) {
  return config.database.empty() ? config.home / "hostler.db" : config.database;
}
[[nodiscard]] inline std::filesystem::path ModelsBase(const Config& config) {
  return config.models_base.empty() ? config.home : config.models_base;
}
[[nodiscard]] inline std::filesystem::path CatalogueFile(const Config& config) {
  return config.catalogue.empty() ? config.home / "models.toml" : config.catalogue;
}

enum class Origin { kDefault, kFile, kEnvironment, kFlag };
BOOST_DESCRIBE_ENUM(Origin, kDefault, kFile, kEnvironment, kFlag)

// One line of `hostler config show`.
struct Setting {
  std::string key;    // "server.port"
  std::string value;  // as it would stand in the file
  Origin origin = Origin::kDefault;
  std::string where;     // "/home/x/hostler.toml:3", "HOSTLER_PORT", "--port"; empty for defaults
  std::string meaning;   // one line of help
  std::string variable;  // "HOSTLER_PORT"
};

struct Loaded {
  Config config;
  std::vector<Setting> settings;
};

// What was given on the command line: key -> text, e.g. {"server.port", "0"}.
using Flags = std::map<std::string, std::string>;
using Environment = std::map<std::string, std::string>;

// `file`: from --config; empty: $HOSTLER_CONFIG, else HOME/hostler.toml if it is there. Errors name file:line or the variable or
// the flag, the key, what was expected, and for a misspelt key the nearest one. Unknown HOSTLER_* variables are errors too; an
// empty variable counts as not set. LOG_LEVEL is taken if HOSTLER_LOG_LEVEL is not there. `flags` may also hold "home".
[[nodiscard]] Result<Loaded> Load(const std::filesystem::path& file, const Environment& environment, const Flags& flags);

// The folder of hostler's state: --home (flags["home"]), $HOSTLER_HOME, else $XDG_STATE_HOME/hostler, else
// ~/.local/state/hostler.
[[nodiscard]] Result<std::filesystem::path> HomeFolder(const Environment& environment, const Flags& flags);

// The process's environment as a map.
[[nodiscard]] Environment ProcessEnvironment();

// All keys with their flags, for the command line: {"server.port", "--port", help}.
struct KeyInfo {
  std::string key;
  std::string flag;  // empty: not on the command line
  std::string variable;
  std::string meaning;
  std::string fallback;    // the default as text
  bool is_switch = false;  // a flag without a value
};
[[nodiscard]] std::vector<KeyInfo> Keys();

}  // namespace hostler::config
