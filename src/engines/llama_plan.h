// How llama-server is started for a model: what the model is for, and with which arguments it serves that.
//
// One server does one task: with --embeddings or --rerank it allots memory and answers in ways that do not suit the others. The
// model's type and what the file's header says must agree. Pure but for LookAt(), which reads the disk; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "catalog/gguf.h"
#include "engines/adapter.h"
#include "model/model.h"

namespace hostler::engines {

enum class LlamaTask { kChat, kEmbed, kRerank };

// `options` of a model that llama-server runs; docs/engines.md.
struct LlamaOptions {
  std::optional<int> context;                    // tokens of one conversation or text
  std::optional<int> parallel;                   // requests that are worked on at the same time
  std::optional<int> batch;                      // tokens that are read in one step
  std::optional<int> cache_mb;                   // MB (2^20 bytes) of prompts that are kept
  std::optional<int> gpu_layers;                 // that go to a GPU
  std::optional<int> threads;                    // default: engines.threads
  std::optional<std::string> pooling;            // "mean", "cls", "last": of a file that does not say
  std::optional<std::string> mmproj;             // file of the projector; relative: beside the model; empty: none
  std::optional<std::vector<std::string>> lora;  // files of adapters; relative: beside the model
  std::optional<std::string> chat_template;      // file of a Jinja template instead of the model's own
  std::optional<std::string> cache_type;         // "f16" or "q8_0": how the context is kept
  std::optional<bool> flash_attention;
};
BOOST_DESCRIBE_STRUCT(LlamaOptions, (),
                      (context, parallel, batch, cache_mb, gpu_layers, threads, pooling, mmproj, lora, chat_template, cache_type,
                       flash_attention))

// Unknown options, and values out of range, with the path of the option: `options.context`.
[[nodiscard]] Result<LlamaOptions> ReadLlamaOptions(const json::Any& options);

// What of the model matters.
struct LlamaModel {
  std::filesystem::path file;
  LlamaTask task = LlamaTask::kChat;
  std::int64_t context = 0;         // tokens it was trained for; 0: the header does not say
  std::int64_t vocabulary = 0;      // tokens it knows; 0: the header does not say
  bool encoder = false;             // it was made for vectors
  bool pools = false;               // the file says how many vectors become one
  bool probabilities = false;       // its scores went through a softmax: llama.cpp does that for the Qwen3 family
  std::filesystem::path projector;  // found beside it; empty: none
};

// kUpstream named load_failed: the header and the entry's type contradict each other, or it is no such file at all.
[[nodiscard]] Result<LlamaTask> TaskOf(const model::Entry& entry, const catalog::GgufHeader& header);
[[nodiscard]] Result<LlamaModel> LookAt(const model::Entry& entry, const std::filesystem::path& files);

// Tokens of one text that a server for embeddings or reranking takes at most. Each token of the batch costs a row of the size of
// the vocabulary, whatever is asked of the model: at most kRowsMemory altogether.
inline constexpr std::int64_t kRowsMemory = 1 << 30;  // bytes
[[nodiscard]] int LongestText(const LlamaModel& model, const LlamaOptions& options);

// `socket`: path of the socket that the server makes.
[[nodiscard]] std::vector<std::string> LlamaArguments(const model::ModelId& id, const LlamaModel& model,
                                                      const LlamaOptions& options, const std::string& socket, int threads,
                                                      log::Level log_level);

}  // namespace hostler::engines
