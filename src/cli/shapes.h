// What the server's API answers, as far as the command line shows it. Fields that are not here are passed over; --json
// prints the server's own text.
//
// Plain values; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace hostler::cli {

struct Health {
  std::string status;
  std::string version;
  double uptime_s = 0;
  int models_loaded = 0;
};
BOOST_DESCRIBE_STRUCT(Health, (), (status, version, uptime_s, models_loaded))

struct ModelRow {
  std::string id;
  std::string type;
  std::string provider;
  std::string description;
  std::string state;
  std::string badge;
  json::Nullable<double> memory_mb;
  json::Nullable<std::string> error;
  json::Nullable<double> last_used_at;
  json::Nullable<bool> pinned;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (), (id, type, provider, description, state, badge, memory_mb, error, last_used_at, pinned))

struct ModelList {
  std::vector<ModelRow> models;
};
BOOST_DESCRIBE_STRUCT(ModelList, (), (models))

struct ModelRequest {
  std::string model_id;
};
BOOST_DESCRIBE_STRUCT(ModelRequest, (), (model_id))

struct LoadReply {
  std::string model_id;
  json::Nullable<double> memory_before_mb;
  json::Nullable<double> memory_after_mb;
  json::Nullable<double> memory_delta_mb;
  json::Nullable<double> load_time_s;
  json::Nullable<std::string> outcome;
};
BOOST_DESCRIBE_STRUCT(LoadReply, (), (model_id, memory_before_mb, memory_after_mb, memory_delta_mb, load_time_s, outcome))

struct UnloadReply {
  std::string model_id;
  json::Nullable<double> memory_before_mb;
  json::Nullable<double> memory_after_mb;
  json::Nullable<double> memory_freed_mb;
  json::Nullable<double> unload_time_s;
  json::Nullable<std::string> outcome;
};
BOOST_DESCRIBE_STRUCT(UnloadReply, (), (model_id, memory_before_mb, memory_after_mb, memory_freed_mb, unload_time_s, outcome))

struct RunningRow {
  std::string model;
  std::string type;
  std::string backend;
  json::Nullable<std::string> device;
  json::Nullable<double> loaded_at;
  json::Nullable<double> last_used_at;
  json::Nullable<bool> is_default;
  json::Nullable<double> ttl_remaining;
  json::Nullable<double> memory_mb;
  json::Nullable<int> leases;
  json::Nullable<std::int64_t> pid;
};
BOOST_DESCRIBE_STRUCT(RunningRow, (),
                      (model, type, backend, device, loaded_at, last_used_at, is_default, ttl_remaining, memory_mb, leases, pid))

struct RunningList {
  std::vector<RunningRow> models;
};
BOOST_DESCRIBE_STRUCT(RunningList, (), (models))

struct VoiceRow {
  std::string id;
  json::Nullable<std::string> name;
  json::Nullable<std::string> language;
  json::Nullable<std::string> gender;
  json::Nullable<std::string> model;
};
BOOST_DESCRIBE_STRUCT(VoiceRow, (), (id, name, language, gender, model))

struct VoiceList {
  std::vector<VoiceRow> voices;
};
BOOST_DESCRIBE_STRUCT(VoiceList, (), (voices))

struct LogRow {
  std::uint64_t id = 0;
  std::string timestamp;
  std::string level;
  std::string message;
  json::Nullable<std::string> source;
};
BOOST_DESCRIBE_STRUCT(LogRow, (), (id, timestamp, level, message, source))

struct LogList {
  std::vector<LogRow> logs;
};
BOOST_DESCRIBE_STRUCT(LogList, (), (logs))

struct Lost {
  std::uint64_t count = 0;
};
BOOST_DESCRIBE_STRUCT(Lost, (), (count))

// `id`, `time` and `exit` are shown as they come.
struct CrashRow {
  json::Any id;
  json::Nullable<std::string> model;
  json::Nullable<std::string> reason;
  json::Nullable<json::Any> time;
  json::Nullable<json::Any> exit;
};
BOOST_DESCRIBE_STRUCT(CrashRow, (), (id, model, reason, time, exit))

struct CrashList {
  std::vector<CrashRow> crashes;
};
BOOST_DESCRIBE_STRUCT(CrashList, (), (crashes))

}  // namespace hostler::cli
