#include "base/text.h"
#include "engine_sdk/form.h"
#include "engine_sdk/service.h"
#include "engine_sdk/sound.h"
#include "engine_sdk/working.h"
#include "media/media.h"
#include "os/files.h"

namespace hostler::engine_sdk {
namespace {

constexpr std::uint64_t kCloneBody = 256 << 20;       // bytes: reference audio in base64
constexpr std::size_t kLongestWav = 0xFFFFFFFF - 64;  // bytes; RIFF cannot say more

Result<> InRange(const std::optional<double>& value, double least, double most, std::string field) {
  if (!value || (*value >= least && *value <= most)) return {};
  return Fail(Error{Code::kInvalid, fmt::format("must be from {} to {}, not {}", least, most, *value)}.At(std::move(field)));
}

Result<> CheckText(const std::string& text) {
  if (!Trim(text).empty()) return {};
  return Fail(Error{Code::kInvalid, "there is nothing to say", "Send a text that is not blank."}.At("text"));
}

Result<> Check(const wire::ControlRequest& request) {
  HOSTLER_OK(CheckText(request.text));
  HOSTLER_OK(InRange(request.speed, 0.25, 4, "speed"));
  HOSTLER_OK(InRange(request.pitch, -1, 1, "pitch"));
  return InRange(request.volume, 0, 2, "volume");
}

Result<> Check(const wire::DesignRequest& request) {
  HOSTLER_OK(CheckText(request.text));
  if (Trim(request.description).empty()) {
    return Fail(Error{Code::kInvalid, "there is no description", "Say what the voice is like."}.At("description"));
  }
  return InRange(request.speed, 0.25, 4, "speed");
}

// Exactly one of base64, the name of a sample, or an upload.
Result<AudioSource> ReferenceOf(const wire::CloneRequest& request, AudioSource uploaded, const Folders& folders) {
  const int given = (request.reference_audio ? 1 : 0) + (request.sample ? 1 : 0) + (uploaded ? 1 : 0);
  if (given != 1) {
    return Fail(Error{Code::kInvalid, given == 0 ? "there is no reference audio" : "there are several reference recordings",
                      "Send one of reference_audio (WAV in base64), sample (a file in samples/) or the part `audio`."}
                    .At("reference_audio"));
  }
  if (uploaded) return uploaded;
  if (request.sample) {
    HOSTLER_TRY(const std::filesystem::path path, folders.Sample(*request.sample));
    return AudioSource([path] { return os::ReadFile(path, 1 << 30); });
  }
  return AudioSource([text = *request.reference_audio]() -> Result<std::string> {
    if (auto bytes = Base64Decode(text)) return *std::move(bytes);
    return Fail(Error{Code::kInvalid, "this is not base64", "Send a WAV file, encoded as base64."}.At("reference_audio"));
  });
}

}  // namespace

Task<> Service::Control(http::Exchange& exchange) {
  auto request = co_await ReadJson<wire::ControlRequest>(exchange);
  auto checked = Checked(request, [](const wire::ControlRequest& r) { return Check(r); });
  if (!checked) {
    co_await SendError(exchange, checked.error());
    co_return;
  }
  Speak speak = [request = *request](Model& model, AudioSink& sink, std::stop_token stop) {
    return model.Control(request, sink, std::move(stop));
  };
  co_await Generate(exchange, "control", request->model_id, request->text, std::move(speak));
}

Task<> Service::Clone(http::Exchange& exchange) {
  AudioForm form;
  if (IsForm(exchange)) {
    auto read = co_await ReadAudioForm(exchange);
    if (!read) {
      co_await SendError(exchange, read.error());
      co_return;
    }
    form = *std::move(read);
  } else {
    auto body = co_await exchange.ReadBody(kCloneBody);
    if (!body) {
      co_await SendError(exchange, body.error());
      co_return;
    }
    form.request = *std::move(body);
  }
  Result<AudioSource> source;
  auto request = json::Parse<wire::CloneRequest>(form.request);
  auto checked = Checked(request, [&](const wire::CloneRequest& r) -> Result<> {
    HOSTLER_OK(CheckText(r.text));
    HOSTLER_OK(InRange(r.speed, 0.25, 4, "speed"));
    source = ReferenceOf(r, form.audio, folders_);
    return Checked(source, [](const AudioSource&) { return Result<>(); });
  });
  if (!checked) {
    co_await SendError(exchange, checked.error());
    co_return;
  }
  request->reference_audio.reset();  // it travels in `source`
  Speak speak = [request = *request, source = *source](Model& model, AudioSink& sink, std::stop_token stop) -> Result<> {
    if (!model.capabilities().voice_clone) return model.Clone(request, {}, sink, std::move(stop));
    HOSTLER_TRY(const std::string wav, source());
    HOSTLER_TRY(const Recording reference, ToRecording(wav, model.capabilities().input_sample_rate));
    return model.Clone(request, reference, sink, std::move(stop));
  };
  co_await Generate(exchange, "clone", request->model_id, request->text, std::move(speak));
}

Task<> Service::Design(http::Exchange& exchange) {
  auto request = co_await ReadJson<wire::DesignRequest>(exchange);
  auto checked = Checked(request, [](const wire::DesignRequest& r) { return Check(r); });
  if (!checked) {
    co_await SendError(exchange, checked.error());
    co_return;
  }
  Speak speak = [request = *request](Model& model, AudioSink& sink, std::stop_token stop) {
    return model.Design(request, sink, std::move(stop));
  };
  co_await Generate(exchange, "design", request->model_id, request->text, std::move(speak));
}

Task<> Service::Generate(http::Exchange& exchange, std::string what, std::optional<std::string> model_id, std::string text,
                         Speak speak) {
  const auto model = registry_.Find(model_id);
  if (!model) {
    co_await SendError(exchange, model.error());
    co_return;
  }
  registry_.Touch(model->id);
  const auto job = std::make_shared<Job>();
  job->work = [this, what, id = model->id, speak = std::move(speak), length = Utf8Length(text).value_or(0)](
                  Model& loaded, Pipe& pipe, std::stop_token stop) -> Result<> {
    const auto start = Clock::now();
    log_.Info("Generating ({}) with {}: {} characters", what, id, length);
    PipeSink sink(pipe, stop);
    Result<> result = speak(loaded, sink, stop);
    const double seconds = Seconds(Clock::now() - start);
    if (stop.stop_requested())
      log_.Info("Generation cancelled after {:.1f} s of audio in {:.2f} s", sink.seconds(), seconds);
    else if (result)
      log_.Info("Generation complete: {:.1f} s of audio in {:.2f} s", sink.seconds(), seconds);
    else if (IsClientsFault(result.error()))
      log_.Warning("Generation refused: {}", result.error().Text());
    else
      log_.Error("Generation failed after {:.1f} s of audio: {}", sink.seconds(), result.error().Text());
    return result;
  };
  const Working working(*this, [job, &exchange] {
    job->stop.request_stop();
    if (exchange.started()) exchange.Abort();  // a client that does not read would hold us up
  });
  const Submitted submitted(model->runner, job, exchange.stop_token(), log_);
  if (!submitted.result()) {
    log_.Warning("Generation refused: {}", submitted.result().error().Text());
    co_await SendError(exchange, submitted.result().error());
    co_return;
  }
  Pipe::Piece first = co_await job->pipe.Read();
  registry_.Touch(model->id);
  if (first.end && !*first.end && first.bytes.empty()) {
    co_await SendError(exchange, first.end->error());
  } else if (!job->pipe.format()) {
    const Error silent{job->stop.stop_requested() ? Code::kUnavailable : Code::kInternal,
                       job->stop.stop_requested() ? "the generation was stopped" : "the model made no audio"};
    co_await SendError(exchange, silent);
  } else if (Accepts(exchange, "audio/wav")) {
    co_await SendWav(exchange, *job, std::move(first));
  } else {
    co_await SendPcm(exchange, *job, std::move(first));
  }
}

Task<> Service::SendPcm(http::Exchange& exchange, Job& job, Pipe::Piece piece) {
  const AudioFormat format = *job.pipe.format();
  co_await exchange.Start(200, {{"Content-Type", "audio/pcm"},
                                {std::string(wire::kSampleRateHeader), std::to_string(format.sample_rate)},
                                {std::string(wire::kChannelsHeader), std::to_string(format.channels)}});
  while (true) {
    if (!piece.bytes.empty()) co_await exchange.Write(piece.bytes);
    if (piece.end) break;
    piece = co_await job.pipe.Read();
  }
  if (!*piece.end || job.stop.stop_requested())
    exchange.Abort();  // the reason is in the log
  else
    co_await exchange.Finish();
}

Task<> Service::SendWav(http::Exchange& exchange, Job& job, Pipe::Piece piece) {
  const AudioFormat format = *job.pipe.format();
  std::string samples = std::move(piece.bytes);
  while (!piece.end) {
    piece = co_await job.pipe.Read();
    samples += piece.bytes;
    if (samples.size() > kLongestWav) {
      co_await SendError(exchange, Error{Code::kTooLarge, "the audio is longer than a WAV file can be", "Ask for audio/pcm."});
      co_return;
    }
  }
  if (!*piece.end) {
    co_await SendError(exchange, piece.end->error());
    co_return;
  }
  if (job.stop.stop_requested()) {
    co_await SendError(exchange, Error{Code::kUnavailable, "the generation was stopped"});
    co_return;
  }
  http::Response response;
  response.headers = {{"Content-Type", "audio/wav"},
                      {std::string(wire::kSampleRateHeader), std::to_string(format.sample_rate)},
                      {std::string(wire::kChannelsHeader), std::to_string(format.channels)}};
  response.body = media::WavHeader(format.sample_rate, format.channels, static_cast<std::uint32_t>(samples.size())) + samples;
  co_await exchange.Send(std::move(response));
}

}  // namespace hostler::engine_sdk
