#include <unistd.h>

#include <fmt/format.h>

#include "api/ops/routes.h"
#include "os/memory.h"

namespace hostler::api::ops {
namespace {

// Prometheus text format: a backslash, a quote and a line end are escaped in label values.
std::string Label(std::string_view value) {
  std::string label;
  for (const char c : value) {
    if (c == '\\' || c == '"') label += '\\';
    label += c == '\n' ? ' ' : c;
  }
  return label;
}

void AppendGauge(std::string& text, std::string_view name, std::string_view help) {
  text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
}

// What is read when somebody looks, rather than counted.
std::string Gauges(const app::House& house) {
  const auto models = house.lifecycle.List();
  std::string text;
  AppendGauge(text, "hostler_model_loaded", "1 if the model is in memory.");
  for (const auto& model : models)
    text += fmt::format("hostler_model_loaded{{model=\"{}\"}} {}\n", Label(model.entry.id),
                        model.state == model::MemoryState::kLoaded ? 1 : 0);
  AppendGauge(text, "hostler_model_memory_bytes", "Memory that the model took, measured after its load.");
  for (const auto& model : models) {
    if (model.memory_mb > 0)
      text += fmt::format("hostler_model_memory_bytes{{model=\"{}\"}} {:.0f}\n", Label(model.entry.id),
                          model.memory_mb * 1024 * 1024);
  }
  AppendGauge(text, "hostler_model_leases", "Requests that use the model now.");
  for (const auto& model : models)
    text += fmt::format("hostler_model_leases{{model=\"{}\"}} {}\n", Label(model.entry.id), model.leases);
  AppendGauge(text, "hostler_model_waiting", "Requests that wait for the model.");
  for (const auto& model : models)
    text += fmt::format("hostler_model_waiting{{model=\"{}\"}} {}\n", Label(model.entry.id), model.waiting);
  AppendGauge(text, "process_resident_memory_bytes", "Resident memory of the daemon itself.");
  text += fmt::format("process_resident_memory_bytes {:.0f}\n", os::ReadResidentMb(getpid()).value_or(0) * 1024 * 1024);
  return text;
}

Task<Result<>> Read(app::House& house, http::Exchange& exchange) {
  co_await exchange.Send(http::TextResponse(house.metrics.Text() + Gauges(house), "text/plain; version=0.0.4; charset=utf-8"));
  co_return Result<>{};
}

}  // namespace

void AddMetrics(Door& door) {
  door.Raw(http::Method::kGet, "/metrics", {"Figures for Prometheus", "Operations", {}, "text/plain"}, Read);
}

}  // namespace hostler::api::ops
