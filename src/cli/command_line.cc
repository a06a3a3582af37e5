#include "cli/command_line.h"

#include <memory>
#include <sstream>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/audio_file.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/exit_code.h"
#include "config/config.h"
#include "model/model.h"

namespace hostler::cli {
namespace {

constexpr std::string_view kFooter = R"(
Exit codes:
  0    done
  1    it did not work; the server said no
  2    wrong command line or configuration
  3    no server answers
  4    no such model, voice, file or crash
  5    not now or not here: conflict, busy, unavailable, forbidden
  130  interrupted

The server is --server, else $HOSTLER_SERVER, else the daemon that runs with this
home folder, else http://127.0.0.1:8100.)";

// Everything the parser fills, alive until the command has run.
struct Values {
  Globals globals;
  ServeOptions serve;
  std::map<std::string, std::string> serve_values;
  std::map<std::string, bool> serve_switches;
  ModelsOptions models;
  ModelOptions load;
  ModelOptions unload;
  VoicesOptions voices;
  SpeakOptions speak;
  SamplesOptions samples;
  TranscribeOptions transcribe;
  EmbedOptions embed;
  RerankOptions rerank;
  ChatOptions chat;
  LogsOptions logs;
  CrashesOptions crashes;
  ConfigOptions config;
  ConformOptions conform;
  PullOptions pull;
  VerifyOptions verify;
  ListOptions list;
  SearchOptions search;
  RemoveOptions remove;
  UndoOptions undo;
  DoctorOptions doctor;
  std::string shell;
  std::string words;
  std::vector<std::string> topic;
};

// The names of commands that take no part in help and completion.
constexpr std::string_view kHidden = "";

class Tree {
 public:
  explicit Tree(const Serve& serve) : serve_(serve) { Build(); }

  Parsed Parse(std::vector<std::string> arguments);
  [[nodiscard]] CommandInfo Describe() const { return DescribeOne(app_); }

 private:
  using Run = std::function<Result<int>(const Context&)>;

  CLI::App* Command(CLI::App& parent, const std::string& name, const std::string& help, Run run) {
    CLI::App* command = parent.add_subcommand(name, help);
    Globals(*command);
    runs_[command] = std::move(run);
    return command;
  }
  void Globals(CLI::App& app);
  [[gnu::cold]] void Build();
  [[gnu::cold]] void BuildServe();
  [[gnu::cold]] void BuildModels();
  [[gnu::cold]] void BuildShelf();
  [[gnu::cold]] void BuildSpeech();
  [[gnu::cold]] void BuildVectors();
  [[gnu::cold]] void BuildChat();
  [[gnu::cold]] void BuildSamples();
  [[gnu::cold]] void BuildLogs();
  [[gnu::cold]] void BuildRest();
  void TakeServeFlags();
  [[nodiscard]] Result<int> Help(const Context& context) const;
  [[nodiscard]] Error Explain(const CLI::ParseError& error) const;
  [[nodiscard]] const CLI::App* Deepest() const;
  [[nodiscard]] static CommandInfo DescribeOne(const CLI::App& app);

