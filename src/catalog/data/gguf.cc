// The curated text models again, in the form that llama-server reads: one sensible quantisation of each, under the repository's
// own name. Where nobody known publishes one, or llama.cpp cannot run the model (all-mpnet-base-v2), there is no row.
#include "catalog/data/tables.h"

namespace hostler::catalog::data {
namespace {

constexpr std::string_view kMean = "mean";
constexpr std::string_view kCls = "cls";
constexpr std::string_view kLast = "last_token";

using enum Prefix;

// `original` is the model that was converted. `file` may be a pattern where the exact name is not known.
struct EmbeddingRow {
  std::string_view repository;
  std::string_view original;
  std::string_view file;
  std::uint64_t size_mb;
  int dimension;
  int max_length;
  std::string_view pooling;  // as the file itself says: bge-large is "cls" here
  Prefix prefix;
  std::string_view licence;
  std::string_view description;
};

// clang-format off
constexpr EmbeddingRow kEmbeddings[] = {
    {"Qwen/Qwen3-Embedding-0.6B-GGUF", "Qwen/Qwen3-Embedding-0.6B", "Qwen3-Embedding-0.6B-Q8_0.gguf",
     610, 1024, 32768, kLast, kInstruction, "apache-2.0",
     "Many languages, follows an instruction; 8 bit"},
    {"Qwen/Qwen3-Embedding-4B-GGUF", "Qwen/Qwen3-Embedding-4B", "Qwen3-Embedding-4B-Q4_K_M.gguf",
     2381, 2560, 32768, kLast, kInstruction, "apache-2.0",
     "Many languages, better results; 4 bit"},
    {"Qwen/Qwen3-Embedding-8B-GGUF", "Qwen/Qwen3-Embedding-8B", "Qwen3-Embedding-8B-Q4_K_M.gguf",
     4466, 4096, 32768, kLast, kInstruction, "apache-2.0",
     "Many languages, best results; 4 bit"},
    {"CompendiumLabs/bge-small-en-v1.5-gguf", "BAAI/bge-small-en-v1.5", "bge-small-en-v1.5-q8_0.gguf",
     35, 384, 512, kCls, kBge, "mit",
     "English, small; 8 bit"},
    {"CompendiumLabs/bge-base-en-v1.5-gguf", "BAAI/bge-base-en-v1.5", "bge-base-en-v1.5-q8_0.gguf",
     113, 768, 512, kCls, kBge, "mit",
     "English, middle size; 8 bit"},
    {"CompendiumLabs/bge-large-en-v1.5-gguf", "BAAI/bge-large-en-v1.5", "bge-large-en-v1.5-q8_0.gguf",
     340, 1024, 512, kCls, kBge, "mit",
     "English, large; 8 bit"},
    {"gpustack/bge-m3-GGUF", "BAAI/bge-m3", "bge-m3-Q8_0.gguf", 605, 1024, 8192, kCls, kNone, "mit",
     "Over a hundred languages, long documents; 8 bit"},
    {"ggml-org/embeddinggemma-300M-GGUF", "google/embeddinggemma-300m", "embeddinggemma-300M-Q8_0.gguf",
     318, 768, 2048, kMean, kNone, "gemma",
     "Over a hundred languages in little memory; 8 bit"},
    {"nomic-ai/nomic-embed-text-v1-GGUF", "nomic-ai/nomic-embed-text-v1", "nomic-embed-text-v1.Q8_0.gguf",
     139, 768, 8192, kMean, kNomic, "apache-2.0",
     "English; 8 bit"},
    {"nomic-ai/nomic-embed-text-v1.5-GGUF", "nomic-ai/nomic-embed-text-v1.5", "nomic-embed-text-v1.5.Q8_0.gguf",
     139, 768, 8192, kMean, kNomic, "apache-2.0",
     "English, vectors can be cut shorter; 8 bit"},
    {"nomic-ai/nomic-embed-text-v2-moe-GGUF", "nomic-ai/nomic-embed-text-v2-moe", "nomic-embed-text-v2-moe.Q8_0.gguf",
     488, 768, 512, kMean, kNomic, "apache-2.0",
     "About a hundred languages; 8 bit"},
    {"second-state/All-MiniLM-L6-v2-Embedding-GGUF", "sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2-Q8_0.gguf",
     24, 384, 256, kMean, kNone, "apache-2.0",
     "The smallest: English, at once; 8 bit"},
    {"ChristianAzinn/e5-small-v2-gguf", "intfloat/e5-small-v2", "*Q8_0.gguf", 35, 384, 512, kMean, kE5, "mit",
     "English, small; queries and passages are marked; 8 bit"},
    {"ChristianAzinn/e5-base-v2-gguf", "intfloat/e5-base-v2", "e5-base-v2.Q8_0.gguf", 113, 768, 512, kMean, kE5, "mit",
     "English, middle size; queries and passages are marked; 8 bit"},
    {"ChristianAzinn/e5-large-v2-gguf", "intfloat/e5-large-v2", "*Q8_0.gguf", 340, 1024, 512, kMean, kE5, "mit",
     "English, large; queries and passages are marked; 8 bit"},
    {"Ralriki/multilingual-e5-large-instruct-GGUF", "intfloat/multilingual-e5-large-instruct",
     "multilingual-e5-large-instruct-q8_0.gguf", 575, 1024, 512, kMean, kInstruction,
     "mit", "About a hundred languages, follows an instruction; 8 bit"},
    {"dranger003/e5-mistral-7b-instruct-GGUF", "intfloat/e5-mistral-7b-instruct", "ggml-e5-mistral-7b-instruct-q4_k_m.gguf",
     4200, 4096, 4096, kLast, kInstruction,
     "mit", "A language model made into an embedder; 4 bit"},
};

struct LanguageRow {
  std::string_view repository;
  std::string_view original;
  std::string_view file;
  std::string_view main_file;
  std::uint64_t size_mb;
  int context;
  std::string_view licence;
  std::string_view description;
};
constexpr LanguageRow kLanguages[] = {
    {"Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen/Qwen2.5-0.5B-Instruct", "qwen2.5-0.5b-instruct-q4_k_m.gguf",
     "qwen2.5-0.5b-instruct-q4_k_m.gguf", 468, 32768,
     "apache-2.0", "Very small: short answers on any machine; 4 bit"},
    {"Qwen/Qwen2.5-1.5B-Instruct-GGUF", "Qwen/Qwen2.5-1.5B-Instruct", "qwen2.5-1.5b-instruct-q4_k_m.gguf",
     "qwen2.5-1.5b-instruct-q4_k_m.gguf", 1066, 32768,
     "apache-2.0", "Small: summaries and simple questions; 4 bit"},
    {"Qwen/Qwen2.5-3B-Instruct-GGUF", "Qwen/Qwen2.5-3B-Instruct", "qwen2.5-3b-instruct-q4_k_m.gguf",
     "qwen2.5-3b-instruct-q4_k_m.gguf", 2007, 32768,
     "qwen-research", "Middle: sound answers; for research use; 4 bit"},
    // In two parts; the engine is given the first and finds the other.
    {"Qwen/Qwen2.5-7B-Instruct-GGUF", "Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b-instruct-q4_k_m-*-of-*.gguf",
     "qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf",
     4466, 32768, "apache-2.0", "Large: the best answers of the four; 4 bit"},
};

// Converted with the head that yields the score: most conversions of these models lack it and cannot rerank.
struct RerankerRow {
  std::string_view repository;
  std::string_view original;
  std::string_view file;
  std::uint64_t size_mb;
  std::string_view licence;
  std::string_view description;
};
constexpr RerankerRow kRerankers[] = {
    {"ggml-org/Qwen3-Reranker-0.6B-Q8_0-GGUF", "Qwen/Qwen3-Reranker-0.6B", "qwen3-reranker-0.6b-q8_0.gguf", 610, "apache-2.0",
     "Puts found passages into order; 8 bit"},
    {"giladgd/Qwen3-Reranker-4B-GGUF", "Qwen/Qwen3-Reranker-4B", "Qwen3-Reranker-4B.Q4_K_M.gguf",
     2385, "apache-2.0", "More exact; 4 bit"},
    {"giladgd/Qwen3-Reranker-8B-GGUF", "Qwen/Qwen3-Reranker-8B", "*Q4_K_M.gguf", 4480, "apache-2.0", "The most exact; 4 bit"},
};
// clang-format on

template <class Row>
Entry Gguf(const Row& row, model::ModelType type) {
  Entry entry;
  entry.id = entry.repository = row.repository;
  entry.type = type;
  entry.name = LastSegment(row.repository);
  entry.description = row.description;
  entry.provider = "llama";
  entry.conversion_of = row.original;
  entry.engine = kLlamaServer;
  entry.files.include = {std::string(row.file)};
  entry.main_file = row.file;
  entry.size_mb = row.size_mb;
  entry.licence = row.licence;
  return entry;
}

}  // namespace

std::vector<Entry> GgufModels() {
  std::vector<Entry> entries;
  for (const EmbeddingRow& row : kEmbeddings) {
    Entry entry = Gguf(row, model::ModelType::kEmbedding);
    entry.name = entry.id;  // as the other embedding models
    entry.embedding = MakeEmbedding(row.dimension, row.max_length, row.pooling, row.prefix);
    entries.push_back(std::move(entry));
  }
  for (const LanguageRow& row : kLanguages) {
    Entry entry = Gguf(row, model::ModelType::kLlm);
    entry.main_file = row.main_file;
    entry.context_window = row.context;
    entries.push_back(std::move(entry));
  }
  for (const RerankerRow& row : kRerankers) entries.push_back(Gguf(row, model::ModelType::kReranker));
  return entries;
}

}  // namespace hostler::catalog::data
