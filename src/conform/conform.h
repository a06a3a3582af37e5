// Walks the checklist of spec/engines.md against any engine, in any language: an executable that it starts in folders of its
// own, or an address. Of an address it can only check what needs neither its folders nor its end.
//
// Owner: the command line, or a test. Threads: Conform() on one loop of the caller, whose thread must outlive the call.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/result.h"
#include "http/client.h"

namespace hostler::conform {

enum class Outcome { kOk, kFailed, kSkipped };

struct Check {
  std::string requirement;  // "a loaded model is loaded again without work"
  Outcome outcome = Outcome::kOk;
  std::string detail;  // what was seen, or why it was skipped
};

struct Report {
  std::vector<Check> checks;
  [[nodiscard]] bool passed() const;  // nothing failed
};

struct Target {
  std::filesystem::path program;  // if empty:
  http::Endpoint address;

  // "http://…" and "unix:…" are addresses, anything else is a program.
  static Result<Target> Parse(std::string_view text);
};

struct Options {
  std::string model;            // to load; default: the first one that the engine lists as unloaded and that we did not put there
  std::filesystem::path files;  // of that model, a file or a folder; lent to a program, whose name it takes
  std::vector<std::string> arguments;                   // further ones for the program
  std::vector<std::string> environment;                 // further "NAME=value" for the program
  Clock::duration patience = std::chrono::seconds(30);  // for each answer
  std::function<void(const Check&)> on_check;           // told at once, for people who watch
};

// An error only if the engine could not be tried at all: it does not start, or nobody answers.
[[nodiscard]] Task<Result<Report>> Conform(Target target, Options options);

// "ok       requirement", "FAILED   requirement: detail", "skipped  requirement: detail".
[[nodiscard]] std::string Text(const Check& check);

}  // namespace hostler::conform
