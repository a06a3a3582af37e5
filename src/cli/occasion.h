// A server for one command: where none runs, `speak` and `transcribe` start their own, use it, and leave nothing behind.
//
// Owner: one command. Main thread only (a child dies with the thread that spawned it).
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "cli/api.h"
#include "os/process.h"

namespace hostler::cli {

class Occasion {
 public:
  // The server to use: the chosen one if it answers or was named, else one of our own.
  [[nodiscard]] static Result<std::unique_ptr<Occasion>> Find(const Context& context, Session& session);
  ~Occasion();  // stops the server, if it is ours, and removes its folder
  Occasion(const Occasion&) = delete;
  Occasion& operator=(const Occasion&) = delete;

  [[nodiscard]] const Target& target() const { return target_; }

 private:
  Occasion(const Context& context, Target target) : context_(context), target_(std::move(target)) {}
  [[nodiscard]] Result<> Start(Session& session);
  [[nodiscard]] Error Failed(const std::string& why) const;

  const Context& context_;
  Target target_;
  std::filesystem::path folder_;
  os::Child child_;
};

}  // namespace hostler::cli
