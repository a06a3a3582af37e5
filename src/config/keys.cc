#include "config/keys.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/rate.h"
#include "base/text.h"

namespace hostler::config {
namespace {

bool IsModelIdOrNone(std::string_view text) {
  return text.empty() || IsModelId(text);
}

bool HasControlOrSpace(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
}

// Text of the environment and of flags is trimmed: `PORT= 80` means 80.
std::optional<std::string> AsString(const Node& node) {
  if (const auto* text = std::get_if<std::string>(&node.value)) return *text;
  if (const auto* text = std::get_if<Node::Text>(&node.value)) return std::string(Trim(text->text));
  return std::nullopt;
}

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::vector<std::string>> AsList(const Node& node) {
  std::vector<std::string> list;
  if (const auto* text = std::get_if<Node::Text>(&node.value)) {
    for (const std::string_view item : Split(text->text, ',')) {
      if (!Trim(item).empty()) list.emplace_back(Trim(item));
    }
    return list;
  }
  const auto* items = std::get_if<Node::Array>(&node.value);
  if (items == nullptr) return std::nullopt;
  for (const Node& item : *items) {
    const auto* text = std::get_if<std::string>(&item.value);
    if (text == nullptr) return std::nullopt;
    list.push_back(*text);
  }
  return list;
}

// --- kinds ---

template <class T>
Kind Whole(T Config::* member, std::int64_t least, std::int64_t most) {
  return {fmt::format("an integer from {} to {}", least, most),
          [=](Config& config, const Node& node, const Context&) {
            std::optional<std::int64_t> value;
            if (const auto* integer = std::get_if<std::int64_t>(&node.value)) value = *integer;
            if (std::holds_alternative<Node::Text>(node.value)) value = ParseNumber<std::int64_t>(*AsString(node));
            if (!value || *value < least || *value > most) return false;
            config.*member = static_cast<T>(*value);
            return true;
          },
          [=](const Config& config) { return std::to_string(config.*member); }};
}

Kind Real(double Config::* member, double least, double most) {
  return {fmt::format("a number from {} to {}", least, most),
          [=](Config& config, const Node& node, const Context&) {
            std::optional<double> value;
            if (const auto* real = std::get_if<double>(&node.value)) value = *real;
            if (const auto* integer = std::get_if<std::int64_t>(&node.value)) value = static_cast<double>(*integer);
            if (std::holds_alternative<Node::Text>(node.value)) value = ParseNumber<double>(*AsString(node));
            if (!value || !(*value >= least && *value <= most)) return false;  // also false for NaN
            config.*member = *value + 0.0;                                     // -0 becomes 0
            return true;
          },
          [=](const Config& config) { return fmt::format("{}", config.*member); }};
}

Kind YesNo(bool Config::* member) {
  return {"true or false",
          [=](Config& config, const Node& node, const Context&) {
            if (const auto* flag = std::get_if<bool>(&node.value)) {
              config.*member = *flag;
              return true;
            }
            if (!std::holds_alternative<Node::Text>(node.value)) return false;
            const std::string text = Lower(*AsString(node));
            const bool yes = text == "true" || text == "1" || text == "yes" || text == "on";
            if (!yes && text != "false" && text != "0" && text != "no" && text != "off") return false;
            config.*member = yes;
            return true;
          },
          [=](const Config& config) { return std::string(config.*member ? "true" : "false"); }};
}

Kind Switch(bool Config::* member) {
  Kind kind = YesNo(member);
  kind.is_switch = true;
  return kind;
}

Kind Text(std::string Config::* member, std::string_view expected, bool (*good)(std::string_view)) {
  return {std::string(expected),
          [=](Config& config, const Node& node, const Context&) {
            auto text = AsString(node);
            if (!text || !good(*text)) return false;
            config.*member = std::move(*text);
            return true;
          },
          [=](const Config& config) { return Quoted(config.*member); }};
}

Kind List(std::vector<std::string> Config::* member, std::string_view expected, bool (*good)(std::string_view)) {
  return {"a list of " + std::string(expected),
          [=](Config& config, const Node& node, const Context&) {
            auto list = AsList(node);
            if (!list || !std::all_of(list->begin(), list->end(), good)) return false;
            config.*member = std::move(*list);
            return true;
          },
          [=](const Config& config) {
            std::vector<std::string> quoted;
            for (const std::string& item : config.*member) quoted.push_back(Quoted(item));
            return "[" + Join(quoted, ", ") + "]";
          }};
}

template <class E>
Kind Choice(E Config::* member) {
  return {"one of " + Join(json::EnumNames<E>(), ", "),
          [=](Config& config, const Node& node, const Context&) {
            const auto text = AsString(node);
            const auto value = text ? json::EnumFromName<E>(*text) : std::nullopt;
            if (!value) return false;
            config.*member = *value;
            return true;
          },
          [=](const Config& config) { return Quoted(json::EnumName(config.*member)); }};
}

Kind Folder(std::filesystem::path Config::* member) {
  return {"a folder (a leading ~/ is yours)",
          [=](Config& config, const Node& node, const Context& context) {
            const auto text = AsString(node);
            if (!text || text->find('\0') != std::string::npos) return false;
            std::filesystem::path path = *text;
            if (*text == "~" || text->starts_with("~/")) {
              if (context.user_folder.empty()) return false;
              path = context.user_folder / text->substr(std::min<std::size_t>(2, text->size()));
            } else if (!path.empty() && path.is_relative()) {
              path = context.base / path;
            }
            config.*member = path.lexically_normal();
            return true;
          },
          [=](const Config& config) { return Quoted((config.*member).string()); }};
}

constexpr std::array<std::string_view, 5> kLevels = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};

Kind LogLevel(std::string Config::* member) {
  return {"one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
          [=](Config& config, const Node& node, const Context&) {
            const auto text = AsString(node);
            if (!text) return false;
            const std::string_view wanted = EqualsIgnoringCase(*text, "WARN") ? "WARNING" : std::string_view(*text);
            const auto* const level = std::find_if(kLevels.begin(), kLevels.end(),
                                                   [&](std::string_view name) { return EqualsIgnoringCase(name, wanted); });
            if (level == kLevels.end()) return false;
            config.*member = *level;
            return true;
          },
          [=](const Config& config) { return Quoted(config.*member); }};
}

// --- what texts must look like ---

bool IsHost(std::string_view text) {
  return !text.empty() && text.size() <= 253 && !HasControlOrSpace(text) && text.find('/') == std::string_view::npos;
}

bool IsOrigin(std::string_view text) {
  if (text == "*") return true;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.starts_with(scheme)) return IsHost(text.substr(scheme.size()));
  }
  return false;
}

