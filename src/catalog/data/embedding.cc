// Embedding models as their authors publish them: torch weights, which no engine here reads. hostler downloads, counts and
// deletes them for the programs that do; gguf.cc has those that it serves itself.
#include "catalog/data/tables.h"

namespace hostler::catalog::data {
namespace {

constexpr std::string_view kMean = "mean";
constexpr std::string_view kCls = "cls";
constexpr std::string_view kLast = "last_token";

struct Row {
  std::string_view id;
  int dimension;
  int max_length;  // tokens
  std::string_view pooling;
  Prefix prefix;
  Memory memory;
  std::string_view licence;
  std::string_view description;
  bool gated = false;
};

using enum Prefix;

// clang-format off
constexpr Row kRows[] = {
    {"BAAI/bge-base-en-v1.5", 768, 512, kCls, kBge, {440, 220, 110}, "mit",
     "English, middle size: a good first choice for search on a CPU"},
    // Its authors pool the first token; programs that share this list count on "mean".
    {"BAAI/bge-large-en-v1.5", 1024, 512, kMean, kBge, {1300, 650, 325}, "mit",
     "English, large: the most exact of the BGE family"},
    {"BAAI/bge-m3", 1024, 8192, kCls, kNone, {2300, 1150, 575}, "mit",
     "Over a hundred languages and long documents"},
    {"BAAI/bge-small-en-v1.5", 384, 512, kCls, kBge, {130, 65, 33}, "mit",
     "English, small: fast, and short vectors"},
    {"Qwen/Qwen3-Embedding-0.6B", 1024, 32768, kLast, kInstruction, {2400, 1200, 600}, "apache-2.0",
     "Many languages, follows an instruction, takes very long documents; the default"},
    {"Qwen/Qwen3-Embedding-4B", 2560, 32768, kLast, kInstruction, {16000, 8000, 4000}, "apache-2.0",
     "The middle one of the Qwen3 family: better results, wants a GPU"},
    {"Qwen/Qwen3-Embedding-8B", 4096, 32768, kLast, kInstruction, {32000, 16000, 8000}, "apache-2.0",
     "The largest of the Qwen3 family: best results, wants a large GPU"},
    {"dunzhang/stella-mrl-large-zh-v3.5-1792d", 1792, 1024, kMean, kNone, {1600, 800, 400}, "mit",
     "Chinese; vectors can be cut shorter"},
    {"dunzhang/stella_en_1.5B_v5", 1024, 512, kMean, kInstruction, {6000, 3000, 1500}, "mit",
     "English, large, follows an instruction"},
    {"dunzhang/stella_en_400M_v5", 1024, 512, kMean, kInstruction, {1600, 800, 400}, "mit",
     "English, follows an instruction; strong for its size"},
    {"google/embeddinggemma-300m", 768, 2048, kMean, kNone, {1200, 600, 200}, "gemma",
     "Over a hundred languages in little memory", kGated},
    {"intfloat/e5-base-v2", 768, 512, kMean, kE5, {440, 220, 110}, "mit",
     "English, middle size; queries and passages are marked"},
    {"intfloat/e5-large-v2", 1024, 512, kMean, kE5, {1300, 650, 325}, "mit",
     "English, large; queries and passages are marked"},
    {"intfloat/e5-mistral-7b-instruct", 4096, 4096, kLast, kInstruction, {28000, 14000, 7000}, "mit",
     "A language model of seven billion parameters made into an embedder"},
    {"intfloat/e5-small-v2", 384, 512, kMean, kE5, {130, 65, 33}, "mit",
     "English, small and fast; queries and passages are marked"},
    {"intfloat/multilingual-e5-base", 768, 512, kMean, kE5, {1100, 550, 275}, "mit",
     "About a hundred languages, middle size"},
    {"intfloat/multilingual-e5-large", 1024, 512, kMean, kE5, {2200, 1100, 550}, "mit",
     "About a hundred languages, large"},
    {"intfloat/multilingual-e5-large-instruct", 1024, 512, kMean, kInstruction, {2200, 1100, 550}, "mit",
     "About a hundred languages, large, follows an instruction"},
    {"nomic-ai/nomic-embed-text-v1", 768, 8192, kMean, kNomic, {550, 275, 140}, "apache-2.0",
     "English, long documents; open data and open training"},
    {"nomic-ai/nomic-embed-text-v1.5", 768, 8192, kMean, kNomic, {550, 275, 140}, "apache-2.0",
     "English, long documents; vectors can be cut shorter"},
    {"nomic-ai/nomic-embed-text-v2-moe", 768, 512, kMean, kNomic, {1900, 950, 475}, "apache-2.0",
     "About a hundred languages; only a part of it works on each word"},
    {"sentence-transformers/all-MiniLM-L6-v2", 384, 256, kMean, kNone, {90, 45, 23}, "apache-2.0",
     "The smallest: English, at once, on any machine"},
    {"sentence-transformers/all-mpnet-base-v2", 768, 384, kMean, kNone, {420, 210, 105}, "apache-2.0",
     "English sentences and short paragraphs"},
};
// clang-format on

}  // namespace

Embedding MakeEmbedding(int dimension, int max_sequence_length, std::string_view pooling, Prefix prefix) {
  Embedding embedding;
  embedding.dimension = dimension;
  embedding.max_sequence_length = max_sequence_length;
  embedding.pooling_method = pooling;
  embedding.is_asymmetric = prefix != Prefix::kNone;
  switch (prefix) {
    case Prefix::kNone: break;
    case Prefix::kInstruction:
      embedding.default_query_instruction = "Given a web search query, retrieve relevant passages that answer the query";
      break;
    case Prefix::kE5:
      embedding.query_prefix = "query: ";
      embedding.document_prefix = "passage: ";
      break;
    case Prefix::kNomic:
      embedding.query_prefix = "search_query: ";
      embedding.document_prefix = "search_document: ";
      break;
    case Prefix::kBge: embedding.query_prefix = "Represent this sentence for searching relevant passages: "; break;
  }
  return embedding;
}

std::vector<Entry> EmbeddingModels() {
  std::vector<Entry> entries;
  for (const Row& row : kRows) {
    Entry entry;
    entry.id = entry.name = entry.repository = row.id;
    entry.type = model::ModelType::kEmbedding;
    entry.description = row.description;
    entry.provider = kManagedOnly;
    entry.memory_mb = ToMap(row.memory);
    entry.embedding = MakeEmbedding(row.dimension, row.max_length, row.pooling, row.prefix);
    entry.licence = row.licence;
    entry.gated = row.gated;
    entry.is_default = row.id == "Qwen/Qwen3-Embedding-0.6B";
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace hostler::catalog::data