  const Serve& serve_;
  CLI::App app_{"hostler: takes charge of the models on this machine.", "hostler"};
  Values values_;
  std::map<const CLI::App*, Run> runs_;
};

// Values that shells can complete are told in the type name: `--type` shows as `--type tts,stt,…`.
CLI::Option* Takes(CLI::Option* option, const std::string& what) {
  return option->type_name(what);
}

void Tree::Globals(CLI::App& app) {
  app.set_help_flag("-h,--help", "Show this help");
  Takes(app.add_option("--server", values_.globals.server, "Server to talk to, like http://127.0.0.1:8100"), "URL")
      ->group("Everywhere");
  Takes(app.add_option("--home", values_.globals.home, "Folder of hostler's state"), "FOLDER")->group("Everywhere");
  app.add_flag("--json", values_.globals.json, "Print JSON")->group("Everywhere");
  app.add_flag("--no-color", values_.globals.no_color, "Print without colours")->group("Everywhere");
}

void Tree::Build() {
  Globals(app_);
  app_.set_version_flag("--version", "hostler " HOSTLER_VERSION, "Show the version");
  app_.require_subcommand(0, 1);
  app_.footer(std::string(kFooter));
  BuildServe();
  BuildModels();
  BuildShelf();
  BuildChat();
  BuildSpeech();
  BuildVectors();
  BuildSamples();
  BuildLogs();
  BuildRest();
}

void Tree::BuildServe() {
  CLI::App* serve = Command(app_, "serve", "Run the server", [this](const Context& context) {
    TakeServeFlags();
    return RunServe(context, values_.serve, serve_);
  });
  Takes(serve->add_option("--config", values_.serve.config, "Configuration file"), "FILE");
  for (const config::KeyInfo& key : config::Keys()) {
    if (key.flag.empty()) continue;
    const std::string help = fmt::format("{} ({} {})", key.meaning, key.variable, key.fallback);
    if (key.is_switch)
      serve->add_flag(key.flag, values_.serve_switches[key.key], help);
    else
      Takes(serve->add_option(key.flag, values_.serve_values[key.key], help), "VALUE");
  }
}

void Tree::TakeServeFlags() {
  const CLI::App* serve = app_.get_subcommand("serve");
  for (const config::KeyInfo& key : config::Keys()) {
    if (key.flag.empty() || serve->get_option(key.flag)->count() == 0) continue;
    values_.serve.flags[key.key] =
        key.is_switch ? (values_.serve_switches[key.key] ? "true" : "false") : values_.serve_values[key.key];
  }
}

void Tree::BuildModels() {
  Command(app_, "status", "Show the server and what is loaded", RunStatus);
  CLI::App* models =
      Command(app_, "models", "List the models", [this](const Context& context) { return RunModels(context, values_.models); });
  Takes(models->add_option("--type", values_.models.type, "Only models of this type"),
        Join(json::EnumNames<model::ModelType>(), ","));
  CLI::App* load = Command(app_, "load", "Load a model; fetch it first if it is not downloaded",
                           [this](const Context& context) { return RunLoad(context, values_.load); });
  Takes(load->add_option("model", values_.load.model, "The model")->required(), "MODEL");
  CLI::App* unload =
      Command(app_, "unload", "Put a model away", [this](const Context& context) { return RunUnload(context, values_.unload); });
  Takes(unload->add_option("model", values_.unload.model, "The model")->required(), "MODEL");
  Command(app_, "ps", "List the loaded models", RunPs);
}

void Tree::BuildShelf() {
  PullOptions& pull = values_.pull;
  CLI::App* command = Command(app_, "pull", "Fetch a model into the Hugging Face cache; continues what was begun",
                              [this](const Context& context) { return RunPull(context, values_.pull); });
  Takes(command->add_option("model", pull.repo, "The model, or a repository with --unmanaged")->required(), "MODEL");
  Takes(command->add_option("--revision", pull.revision, "Branch, tag or commit; default: the catalogue's"), "REVISION");
  Takes(command->add_option("--include", pull.include, "Only files that match, like '*.safetensors'; several times")
            ->take_all()
            ->allow_extra_args(false),
        "PATTERN");
  Takes(
      command->add_option("--exclude", pull.exclude, "Not files that match; several times")->take_all()->allow_extra_args(false),
      "PATTERN");
  Takes(command->add_option("--limit", pull.limit, "Bandwidth of all the server's downloads together, like 20M; off: none"),
        "RATE");
  command->add_flag("--unmanaged", pull.unmanaged, "Also what is not in the catalogue");

  ListOptions& list = values_.list;
  command = Command(app_, "ls", "List the catalogue and what is downloaded",
                    [this](const Context& context) { return RunList(context, values_.list); });
  command->add_flag("--installed", list.installed, "Only what is downloaded");
  Takes(command->add_option("--type", list.type, "Only models of this type"), Join(json::EnumNames<model::ModelType>(), ","));
  command->add_flag("--sizes", list.sizes, "What the cache takes, and what is not in the catalogue");

  command = Command(app_, "search", "Find models in the catalogue",
                    [this](const Context& context) { return RunSearch(context, values_.search); });
  command->add_option("word", values_.search.words, "Words that all must occur")->required();

  RemoveOptions& remove = values_.remove;
  command = Command(app_, "rm", "Delete a model, after showing what that means",
                    [this](const Context& context) { return RunRemove(context, values_.remove); });
  Takes(command->add_option("model", remove.repo, "The model, or a repository with --unmanaged")->required(), "MODEL");
  Takes(command->add_option("--revision", remove.revision, "Only this branch, tag or commit"), "REVISION");
  command->add_flag("-y,--yes", remove.yes, "Do not ask");
  command->add_flag("--unmanaged", remove.unmanaged, "Also what is not in the catalogue");
  command->add_flag("--now", remove.now, "Free the space at once; it cannot be undone");

  UndoOptions& undo = values_.undo;
  command = Command(app_, "undo", "Bring a deleted model back",
                    [this](const Context& context) { return RunUndo(context, values_.undo); });
  Takes(command->add_option("model", undo.repo, "The model; default: what was deleted last"), "MODEL");
  CLI::Option* listing = command->add_flag("--list", undo.list, "Show what can be brought back");
  command->add_flag("--purge", undo.purge, "Free the space instead")->excludes(listing);

  VerifyOptions& verify = values_.verify;
  command = Command(app_, "verify", "Hash a model's files again",
                    [this](const Context& context) { return RunVerify(context, values_.verify); });
  Takes(command->add_option("model", verify.repo, "The model, or a repository with --unmanaged")->required(), "MODEL");
  Takes(command->add_option("--revision", verify.revision, "Branch, tag or commit; default: the catalogue's"), "REVISION");
  command->add_flag("--unmanaged", verify.unmanaged, "Also what is not in the catalogue");
  command->add_flag("--repair", verify.repair, "Fetch wrong files again");

  DoctorOptions& doctor = values_.doctor;
  command = Command(app_, "doctor", "Look for what is wrong in the cache",
                    [this](const Context& context) { return RunDoctor(context, values_.doctor); });
  command->add_flag("--fix", doctor.fix, "Mend what can be mended, after asking");
  command->add_flag("-y,--yes", doctor.yes, "Do not ask");
}

void Tree::BuildSpeech() {
  CLI::App* speak =
      Command(app_, "speak", "Say a text", [this](const Context& context) { return RunSpeak(context, values_.speak); });
  SpeakOptions& say = values_.speak;
  speak->add_option("text", say.text, "What to say; - reads standard input")->required();
  Takes(speak->add_option("-o,--output", say.output, "File for the sound; - is standard output. Without it, the sound is played"),
        "FILE");
  Takes(speak->add_option("--model", say.model, "Model; default: the server's"), "MODEL");
  Takes(speak->add_option("--voice", say.voice, "Voice; default: the model's"), "VOICE");
  Takes(speak->add_option("--format", say.format, "Format; default: from the file's ending"), Join(AudioFormats(), ","));
  Takes(speak->add_option("--speed", say.speed, "Speed from 0.25 to 4; 1 is normal"), "NUMBER");
  Takes(speak->add_option("--language", say.language, "Language, like en-us"), "LANGUAGE");
  Takes(speak->add_option("--instructions", say.instructions, "How to say it, for models that understand that"), "TEXT");
  Takes(speak->add_option("--design", say.design, "What the voice is like, for models that make voices up"), "TEXT");
  CLI::Option* clone = Takes(speak->add_option("--clone", say.clone, "Speak like this recording, for models that can"), "FILE");
  Takes(speak->add_option("--sample", say.sample, "Speak like this recording of the server's samples/"), "SAMPLE")
      ->excludes(clone);
  Takes(speak->add_option("--transcript", say.transcript, "What is said in the recording"), "TEXT");
  speak->add_flag("--ssml", say.ssml, "The text has SSML marks: pauses");

  CLI::App* transcribe = Command(app_, "transcribe", "Write down what is said in sound files",
                                 [this](const Context& context) { return RunTranscribe(context, values_.transcribe); });
  TranscribeOptions& write = values_.transcribe;
  Takes(transcribe->add_option("file", write.files, "Sound files; - reads standard input")->required(), "FILE");
  Takes(transcribe->add_option("-o,--output", write.output, "File for the transcript, or a folder for several"), "FILE");
  Takes(transcribe->add_option("--model", write.model, "Model; default: the server's"), "MODEL");
  Takes(transcribe->add_option("--language", write.language, "Language, like en"), "LANGUAGE");
  Takes(transcribe->add_option("--prompt", write.prompt, "Words that are likely to come up"), "TEXT");
  Takes(transcribe->add_option("--format", write.format, "Format; default: from the output's ending, else text"),
        "json,text,srt,vtt,verbose_json,diarized_json");
  Takes(transcribe->add_option("--grammar", write.grammar, "JSGF grammar: only what it allows is heard"), "FILE");
  Takes(transcribe->add_option("--temperature", write.temperature, "From 0 (likeliest words) to 1"), "NUMBER");
  transcribe->add_flag("--words", write.words, "The time of every word (verbose_json)");
  transcribe->add_flag("--translate", write.translate, "Write it down in English");
  transcribe->add_flag("--diarize", write.diarize, "Who said what");
  Takes(transcribe->add_option("--speakers", write.speakers, "How many people speak; default: found out"), "NUMBER")
      ->check(CLI::Range(1, 100));
  transcribe->add_flag("--vad", write.vad, "Leave silence out before listening");
  transcribe->add_flag("--stream", write.stream, "Show the text while it is heard; on a terminal this is so anyway");

  CLI::App* voices =
      Command(app_, "voices", "List voices", [this](const Context& context) { return RunVoices(context, values_.voices); });
  Takes(voices->add_option("model", values_.voices.model, "Only this model's"), "MODEL");
  Takes(voices->add_option("--language", values_.voices.language, "Only of this language: en means every English"), "LANGUAGE");
}

void Tree::BuildVectors() {
  CLI::App* embed = Command(app_, "embed", "Make vectors of texts",
                            [this](const Context& context) { return RunEmbed(context, values_.embed); });
  EmbedOptions& read = values_.embed;
  embed->add_option("text", read.texts, "Texts; - reads lines from standard input")->required();
  Takes(embed->add_option("--model", read.model, "Model; default: the one that is loaded, or the server's"), "MODEL");
  Takes(embed->add_option("--input-type", read.input_type, "What the texts are, for models that want to know"), "query,document");
  Takes(embed->add_option("--dimensions", read.dimensions, "Shorter vectors, for models that are made for it"), "NUMBER");
  embed->add_flag("--sparse", read.sparse, "Sparse vectors: words with weights");

  CLI::App* rerank = Command(app_, "rerank", "Put texts into the order in which they answer a query",
                             [this](const Context& context) { return RunRerank(context, values_.rerank); });
  RerankOptions& rank = values_.rerank;
  rerank->add_option("query", rank.query, "What is asked")->required();
  rerank->add_option("document", rank.documents, "Texts that may answer it; - reads lines from standard input")->required();
  Takes(rerank->add_option("--model", rank.model, "Model; default: the one that is loaded, or the server's"), "MODEL");
  Takes(rerank->add_option("--top", rank.top, "Only so many, best first"), "NUMBER");
}

void Tree::BuildChat() {
  CLI::App* chat = Command(app_, "chat", "Talk with a language model",
                           [this](const Context& context) { return RunChat(context, values_.chat); });
  ChatOptions& talk = values_.chat;
  Takes(chat->add_option("model", talk.model, "Model; default: the server's"), "MODEL");
  chat->add_option("text", talk.text, "One message, answered once; - reads standard input");
  Takes(chat->add_option("--system", talk.system, "How the model shall behave"), "TEXT");
  Takes(chat->add_option("--max-tokens", talk.max_tokens, "Longest answer, in tokens"), "NUMBER")->check(CLI::PositiveNumber);
  Takes(chat->add_option("--temperature", talk.temperature, "From 0 (the likeliest words) to 2"), "NUMBER")
      ->check(CLI::Range(0.0, 2.0));
}

void Tree::BuildSamples() {
  SamplesOptions& options = values_.samples;
  CLI::App* samples = app_.add_subcommand("samples", "Recordings whose voices can be cloned");
  Globals(*samples);
  samples->require_subcommand(1);
  Command(*samples, "list", "List them", RunSamplesList);
  CLI::App* add = Command(*samples, "add", "Put a recording into samples/",
                          [this](const Context& context) { return RunSamplesAdd(context, values_.samples); });
  Takes(add->add_option("file", options.file, "A sound file of any format")->required(), "FILE");
  Takes(add->add_option("--name", options.name, "What it is called; default: as the file"), "NAME");
  CLI::App* remove = Command(*samples, "rm", "Delete a recording",
                             [this](const Context& context) { return RunSamplesRemove(context, values_.samples); });
  Takes(remove->add_option("sample", options.name, "The recording")->required(), "SAMPLE");
}

void Tree::BuildLogs() {
  LogsOptions& logs = values_.logs;
  CLI::App* command = Command(app_, "logs", "Show the log of the server and its engines",
                              [this](const Context& context) { return RunLogs(context, values_.logs); });
  command->add_flag("-f,--follow", logs.follow, "Go on with what comes, also when the server restarts");
  Takes(command->add_option("-n,--lines", logs.lines, "How many lines, newest last (100)"), "NUMBER")
      ->check(CLI::Range(0, 10'000));
  Takes(command->add_option("--level", logs.level, "Only this level and worse"), "DEBUG,INFO,WARNING,ERROR,CRITICAL");
  Takes(command->add_option("--source", logs.source, "Only lines of hostler, or of this model's engine"), "MODEL");
  Takes(command->add_option("--grep", logs.text, "Only lines with this text"), "TEXT");
  CLI::App* crashes = Command(app_, "crashes", "List crashed engines, or show one crash",
                              [this](const Context& context) { return RunCrashes(context, values_.crashes); });
  Takes(crashes->add_option("id", values_.crashes.id, "The crash to show"), "CRASH");
}

void Tree::BuildRest() {
  CLI::App* conform = Command(app_, "conform", "Check an engine against the engine protocol",
                              [this](const Context& context) { return RunConform(context, values_.conform); });
  Takes(conform->add_option("engine", values_.conform.engine, "A program, or an address like http://127.0.0.1:8766")->required(),
        "FILE");
  Takes(conform->add_option("--model", values_.conform.model,
                            "Model to use, or its file or folder for a program; default: the first that it lists"),
        "MODEL");
  CLI::App* config = app_.add_subcommand("config", "What is configured");
  Globals(*config);
  config->require_subcommand(1);
  CLI::App* show = Command(*config, "show", "Show every key, its value, and where it comes from",
                           [this](const Context& context) { return RunConfigShow(context, values_.config); });
  Takes(show->add_option("--config", values_.config.config, "Configuration file"), "FILE");
  Command(app_, "version", "Show the version", RunVersion);
  CLI::App* completion =
      Command(app_, "completion", "Print the completion script of a shell", [this](const Context& context) -> Result<int> {
        HOSTLER_TRY(const std::string script, CompletionScript(values_.shell, Describe()));
        context.Out(script);
        return kExitOk;
      });
  Takes(completion->add_option("shell", values_.shell, "bash, zsh or fish")->required(), "bash,zsh,fish");
  CLI::App* help =
      Command(app_, "help", "Explain hostler, or a command", [this](const Context& context) { return Help(context); });
  help->add_option("command", values_.topic, "The command");
  CLI::App* words =
      Command(app_, "__complete", "", [this](const Context& context) { return RunCompleteWords(context, values_.words); });
  words->add_option("what", values_.words, "")->required();
  words->group(std::string(kHidden));
}

Result<int> Tree::Help(const Context& context) const {
  const CLI::App* app = &app_;
  for (const std::string& name : values_.topic) {
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; })) {
      if (command->get_group() != kHidden) names.push_back(command->get_name());
      if (command->get_name() == name) next = command;
    }
    if (next == nullptr) {
      const std::string nearest = Nearest(name, names);
      return UsageError(fmt::format("there is no command \"{}\"", name), nearest.empty()
                                                                             ? "Commands are: " + Join(names, ", ") + "."
                                                                             : fmt::format("Did you mean \"{}\"?", nearest));
    }
    app = next;
  }
  context.Out(app->help(app == &app_ ? "" : "hostler"));
  return kExitOk;
}

const CLI::App* Tree::Deepest() const {
  const CLI::App* app = &app_;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

// Names what was misspelt, and what was probably meant.
Error Tree::Explain(const CLI::ParseError& error) const {
  const CLI::App* app = Deepest();
  const std::string help = fmt::format("`hostler help{}` tells more.", app == &app_ ? "" : " " + app->get_name());
  Error usage{Code::kInvalid, error.what(), help, {}, std::string(kUsage)};
  if (dynamic_cast<const CLI::ExtrasError*>(&error) == nullptr) return usage;
  const auto extras = app_.remaining(true);
  if (extras.empty()) return usage;
  const std::string& extra = extras.front();
  std::vector<std::string> known;
  if (extra.starts_with('-')) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
    usage.message = fmt::format("there is no option {}", extra.substr(0, extra.find('=')));
  } else if (app->get_subcommands([](const CLI::App*) { return true; }).empty()) {
    usage.message = fmt::format("\"{}\" is one word too many", extra);
    return usage;
  } else {
    for (const CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; })) {
      if (command->get_group() != kHidden) known.push_back(command->get_name());
    }
    usage.message = fmt::format("there is no command \"{}\"", extra);
  }
  if (const std::string nearest = Nearest(extra.substr(0, extra.find('=')), known); !nearest.empty())
    usage.remedy = fmt::format("Did you mean {}?", nearest);
  return usage;
}

