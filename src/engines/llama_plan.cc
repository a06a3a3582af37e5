#include "engines/llama_plan.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "catalog/discover.h"
#include "os/descriptor.h"

namespace hostler::engines {
namespace {

using catalog::GgufPurpose;

constexpr std::size_t kShortHeader = 1 << 20;     // bytes
constexpr std::size_t kLongestHeader = 64 << 20;  // the largest vocabularies take a tenth of it
constexpr int kUsualContext = 8192;               // tokens of a conversation, unless the model was trained for less
constexpr int kUsualBatch = 512;                  // a request that is cancelled costs one batch at most
constexpr int kUsualCacheMb = 256;
constexpr int kBlock = 256;  // tokens; llama.cpp rounds contexts up to it

Error CannotLoad(const model::Entry& entry, const std::string& why, std::string remedy) {
  return Error{Code::kUpstream, fmt::format("\"{}\" cannot be loaded: {}", entry.id, why), std::move(remedy), "model",
               "load_failed"};
}

Result<> InRange(const std::optional<int>& value, std::string_view name, int least, int most) {
  if (!value || (*value >= least && *value <= most)) return {};
  return Fail(Error{Code::kInvalid,
                    fmt::format("{} is out of range", *value),
                    fmt::format("Give a number from {} to {}.", least, most),
                    fmt::format("options.{}", name),
                    {}});
}

Result<> OneOf(const std::optional<std::string>& value, std::string_view name, const std::vector<std::string>& allowed) {
  if (!value || std::ranges::find(allowed, *value) != allowed.end()) return {};
  return Fail(Error{Code::kInvalid,
                    fmt::format("unknown value \"{}\"", Clip(*value, 100)),
                    "Use one of: " + Join(allowed, ", ") + ".",
                    fmt::format("options.{}", name),
                    {}});
}

Error CannotRead(const std::filesystem::path& file, int error) {
  return Error{Code::kUpstream, fmt::format("{} cannot be read: {}", file.string(), std::strerror(error)),
               "Give hostler the right to read it, or correct the path.", "model", "load_failed"};
}

// Reads on until `bytes` has as many as `wanted`, or the file ends.
Result<> ReadOn(const os::Descriptor& in, const std::filesystem::path& file, std::string& bytes, std::size_t wanted) {
  std::size_t got = bytes.size();
  bytes.resize(wanted);
  while (got < wanted) {
    const ssize_t count = ::pread(in.get(), bytes.data() + got, wanted - got, static_cast<off_t>(got));
    if (count < 0) return Fail(CannotRead(file, errno));
    if (count == 0) break;
    got += static_cast<std::size_t>(count);
  }
  bytes.resize(got);
  return {};
}

// Most headers are short; those of models with large vocabularies are read in a second or third step.
Result<catalog::GgufHeader> ReadHeader(const model::Entry& entry, const std::filesystem::path& file) {
  const os::Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!in) return Fail(CannotRead(file, errno));
  std::string bytes;
  for (std::size_t wanted = kShortHeader;; wanted *= 8) {
    HOSTLER_OK(ReadOn(in, file, bytes, wanted));
    auto header = catalog::ReadGgufHeader(bytes);
    if (!header) return Fail(CannotLoad(entry, file.filename().string() + " " + header.error().message, header.error().remedy));
    if (header->complete) return header;
    if (bytes.size() < wanted || wanted >= kLongestHeader)
      return Fail(CannotLoad(entry, fmt::format("{} ends within its header", file.filename().string()),
                             "It is not whole: download or copy it again."));
  }
}

std::vector<std::string> GgufsIn(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  std::error_code ec;
  for (std::filesystem::directory_iterator item(folder, ec), end; !ec && item != end; item.increment(ec)) {
    const std::string name = item->path().filename();
    if (Lower(name).ends_with(".gguf")) files.push_back(name);
  }
  std::ranges::sort(files);
  return files;
}

// The projector beside a model, if it can only be meant for that one.
std::filesystem::path ProjectorOf(const std::filesystem::path& file) {
  const auto files = GgufsIn(file.parent_path());
  const auto projector = std::ranges::find_if(files, [](const std::string& name) { return catalog::IsProjector(name); });
  const auto others = [&](const std::string& name) { return !catalog::IsProjector(name) && !catalog::MainGguf({name}).empty(); };
  if (projector == files.end() || std::ranges::count_if(files, others) != 1) return {};
  return file.parent_path() / *projector;
}

std::string Beside(const std::filesystem::path& file, const std::string& name) {
  return (file.parent_path() / name).string();  // an absolute name stays as it is
}

int ContextOf(const LlamaModel& model, const LlamaOptions& options) {
  if (options.context) return *options.context;
  return model.context > 0 ? static_cast<int>(std::min<std::int64_t>(model.context, kUsualContext)) : kUsualContext / 2;
}

void AddTask(std::vector<std::string>& arguments, const LlamaModel& model, const LlamaOptions& options) {
  const bool chat = model.task == LlamaTask::kChat;
  const int parallel = options.parallel.value_or(chat ? 2 : 4);
  const int context = chat ? ContextOf(model, options) : LongestText(model, options);
  const int batch = chat ? options.batch.value_or(std::min(kUsualBatch, context)) : context;  // a text is read in one step
  const int cache_mb = options.cache_mb.value_or(chat ? kUsualCacheMb : 0);
  const auto add = [&](std::initializer_list<std::string> more) { arguments.insert(arguments.end(), more); };
  add({"-c", std::to_string(std::int64_t{context} * parallel), "-np", std::to_string(parallel), "-b", std::to_string(batch),
       "-ub", std::to_string(batch), "--cache-ram", std::to_string(cache_mb)});
  if (chat) {
    add({"--jinja"});
    if (options.chat_template) add({"--chat-template-file", Beside(model.file, *options.chat_template)});
    const std::string projector =
        options.mmproj ? (options.mmproj->empty() ? "" : Beside(model.file, *options.mmproj)) : model.projector.string();
    if (!projector.empty()) add({"--mmproj", projector});
  }
  if (model.task == LlamaTask::kRerank) add({"--rerank"});
  if (model.task == LlamaTask::kEmbed) {
    add({"--embeddings"});
    if (options.pooling)
      add({"--pooling", *options.pooling});
    else if (!model.pools)
      add({"--pooling", model.encoder ? "mean" : "last"});  // of a language model only the last token has seen all others
  }
}

}  // namespace

