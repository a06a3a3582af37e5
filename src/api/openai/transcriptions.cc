#include <cmath>

#include <fmt/format.h>

#include "api/openai/routes.h"
#include "api/openai/subtitles.h"
#include "api/openai/transcription_form.h"
#include "http/sse.h"

namespace hostler::api::openai {
namespace {

struct Usage {
  std::string type = "duration";
  int seconds = 0;  // begun ones count
};
BOOST_DESCRIBE_STRUCT(Usage, (), (type, seconds))

struct TextOnly {
  std::string text;
  Usage usage;
};
BOOST_DESCRIBE_STRUCT(TextOnly, (), (text, usage))

struct VerboseSegment {
  int id = 0;
  int seek = 0;
  double start = 0;
  double end = 0;
  std::string text;
  std::vector<int> tokens;
  double temperature = 0;
  double avg_logprob = 0;
  double compression_ratio = 0;
  double no_speech_prob = 0;
};
BOOST_DESCRIBE_STRUCT(VerboseSegment, (),
                      (id, seek, start, end, text, tokens, temperature, avg_logprob, compression_ratio, no_speech_prob))

struct VerboseWord {
  std::string word;
  double start = 0;
  double end = 0;
};
BOOST_DESCRIBE_STRUCT(VerboseWord, (), (word, start, end))

struct Verbose {
  std::string task;
  std::string language;
  double duration = 0;
  std::string text;
  std::vector<VerboseSegment> segments;
  std::optional<std::vector<VerboseWord>> words;
  Usage usage;
};
BOOST_DESCRIBE_STRUCT(Verbose, (), (task, language, duration, text, segments, words, usage))

// Seed 000's answer to diarize=true, in whatever format.
struct SpeakerSegment {
  std::string speaker;  // "SPEAKER_00"
  double start = 0;
  double end = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(SpeakerSegment, (), (speaker, start, end, text))

struct Speakers {
  std::string text;
  std::vector<SpeakerSegment> segments;
};
BOOST_DESCRIBE_STRUCT(Speakers, (), (text, segments))

// OpenAI's diarized_json.
struct DiarizedSegment {
  std::string type = "transcript.text.segment";
  std::string id;
  double start = 0;
  double end = 0;
  std::string text;
  std::string speaker;  // "A"
};
BOOST_DESCRIBE_STRUCT(DiarizedSegment, (), (type, id, start, end, text, speaker))

struct Diarized {
  std::string task;
  double duration = 0;
  std::string text;
  std::vector<DiarizedSegment> segments;
  Usage usage;
};
BOOST_DESCRIBE_STRUCT(Diarized, (), (task, duration, text, segments, usage))

struct DeltaEvent {
  std::string type = "transcript.text.delta";
  std::string delta;
};
BOOST_DESCRIBE_STRUCT(DeltaEvent, (), (type, delta))

struct DoneEvent {
  std::string type = "transcript.text.done";
  std::string text;
  Usage usage;
};
BOOST_DESCRIBE_STRUCT(DoneEvent, (), (type, text, usage))

Usage UsageOf(const wire::Transcript& transcript) {
  return {"duration", static_cast<int>(std::ceil(transcript.duration))};
}

Verbose VerboseOf(const wire::Transcript& transcript, const AskedTranscript& asked, std::string task) {
  Verbose verbose{std::move(task), transcript.language, transcript.duration, transcript.text, {},
                  std::nullopt,    UsageOf(transcript)};
  for (const wire::Segment& segment : transcript.segments) {
    VerboseSegment out;
    out.id = segment.id;
    out.seek = static_cast<int>(segment.start * 100);
    out.start = segment.start;
    out.end = segment.end;
    out.text = segment.text;
    out.temperature = asked.temperature;
    out.avg_logprob = segment.avg_logprob.value.value_or(0);
    out.no_speech_prob = segment.no_speech_prob.value.value_or(0);
    verbose.segments.push_back(std::move(out));
  }
  if (asked.request.options.words.value_or(false)) {
    verbose.words.emplace();
    for (const wire::Word& word : transcript.words) verbose.words->push_back({word.word, word.start, word.end});
  }
  return verbose;
}

http::Response Format(const wire::Transcript& transcript, const AskedTranscript& asked, const std::string& task) {
  switch (asked.shape) {
    case Shape::kText: return http::TextResponse(transcript.text + "\n");
    case Shape::kSrt: return http::TextResponse(ToSrt(transcript));
    case Shape::kVtt: return http::TextResponse(ToVtt(transcript), "text/vtt; charset=utf-8");
    case Shape::kVerboseJson: return http::JsonResponse(json::ToJson(VerboseOf(transcript, asked, task)));
    case Shape::kJson:
    case Shape::kDiarizedJson: break;
  }
  return http::JsonResponse(json::ToJson(TextOnly{transcript.text, UsageOf(transcript)}));
}

// A, B, … Z, AA, AB …
std::string Letter(int speaker) {
  if (speaker < 0) return "unknown";
  std::string letters;
  for (int rest = speaker; rest >= 0; rest = rest / 26 - 1) letters.insert(letters.begin(), static_cast<char>('A' + rest % 26));
  return letters;
}

http::Response Format(const app::SpokenTranscript& conversation, const AskedTranscript& asked, std::string task) {
  const wire::Transcript& transcript = conversation.transcript;
  if (asked.shape == Shape::kDiarizedJson) {
    Diarized diarized{std::move(task), transcript.duration, transcript.text, {}, UsageOf(transcript)};
    for (const app::SpokenSegment& segment : conversation.spoken) {
      diarized.segments.push_back({"transcript.text.segment", fmt::format("seg_{}", diarized.segments.size() + 1), segment.start,
                                   segment.end, segment.text, Letter(segment.speaker)});
    }
    return http::JsonResponse(json::ToJson(diarized));
  }
  Speakers speakers{transcript.text, {}};
  for (const app::SpokenSegment& segment : conversation.spoken) {
    std::string name = segment.speaker < 0 ? "UNKNOWN" : fmt::format("SPEAKER_{:02}", segment.speaker);
    speakers.segments.push_back({std::move(name), segment.start, segment.end, segment.text});
  }
  return http::JsonResponse(json::ToJson(speakers));
}

// The text as events while it is heard, as OpenAI's newer models tell it. An error before the first of them is an ordinary
// answer; after it, it is an event, and the connection is cut so that half a text is never taken for a whole one.
class TextEvents {
 public:
  explicit TextEvents(http::Exchange& exchange) : exchange_(exchange) {}

