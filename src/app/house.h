// What the use cases work with: the rooms below, by reference. hostlerd builds it once.
//
// Plain references; each room has its own rule about threads.
#pragma once

#include <filesystem>

#include "async/budget.h"
#include "async/pool.h"
#include "config/config.h"
#include "engines/dossier.h"
#include "engines/prober.h"
#include "engines/talk.h"
#include "lifecycle/lifecycle.h"
#include "log/log.h"
#include "media/media.h"
#include "metrics/metrics.h"

namespace hostler::app {

struct House {
  const config::Config& config;
  log::Log& log;
  metrics::Metrics& metrics;
  events::Ring<lifecycle::Change>& changes;
  Pool& media_pool;
  media::Codecs& codecs;
  engines::Workshop& workshop;
  engines::Switchboard& switchboard;
  engines::DossierStore& dossiers;
  lifecycle::Lifecycle& lifecycle;
  engines::Prober& prober;
  Budget decoding{2};                // recordings that are decoded at the same time
  Budget recordings{512 << 20};      // bytes of decoded recordings that wait for their engine or are heard by it
  std::atomic<bool> closing{false};  // the daemon is ending: streams that never end must end now
};

}  // namespace hostler::app
