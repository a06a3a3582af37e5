#include "app/transcribe.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/chapters.h"
#include "providers/providers.h"

namespace hostler::app {
namespace {

constexpr double kLongestConversation = 2 * 3600;  // seconds: 220 MB at 16 kHz

Error DoesNotTranscribe(const model::ModelId& id) {
  return Error{Code::kUnsupported,
               fmt::format("the model \"{}\" does not transcribe", id),
               "Choose a model of type stt: `hostler models --type stt`.",
               "model",
               {}};
}

Error DoesNotDiarize(const model::ModelId& id) {
  return Error{Code::kUnsupported,
               fmt::format("the model \"{}\" does not tell speakers apart", id),
               "Choose one that does, or set models.default_diarization.",
               "diarize",
               {}};
}

Result<> CheckFile(const TranscriptionRequest& request) {
  if (request.audio && !request.audio->empty()) return {};
  return Fail(Error{Code::kInvalid, "the file is empty", "Send an audio file.", "file", {}});
}

// One of another type is refused before anything is loaded for it.
Result<model::ModelId> ListenerOf(House& house, const model::ModelId& asked) {
  model::ModelId id = providers::ResolveAlias(house.config, asked.empty() ? house.config.default_stt : asked);
  HOSTLER_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  if (status.entry.type != model::ModelType::kStt) return Fail(DoesNotTranscribe(id));
  return id;
}

// One chapter; segments are told with the whole recording's times.
Task<Result<wire::Transcript>> Hear(House& house, const lifecycle::Lease& lease, wire::TranscribeRequest options, Chapter chapter,
                                    int first_id, const OnSegment& on_segment) {
  HOSTLER_CO_TRY(const auto stream,
                 co_await house.switchboard.Transcribe(lease.handle(), std::move(options), std::move(chapter.wav)));
  for (;;) {
    HOSTLER_CO_TRY(std::optional<wire::Segment> segment, co_await stream->Next());
    if (!segment) break;
    if (on_segment) co_await on_segment(Shifted(*std::move(segment), chapter.start, first_id));
  }
  co_return std::move(stream->transcript());
}

// A language that was found out in one chapter holds for the next, if the model lets itself be told.
void KeepLanguage(wire::TranscribeRequest& options, const wire::Capabilities& can, const std::string& heard) {
  if (options.language && *options.language != "auto") return;
  const bool known =
      can.languages.size() > 1 && std::find(can.languages.begin(), can.languages.end(), heard) != can.languages.end();
  if (known) options.language = heard;
}

Task<Result<wire::DiarizeReply>> Diarize(House& house, std::shared_ptr<const std::string> audio, DiarizationRequest request) {
  const model::ModelId id = request.model.empty() ? house.config.default_diarization : request.model;
  if (id.empty()) {
    co_return Fail(Error{Code::kUnsupported,
                         "no model is set that tells speakers apart",
                         "Set models.default_diarization, or name one as diarization_model.",
                         "diarize",
                         {}});
  }
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  if (status.entry.type != model::ModelType::kStt) co_return Fail(DoesNotDiarize(id));
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await house.lifecycle.Acquire(id));
  const int rate = lease->capabilities.input_sample_rate;
  if (!lease->capabilities.diarize.value_or(false) || rate <= 0) co_return Fail(DoesNotDiarize(id));
  HOSTLER_CO_TRY(Chapter whole, co_await WholeRecording(house, std::move(audio), rate, kLongestConversation));
  wire::DiarizeRequest diarize;
  diarize.speakers = request.speakers;
  co_return co_await house.switchboard.Diarize(lease.handle(), std::move(diarize), std::move(whole.wav));
}

}  // namespace

Task<Result<wire::Transcript>> Transcribe(House& house, TranscriptionRequest request, OnSegment on_segment) {
  HOSTLER_CO_OK(CheckFile(request));
  HOSTLER_CO_TRY(const model::ModelId id, ListenerOf(house, request.model));
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await house.lifecycle.Acquire(id));
  const int rate = lease->capabilities.input_sample_rate;
  if (!lease->capabilities.transcribe || rate <= 0) co_return Fail(DoesNotTranscribe(id));

  wire::Transcript whole;
  Chapters chapters(house, std::move(request.audio), rate, house.config.max_recording_hours * 3600);
  for (;;) {
    HOSTLER_CO_TRY(std::optional<Chapter> chapter, co_await chapters.Next());
    if (!chapter) break;
    const double start = chapter->start;
    const int first_id = static_cast<int>(whole.segments.size());
    HOSTLER_CO_TRY(wire::Transcript heard,
                   co_await Hear(house, lease, request.options, *std::move(chapter), first_id, on_segment));
    KeepLanguage(request.options, lease->capabilities, heard.language);
    Append(whole, std::move(heard), start);
  }
  co_return whole;
}

Task<Result<SpokenTranscript>> TranscribeSpeakers(House& house, TranscriptionRequest request, DiarizationRequest diarize) {
  HOSTLER_CO_OK(CheckFile(request));
  HOSTLER_CO_OK(ListenerOf(house, request.model));
  HOSTLER_CO_TRY(const wire::DiarizeReply speakers, co_await Diarize(house, request.audio, std::move(diarize)));
  request.options.words = true;
  SpokenTranscript conversation;
  HOSTLER_CO_TRY(conversation.transcript, co_await Transcribe(house, std::move(request)));
  conversation.spoken = WhoSaidWhat(conversation.transcript, speakers.turns);
  co_return conversation;
}

}  // namespace hostler::app
