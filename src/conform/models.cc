#include <algorithm>
#include <cmath>

#include "conform/walk.h"

namespace hostler::conform {
using enum http::Method;
using model::MemoryState;

std::string Walk::ModelBody() const {
  return json::ToJson(wire::UnloadRequest{model_});
}

Task<std::optional<wire::ModelRow>> Walk::RowOf(std::string id) {
  const auto response = co_await subject_.Ask(kGet, "/models");
  const auto list = json::Parse<wire::ModelList>(response.body, json::Unknown::kIgnore);
  if (!list) co_return std::nullopt;
  const auto row = std::find_if(list->models.begin(), list->models.end(), [&](const wire::ModelRow& r) { return r.id == id; });
  co_return row == list->models.end() ? std::nullopt : std::optional(*row);
}

Task<> Walk::Choose() {
  const std::string requirement = "GET /models answers with id, name, state, path, memory_mb, error, loaded_at, last_used_at";
  const auto response = co_await subject_.Ask(kGet, "/models");
  const auto list = json::Parse<wire::ModelList>(response.body, json::Unknown::kIgnore);
  Expect(list.has_value(), requirement, list ? "" : list.error().Text() + " in " + Seen(response));
  model_ = options_.files.empty() ? options_.model : options_.files.filename().string();
  for (const auto& row : list ? list->models : std::vector<wire::ModelRow>()) {
    if (model_.empty() && row.state == MemoryState::kUnloaded && !row.id.starts_with("conform-")) model_ = row.id;
  }
  if (model_.empty()) Skipped("loading, generating, unloading", "the engine lists no unloaded model; name one to try");
}

Task<> Walk::BeforeLoading() {
  ExpectError(co_await subject_.Ask(kPost, "/generate/control", Control("Hello.")), 0, "not_loaded",
              "generating without loading is not_loaded");
  ExpectError(co_await subject_.Ask(kPost, "/models/unload", ModelBody()), 0, "not_loaded",
              "unloading what is not loaded is not_loaded");
}

Task<> Walk::Loading() {
  const auto first = co_await subject_.Ask(kPost, "/models/load", ModelBody());
  const auto receipt = json::Parse<wire::LoadReply>(first.body, json::Unknown::kIgnore);
  Expect(first.status == 200 && receipt, "POST /models/load answers with the receipt",
         receipt ? Seen(first) : receipt.error().Text() + " in " + Seen(first));
  if (!receipt) co_return;
  const bool adds_up = receipt->memory_before_mb > 0 &&
                       std::abs(receipt->memory_after_mb - receipt->memory_before_mb - receipt->memory_delta_mb) < 0.2;
  Expect(receipt->model_id == model_ && receipt->state == MemoryState::kLoaded && adds_up, "the receipt of a load adds up",
         Seen(first));
  const auto second = co_await subject_.Ask(kPost, "/models/load", ModelBody());
  const auto again = json::Parse<wire::LoadReply>(second.body, json::Unknown::kIgnore);
  Expect(second.status == 200 && again && again->state == MemoryState::kLoaded,
         "loading a loaded model is a no-op with the same shape", Seen(second));
  const auto row = co_await RowOf(model_);
  Expect(row && row->state == MemoryState::kLoaded && row->loaded_at.value && row->memory_mb.value,
         "GET /models shows it loaded, with memory_mb and loaded_at",
         row ? "state " + json::EnumName(row->state) : "it is not listed");
  const auto health = json::Parse<wire::Health>((co_await subject_.Ask(kGet, "/health")).body, json::Unknown::kIgnore);
  Expect(health && health->models_loaded >= 1, "health counts loaded models",
         health ? std::to_string(health->models_loaded) : "no health");
}

Task<> Walk::Unloading() {
  const auto first = co_await subject_.Ask(kPost, "/models/unload", ModelBody());
  const auto receipt = json::Parse<wire::UnloadReply>(first.body, json::Unknown::kIgnore);
  const bool adds_up = receipt && std::abs(receipt->memory_before_mb - receipt->memory_after_mb - receipt->memory_freed_mb) < 0.2;
  Expect(first.status == 200 && adds_up && receipt->state == MemoryState::kUnloaded,
         "POST /models/unload answers with a receipt that adds up", Seen(first));
  const auto row = co_await RowOf(model_);
  Expect(row && row->state == MemoryState::kUnloaded, "GET /models shows it unloaded",
         row ? "state " + json::EnumName(row->state) : "it is not listed");
  if (std::find(health_.features.begin(), health_.features.end(), "load.progress") == health_.features.end()) {
    Skipped("a load tells its progress as events", "feature load.progress is not named");
    co_return;
  }
  const auto events = co_await subject_.Events(kPost, "/models/load", ModelBody(), {}, SIZE_MAX);
  Expect(!events.empty() && events.back().event == "loaded", "a load tells its progress as events",
         std::to_string(events.size()) + " events, none `loaded` at the end");
  (void)co_await subject_.Ask(kPost, "/models/unload", ModelBody());
}

Task<> Walk::Logs() {
  const auto response = co_await subject_.Ask(kGet, "/logs");
  const auto list = json::Parse<wire::LogList>(response.body, json::Unknown::kIgnore);
  Expect(list && !list->logs.empty(), "GET /logs answers with id, timestamp, level, message, source",
         list ? "it is empty" : list.error().Text());
  if (!list || list->logs.empty()) co_return;
  const auto said = [&](std::string_view level, std::string_view text) {
    return std::any_of(list->logs.begin(), list->logs.end(), [&](const wire::LogEntry& line) {
      return line.level == level && line.message.find(text) != std::string::npos;
    });
  };
  const std::string& time = list->logs.back().timestamp;
  Expect(time.size() == 23 && time[4] == '-' && time[10] == ' ' && time[19] == ',', "log times look like 2026-01-15 10:30:45,123",
         "\"" + time + "\"");
  if (!model_.empty()) {
    Expect(said("INFO", "Loading model: " + model_), "loads are logged at INFO", "no line \"Loading model: " + model_ + "\"");
    Expect(said("INFO", "Memory after load: ") && said("INFO", "Load time: "), "loads log their memory and time",
           "no such lines");
    Expect(said("INFO", "Memory after unload: "), "unloads log their memory", "no such line");
    if (subject_.started())
      Expect(said("DEBUG", "Memory before load: "), "LOG_LEVEL=DEBUG shows DEBUG lines", "no line at DEBUG");
  }
  const std::uint64_t last = list->logs.back().id;
  http::Headers from;
  from.Set("Last-Event-ID", std::to_string(last - 1));
  const auto events = co_await subject_.Events(kGet, "/logs/stream", "", from, 1);
  Expect(!events.empty() && events[0].id == std::to_string(last), "GET /logs/stream continues from Last-Event-ID",
         events.empty() ? "no event came" : "first id is " + events[0].id + ", not " + std::to_string(last));
  const auto cleared = co_await subject_.Ask(kPost, "/logs/clear");
  const auto after = json::Parse<wire::LogList>((co_await subject_.Ask(kGet, "/logs")).body, json::Unknown::kIgnore);
  Expect(cleared.status == 200 && after &&
             std::none_of(after->logs.begin(), after->logs.end(), [&](const auto& line) { return line.id <= last; }),
         "POST /logs/clear forgets the lines", Seen(cleared));
}

}  // namespace hostler::conform
