// Counters for Prometheus. The labels are bounded: methods, status classes, model ids of the catalogue.
//
// Owner: hostlerd. Count() any thread, one atomic operation each.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "base/clock.h"
#include "http/http.h"

namespace prometheus {
class Counter;
class Histogram;
class Registry;
}  // namespace prometheus

namespace hostler::metrics {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  void CountRequest(http::Method method, unsigned status, Clock::duration took);
  void CountCrash();
  [[nodiscard]] std::string Text() const;  // the counters; the route adds what is read at the moment of asking

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  std::array<std::array<prometheus::Counter*, 6>, 8> requests_{};  // [method][status / 100]
  prometheus::Histogram* seconds_ = nullptr;
  prometheus::Counter* crashes_ = nullptr;
};

}  // namespace hostler::metrics
