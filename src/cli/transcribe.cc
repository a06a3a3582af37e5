#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/api.h"
#include "cli/audio_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/form_writer.h"
#include "cli/occasion.h"
#include "http/sse.h"
#include "os/files.h"

namespace hostler::cli {
namespace {

struct FileTranscript {
  std::string file;
  json::Any transcript;
};
BOOST_DESCRIBE_STRUCT(FileTranscript, (), (file, transcript))

struct TranscriptList {
  std::vector<FileTranscript> transcripts;
};
BOOST_DESCRIBE_STRUCT(TranscriptList, (), (transcripts))

const std::vector<std::string>& Formats() {
  static const std::vector<std::string> formats = {"json", "text", "srt", "vtt", "verbose_json", "diarized_json"};
  return formats;
}

Result<std::string> ChooseFormat(const Context& context, const TranscribeOptions& options) {
  std::string format = options.format;
  if (format.empty() && context.json()) format = options.words ? "verbose_json" : "json";
  if (format.empty()) {
    const std::string ending = Lower(std::filesystem::path(options.output).extension().string());
    format = ending == ".srt"    ? "srt"
             : ending == ".vtt"  ? "vtt"
             : ending == ".json" ? "verbose_json"
             : options.words     ? "verbose_json"
                                 : "text";
  }
  if (std::find(Formats().begin(), Formats().end(), format) == Formats().end()) {
    return UsageError(fmt::format("there is no format \"{}\"", format), "Formats are: " + Join(Formats(), ", ") + ".");
  }
  const bool is_json = format.ends_with("json");
  if (context.json() && !is_json)
    return UsageError("--json and --format " + format + " exclude each other", "Leave one of them out.");
  if (options.words && format != "verbose_json")
    return UsageError("word times come with --format verbose_json only", "Use that format, or leave --words out.");
  if (options.diarize && (format == "srt" || format == "vtt"))
    return UsageError("subtitles do not say who speaks", "Use --format text or json, or leave --diarize out.");
  if (options.speakers && !options.diarize && format != "diarized_json")
    return UsageError("--speakers goes with --diarize", "Add --diarize.");
  if (options.stream && (options.diarize || format != "text" || !options.output.empty()))
    return UsageError("--stream shows text as it is heard, and nothing else", "Leave it out, or the other options.");
  return format;
}

// Is the text shown while it is heard?
bool IsLive(const Context& context, const TranscribeOptions& options, const std::string& format) {
  if (options.stream) return true;
  return context.surroundings().out_is_terminal && format == "text" && options.output.empty() && !options.diarize;
}

std::string EndingOf(const std::string& format) {
  return format == "text" ? ".txt" : format == "srt" ? ".srt" : format == "vtt" ? ".vtt" : ".json";
}

// Where the transcript of `file` goes; empty: standard output.
std::filesystem::path OutputOf(const TranscribeOptions& options, const std::string& file, const std::string& format) {
  if (options.output.empty() || options.output == "-") return {};
  std::error_code ignored;
  if (!std::filesystem::is_directory(options.output, ignored)) return options.output;
  return std::filesystem::path(options.output) / (std::filesystem::path(file).stem().string() + EndingOf(format));
}

Result<> CheckOutput(const TranscribeOptions& options, const std::string& format) {
  if (options.files.size() < 2 || options.output.empty() || options.output == "-") return {};
  std::error_code ignored;
  if (!std::filesystem::is_directory(options.output, ignored))
    return UsageError("several files need a folder for their transcripts",
                      "Give an existing folder with -o, or transcribe one file at a time.");
  std::vector<std::filesystem::path> outputs;
  for (const std::string& file : options.files) {
    const auto output = OutputOf(options, file, format);
    if (std::find(outputs.begin(), outputs.end(), output) != outputs.end())
      return UsageError(output.string() + " would be written twice", "Transcribe files of the same name one at a time.");
    outputs.push_back(output);
  }
  return {};
}

// What all files have in common, read before anything is asked of a server.
struct Job {
  const TranscribeOptions& options;
  std::string format;
  std::string grammar;
  std::string input;  // standard input, if it is one of the files
  bool live = false;
};

Result<Job> Prepare(const Context& context, const TranscribeOptions& options) {
  Job job{options, "", "", ""};
  HOSTLER_TRY(job.format, ChooseFormat(context, options));
  job.live = IsLive(context, options, job.format);
  HOSTLER_OK(CheckOutput(options, job.format));
  if (!options.grammar.empty()) {
    std::error_code error;
    if (!std::filesystem::exists(options.grammar, error)) {
      return Fail(Code::kNotFound, options.grammar + ": there is no such file", "Look at the name given with --grammar.");
    }
    HOSTLER_TRY(job.grammar, os::ReadFile(options.grammar, 1 << 20));
  }
  if (std::find(options.files.begin(), options.files.end(), "-") != options.files.end()) {
    HOSTLER_TRY(job.input, context.surroundings().read_input());
  }
  return job;
}

Result<http::Request> RequestOf(const Job& job, const std::string& file) {
  const TranscribeOptions& options = job.options;
  std::string sound = job.input;
  if (file != "-") {
    HOSTLER_TRY(sound, ReadSound(file));
  }
  FormWriter form;
  form.Field("model", options.model);
  form.Field("language", options.language);
  form.Field("prompt", options.prompt);
  form.Field("response_format", job.format);
  if (options.temperature) form.Field("temperature", fmt::format("{}", *options.temperature));
  form.Field("grammar", job.grammar);
  if (options.words) form.Field("timestamp_granularities[]", "word");
  if (options.diarize) form.Field("diarize", "true");
  if (options.speakers) form.Field("speakers", std::to_string(*options.speakers));
  if (options.vad) form.Field("vad", "true");
  if (job.live) form.Field("stream", "true");
  form.File("file", file == "-" ? "audio" : std::filesystem::path(file).filename().string(), sound);
  return std::move(form).Finish(options.translate ? "/v1/audio/translations" : "/v1/audio/transcriptions");
}

// Seed 000's answer to diarize=true as lines.
struct SpeakerSegment {
  std::string speaker;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(SpeakerSegment, (), (speaker, text))
struct Speakers {
  std::vector<SpeakerSegment> segments;
};
BOOST_DESCRIBE_STRUCT(Speakers, (), (segments))

Result<std::string> LinesOf(const std::string& body) {
  HOSTLER_TRY(const Speakers speakers, Read<Speakers>(body));
  std::string lines;
  for (const SpeakerSegment& segment : speakers.segments) lines += fmt::format("{}: {}\n", segment.speaker, segment.text);
  return lines;
}

Result<std::string> Transcribe(const Context& context, Api& api, const Job& job, const std::string& file) {
  HOSTLER_TRY(http::Request request, RequestOf(job, file));
  context.Progress(fmt::format("transcribing {} …", file));
  auto response = api.Call(std::move(request));
  context.EndProgress();
  if (!response) return std::unexpected(std::move(response).error());
  if (job.options.diarize && job.format == "text") return LinesOf(response->body);
  return std::move(response->body);
}

struct TextEvent {
  std::string type;
  std::optional<std::string> delta;
};
BOOST_DESCRIBE_STRUCT(TextEvent, (), (type, delta))

// Each piece of text as it comes; the value tells whether the end has come.
Task<Result<bool>> Listen(http::Client& client, const Target& target, http::Request request,
                          const std::function<void(const std::string&)>& on_text) {
  HOSTLER_CO_TRY(const std::unique_ptr<http::Reply> reply, co_await OpenReply(client, target, std::move(request)));
  http::SseParser parser;
  bool ended = false;
  std::optional<Error> error;
  const auto on_event = [&](const http::SseEvent& event) {
    if (event.event == "error") {
      error = ErrorOf(500, event.data);
    } else if (const auto said = json::Parse<TextEvent>(event.data, json::Unknown::kIgnore)) {
      ended = ended || said->type == "transcript.text.done";
      if (said->delta) on_text(*said->delta);
    }
  };
  for (;;) {
    const auto piece = co_await reply->ReadSome();
    if (piece && !piece->empty() && parser.Feed(*piece, on_event) && !error) continue;
    if (error) co_return Fail(*error);
    if (!piece) co_return Fail(piece.error());
    co_return ended;
  }
}

Result<> TranscribeLive(const Context& context, Api& api, const Job& job, const std::string& file) {
  HOSTLER_TRY(http::Request request, RequestOf(job, file));
  const bool terminal = context.surroundings().out_is_terminal;
  bool shown = false;
  const std::function<void(const std::string&)> show = [&](const std::string& text) {
    context.EndProgress();
    context.Out(terminal ? Printable(text) : text);
    shown = true;
  };
  context.Progress(fmt::format("transcribing {} …", file));
  const auto ended = api.session().Wait(Listen(api.session().client(), api.target(), std::move(request), show));
  context.EndProgress();
  if (shown || ended) context.Out("\n");
  if (!ended) return std::unexpected(ended.error());
  if (!*ended) return Fail(Code::kUpstream, "the transcript broke off", "`hostler logs` on the server shows why.");
  return {};
}

void Print(const Context& context, const TranscribeOptions& options, const std::string& file, const std::string& text) {
  if (options.files.size() > 1) context.OutLine(context.Paint(Style::kStrong, Printable(file) + ":"));
  const std::string shown = context.surroundings().out_is_terminal ? Printable(text) : text;
  context.Out(shown.ends_with('\n') ? shown : shown + "\n");
}

}  // namespace

Result<int> RunTranscribe(const Context& context, const TranscribeOptions& options) {
  HOSTLER_TRY(const Job job, Prepare(context, options));
  Session session;
  HOSTLER_TRY(const std::unique_ptr<Occasion> occasion, Occasion::Find(context, session));
  Api api(session, occasion->target());
  TranscriptList list;
  int exit_code = kExitOk;
  for (const std::string& file : options.files) {
    if (job.live && options.files.size() > 1) context.OutLine(context.Paint(Style::kStrong, Printable(file) + ":"));
    Result<std::string> text;
    if (job.live) {
      if (auto heard = TranscribeLive(context, api, job, file); !heard) text = std::unexpected(std::move(heard).error());
    } else {
      text = Transcribe(context, api, job, file);
    }
    if (!text && (options.files.size() == 1 || session.interrupted())) return std::unexpected(std::move(text).error());
    if (!text) {  // the others are done all the same
      text.error().message = file + ": " + text.error().message;
      context.Report(text.error());
      if (exit_code == kExitOk) exit_code = ExitCodeOf(text.error());
      continue;
    }
    if (job.live) continue;
    if (const auto output = OutputOf(options, file, job.format); !output.empty()) {
      HOSTLER_OK(os::WriteFileAtomically(output, *text, 0644));
      context.Note(fmt::format("{}: {}", output.string(), HumanBytes(static_cast<double>(text->size()))));
    } else if (context.json() && options.files.size() > 1) {
      HOSTLER_TRY(json::Any transcript, json::ParseDom(*text));
      list.transcripts.push_back({file, std::move(transcript)});
    } else {
      Print(context, options, file, *text);
    }
  }
  if (!list.transcripts.empty()) context.OutLine(json::ToJson(list));
  return exit_code;
}

}  // namespace hostler::cli
