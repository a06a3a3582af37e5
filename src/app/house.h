// What the use cases work with: the rooms below, by reference. hostlerd builds it once.
//
// Plain references; each room has its own rule about threads.
#pragma once

#include <filesystem>

#include "async/pool.h"
#include "base/guarded.h"
#include "config/config.h"
#include "engines/dossier.h"
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
  // Abilities of built-in models that were asked for while they were not loaded.
  Guarded<std::map<model::ModelId, engines::Abilities>> probed;
  std::atomic<bool> closing;  // the daemon is ending: streams that never end must end now
};

}  // namespace hostler::app
