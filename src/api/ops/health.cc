#include "api/ops/routes.h"

namespace hostler::api::ops {
namespace {

struct Alive {
  std::string status;  // "ok"
};
BOOST_DESCRIBE_STRUCT(Alive, (), (status))

double Uptime() {
  static const auto start = Clock::now();
  return Seconds(Clock::now() - start);
}

// The same shape as an engine's, so that one client can greet both. It touches nothing that could wait.
Task<Result<wire::Health>> Health(app::House& house, http::Exchange&) {
  wire::Health health;
  health.status = "ok";
  health.engine = "hostler";
  health.version = HOSTLER_VERSION;
  health.features = {"generate.control", "generate.clone", "generate.design", "logs", "openai.audio", "events"};
  health.uptime_s = Uptime();
  health.models_loaded = static_cast<int>(house.lifecycle.LoadedCount());
  co_return health;
}

Task<Result<Alive>> Live(app::House&, http::Exchange&) {
  co_return Alive{"ok"};
}

}  // namespace

void AddHealth(Door& door) {
  (void)Uptime();  // starts the clock
  door.Get("/health", {"Is it well, which version, how many models are loaded", "Operations"}, Health);
  door.Get("/live", {"Does the process answer", "Operations"}, Live);
}

}  // namespace hostler::api::ops
