#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "api/openai/routes.h"
#include "api/openai/subtitles.h"
#include "app/transcribe.h"
#include "http/multipart.h"

namespace hostler::api::openai {
namespace {

// The form as documentation; it is decoded from multipart.
struct TranscriptionForm {
  std::string file;
  std::optional<std::string> model;
  std::optional<std::string> language;
  std::optional<std::string> prompt;
  std::optional<std::string> response_format;
  std::optional<double> temperature;
  std::optional<std::vector<std::string>> timestamp_granularities;
  std::optional<std::string> grammar;  // hostler's own: JSGF
};
BOOST_DESCRIBE_STRUCT(TranscriptionForm, (),
                      (file, model, language, prompt, response_format, temperature, timestamp_granularities, grammar))

enum class Shape { kJson, kText, kSrt, kVtt, kVerboseJson };
BOOST_DESCRIBE_ENUM(Shape, kJson, kText, kSrt, kVtt, kVerboseJson)

struct TextOnly {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(TextOnly, (), (text))

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
};
BOOST_DESCRIBE_STRUCT(Verbose, (), (task, language, duration, text, segments, words))

struct Asked {
  app::TranscriptionRequest request;
  Shape shape = Shape::kJson;
  double temperature = 0;
  std::vector<std::string> ignored;
};

Result<double> NumberOf(const std::string& field, const std::string& text) {
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec == std::errc() && end == text.data() + text.size() && std::isfinite(number)) return number;
  return Fail(
      Error{Code::kInvalid, fmt::format("expected number, got \"{}\"", text), "Send a number.", field, "validation_error"});
}

const std::vector<std::string>& KnownFields() {
  static const std::vector<std::string> known = {"file",
                                                 "model",
                                                 "language",
                                                 "prompt",
                                                 "response_format",
                                                 "temperature",
                                                 "timestamp_granularities[]",
                                                 "timestamp_granularities",
                                                 "grammar"};
  return known;
}

constexpr std::uint64_t kLongestField = 1 << 20;  // bytes of text

Result<> TakeGranularities(http::Form& form, Asked& asked) {
  auto granularities = form.Values("timestamp_granularities[]");
  for (const std::string& more : form.Values("timestamp_granularities")) granularities.push_back(more);
  for (const std::string& granularity : granularities) {
    if (granularity == "word")
      asked.request.options.words = true;
    else if (granularity != "segment") {
      return Fail(Error{Code::kInvalid, fmt::format("unknown granularity \"{}\"", granularity), "Use word or segment.",
                        "timestamp_granularities[]", "validation_error"});
    }
  }
  if (asked.request.options.words.value_or(false) && asked.shape != Shape::kVerboseJson) {
    return Fail(Error{Code::kInvalid,
                      "word times come with response_format verbose_json only",
                      "Send response_format=verbose_json.",
                      "timestamp_granularities[]",
                      {}});
  }
  return {};
}

// Each field once, and text that is text: of two models, or a model that came as a file, none may be picked in silence.
Result<> CheckFields(http::Form& form) {
  const auto wrong = [](std::string message, std::string remedy, std::string field) {
    return Fail(Error{Code::kInvalid, std::move(message), std::move(remedy), std::move(field), "validation_error"});
  };
  std::set<std::string> seen;
  for (http::Part& part : form.parts) {
    const std::string& name = part.head.name;
    if (std::find(KnownFields().begin(), KnownFields().end(), name) == KnownFields().end()) continue;
    const bool repeats = name.starts_with("timestamp_granularities");
    if (!seen.insert(name).second && !repeats) return wrong("the field came twice", "Send it once.", name);
    if (name == "file") continue;
    if (part.head.has_filename) return wrong("the field came as a file", "Send it as text, without a file name.", name);
    if (part.size() > kLongestField) return wrong("the field is longer than 1 MB", "Send less.", name);
    http::Part copy = part;  // Take() may empty it
    HOSTLER_TRY(const std::string text, copy.Take());
    if (!Utf8Length(text) || text.contains('\0'))
      return wrong("the field is not valid UTF-8 or has a NUL character in it", "Send plain text in UTF-8.", name);
  }
  return {};
}

Result<Asked> AskedIn(http::Form& form) {
  HOSTLER_OK(CheckFields(form));
  Asked asked;
  http::Part* file = form.Find("file");
  if (file == nullptr)
    return Fail(Error{Code::kInvalid, "required field is missing", "Send the audio as the form field `file`.", "file",
                      "validation_error"});
  HOSTLER_TRY(asked.request.audio, file->Take());
  asked.request.model = form.Value("model").value_or("");
  asked.request.options.language = form.Value("language");
  asked.request.options.prompt = form.Value("prompt");
  asked.request.options.grammar = form.Value("grammar");
  if (const auto shape = form.Value("response_format")) {
    const auto known = json::EnumFromName<Shape>(*shape);
    if (!known) {
      return Fail(Error{Code::kInvalid,
                        fmt::format("unknown response_format \"{}\"", *shape),
                        "Use one of: " + Join(json::EnumNames<Shape>(), ", ") + ".",
                        "response_format",
                        {}});
    }
    asked.shape = *known;
  }
  if (const auto temperature = form.Value("temperature")) {
    HOSTLER_TRY(asked.temperature, NumberOf("temperature", *temperature));
    if (asked.temperature < 0 || asked.temperature > 1) {
      return Fail(Error{Code::kInvalid, fmt::format("{} is out of range", asked.temperature), "Use 0 to 1.", "temperature",
                        "validation_error"});
    }
    asked.request.options.temperature = asked.temperature;
  }
  HOSTLER_OK(TakeGranularities(form, asked));
  for (const http::Part& part : form.parts) {
    if (std::find(KnownFields().begin(), KnownFields().end(), part.head.name) == KnownFields().end())
      asked.ignored.push_back(part.head.name);
  }
  return asked;
}

Verbose VerboseOf(const wire::Transcript& transcript, std::string task, double temperature, bool words) {
  Verbose verbose{std::move(task), transcript.language, transcript.duration, transcript.text, {}, std::nullopt};
  for (const wire::Segment& segment : transcript.segments) {
    VerboseSegment out;
    out.id = segment.id;
    out.seek = static_cast<int>(segment.start * 100);
    out.start = segment.start;
    out.end = segment.end;
    out.text = segment.text;
    out.temperature = temperature;
    out.avg_logprob = segment.avg_logprob.value.value_or(0);
    out.no_speech_prob = segment.no_speech_prob.value.value_or(0);
    verbose.segments.push_back(std::move(out));
  }
  if (words) {
    verbose.words.emplace();
    for (const wire::Word& word : transcript.words) verbose.words->push_back({word.word, word.start, word.end});
  }
  return verbose;
}

http::Response Format(const wire::Transcript& transcript, const Asked& asked, bool words, const std::string& task) {
  switch (asked.shape) {
    case Shape::kJson: return http::JsonResponse(json::ToJson(TextOnly{transcript.text}));
    case Shape::kText: return http::TextResponse(transcript.text + "\n");
    case Shape::kSrt: return http::TextResponse(ToSrt(transcript));
    case Shape::kVtt: return http::TextResponse(ToVtt(transcript), "text/vtt; charset=utf-8");
    case Shape::kVerboseJson: return http::JsonResponse(json::ToJson(VerboseOf(transcript, task, asked.temperature, words)));
  }
  return {};
}

Task<Result<>> Run(app::House& house, http::Exchange& exchange, bool translate) {
  http::FormLimits limits;
  limits.total = static_cast<std::uint64_t>(house.config.max_upload_mb) << 20;
  limits.temporary = house.config.home / "tmp";
  HOSTLER_CO_TRY(http::Form form, co_await http::ReadForm(exchange, limits));
  HOSTLER_CO_TRY(Asked asked, co_await house.media_pool.Run(
                                  [form = std::make_shared<http::Form>(std::move(form))] { return AskedIn(*form); }));
  NameIgnored(exchange, asked.ignored);
  if (translate) asked.request.options.translate = true;
  const bool words = asked.request.options.words.value_or(false);
  HOSTLER_CO_TRY(const wire::Transcript transcript, co_await app::Transcribe(house, std::move(asked.request)));
  co_await exchange.Send(Format(transcript, asked, words, translate ? "translate" : "transcribe"));
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
    return Doc{std::move(summary), "OpenAI", {}, "application/json", "multipart/form-data"};
  };
  door.Raw<TranscriptionForm>(http::Method::kPost, "/v1/audio/transcriptions", doc("Write down what a recording says"),
                              Transcriptions);
  door.Raw<TranscriptionForm>(http::Method::kPost, "/v1/audio/translations", doc("Write down in English what a recording says"),
                              Translations);
}

}  // namespace hostler::api::openai
