// One request that works, from its arrival to its answer: leaving waits for these.
//
// Internal to the service. Threads: the loop.
#pragma once

#include "engine_sdk/service.h"

namespace hostler::engine_sdk {

class Service::Working {
 public:
  // `cancel` may be empty, for work that has to be waited for.
  Working(Service& service, std::function<void()> cancel);
  ~Working();
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;

  void Cancel() const {
    if (cancel_) cancel_();
  }

 private:
  Service& service_;
  const std::function<void()> cancel_;
};

}  // namespace hostler::engine_sdk