  Task<> Say(const wire::Segment& segment) {
    DeltaEvent event;
    event.delta = std::string(app::Between(said_, segment.text)) + segment.text;
    said_ = segment.text;  // its end is all that counts
    co_await Write(json::ToJson(event));
  }

  Task<> Finish(const wire::Transcript& transcript) {
    co_await Write(json::ToJson(DoneEvent{"transcript.text.done", transcript.text, UsageOf(transcript)}));
    co_await exchange_.Finish();
  }

  Task<> BreakOff(const Error& error) {
    co_await exchange_.Write(http::FormatSse({"error", {}, json::ToJson(EnvelopeOf(error))}));
    exchange_.Abort();
  }

 private:
  Task<> Write(std::string data) {
    if (!exchange_.started()) {
      co_await exchange_.Start(
          200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}});
    }
    co_await exchange_.Write(http::FormatSse({{}, {}, std::move(data)}));
  }

  http::Exchange& exchange_;
  std::string said_;
};

Task<Result<>> Stream(app::House& house, http::Exchange& exchange, AskedTranscript asked) {
  TextEvents events(exchange);
  const auto transcript = co_await app::Transcribe(house, std::move(asked.request),
                                                   [&events](const wire::Segment& segment) { return events.Say(segment); });
  if (transcript) {
    co_await events.Finish(*transcript);
    co_return Result<>{};
  }
  if (!exchange.started()) co_return Fail(transcript.error());
  co_await events.BreakOff(transcript.error());
  co_return Result<>{};
}

Task<Result<>> Run(app::House& house, http::Exchange& exchange, bool translate) {
  http::FormLimits limits;
  limits.total = static_cast<std::uint64_t>(house.config.max_upload_mb) << 20;
  limits.temporary = house.config.home / "tmp";
  HOSTLER_CO_TRY(http::Form form, co_await http::ReadForm(exchange, limits));
  auto read = [form = std::make_shared<http::Form>(std::move(form)), query = exchange.query()] {
    return ReadTranscriptionForm(*form, query);
  };
  HOSTLER_CO_TRY(AskedTranscript asked, co_await house.media_pool.Run(std::move(read)));
  NameIgnored(exchange, asked.ignored);
  if (translate) asked.request.options.translate = true;
  const std::string task = translate ? "translate" : "transcribe";
  if (asked.stream) co_return co_await Stream(house, exchange, std::move(asked));
  if (asked.diarize) {
    HOSTLER_CO_TRY(const app::SpokenTranscript conversation,
                   co_await app::TranscribeSpeakers(house, std::move(asked.request), asked.speakers));
    co_await exchange.Send(Format(conversation, asked, task));
    co_return Result<>{};
  }
  app::TranscriptionRequest request = asked.request;
  asked.request.audio.reset();
  HOSTLER_CO_TRY(const wire::Transcript transcript, co_await app::Transcribe(house, std::move(request)));
  co_await exchange.Send(Format(transcript, asked, task));
  co_return Result<>{};
}

Task<Result<>> Transcriptions(app::House& house, http::Exchange& exchange) {
  return Run(house, exchange, false);
}
Task<Result<>> Translations(app::House& house, http::Exchange& exchange) {
  return Run(house, exchange, true);
}

}  // namespace

void AddTranscriptions(Door& door) {
  const auto doc = [](std::string summary) {
    return Doc{std::move(summary), "OpenAI", {"diarize"}, "application/json", "multipart/form-data"};
  };
  door.Raw<TranscriptionForm>(http::Method::kPost, "/v1/audio/transcriptions", doc("Write down what a recording says"),
                              Transcriptions);
  door.Raw<TranscriptionForm>(http::Method::kPost, "/v1/audio/translations", doc("Write down in English what a recording says"),
                              Translations);
}

}  // namespace hostler::api::openai
