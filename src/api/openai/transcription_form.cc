#include "api/openai/transcription_form.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "api/query.h"
#include "base/text.h"

namespace hostler::api::openai {
namespace {

constexpr std::uint64_t kLongestField = 1 << 20;  // bytes of text

const std::vector<std::string>& KnownFields() {
  static const std::vector<std::string> known = {"file",
                                                 "model",
                                                 "language",
                                                 "prompt",
                                                 "response_format",
                                                 "temperature",
                                                 "timestamp_granularities[]",
                                                 "timestamp_granularities",
                                                 "stream",
                                                 "grammar",
                                                 "vad",
                                                 "diarize",
                                                 "diarization_model",
                                                 "speakers"};
  return known;
}

bool IsKnown(const std::string& name) {
  return std::find(KnownFields().begin(), KnownFields().end(), name) != KnownFields().end();
}

std::unexpected<Error> Wrong(std::string message, std::string remedy, std::string field) {
  return Fail(Error{Code::kInvalid, std::move(message), std::move(remedy), std::move(field), "validation_error"});
}

template <class T>
Result<T> NumberOf(const std::string& field, const std::string& text) {
  T number{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec == std::errc() && end == text.data() + text.size() && std::isfinite(static_cast<double>(number))) return number;
  return Wrong(fmt::format("expected number, got \"{}\"", Clip(text, 100)), "Send a number.", field);
}

Result<std::optional<bool>> FlagOf(http::Form& form, const std::string& field) {
  const auto text = form.Value(field);
  if (!text || text->empty()) return std::optional<bool>();
  const std::string lower = Lower(*text);
  if (lower == "true" || lower == "1" || lower == "yes" || lower == "on") return std::optional<bool>(true);
  if (lower == "false" || lower == "0" || lower == "no" || lower == "off") return std::optional<bool>(false);
  return Wrong(fmt::format("expected true or false, got \"{}\"", Clip(*text, 100)), "Send true or false.", field);
}

// Each field once, and text that is text: of two models, or a model that came as a file, none may be picked in silence.
Result<> CheckFields(http::Form& form) {
  std::set<std::string> seen;
  for (http::Part& part : form.parts) {
    const std::string& name = part.head.name;
    if (!IsKnown(name)) continue;
    const bool repeats = name.starts_with("timestamp_granularities");
    if (!seen.insert(name).second && !repeats) return Wrong("the field came twice", "Send it once.", name);
    if (name == "file") continue;
    if (part.head.has_filename) return Wrong("the field came as a file", "Send it as text, without a file name.", name);
    if (part.size() > kLongestField) return Wrong("the field is longer than 1 MB", "Send less.", name);
    http::Part copy = part;  // Take() may empty it
    HOSTLER_TRY(const std::string text, copy.Take());
    if (!Utf8Length(text) || text.contains('\0'))
      return Wrong("the field is not valid UTF-8 or has a NUL character in it", "Send plain text in UTF-8.", name);
  }
  return {};
}

Result<Shape> ShapeOf(http::Form& form) {
  const auto shape = form.Value("response_format");
  if (!shape) return Shape::kJson;
  if (const auto known = json::EnumFromName<Shape>(*shape)) return *known;
  return Fail(Error{Code::kInvalid,
                    fmt::format("unknown response_format \"{}\"", *shape),
                    "Use one of: " + Join(json::EnumNames<Shape>(), ", ") + ".",
                    "response_format",
                    {}});
}

Result<> TakeTemperature(http::Form& form, AskedTranscript& asked) {
  const auto temperature = form.Value("temperature");
  if (!temperature) return {};
  HOSTLER_TRY(asked.temperature, NumberOf<double>("temperature", *temperature));
  if (asked.temperature < 0 || asked.temperature > 1)
    return Wrong(fmt::format("{} is out of range", asked.temperature), "Use 0 to 1.", "temperature");
  asked.request.options.temperature = asked.temperature;
  return {};
}

Result<> TakeGranularities(http::Form& form, AskedTranscript& asked) {
  auto granularities = form.Values("timestamp_granularities[]");
  for (const std::string& more : form.Values("timestamp_granularities")) granularities.push_back(more);
  for (const std::string& granularity : granularities) {
    if (granularity == "word")
      asked.request.options.words = true;
    else if (granularity != "segment")
      return Wrong(fmt::format("unknown granularity \"{}\"", granularity), "Use word or segment.", "timestamp_granularities[]");
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

Result<> TakeSpeakers(http::Form& form, const http::Query& query, AskedTranscript& asked) {
  HOSTLER_TRY(const std::optional<bool> diarize, FlagOf(form, "diarize"));
  HOSTLER_TRY(const bool in_query, QueryFlag(query, "diarize"));
  asked.diarize = diarize.value_or(in_query) || asked.shape == Shape::kDiarizedJson;
  asked.speakers.model = form.Value("diarization_model").value_or("");
  if (const auto speakers = form.Value("speakers")) {
    HOSTLER_TRY(asked.speakers.speakers, NumberOf<int>("speakers", *speakers));
    if (*asked.speakers.speakers < 1 || *asked.speakers.speakers > 100)
      return Wrong(fmt::format("{} speakers", *asked.speakers.speakers), "Use 1 to 100, or leave it out.", "speakers");
  }
  return {};
}

// What cannot go together.
Result<> CheckStream(const AskedTranscript& asked) {
  if (!asked.stream) return {};
  if (asked.diarize) {
    return Fail(Error{Code::kUnsupported,
                      "who speaks is known only when the whole recording was heard",
                      "Leave stream out, or diarize.",
                      "stream",
                      {}});
  }
  if (asked.shape == Shape::kJson || asked.shape == Shape::kText) return {};
  return Fail(Error{Code::kInvalid,
                    "a stream tells the text as events and has no other format",
                    "Leave stream out, or response_format.",
                    "stream",
                    {}});
}

}  // namespace

Result<AskedTranscript> ReadTranscriptionForm(http::Form& form, const http::Query& query) {
  HOSTLER_OK(CheckFields(form));
  AskedTranscript asked;
  http::Part* file = form.Find("file");
  if (file == nullptr) return Wrong("required field is missing", "Send the audio as the form field `file`.", "file");
  HOSTLER_TRY(std::string audio, file->Take());
  asked.request.audio = std::make_shared<const std::string>(std::move(audio));
  asked.request.model = form.Value("model").value_or("");
  asked.request.options.language = form.Value("language");
  asked.request.options.prompt = form.Value("prompt");
  asked.request.options.grammar = form.Value("grammar");
  HOSTLER_TRY(asked.request.options.vad, FlagOf(form, "vad"));
  HOSTLER_TRY(asked.shape, ShapeOf(form));
  HOSTLER_OK(TakeTemperature(form, asked));
  HOSTLER_OK(TakeGranularities(form, asked));
  HOSTLER_OK(TakeSpeakers(form, query, asked));
  HOSTLER_TRY(const std::optional<bool> stream, FlagOf(form, "stream"));
  asked.stream = stream.value_or(false);
  HOSTLER_OK(CheckStream(asked));
  for (const http::Part& part : form.parts) {
    if (!IsKnown(part.head.name)) asked.ignored.push_back(part.head.name);
  }
  return asked;
}

}  // namespace hostler::api::openai