Result<LlamaOptions> ReadLlamaOptions(const json::Any& options) {
  LlamaOptions read;
  json::DecodeOptions strict;
  if (auto decoded = json::Decode(options, read, strict); !decoded) {
    Error error = std::move(decoded).error();
    error.field = error.field.empty() ? "options" : "options." + error.field;
    return Fail(std::move(error));
  }
  HOSTLER_OK(InRange(read.context, "context", 8, 1 << 24));
  HOSTLER_OK(InRange(read.parallel, "parallel", 1, 256));
  HOSTLER_OK(InRange(read.batch, "batch", 1, 1 << 20));
  HOSTLER_OK(InRange(read.cache_mb, "cache_mb", 0, 1 << 24));
  HOSTLER_OK(InRange(read.gpu_layers, "gpu_layers", 0, 10'000));
  HOSTLER_OK(InRange(read.threads, "threads", 1, 1024));
  HOSTLER_OK(OneOf(read.pooling, "pooling", {"mean", "cls", "last"}));
  HOSTLER_OK(OneOf(read.cache_type, "cache_type", {"f16", "q8_0"}));
  return read;
}

Result<LlamaTask> TaskOf(const model::Entry& entry, const catalog::GgufHeader& header) {
  const GgufPurpose purpose = catalog::PurposeOf(header);
  switch (purpose) {
    case GgufPurpose::kUnknown:
      return Fail(CannotLoad(entry, "its header does not say of which architecture it is", "Download or convert it again."));
    case GgufPurpose::kProjector:
    case GgufPurpose::kAdapter:
      return Fail(CannotLoad(entry,
                             fmt::format("its file is {}, a part of another model",
                                         purpose == GgufPurpose::kAdapter ? "an adapter (LoRA)" : "a projector"),
                             fmt::format("Load that model, with this file as its option \"{}\".",
                                         purpose == GgufPurpose::kAdapter ? "lora" : "mmproj")));
    case GgufPurpose::kImage: return Fail(CannotLoad(entry, "its file makes pictures", "Give the entry another engine."));
    default: break;
  }
  const auto contradiction = [&](std::string_view is, std::string_view type) {
    return Fail(CannotLoad(entry, fmt::format("its type is {}, but its file {}", json::EnumName(entry.type), is),
                           fmt::format("Change the entry's type to \"{}\", or its file.", type)));
  };
  const bool asked_to_score = entry.type == model::ModelType::kReranker;
  const bool asked_to_embed = entry.type == model::ModelType::kEmbedding;
  if (!asked_to_score && !asked_to_embed && entry.type != model::ModelType::kLlm)
    return Fail(CannotLoad(entry, fmt::format("llama-server has no models of type {}", json::EnumName(entry.type)),
                           "Give the entry another engine, or the type llm, embedding or reranker."));
  if (purpose == GgufPurpose::kReranker && !asked_to_score) return contradiction("has a head that scores", "reranker");
  if (asked_to_score && purpose == GgufPurpose::kEmbedding)
    return contradiction("has no head that scores: it makes vectors", "embedding");
  if (asked_to_score && purpose == GgufPurpose::kLanguage)
    return contradiction("has no head that scores: it is a language model", "llm");
  if (!asked_to_embed && purpose == GgufPurpose::kEmbedding) return contradiction("makes vectors and does not chat", "embedding");
  return asked_to_score ? LlamaTask::kRerank : asked_to_embed ? LlamaTask::kEmbed : LlamaTask::kChat;
}

Result<LlamaModel> LookAt(const model::Entry& entry, const std::filesystem::path& files) {
  LlamaModel model;
  model.file = files;
  if (files.empty()) return Fail(CannotLoad(entry, "it has no file", "Give its entry a path or a repository."));
  if (std::error_code ec; std::filesystem::is_directory(files, ec)) {
    const std::string main = catalog::MainGguf(GgufsIn(files));
    if (main.empty())
      return Fail(CannotLoad(entry, fmt::format("there is no GGUF file of a model in {}", files.string()),
                             "Put one there, or correct the path."));
    model.file = files / main;
  }
  HOSTLER_TRY(const auto header, ReadHeader(entry, model.file));
  HOSTLER_TRY(model.task, TaskOf(entry, header));
  model.context = header.OfArchitecture("context_length").value_or(0);
  if (const auto tokens = header.arrays.find("tokenizer.ggml.tokens"); tokens != header.arrays.end())
    model.vocabulary = static_cast<std::int64_t>(std::min<std::uint64_t>(tokens->second, kLongestHeader));
  model.pools = header.OfArchitecture("pooling_type").value_or(0) > 0;
  model.encoder = catalog::PurposeOf(header) == GgufPurpose::kEmbedding;
  model.probabilities = model.task == LlamaTask::kRerank && header.Text("general.architecture").starts_with("qwen3");
  if (model.task == LlamaTask::kChat) model.projector = ProjectorOf(model.file);
  return model;
}

int LongestText(const LlamaModel& model, const LlamaOptions& options) {
  const std::int64_t trained = model.context > 0 ? model.context : 512;
  if (options.context || options.batch) return options.context.value_or(options.batch.value_or(512));
  constexpr std::int64_t kRow = sizeof(float);
  const std::int64_t affordable = model.vocabulary > 0 ? kRowsMemory / (model.vocabulary * kRow) : trained;
  const std::int64_t longest = std::min({trained, affordable, std::int64_t{kUsualContext}});
  return static_cast<int>(longest >= kBlock ? longest / kBlock * kBlock : longest);
}

std::vector<std::string> LlamaArguments(const model::ModelId& id, const LlamaModel& model, const LlamaOptions& options,
                                        const std::string& socket, int threads, log::Level log_level) {
  const std::string thread_count = std::to_string(options.threads.value_or(threads));
  // From 3 on each request is several lines; from 4 on texts of requests are among them.
  const int verbosity = log_level == log::Level::kDebug ? 3 : log_level >= log::Level::kError ? 1 : 2;
  std::vector<std::string> arguments = {"-m",
                                        model.file.string(),
                                        "-a",
                                        id,
                                        "--host",
                                        socket,
                                        "-t",
                                        thread_count,
                                        "-tb",
                                        thread_count,
                                        "--offline",
                                        "--no-webui",
                                        "--no-slots",
                                        "--cors-origins",
                                        "localhost",
                                        "-fit",
                                        "off",
                                        "-lv",
                                        std::to_string(verbosity)};
  AddTask(arguments, model, options);
  const auto add = [&](std::initializer_list<std::string> more) { arguments.insert(arguments.end(), more); };
  if (options.gpu_layers) add({"-ngl", std::to_string(*options.gpu_layers)});
  if (options.cache_type) add({"-ctk", *options.cache_type, "-ctv", *options.cache_type});
  if (options.flash_attention) add({"-fa", *options.flash_attention ? "on" : "off"});
  for (const std::string& file : options.lora.value_or(std::vector<std::string>{})) add({"--lora", Beside(model.file, file)});
  return arguments;
}

}  // namespace hostler::engines
