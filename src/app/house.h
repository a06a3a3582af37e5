// What the use cases work with: the rooms below, by reference. hostlerd builds it once.
//
// Plain references; each room has its own rule about threads.
#pragma once

#include <filesystem>

#include "async/budget.h"
#include "async/pool.h"
#include "catalog/catalog.h"
#include "config/config.h"
#include "download/download.h"
#include "engines/dossier.h"
#include "engines/prober.h"
#include "engines/talk.h"
#include "lifecycle/lifecycle.h"
#include "log/log.h"
#include "media/media.h"
#include "metrics/metrics.h"
#include "references/references.h"
#include "speech/dictionary.h"
#include "speech/samples.h"
#include "store/cache.h"
#include "store/removal.h"
#include "store/scan.h"
#include "store/shelf.h"
#include "tasks/tasks.h"

namespace hostler::app {

class Library;

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
  // Models on disk.
  const catalog::Catalogue& catalogue;
  const store::Cache& cache;
  store::Scanner& scanner;
  const store::Trash& trash;
  const store::Shelf& shelf;
  hub::Hub& hub;
  download::Governor& governor;
  tasks::Tasks& tasks;
  references::References& references;
  // Speech.
  speech::Samples& samples;
  speech::DictionaryFile& dictionary;
  Library& library;
  Pool& disk_pool;  // short looks at the disk, and renames: listings wait for them
  Pool& bulk_pool;  // downloads, hashing, unlinking: whatever takes as long as there are bytes
  Pool& database_pool;
  Budget decoding{2};                // recordings that are decoded at the same time
  Budget recordings{512 << 20};      // bytes of decoded recordings that wait for their engine or are heard by it
  std::atomic<bool> closing{false};  // the daemon is ending: streams that never end must end now
};

}  // namespace hostler::app
