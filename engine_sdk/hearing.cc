#include "base/text.h"
#include "engine_sdk/form.h"
#include "engine_sdk/service.h"
#include "engine_sdk/sound.h"
#include "engine_sdk/working.h"
#include "http/sse.h"

namespace hostler::engine_sdk {
namespace {

constexpr std::uint64_t kRecording = std::uint64_t{1} << 30;  // bytes

// The fields of a TranscribeRequest as query parameters, for a body that is the WAV alone.
Result<wire::TranscribeRequest> FromQuery(const http::Query& query) {
  boost::json::object fields;
  for (const auto& [name, value] : query.pairs()) {
    if (fields.contains(name)) return Fail(Error{Code::kInvalid, "given twice"}.At(name));
    if (value == "true" || value == "false")
      fields[name] = value == "true";
    else if (name == "temperature") {
      auto number = json::ParseDom(value);
      if (!number || !number->is_number())
        return Fail(Error{Code::kInvalid, fmt::format("expected number, got \"{}\"", value)}.At(name));
      fields[name] = *number;
    } else {
      fields[name] = value;
    }
  }
  wire::TranscribeRequest request;
  json::DecodeOptions options;
  HOSTLER_OK(json::Decode(json::Any(std::move(fields)), request, options));
  return request;
}

}  // namespace

Task<> Service::Transcribe(http::Exchange& exchange) {
  Result<wire::TranscribeRequest> request;
  AudioSource audio;
  if (IsForm(exchange)) {
    auto form = co_await ReadAudioForm(exchange);
    if (form) {
      request = json::Parse<wire::TranscribeRequest>(form->request);
      audio = std::move(form->audio);
    } else {
      request = Fail(form.error());
    }
  } else {
    request = FromQuery(exchange.query());
    if (request) {
      auto body = co_await exchange.ReadBody(kRecording);
      if (!body)
        request = Fail(body.error());
      else if (!body->empty())
        audio = [bytes = std::make_shared<std::string>(*std::move(body))] { return Result<std::string>(std::move(*bytes)); };
    }
  }
  if (request && !audio) {
    request = Fail(
        Error{Code::kInvalid, "there is no recording", "Send the parts `request` (JSON) and `audio` (WAV), or a WAV as the body."}
            .At("audio"));
  }
  if (request)
    co_await Hear(exchange, *std::move(request), std::move(audio));
  else
    co_await SendError(exchange, request.error());
}

Task<> Service::Hear(http::Exchange& exchange, wire::TranscribeRequest request, AudioSource audio) {
  const auto model = registry_.Find(request.model_id);
  if (!model) {
    co_await SendError(exchange, model.error());
    co_return;
  }
  if (model->capabilities.input_sample_rate == 0) {
    co_await SendError(
        exchange, Error{Code::kUnsupported, fmt::format("model \"{}\" cannot transcribe", model->id), "Load a model that can."});
    co_return;
  }
  registry_.Touch(model->id);
  const bool as_events = Accepts(exchange, "text/event-stream");
  const auto job = std::make_shared<Job>();
  job->work = [this, id = model->id, rate = model->capabilities.input_sample_rate, request = std::move(request),
               audio = std::move(audio), as_events](Model& loaded, Pipe& pipe, std::stop_token stop) -> Result<> {
    HOSTLER_TRY(std::string wav, audio());
    HOSTLER_TRY(const Recording recording, ToRecording(wav, rate));
    wav = {};
    const auto start = Clock::now();
    log_.Info("Transcribing with {}: {:.1f} s of audio", id, static_cast<double>(recording.samples.size()) / rate);
    std::function<void(const wire::Segment&)> on_segment;
    if (as_events) {
      on_segment = [&](const wire::Segment& segment) {
        (void)pipe.Write(http::FormatSse({"segment", "", json::ToJson(segment)}), stop);  // a stop shows in the token
      };
    }
    const auto transcript = loaded.Transcribe(request, recording, on_segment, stop);
    const double seconds = Seconds(Clock::now() - start);
    if (stop.stop_requested()) {
      log_.Info("Transcription cancelled after {:.2f} s", seconds);
      return Fail(Code::kCancelled, "the transcription was stopped");
    }
    if (!transcript) {
      if (IsClientsFault(transcript.error()))
        log_.Warning("Transcription refused: {}", transcript.error().Text());
      else
        log_.Error("Transcription failed: {}", transcript.error().Text());
      return Fail(transcript.error());
    }
    log_.Info("Transcription complete: {} segments in {:.2f} s", transcript->segments.size(), seconds);
    const std::string document = json::ToJson(*transcript);
    (void)pipe.Write(as_events ? http::FormatSse({"done", "", document}) : document, stop);
    return {};
  };
  const Working working(*this, [job, &exchange] {
    job->stop.request_stop();
    if (exchange.started()) exchange.Abort();  // a client that does not read would hold us up
  });
  const Submitted submitted(model->runner, job, exchange.stop_token(), log_);
  if (!submitted.result())
    co_await SendError(exchange, submitted.result().error());
  else if (as_events)
    co_await SendSegments(exchange, *job);
  else
    co_await SendDocument(exchange, *job);
  registry_.Touch(model->id);
}

Task<> Service::SendDocument(http::Exchange& exchange, Job& job) {
  std::string document;
  Pipe::Piece piece;
  while (!piece.end) {
    piece = co_await job.pipe.Read();
    document += piece.bytes;
  }
  if (*piece.end)
    co_await exchange.Send(http::JsonResponse(std::move(document)));
  else
    co_await SendError(exchange, piece.end->error());
}

Task<> Service::SendSegments(http::Exchange& exchange, Job& job) {
  co_await exchange.Start(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
  co_await exchange.Write(": listening\n\n");
  Pipe::Piece piece;
  while (!piece.end) {
    piece = co_await job.pipe.Read();
    if (!piece.bytes.empty()) co_await exchange.Write(piece.bytes);
  }
  if (!*piece.end) co_await SendEvent(exchange, "error", json::ToJson(wire::ToReply(piece.end->error())));
  co_await exchange.Finish();
}

}  // namespace hostler::engine_sdk
