// How an engine is written: subclass Engine and Model, call RunEngine from main(). The SDK brings the HTTP server, the
// protocol (wire/wire.h), the state machine, the folders, the log ring and the memory receipts.
//
// Threads: Engine and Model are called on worker threads of the SDK, never on its loop, so they may block. One Model is
// called by at most `Model::parallel()` threads at a time; loads and unloads never overlap with anything on that model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "log/log.h"
#include "wire/wire.h"

namespace hostler::engine_sdk {

// Where the PCM of one generation goes. Begin once, then Write; both wait while the client is slow.
class AudioSink {
 public:
  virtual ~AudioSink() = default;
  // False: nobody listens any more, stop working.
  [[nodiscard]] virtual bool Begin(int sample_rate, int channels) = 0;
  [[nodiscard]] virtual bool Write(std::span<const std::int16_t> samples) = 0;  // interleaved
};

// What a transcription hears: PCM s16, mono.
struct Recording {
  int sample_rate = 0;  // Hz; the model's own input_sample_rate
  std::vector<std::int16_t> samples;
};

// One request among those that a call works on.
template <class Request>
struct Asked {
  Request request;
  std::stop_token stop;  // requested when its client is gone: its answer is wanted no more
};

// One loaded model. Destroying it is the unload.
class Model {
 public:
  virtual ~Model() = default;
  [[nodiscard]] virtual wire::Capabilities capabilities() const = 0;
  [[nodiscard]] virtual std::vector<wire::Voice> voices() const { return {}; }
  // How many calls below may run at the same time; more wait in a bounded queue of the SDK.
  [[nodiscard]] virtual int parallel() const { return 1; }

  // `stop` is requested when the client is gone: look at it at every step of the model.
  // An error before Begin is the answer; an error after it cuts the stream.
  [[nodiscard]] virtual Result<> Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop);
  [[nodiscard]] virtual Result<> Clone(const wire::CloneRequest& request, const Recording& reference, AudioSink& sink,
                                       std::stop_token stop);
  [[nodiscard]] virtual Result<> Design(const wire::DesignRequest& request, AudioSink& sink, std::stop_token stop);
  // `on_segment` (may be empty) is called for each segment as it is known.
  [[nodiscard]] virtual Result<wire::Transcript> Transcribe(const wire::TranscribeRequest& request, const Recording& recording,
                                                            const std::function<void(const wire::Segment&)>& on_segment,
                                                            std::stop_token stop);
  [[nodiscard]] virtual Result<wire::DiarizeReply> Diarize(const wire::DiarizeRequest& request, const Recording& recording,
                                                           std::stop_token stop);

  // How many texts (of a rerank: documents) one call below should hold. Requests that wait while a call runs are gathered into
  // the next one, up to that many; nobody waits for company. 1: each request is a call of its own. A request with more texts is
  // never cut: it is a call of its own too.
  [[nodiscard]] virtual int batch() const { return 1; }
  // One answer for each request, in their order; the requests have at least one text each. What is wrong with one of them, or its
  // stop, is no reason to fail the others.
  [[nodiscard]] virtual std::vector<Result<wire::EmbedReply>> Embed(std::span<const Asked<wire::EmbedRequest>> asked);
  [[nodiscard]] virtual std::vector<Result<wire::RerankReply>> Rerank(std::span<const Asked<wire::RerankRequest>> asked);
  [[nodiscard]] virtual std::vector<Result<wire::SparseReply>> Sparse(std::span<const Asked<wire::SparseRequest>> asked);
};

struct LoadContext {
  std::string model_id;
  std::filesystem::path path;  // resolved: inside models/ (server) or as the daemon gave it (child); empty for built-in models
  json::Any options;           // an object; refuse keys that are not known
  int threads = 0;             // how many the engine may use; never 0 here
  std::function<void(std::string_view stage, std::optional<double> fraction)> progress;
  log::Log* log = nullptr;
};

class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual std::string name() const = 0;                   // "classic"
  [[nodiscard]] virtual std::vector<std::string> features() const = 0;  // wire::Health::features
  // Models that need no files: they are listed beside what lies in models/.
  [[nodiscard]] virtual std::vector<std::string> BuiltInModels() const { return {}; }
  // False for a model that can be loaded without files.
  [[nodiscard]] virtual bool NeedsFiles(const std::string& model_id) const;
  // Can this file or folder in models/ be one of ours? Used for the listing; Load decides.
  [[nodiscard]] virtual bool Recognises(const std::filesystem::path& path) const { return std::filesystem::is_directory(path); }
  // Blocks. Code kNotFound, kInvalid (bad options), kUnsupported; anything else is reported as load_failed.
  [[nodiscard]] virtual Result<std::unique_ptr<Model>> Load(const LoadContext& context) = 0;
};

// Parses the command line, serves until SIGTERM (refuse new work, finish or cancel what runs within 10 s) and returns the exit
// status. Usage of every engine:
//   --listen-fd N            a listening socket that was handed over (how hostler starts it), or
//   --socket PATH            a Unix socket, or
//   --host H --port P        TCP; default 127.0.0.1 and $PORT or 8766
//   --base DIR               holds models/, external_models/, samples/; default /app if it is there, else the program's folder
//   --log-level L            or $LOG_LEVEL; default INFO
//   --threads N              for the native library; default: physical cores
int RunEngine(int argc, char** argv, std::unique_ptr<Engine> engine);

}  // namespace hostler::engine_sdk