bool IsRate(std::string_view text) {
  return ParseRate(text).has_value();
}

bool IsSchedule(std::string_view text) {
  return ParseRateSchedule(text).has_value();
}

using C = Config;

[[gnu::cold]] std::vector<Key> MakeTable() {  // once, at the start: compiled for size
  return {
      // key, flag, variable, what it takes, meaning
      {"server.host", "--host", "HOSTLER_HOST", Text(&C::host, "a host name or address", IsHost), "Address to listen on."},
      {"server.port", "--port", "HOSTLER_PORT", Whole(&C::port, 0, 65535), "Port to listen on; 0 takes a free one."},
      {"server.insecure", "--insecure", "HOSTLER_INSECURE", Switch(&C::insecure),
       "Allow listening beyond loopback without accounts."},
      {"server.threads", "--threads", "HOSTLER_THREADS", Whole(&C::threads, 0, 256),
       "I/O threads; 0: as many as cores, at most 4."},
      {"server.max_upload_mb", "--max-upload-mb", "HOSTLER_MAX_UPLOAD_MB", Whole(&C::max_upload_mb, 1, 4096),
       "Largest upload in MB (2^20 bytes)."},
      {"server.max_connections", "--max-connections", "HOSTLER_MAX_CONNECTIONS", Whole(&C::max_connections, 1, 1'000'000),
       "Connections at the same time; more are answered with 503."},
      {"server.allowed_hosts", "--allowed-hosts", "HOSTLER_ALLOWED_HOSTS", List(&C::allowed_hosts, "host names", IsHost),
       "Names beyond loopback ones under which the server answers."},
      {"server.allowed_origins", "--allowed-origins", "HOSTLER_ALLOWED_ORIGINS",
       List(&C::allowed_origins, "origins like https://example.org, or *", IsOrigin),
       "Web pages of other origins that may call the API."},
      {"log.level", "--log-level", "HOSTLER_LOG_LEVEL", LogLevel(&C::log_level), "Least severe level that is logged."},
      {"engines.folder", "--engines-folder", "HOSTLER_ENGINES_FOLDER", Folder(&C::engines_folder),
       "Where engine programs lie; empty: beside hostler, else ../lib/hostler."},
      {"engines.threads", "--engine-threads", "HOSTLER_ENGINES_THREADS", Whole(&C::engine_threads, 0, 1024),
       "Threads of the native libraries; 0: physical cores."},
      {"engines.start_timeout_s", "--start-timeout", "HOSTLER_START_TIMEOUT_S", Real(&C::start_timeout_s, 0.1, 3600),
       "Seconds until a started engine must answer."},
      {"engines.load_timeout_s", "--load-timeout", "HOSTLER_LOAD_TIMEOUT_S", Real(&C::load_timeout_s, 0.1, 86400),
       "Seconds for a load, plus one per 100 MB of weights."},
      {"engines.stop_timeout_s", "--stop-timeout", "HOSTLER_STOP_TIMEOUT_S", Real(&C::stop_timeout_s, 0, 3600),
       "Seconds an engine gets to end by itself."},
      {"engines.health_interval_s", "--health-interval", "HOSTLER_HEALTH_INTERVAL_S", Real(&C::health_interval_s, 0, 86400),
       "Seconds between checks of an idle engine; 0: never."},
      {"engines.max_memory_mb", "--max-memory", "HOSTLER_MAX_MEMORY_MB", Whole(&C::max_memory_mb, 0, 1 << 30),
       "Memory in MB (2^20 bytes) of one engine with all that it starts; beyond it, it is ended; 0: no limit."},
      {"engines.max_processes", "--max-processes", "HOSTLER_MAX_PROCESSES", Whole(&C::max_processes, 0, 1 << 22),
       "Processes and threads of one engine; beyond it, it is ended; 0: no limit."},
      {"models.autoload", "--autoload", "HOSTLER_AUTOLOAD", YesNo(&C::autoload), "Load a model with the first request for it."},
      {"models.fetch_on_load", "--fetch-on-load", "HOSTLER_FETCH_ON_LOAD", YesNo(&C::fetch_on_load),
       "Loading a model that is not downloaded fetches it first."},
      {"models.max_loaded", "--max-loaded", "HOSTLER_MAX_LOADED", Whole(&C::max_loaded, 0, 10'000),
       "Models loaded at the same time; 0: no limit."},
      {"models.evict", "--evict", "HOSTLER_EVICT", Choice(&C::evict),
       "When a model needs room: refuse (none), or put the longest unused one away (lru)."},
      {"models.idle_timeout_s", "--idle-timeout", "HOSTLER_IDLE_TIMEOUT_S", Real(&C::idle_timeout_s, 0, 31'536'000),
       "Unload after so many seconds without a request; 0: never."},
      {"models.preload", "--preload", "HOSTLER_PRELOAD", List(&C::preload, "model ids", IsModelId), "Models to load at start."},
      {"models.pinned", "--pinned", "HOSTLER_PINNED", List(&C::pinned, "model ids", IsModelId),
       "Models that are never evicted and never idle out."},
      {"models.default_tts", "--default-tts", "HOSTLER_DEFAULT_TTS", Text(&C::default_tts, kModelIdRule, IsModelId),
       "Model that speaks when none is named."},
      {"models.default_stt", "--default-stt", "HOSTLER_DEFAULT_STT", Text(&C::default_stt, kModelIdRule, IsModelId),
       "Model that transcribes when none is named."},
      {"models.default_llm", "--default-llm", "HOSTLER_DEFAULT_LLM",
       Text(&C::default_llm, "a model id, or nothing", [](std::string_view text) { return text.empty() || IsModelId(text); }),
       "Model that chats when none is named; empty: the only one that is loaded, or on the disk."},
      {"models.default_diarization", "--default-diarization", "HOSTLER_DEFAULT_DIARIZATION",
       Text(&C::default_diarization, kModelIdRule, IsModelIdOrNone), "Model that tells speakers apart; empty: none does."},
      {"store.cache", "--cache", "HOSTLER_CACHE", Folder(&C::cache),
       "The Hugging Face cache; empty: HF_HUB_CACHE, HF_HOME/hub, else ~/.cache/huggingface/hub."},
      {"store.models_base", "--models-base", "HOSTLER_MODELS_BASE", Folder(&C::models_base),
       "Folder that holds models/, external_models/ and samples/; empty: the home."},
      {"store.database", "--database", "HOSTLER_DATABASE", Folder(&C::database),
       "File with tasks and references; empty: hostler.db in the home."},
      {"store.catalogue", "--catalogue", "HOSTLER_CATALOGUE", Folder(&C::catalogue),
       "File with your own entries of the catalogue; empty: models.toml in the home."},
      {"store.trash_minutes", "--trash-minutes", "HOSTLER_TRASH_MINUTES", Real(&C::trash_minutes, 0, 525'600),
       "Minutes in which a deletion can be undone; its space is free afterwards."},
      {"store.keep_free_mb", "--keep-free-mb", "HOSTLER_KEEP_FREE_MB", Whole(&C::keep_free_mb, 0, 1 << 30),
       "Space in MB (2^20 bytes) that downloads leave on the disk."},
      {"download.limit", "--download-limit", "HOSTLER_DOWNLOAD_LIMIT",
       Text(&C::download_limit, "a rate in bytes per second like 500k, 20M, or off", IsRate),
       "Bandwidth of all downloads together; off: no limit."},
      {"download.schedule", "--download-schedule", "HOSTLER_DOWNLOAD_SCHEDULE",
       Text(&C::download_schedule, "spans of the day like 08:00-18:00=2M, 23:00-06:00=off", IsSchedule),
       "Other limits at some times of the day."},
      {"download.connections", "--download-connections", "HOSTLER_DOWNLOAD_CONNECTIONS", Whole(&C::download_connections, 1, 64),
       "Connections of all downloads together, at most."},
      {"download.memory_mb", "--download-memory-mb", "HOSTLER_DOWNLOAD_MEMORY_MB", Whole(&C::download_memory_mb, 4, 4096),
       "Memory in MB (2^20 bytes) for what was received and is not on disk yet."},
      {"download.tasks", "--download-tasks", "HOSTLER_DOWNLOAD_TASKS", Whole(&C::download_tasks, 1, 32),
       "Models that are fetched at the same time; others wait."},
      {"speech.max_input_length", "--max-input-length", "HOSTLER_MAX_INPUT_LENGTH", Whole(&C::max_input_length, 1, 10'000'000),
       "Longest text to speak, in characters."},
      {"speech.dictionary", "--dictionary", "HOSTLER_DICTIONARY", Folder(&C::dictionary),
       "File that tells how words are pronounced; read again when it changes."},
      {"speech.trim_silence", "--trim-silence", "HOSTLER_TRIM_SILENCE", YesNo(&C::trim_silence),
       "Cut silence at the beginning and the end of what is spoken."},
      {"speech.normalize", "--normalize", "HOSTLER_NORMALIZE", YesNo(&C::normalize),
       "Bring speech that is sent whole to the same peak."},
      {"speech.presets", "--presets", "HOSTLER_PRESETS", Folder(&C::presets), "File with voices under a name of their own."},
      {"speech.max_reference_s", "--max-reference", "HOSTLER_MAX_REFERENCE_S", Real(&C::max_reference_s, 1, 3600),
       "Longest recording of a voice to clone, in seconds."},
      {"speech.max_samples", "--max-samples", "HOSTLER_MAX_SAMPLES", Whole(&C::max_samples, 0, 100'000),
       "Recordings that may be put into samples/ over the API."},
      {"speech.max_recording_hours", "--max-recording-hours", "HOSTLER_MAX_RECORDING_HOURS",
       Real(&C::max_recording_hours, 0.001, 1000), "Longest recording to transcribe, in hours."},
  };
}

}  // namespace

const std::vector<Key>& KeyTable() {
  static const std::vector<Key> table = MakeTable();
  return table;
}

const Key* FindKey(std::string_view name) {
  const auto& table = KeyTable();
  const auto found = std::find_if(table.begin(), table.end(), [&](const Key& key) { return key.key == name; });
  return found == table.end() ? nullptr : &*found;
}

std::vector<KeyInfo> Keys() {
  std::vector<KeyInfo> keys;
  for (const Key& key : KeyTable()) {
    keys.push_back({key.key, key.flag, key.variable, key.meaning, key.kind.show(Config{}), key.kind.is_switch});
  }
  return keys;
}

}  // namespace hostler::config
