// A model that speaks tones and hears lengths, and misbehaves when its options say so.
//
// Owner: the SDK. Threads: as Model says.
#pragma once

#include <atomic>

#include "engine_sdk/engine.h"
#include "engines/fake/mischief.h"

namespace hostler::fake {

class FakeModel : public engine_sdk::Model {
 public:
  FakeModel(std::string id, Options options, Mischief& mischief, log::Log& log);

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] std::vector<wire::Voice> voices() const override;
  [[nodiscard]] int parallel() const override { return options_.parallel.value_or(1); }

  [[nodiscard]] Result<> Control(const wire::ControlRequest& request, engine_sdk::AudioSink& sink, std::stop_token stop) override;
  [[nodiscard]] Result<> Clone(const wire::CloneRequest& request, const engine_sdk::Recording& reference,
                               engine_sdk::AudioSink& sink, std::stop_token stop) override;
  [[nodiscard]] Result<> Design(const wire::DesignRequest& request, engine_sdk::AudioSink& sink, std::stop_token stop) override;
  [[nodiscard]] Result<wire::Transcript> Transcribe(const wire::TranscribeRequest& request,
                                                    const engine_sdk::Recording& recording,
                                                    const std::function<void(const wire::Segment&)>& on_segment,
                                                    std::stop_token stop) override;
  [[nodiscard]] Result<wire::DiarizeReply> Diarize(const wire::DiarizeRequest& request, const engine_sdk::Recording& recording,
                                                   std::stop_token stop) override;

  // fake_vectors.cc
  [[nodiscard]] int batch() const override { return options_.batch.value_or(8); }
  [[nodiscard]] std::vector<Result<wire::EmbedReply>> Embed(
      std::span<const engine_sdk::Asked<wire::EmbedRequest>> asked) override;
  [[nodiscard]] std::vector<Result<wire::RerankReply>> Rerank(
      std::span<const engine_sdk::Asked<wire::RerankRequest>> asked) override;
  [[nodiscard]] std::vector<Result<wire::SparseReply>> Sparse(
      std::span<const engine_sdk::Asked<wire::SparseRequest>> asked) override;

 private:
  struct Tone {
    double pitch = 220;  // Hz
    std::size_t samples = 0;
  };
  Result<> Speak(Tone tone, engine_sdk::AudioSink& sink, const std::stop_token& stop);
  Result<> Misbehave(int chunk, const std::stop_token& stop);
  [[nodiscard]] bool Can(std::string_view what) const;
  int BeginRequest(std::string_view what);

  // Its tokens are words. An error at `field` if there are more than the model reads and `truncate` is not set.
  Result<std::vector<std::string>> WordsOf(const std::string& text, std::optional<bool> truncate, std::string field) const;
  template <class Reply, class Request, class One>
  std::vector<Result<Reply>> AnswerEach(std::string_view what, std::span<const engine_sdk::Asked<Request>> asked, One one);

  const std::string id_;
  const Options options_;
  Mischief& mischief_;
  log::Log& log_;
  const std::unique_ptr<char[]> memory_;
  std::atomic<int> requests_{0};
};

// Waits, but not for somebody who has gone. False: stopped.
bool Wait(std::chrono::milliseconds time, const std::stop_token& stop);

}  // namespace hostler::fake