// CLI11 takes `--preload=` for an option without its value; as two words it is an option with an empty one.
std::vector<std::string> WithEmptyValues(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  bool options = true;
  for (const std::string& argument : arguments) {
    options = options && argument != "--";
    if (options && argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      out.push_back(argument.substr(0, argument.size() - 1));
      out.emplace_back();
    } else {
      out.push_back(argument);
    }
  }
  return out;
}

Parsed Tree::Parse(std::vector<std::string> arguments) {
  Parsed parsed;
  arguments = WithEmptyValues(arguments);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app_.parse(std::move(arguments));
  } catch (const CLI::CallForVersion&) {
    parsed.help = "hostler " HOSTLER_VERSION "\n";
  } catch (const CLI::CallForHelp&) {
    const CLI::App* app = Deepest();
    parsed.help = app->help(app == &app_                 ? ""
                            : app->get_parent() == &app_ ? "hostler"
                                                         : "hostler " + app->get_parent()->get_name());
  } catch (const CLI::ParseError& error) {
    parsed.error = Explain(error);
  }
  parsed.globals = values_.globals;
  if (parsed.error || !parsed.help.empty()) return parsed;
  const auto run = runs_.find(Deepest());
  if (run == runs_.end())
    parsed.help = app_.help();
  else
    parsed.run = run->second;
  return parsed;
}

