// Texts to numbers: dense vectors, sparse vectors, scores of documents. The use cases behind /v1/embeddings, /v1/rerank,
// /v1/sparse-embeddings and their other dialects.
//
// A request goes to its engine in pieces of a few texts: requests of several clients take turns, an answer is never a mountain,
// and a client that leaves stops the rest.
//
// Threads: any loop of the house.
#pragma once

#include <string>
#include <vector>

#include "app/house.h"

namespace hostler::app {

inline constexpr std::size_t kMostTexts = 2048;  // of one request

// What a text is to the model: some want queries and documents told apart.
enum class InputType { kPlain, kQuery, kDocument };

struct EmbeddingRequest {
  model::ModelId model;  // empty: see below
  std::vector<std::string> inputs;
  InputType type = InputType::kPlain;
  std::optional<std::string> instruction;  // for queries to models that follow one; default: the model's own
  std::optional<int> dimensions;           // fewer than the model has: cut and brought to length 1 again
  bool truncate = false;                   // what is too long is cut; else it is an error with the numbers
};
struct Embeddings {
  model::ModelId model;
  std::vector<std::vector<float>> vectors;  // float[inputs][dimensions], each of length 1
  int tokens = 0;
};
// Without a model: the one of its type that is loaded, if there is exactly one; else the catalogue's default if it can be loaded
// here. Errors name `input`, `dimensions`, `instruction`, `model`.
[[nodiscard]] Task<Result<Embeddings>> Embed(House& house, EmbeddingRequest request);

struct SparseRequest {
  model::ModelId model;
  std::vector<std::string> inputs;
  std::optional<int> top_k;
  bool truncate = false;
};
struct SparseEmbeddings {
  model::ModelId model;
  std::vector<wire::SparseVector> vectors;
  int tokens = 0;
};
[[nodiscard]] Task<Result<SparseEmbeddings>> EmbedSparse(House& house, SparseRequest request);

struct RankingRequest {
  model::ModelId model;
  std::string query;
  std::vector<std::string> documents;
  bool truncate = false;
  bool raw_scores = false;  // the model's own numbers; else brought to 0 … 1
};
struct Ranking {
  struct Place {
    std::size_t index = 0;  // of the document
    double score = 0;
  };
  model::ModelId model;
  std::vector<Place> places;  // best first; equal ones in the documents' order
  int tokens = 0;
};
[[nodiscard]] Task<Result<Ranking>> Rank(House& house, RankingRequest request);

// --- pure, for tests ---

// The texts as the model wants them. `facts`: what the catalogue knows of it; null: nothing.
[[nodiscard]] Result<std::vector<std::string>> Prefixed(const catalog::Entry* facts, const EmbeddingRequest& request);
// The first `dimensions` numbers, of length 1.
void Shorten(std::vector<float>& vector, std::size_t dimensions);

}  // namespace hostler::app
