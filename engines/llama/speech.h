// What Qwen3-TTS and Pocket TTS share: their options, the native objects of a loaded model, and the way from a network's numbers
// to the listener.
//
// Internal to the engine. Threads: a model's objects belong to the one call that runs on it.
#pragma once

#include <llama.h>
#include <mtmd.h>

#include <memory>
#include <span>
#include <stop_token>

#include "engine_sdk/engine.h"
#include "engines/llama/speech_files.h"

namespace hostler::llama {

// Options of a load; README.md explains them.
struct SpeechOptions {
  std::optional<std::string> mmproj;         // file, relative to the model's folder or absolute
  std::optional<std::string> kind;           // of a Qwen3-TTS: "base", "custom_voice", "voice_design"; default: found out
  std::optional<std::int64_t> seed;          // the same seed says the same; default: another one each time
  std::optional<double> temperature;         // 0 to 2; 0 takes the likeliest
  std::optional<int> top_k;                  // 0: all
  std::optional<double> top_p;               // above 0, to 1
  std::optional<double> repetition_penalty;  // 0.5 to 2, 1 is none
  std::optional<double> max_seconds;         // of speech for one piece of a text; default: from the text's length
  std::optional<int> context;                // tokens and frames that a piece may have together
  std::optional<int> gpu_layers;
};
BOOST_DESCRIBE_STRUCT(SpeechOptions, (),
                      (mmproj, kind, seed, temperature, top_k, top_p, repetition_penalty, max_seconds, context, gpu_layers))

struct Freer {
  void operator()(llama_model* model) const { llama_model_free(model); }
  void operator()(llama_context* context) const { llama_free(context); }
  void operator()(mtmd_context* context) const { mtmd_free(context); }
  void operator()(mtmd_bitmap* bitmap) const { mtmd_bitmap_free(bitmap); }
  void operator()(mtmd_input_chunks* chunks) const { mtmd_input_chunks_free(chunks); }
};
template <class T>
using Native = std::unique_ptr<T, Freer>;

// A loaded pair of files. Freed in the reverse order.
struct SpeechParts {
  SpeechFiles files;
  SpeechOptions options;
  log::Log* log = nullptr;
  Native<llama_model> model;
  Native<llama_context> context;  // yields logits and embeddings of every row
  Native<mtmd_context> mtmd;      // encoder of voices, generator of sound

  [[nodiscard]] int width() const { return llama_model_n_embd(model.get()); }  // floats of one embedding
  [[nodiscard]] int sample_rate() const { return mtmd_gen_audio_get_info(mtmd.get()).sample_rate; }
  [[nodiscard]] bool can_clone() const { return mtmd_support_audio(mtmd.get()); }
};

[[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> MakeQwenTts(SpeechParts parts);    // qwen_tts.cc
[[nodiscard]] Result<std::unique_ptr<engine_sdk::Model>> MakePocketTts(SpeechParts parts);  // pocket_tts.cc

// Where libmtmd's random numbers come from. It starts its generator anew only when it is given another seed than the last time,
// so that the same seed twice would not be the same speech twice.
class Dice {
 public:
  // Runs one frame through all networks that make sound: their memory is there from now on, and files that do not fit each other
  // end the load and not the first request.
  [[nodiscard]] static Result<Dice> WarmUp(const SpeechParts& parts);

  // The next frame with `seed`, below 2^31, starts the generator there.
  [[nodiscard]] Result<> Restart(std::uint32_t seed);
  // To be told before each frame: a piece may end without any.
  void Rolls(std::uint32_t seed) { last_ = seed; }

 private:
  [[nodiscard]] Result<mtmd_gen_out> Frame(std::uint32_t seed);

  mtmd_context* mtmd_ = nullptr;
  int width_ = 0;
  std::uint32_t last_ = 0;
};

// The first seed of a request; a text's pieces count on from there.
[[nodiscard]] std::uint32_t FirstSeed(const SpeechOptions& options);

// The network's numbers, -1 to 1, as samples for a sink; begins it at the first.
class Loudspeaker {
 public:
  Loudspeaker(engine_sdk::AudioSink& sink, int sample_rate) : sink_(sink), sample_rate_(sample_rate) {}
  // False: nobody listens any more.
  [[nodiscard]] bool Write(std::span<const float> sound);

 private:
  engine_sdk::AudioSink& sink_;
  const int sample_rate_;
  bool begun_ = false;
};

// kUnsupported for what no model here can change: speed, pitch, volume.
template <class Request>
[[nodiscard]] Result<> CheckManner(const Request& request);
[[nodiscard]] Result<> CheckNormal(const std::optional<double>& value, double normal, std::string_view field);

// The voice to speak with, as libmtmd takes it. kInvalid for a recording that is too short to be one.
[[nodiscard]] Result<Native<mtmd_bitmap>> VoiceOf(const engine_sdk::Recording& recording, int sample_rate);

// kInternal with libmtmd's or libllama's reason.
[[nodiscard]] std::unexpected<Error> Failed(std::string_view what);

// ---- templates ----

template <class Request>
Result<> CheckManner(const Request& request) {
  HOSTLER_OK(CheckNormal(request.speed, 1, "speed"));
  if constexpr (requires { request.pitch; }) {
    HOSTLER_OK(CheckNormal(request.pitch, 0, "pitch"));
    HOSTLER_OK(CheckNormal(request.volume, 1, "volume"));
  }
  return {};
}

}  // namespace hostler::llama