std::string WordsOf(const std::string& type) {
  if (type == "MODEL") return "@models";
  if (type == "VOICE") return "@voices";
  if (type == "FILE") return "@files";
  if (type == "FOLDER") return "@folders";
  return "";
}

CommandInfo Tree::DescribeOne(const CLI::App& app) {
  CommandInfo info{app.get_name(), app.get_description(), {}, "", {}};
  for (const CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    std::vector<std::string> values;
    if (const std::string words = WordsOf(type); !words.empty())
      values.push_back(words);
    else if (type.find(',') != std::string::npos) {
      for (const std::string_view value : Split(type, ',')) values.emplace_back(value);
    }
    if (option->get_positional()) {
      info.positional = Join(values, " ");
      continue;
    }
    FlagInfo flag{{}, option->get_description(), option->get_items_expected_max() > 0, std::move(values)};
    for (const std::string& name : option->get_snames()) flag.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) flag.names.push_back("--" + name);
    info.flags.push_back(std::move(flag));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group() != kHidden) info.commands.push_back(DescribeOne(*command));
  }
  return info;
}

}  // namespace

Parsed ParseCommandLine(std::vector<std::string> arguments, const Serve& serve) {
  const auto tree = std::make_shared<Tree>(serve);
  Parsed parsed = tree->Parse(std::move(arguments));
  if (parsed.run) {
    parsed.run = [tree, run = parsed.run](const Context& context) { return run(context); };
  }
  return parsed;
}

CommandInfo DescribeCommandLine() {
  const Serve none;
  return Tree(none).Describe();
}

}  // namespace hostler::cli
