// The house: every room as a member, in order, each taking references to lower ones. Reads like a table of contents.
//
// Owner: main. Built, run and destroyed on the main thread, which is the control thread: it spawns the engines, so it must
// live as long as the program. docs/threads.md lists the other threads.
#pragma once

#include <memory>
#include <vector>

#include <boost/asio/basic_signal_set.hpp>

#include "api/api.h"
#include "app/house.h"
#include "hostlerd/home.h"
#include "hostlerd/shelves.h"
#include "http/server.h"

namespace hostler::hostlerd {

// What the configuration names and is read with each use: wrong now is an error, wrong later a line in the log.
[[nodiscard]] Result<> CheckSpeechFiles(const config::Config& config);

class Daemon {
 public:
  Daemon(config::Config config, Home home, catalog::Catalogue catalogue, const std::vector<std::string>& notes);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Serves until SIGTERM or SIGINT; returns the exit status. Prints its address as the first line on stdout.
  int Run();

 private:
  [[nodiscard]] Result<std::string> Listen();
  void WarnOfMissing();
  void EndLeftBehind();
  void OnSignal();
  void Preload();
  Task<> Leave(std::string why);
  static Task<> PreloadOne(app::House& house, model::ModelId id);
  void Crashed(engines::Dossier dossier);

  const config::Config config_;
  Home home_;  // control thread
  log::Log log_;
  metrics::Metrics metrics_;
  events::Ring<lifecycle::Change> changes_;
  Loop control_;
  std::vector<std::unique_ptr<Loop>> loops_;  // I/O
  media::Codecs codecs_;
  engines::DossierStore dossiers_;
  Pool pool_;         // codecs, crash reports; its jobs use the two above
  Pool engine_pool_;  // memory readings: short, and loads and unloads wait for them
  Shelves shelves_;
  speech::Samples samples_;
  speech::DictionaryFile dictionary_;
  engines::Workshop workshop_;
  engines::Prober prober_;
  engines::Switchboard switchboard_;
  lifecycle::Lifecycle lifecycle_;
  app::House house_;
  http::Server server_;
  boost::asio::basic_signal_set<Executor> signals_;
  bool leaving_ = false;
};

}  // namespace hostler::hostlerd
