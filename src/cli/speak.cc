#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/api.h"
#include "cli/audio_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/form_writer.h"
#include "cli/occasion.h"
#include "os/files.h"

namespace hostler::cli {
namespace {

struct SpeechRequest {
  std::optional<std::string> model;
  std::string input;
  std::optional<std::string> voice;
  std::string response_format;
  std::optional<double> speed;
  std::optional<std::string> language;
  std::optional<std::string> instructions;
  std::optional<std::string> voice_design;
  std::optional<std::string> sample;
  std::optional<std::string> clone_transcript;
  std::optional<std::string> input_type;
};
BOOST_DESCRIBE_STRUCT(SpeechRequest, (),
                      (model, input, voice, response_format, speed, language, instructions, voice_design, sample,
                       clone_transcript, input_type))

struct SpeechSummary {
  std::string file;
  std::string format;
  std::uint64_t bytes = 0;
  json::Nullable<double> seconds;
  double first_byte_ms = 0;
};
BOOST_DESCRIBE_STRUCT(SpeechSummary, (), (file, format, bytes, seconds, first_byte_ms))

struct Spoken {
  std::string bytes;
  double first_byte_ms = 0;
};

// Where the sound goes.
enum class Way { kFile, kStandardOutput, kPlayer };

std::optional<std::string> Given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

Result<Way> ChooseWay(const Context& context, const SpeakOptions& options) {
  if (options.output == "-") {
    if (context.surroundings().out_is_terminal)
      return UsageError("sound would only garble the terminal", "Pipe it into a program, or give a file with -o.");
    if (context.json()) return UsageError("--json and sound cannot both go to standard output", "Give a file with -o.");
    return Way::kStandardOutput;
  }
  if (!options.output.empty()) return Way::kFile;
  if (!context.surroundings().out_is_terminal)
    return UsageError("say where the sound goes", "Give a file with -o FILE, or -o - for standard output.");
  return Way::kPlayer;
}

Result<std::string> ChooseFormat(const SpeakOptions& options, Way way) {
  const auto& formats = AudioFormats();
  if (!options.format.empty()) {
    if (std::find(formats.begin(), formats.end(), options.format) == formats.end()) {
      return UsageError(fmt::format("there is no format \"{}\"", options.format), "Formats are: " + Join(formats, ", ") + ".");
    }
    if (way == Way::kPlayer && options.format != "wav")
      return UsageError("sound is played as wav", "Leave --format out, or give a file with -o.");
    return options.format;
  }
  if (way != Way::kFile) return std::string("wav");
  std::string format = FormatOfName(options.output);
  if (format.empty())
    return UsageError(fmt::format("{}: its ending names no sound format", options.output),
                      "Use one of " + Join(formats, ", ") + " as the ending, or give --format.");
  return format;
}

Task<Result<Spoken>> Fetch(http::Client& client, const Target& target, http::Request request,
                           const std::function<void(std::string_view, std::uint64_t)>& on_piece, bool keep) {
  const auto start = Clock::now();
  Spoken spoken;
  HOSTLER_CO_TRY(const std::unique_ptr<http::Reply> reply, co_await OpenReply(client, target, std::move(request)));
  std::uint64_t total = 0;
  for (;;) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await reply->ReadSome());
    if (piece.empty()) co_return spoken;
    if (total == 0) spoken.first_byte_ms = Seconds(Clock::now() - start) * 1000;
    total += piece.size();
    if (keep) spoken.bytes += piece;
    on_piece(piece, total);
  }
}

// Formats whose header tells the length are only right if the server knows it beforehand; a WAV's is mended here instead.
bool WantsWhole(const std::string& format) {
  return format == "flac" || format == "m4a";
}

