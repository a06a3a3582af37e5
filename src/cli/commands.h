// One function for each command; each lives in a file of its name. They print, and return the exit code or the error.
//
// Internal to this room. Main thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/cli.h"
#include "cli/context.h"

namespace hostler::cli {

struct ServeOptions {
  std::string config;
  config::Flags flags;
};
struct ModelsOptions {
  std::string type;
};
struct ModelOptions {
  std::string model;
};
struct VoicesOptions {
  std::string model;
  std::string language;
};
struct SpeakOptions {
  std::string text;    // "-": standard input
  std::string output;  // "-": standard output; empty: play it
  std::string model;
  std::string voice;
  std::string format;
  std::string language;
  std::string instructions;
  std::string design;
  std::string clone;  // a file
  std::string sample;
  std::string transcript;
  bool ssml = false;
  std::optional<double> speed;
};
struct SamplesOptions {
  std::string file;
  std::string name;
};
struct TranscribeOptions {
  std::vector<std::string> files;
  std::string output;
  std::string model;
  std::string language;
  std::string prompt;
  std::string format;
  std::string grammar;  // a file
  std::optional<double> temperature;
  std::optional<int> speakers;
  bool words = false;
  bool translate = false;
  bool diarize = false;
  bool vad = false;
  bool stream = false;
};
struct EmbedOptions {
  std::vector<std::string> texts;  // "-": the lines of standard input
  std::string model;
  std::string input_type;
  std::optional<int> dimensions;
  bool sparse = false;
};
struct RerankOptions {
  std::string query;
  std::vector<std::string> documents;  // "-": the lines of standard input
  std::string model;
  std::optional<int> top;
};
struct ChatOptions {
  std::string model;
  std::string text;  // one message, answered once; "-": standard input; empty: a conversation
  std::string system;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
};
struct LogsOptions {
  bool follow = false;
  int lines = 100;
  std::string level;
  std::string source;
  std::string text;
};
struct CrashesOptions {
  std::string id;
};
struct ConfigOptions {
  std::string config;
};
struct ConformOptions {
  std::string engine;  // a program, or an address
  std::string model;
};

struct PullOptions {
  std::string repo;
  std::string revision;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string limit;
  bool unmanaged = false;
};
struct VerifyOptions {
  std::string repo;
  std::string revision;
  bool unmanaged = false;
  bool repair = false;
};
struct ListOptions {
  std::string type;
  bool installed = false;
  bool sizes = false;
};
struct SearchOptions {
  std::vector<std::string> words;
};
struct RemoveOptions {
  std::string repo;
  std::string revision;
  bool yes = false;
  bool unmanaged = false;
  bool now = false;
};
struct UndoOptions {
  std::string repo;  // or an id of the trash; empty: what was deleted last
  bool list = false;
  bool purge = false;
};
struct DoctorOptions {
  bool fix = false;
  bool yes = false;
};

[[nodiscard]] Result<int> RunServe(const Context& context, const ServeOptions& options, const Serve& serve);
[[nodiscard]] Result<int> RunStatus(const Context& context);
[[nodiscard]] Result<int> RunVersion(const Context& context);
[[nodiscard]] Result<int> RunModels(const Context& context, const ModelsOptions& options);
[[nodiscard]] Result<int> RunLoad(const Context& context, const ModelOptions& options);
[[nodiscard]] Result<int> RunUnload(const Context& context, const ModelOptions& options);
[[nodiscard]] Result<int> RunPs(const Context& context);
[[nodiscard]] Result<int> RunVoices(const Context& context, const VoicesOptions& options);
[[nodiscard]] Result<int> RunSpeak(const Context& context, const SpeakOptions& options);
[[nodiscard]] Result<int> RunSamplesList(const Context& context);
[[nodiscard]] Result<int> RunSamplesAdd(const Context& context, const SamplesOptions& options);
[[nodiscard]] Result<int> RunSamplesRemove(const Context& context, const SamplesOptions& options);
[[nodiscard]] Result<int> RunTranscribe(const Context& context, const TranscribeOptions& options);
[[nodiscard]] Result<int> RunEmbed(const Context& context, const EmbedOptions& options);
[[nodiscard]] Result<int> RunRerank(const Context& context, const RerankOptions& options);
[[nodiscard]] Result<int> RunChat(const Context& context, const ChatOptions& options);
[[nodiscard]] Result<int> RunLogs(const Context& context, const LogsOptions& options);
[[nodiscard]] Result<int> RunCrashes(const Context& context, const CrashesOptions& options);
[[nodiscard]] Result<int> RunConform(const Context& context, const ConformOptions& options);
[[nodiscard]] Result<int> RunConfigShow(const Context& context, const ConfigOptions& options);
[[nodiscard]] Result<int> RunPull(const Context& context, const PullOptions& options);
[[nodiscard]] Result<int> RunVerify(const Context& context, const VerifyOptions& options);
[[nodiscard]] Result<int> RunList(const Context& context, const ListOptions& options);
[[nodiscard]] Result<int> RunSearch(const Context& context, const SearchOptions& options);
[[nodiscard]] Result<int> RunRemove(const Context& context, const RemoveOptions& options);
[[nodiscard]] Result<int> RunUndo(const Context& context, const UndoOptions& options);
[[nodiscard]] Result<int> RunDoctor(const Context& context, const DoctorOptions& options);
// Words for the shell: `models` or `voices`, one per line; nothing if no server answers.
[[nodiscard]] Result<int> RunCompleteWords(const Context& context, const std::string& what);

}  // namespace hostler::cli
