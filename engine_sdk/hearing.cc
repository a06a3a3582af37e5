// What takes a recording: POST /transcribe and POST /diarize.
#include "base/text.h"
#include "engine_sdk/form.h"
#include "engine_sdk/service.h"
#include "engine_sdk/sound.h"
#include "engine_sdk/working.h"
#include "http/sse.h"

namespace hostler::engine_sdk {
namespace {

constexpr std::uint64_t kRecording = std::uint64_t{1} << 30;  // bytes

bool IsNumber(std::string_view field) {
  return field == "temperature" || field == "speakers" || field == "threshold";
}

// The fields of a request as query parameters, for a body that is the WAV alone.
template <class T>
Result<T> FromQuery(const http::Query& query) {
  boost::json::object fields;
  for (const auto& [name, value] : query.pairs()) {
    if (fields.contains(name)) return Fail(Error{Code::kInvalid, "given twice"}.At(name));
    if (value == "true" || value == "false")
      fields[name] = value == "true";
    else if (IsNumber(name)) {
      auto number = json::ParseDom(value);
      if (!number || !number->is_number())
        return Fail(Error{Code::kInvalid, fmt::format("expected number, got \"{}\"", value)}.At(name));
      fields[name] = *number;
    } else {
      fields[name] = value;
    }
  }
  T request;
  json::DecodeOptions options;
  HOSTLER_OK(json::Decode(json::Any(std::move(fields)), request, options));
  return request;
}

// A request with its recording: a form, or a WAV with the fields in the query.
template <class T>
Task<Result<std::pair<T, AudioSource>>> ReadHeard(http::Exchange& exchange) {
  std::pair<T, AudioSource> heard;
  if (IsForm(exchange)) {
    HOSTLER_CO_TRY(AudioForm form, co_await ReadAudioForm(exchange));
    HOSTLER_CO_TRY(heard.first, json::Parse<T>(form.request));
    heard.second = std::move(form.audio);
  } else {
    HOSTLER_CO_TRY(heard.first, FromQuery<T>(exchange.query()));
    HOSTLER_CO_TRY(std::string body, co_await exchange.ReadBody(kRecording));
    if (!body.empty())
      heard.second = [bytes = std::make_shared<std::string>(std::move(body))] { return Result<std::string>(std::move(*bytes)); };
  }
  if (!heard.second) {
    co_return Fail(
        Error{Code::kInvalid, "there is no recording", "Send the parts `request` (JSON) and `audio` (WAV), or a WAV as the body."}
            .At("audio"));
  }
  co_return heard;
}

Result<> CheckSpeakers(const wire::DiarizeRequest& request) {
  if (request.speakers && (*request.speakers < 1 || *request.speakers > 100))
    return Fail(
        Error{Code::kInvalid, fmt::format("{} speakers", *request.speakers), "Use 1 to 100, or leave it out."}.At("speakers"));
  if (request.threshold && !(*request.threshold >= 0 && *request.threshold <= 1))
    return Fail(Error{Code::kInvalid, fmt::format("{} is out of range", *request.threshold), "Use 0 to 1."}.At("threshold"));
  return {};
}

}  // namespace

Task<> Service::Transcribe(http::Exchange& exchange) {
  auto heard = co_await ReadHeard<wire::TranscribeRequest>(exchange);
  const bool as_events = Accepts(exchange, "text/event-stream");
  if (!heard) {
    co_await SendError(exchange, heard.error());
    co_return;
  }
  Hearing hearing{"Transcription", "transcribe", heard->first.model_id, std::move(heard->second), as_events, {}, {}};
  hearing.can = [](const wire::Capabilities& can) { return can.transcribe; };
  hearing.work = [request = std::move(heard->first), as_events](Model& model, const Recording& recording, Pipe& pipe,
                                                                std::stop_token stop) -> Result<std::string> {
    std::function<void(const wire::Segment&)> on_segment;
    if (as_events) {
      on_segment = [&](const wire::Segment& segment) {
        (void)pipe.Write(http::FormatSse({"segment", "", json::ToJson(segment)}), stop);  // a stop shows in the token
      };
    }
    HOSTLER_TRY(const wire::Transcript transcript, model.Transcribe(request, recording, on_segment, stop));
    return json::ToJson(transcript);
  };
  co_await Hear(exchange, std::move(hearing));
}

Task<> Service::Diarize(http::Exchange& exchange) {
  auto heard = co_await ReadHeard<wire::DiarizeRequest>(exchange);
  const auto checked = Checked(heard, [](const auto& pair) { return CheckSpeakers(pair.first); });
  if (!checked) {
    co_await SendError(exchange, checked.error());
    co_return;
  }
  Hearing hearing{"Diarisation", "tell speakers apart", heard->first.model_id, std::move(heard->second), false, {}, {}};
  hearing.can = [](const wire::Capabilities& can) { return can.diarize.value_or(false); };
  hearing.work = [request = std::move(heard->first)](Model& model, const Recording& recording, Pipe&,
                                                     std::stop_token stop) -> Result<std::string> {
    HOSTLER_TRY(const wire::DiarizeReply reply, model.Diarize(request, recording, stop));
    return json::ToJson(reply);
  };
  co_await Hear(exchange, std::move(hearing));
}

Task<> Service::Hear(http::Exchange& exchange, Hearing hearing) {
  const auto model = registry_.Find(hearing.model_id);
  if (!model) {
    co_await SendError(exchange, model.error());
    co_return;
  }
  if (model->capabilities.input_sample_rate == 0 || !hearing.can(model->capabilities)) {
    co_await SendError(exchange, Error{Code::kUnsupported, fmt::format("model \"{}\" cannot {}", model->id, hearing.verb),
                                       "Load a model that can."});
    co_return;
  }
  registry_.Touch(model->id);
  const auto job = std::make_shared<Job>();
  job->work = [this, id = model->id, rate = model->capabilities.input_sample_rate, hearing = std::move(hearing)](
                  Model& loaded, Pipe& pipe, std::stop_token stop) -> Result<> {
    HOSTLER_TRY(std::string wav, hearing.audio());
    HOSTLER_TRY(const Recording recording, ToRecording(wav, rate));
    wav = {};
    const auto start = Clock::now();
    log_.Info("{} with {}: {:.1f} s of audio", hearing.name, id, static_cast<double>(recording.samples.size()) / rate);
    const auto document = hearing.work(loaded, recording, pipe, stop);
    const double seconds = Seconds(Clock::now() - start);
    if (stop.stop_requested()) {
      log_.Info("{} cancelled after {:.2f} s", hearing.name, seconds);
      return Fail(Code::kCancelled, "the request was stopped");
    }
    if (!document) {
      if (IsClientsFault(document.error()))
        log_.Warning("{} refused: {}", hearing.name, document.error().Text());
      else
        log_.Error("{} failed: {}", hearing.name, document.error().Text());
      return Fail(document.error());
    }
    log_.Info("{} complete in {:.2f} s", hearing.name, seconds);
    (void)pipe.Write(hearing.as_events ? http::FormatSse({"done", "", *document}) : *document, stop);
    return {};
  };
  const bool as_events = hearing.as_events;
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
