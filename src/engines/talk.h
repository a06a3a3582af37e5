// How requests talk to a loaded engine: audio out, audio in, vectors of texts, conversations. One Switchboard per daemon holds
// one HTTP client per loop.
//
// Threads: calls from a coroutine on one of the loops it was made with; the connection is that loop's.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engines/instance.h"
#include "http/client.h"
#include "http/server.h"
#include "http/sse.h"
#include "wire/wire.h"

namespace hostler::engines {

// PCM on its way from an engine. Destroying it before the end makes the engine stop.
class AudioStream {
 public:
  AudioStream(std::unique_ptr<http::Reply> reply, std::shared_ptr<const Handle> handle, Activity activity, int sample_rate,
              int channels)
      : reply_(std::move(reply)),
        handle_(std::move(handle)),
        activity_(std::move(activity)),
        sample_rate_(sample_rate),
        channels_(channels) {}

  [[nodiscard]] int sample_rate() const { return sample_rate_; }
  [[nodiscard]] int channels() const { return channels_; }
  // The next samples (s16, interleaved), as soon as any are there; valid until the next call; empty at the end.
  [[nodiscard]] Task<Result<std::span<const std::int16_t>>> ReadSome();

 private:
  std::unique_ptr<http::Reply> reply_;
  std::shared_ptr<const Handle> handle_;
  const Activity activity_;
  const int sample_rate_;
  const int channels_;
  std::string odd_;  // the first byte of a sample whose second has not come
  std::vector<std::int16_t> samples_;
};

// A transcript on its way from an engine. Destroying it before the end makes the engine stop.
class SegmentStream {
 public:
  SegmentStream(std::unique_ptr<http::Reply> reply, std::shared_ptr<const Handle> handle, Activity activity);
  // Of an engine that tells everything at its end.
  SegmentStream(wire::Transcript transcript, std::shared_ptr<const Handle> handle, Activity activity);

  // The next segment, as soon as the model has it; nullopt at the end.
  [[nodiscard]] Task<Result<std::optional<wire::Segment>>> Next();
  // REQUIRES: Next() has told the end.
  [[nodiscard]] wire::Transcript& transcript() { return *transcript_; }

 private:
  void Take(const http::SseEvent& event);
  [[nodiscard]] Error Nonsense(std::string_view what) const;

  std::unique_ptr<http::Reply> reply_;
  std::shared_ptr<const Handle> handle_;
  const Activity activity_;
  http::SseParser parser_;
  std::deque<wire::Segment> segments_;
  std::optional<wire::Transcript> transcript_;
  std::optional<Error> error_;
};

// Is this route of the engine of `entry` work that a client may ask for? Loading, unloading and logs are the daemon's.
[[nodiscard]] bool IsWork(const model::Entry& entry, http::Method method, std::string_view path);

class Switchboard {
 public:
  explicit Switchboard(const std::vector<Loop*>& loops);
  ~Switchboard();

  // The calling coroutine's client.
  [[nodiscard]] http::Client& Here(const Executor& executor);

  // REQUIRES: the caller holds a lease on `handle` until the stream is gone.
  [[nodiscard]] Task<Result<std::unique_ptr<AudioStream>>> Control(std::shared_ptr<const Handle> handle,
                                                                   wire::ControlRequest request);
  // `reference`: WAV in base64, as Base64Encode writes it, instead of the request's reference_audio; it is not looked at again.
  [[nodiscard]] Task<Result<std::unique_ptr<AudioStream>>> Clone(std::shared_ptr<const Handle> handle, wire::CloneRequest request,
                                                                 std::string reference = {});
  [[nodiscard]] Task<Result<std::unique_ptr<AudioStream>>> Design(std::shared_ptr<const Handle> handle,
                                                                  wire::DesignRequest request);
  // `wav`: PCM s16le mono at the model's input_sample_rate.
  [[nodiscard]] Task<Result<std::unique_ptr<SegmentStream>>> Transcribe(std::shared_ptr<const Handle> handle,
                                                                        wire::TranscribeRequest request, std::string wav);
  [[nodiscard]] Task<Result<wire::DiarizeReply>> Diarize(std::shared_ptr<const Handle> handle, wire::DiarizeRequest request,
                                                         std::string wav);

  // One dense vector for each input. Errors: of the engine; kInvalid named `input_too_long`, with the numbers, for a text that
  // does not fit and was not to be truncated.
  [[nodiscard]] Task<Result<wire::EmbedReply>> Embed(std::shared_ptr<const Handle> handle, wire::EmbedRequest request);
  // One score for each document, in the documents' order: the model's own numbers (logits).
  [[nodiscard]] Task<Result<wire::RerankReply>> Rerank(std::shared_ptr<const Handle> handle, wire::RerankRequest request);
  // One sparse vector for each input.
  [[nodiscard]] Task<Result<wire::SparseReply>> Sparse(std::shared_ptr<const Handle> handle, wire::SparseRequest request);

  // Answers a request of OpenAI's or Anthropic's `route` by the engine: `body` goes there as it is, the answer to `exchange` as
  // it comes. REQUIRES: the model chats. The engine's errors are returned in our words; if exchange.started() then, the answer is
  // not whole.
  [[nodiscard]] Task<Result<>> Converse(std::shared_ptr<const Handle> handle, http::Exchange& exchange, std::string route,
                                        std::string body);

  // Passes a request on to the engine as it is: `target` is the path and query there. As http::Relay.
  [[nodiscard]] Task<Result<>> Relay(std::shared_ptr<const Handle> handle, http::Exchange& exchange, std::string target);

  // Closes idle connections to an instance that is gone. Any thread.
  void Forget(const http::Endpoint& endpoint);

 private:
  // `what`: for crash dossiers.
  [[nodiscard]] Task<Result<std::unique_ptr<AudioStream>>> Generate(std::shared_ptr<const Handle> handle, std::string target,
                                                                    std::string body, std::string what);
  template <class Reply, class Request>
  using AskOfTexts = Task<Result<Reply>> (Adapter::*)(http::Client&, const Handle&, Request) const;
  template <class Reply, class Request>
  [[nodiscard]] Task<Result<Reply>> Read(std::shared_ptr<const Handle> handle, Request request, AskOfTexts<Reply, Request> ask,
                                         std::string what);
  struct Line {
    Loop* loop;
    std::unique_ptr<http::Client> client;
  };
  std::vector<Line> lines_;
};

}  // namespace hostler::engines
