// The providers of the classic engine. Which of them are built in is decided by HOSTLER_PROVIDERS at build time: each has a
// file of its own, and its library is only linked if it is chosen.
//
// Threads: as Engine::Load says.
#pragma once

#include <memory>

#include "engine_sdk/engine.h"

namespace hostler::classic {

// Speaks about a hundred languages with libespeak-ng. No options.
[[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> LoadEspeak(const engine_sdk::LoadContext& context);
// Speaks English with flite: the voices that are built in, and those of *.flitevox files in the model's folder. No options.
[[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> LoadFlite(const engine_sdk::LoadContext& context);
// Hears English with pocketsphinx. Options: PocketsphinxOptions.
[[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> LoadPocketsphinx(const engine_sdk::LoadContext& context);

struct NoOptions {};
BOOST_DESCRIBE_STRUCT(NoOptions, (), ())

struct PocketsphinxOptions {
  std::optional<std::string> grammar;       // JSGF: hear nothing but its sentences; or:
  std::optional<std::string> grammar_file;  // a file in the model's folder
};
BOOST_DESCRIBE_STRUCT(PocketsphinxOptions, (), (grammar, grammar_file))

// The load options as a struct; unknown keys are errors.
template <class T>
[[nodiscard]] Result<T> ReadOptions(const engine_sdk::LoadContext& context) {
  T options;
  json::DecodeOptions decode;
  if (auto done = json::Decode(context.options, options, decode); !done) {
    Error error = std::move(done).error();
    error.field = error.field.empty() ? "options" : "options." + error.field;
    return Fail(std::move(error));
  }
  return options;
}

// The engine that main() runs.
[[nodiscard]] std::unique_ptr<engine_sdk::Engine> MakeClassicEngine();

}  // namespace hostler::classic
