#include "metrics/metrics.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace hostler::metrics {

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>()) {
  auto& requests = prometheus::BuildCounter().Name("hostler_http_requests_total").Help("Answered requests.").Register(*registry_);
  for (std::size_t method = 0; method < requests_.size(); ++method) {
    for (std::size_t status = 1; status < requests_[method].size(); ++status) {
      requests_[method][status] = &requests.Add({{"method", std::string(http::MethodName(static_cast<http::Method>(method)))},
                                                 {"status", fmt::format("{}xx", status)}});
    }
  }
  const prometheus::Histogram::BucketBoundaries boundaries{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300};
  seconds_ = &prometheus::BuildHistogram()
                  .Name("hostler_http_request_seconds")
                  .Help("From the request's head to the end of its answer.")
                  .Register(*registry_)
                  .Add({}, boundaries);
  crashes_ = &prometheus::BuildCounter()
                  .Name("hostler_engine_crashes_total")
                  .Help("Engines that ended by themselves.")
                  .Register(*registry_)
                  .Add({});
}

Metrics::~Metrics() = default;

void Metrics::CountRequest(http::Method method, unsigned status, Clock::duration took) {
  const auto row = static_cast<std::size_t>(method);
  if (row < requests_.size() && status >= 100 && status < 600) requests_[row][status / 100]->Increment();
  seconds_->Observe(Seconds(took));
}

void Metrics::CountCrash() {
  crashes_->Increment();
}

std::string Metrics::Text() const {
  return prometheus::TextSerializer().Serialize(registry_->Collect());
}

}  // namespace hostler::metrics