// A recording goes with a form of its own; everything else is JSON.
Result<http::Request> RequestFor(const SpeakOptions& options, const std::string& input, const std::string& format, bool whole) {
  const std::string stream = std::string("?stream=") + (whole ? "false" : "true");
  if (options.clone.empty()) {
    SpeechRequest speech{Given(options.model),
                         input,
                         Given(options.voice),
                         format,
                         options.speed,
                         Given(options.language),
                         Given(options.instructions),
                         Given(options.design),
                         Given(options.sample),
                         Given(options.transcript),
                         {}};
    if (options.ssml) speech.input_type = "ssml";
    return JsonRequest("/v1/audio/speech" + stream, json::ToJson(speech));
  }
  if (!options.design.empty() || options.ssml || !options.instructions.empty() || !options.voice.empty()) {
    return UsageError("--clone goes without --voice, --design, --instructions and --ssml",
                      "Leave them out; `hostler samples add` and --sample go with --ssml.");
  }
  HOSTLER_TRY(const std::string sound, ReadSound(options.clone));
  FormWriter form;
  form.Field("input", input);
  form.Field("model", options.model);
  form.Field("transcript", options.transcript);
  form.Field("language", options.language);
  form.Field("response_format", format);
  if (options.speed) form.Field("speed", fmt::format("{}", *options.speed));
  form.File("reference_audio", std::filesystem::path(options.clone).filename().string(), sound);
  return std::move(form).Finish("/v1/audio/speech/clone" + stream);
}

std::string SummaryLine(const SpeechSummary& summary) {
  const std::string length = summary.seconds.value ? fmt::format("{:.1f} s of audio, ", *summary.seconds.value) : "";
  return fmt::format("{}: {}{}, first byte after {:.0f} ms", summary.file, length, HumanBytes(static_cast<double>(summary.bytes)),
                     summary.first_byte_ms);
}

}  // namespace

Result<int> RunSpeak(const Context& context, const SpeakOptions& options) {
  HOSTLER_TRY(const Way way, ChooseWay(context, options));
  HOSTLER_TRY(const std::string format, ChooseFormat(options, way));
  const auto player = way == Way::kPlayer ? FindPlayer(context) : std::nullopt;
  if (way == Way::kPlayer && !player)
    return UsageError("no program that plays sound was found (pw-play, paplay, aplay, ffplay)", "Give a file with -o.");
  std::string input = options.text;
  if (input == "-") {
    HOSTLER_TRY(input, context.surroundings().read_input());
  }
  if (Trim(input).empty()) return UsageError("there is no text to speak", "Give it in quotes, or - for standard input.");

  const bool whole = way == Way::kFile && WantsWhole(format);
  HOSTLER_TRY(http::Request request, RequestFor(options, input, format, whole));

  Session session;
  HOSTLER_TRY(const std::unique_ptr<Occasion> occasion, Occasion::Find(context, session));
  context.Progress("speaking …");
  auto spoken = session.Wait(Fetch(
      session.client(), occasion->target(), std::move(request),
      [&](std::string_view piece, std::uint64_t total) {
        if (way == Way::kStandardOutput)
          context.Out(piece);
        else
          context.Progress(fmt::format("speaking … {}", HumanBytes(static_cast<double>(total))));
      },
      way != Way::kStandardOutput));
  context.EndProgress();
  if (!spoken) return std::unexpected(std::move(spoken).error());
  if (way == Way::kStandardOutput) return kExitOk;
  if (format == "wav") MakeWavWhole(spoken->bytes);
  if (way == Way::kPlayer) {
    HOSTLER_OK(Play(*player, context, session, spoken->bytes));
    return kExitOk;
  }
  HOSTLER_OK(os::WriteFileAtomically(options.output, spoken->bytes, 0644));
  const SpeechSummary summary{options.output, format, spoken->bytes.size(), SecondsOf(spoken->bytes, format),
                              spoken->first_byte_ms};
  if (context.json())
    context.OutLine(json::ToJson(summary));
  else
    context.Note(SummaryLine(summary));
  return kExitOk;
}

}  // namespace hostler::cli
