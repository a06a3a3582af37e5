#include "app/vectors.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"
#include "providers/providers.h"

namespace hostler::app {
namespace {

using model::ModelType;

constexpr std::size_t kPiece = 32;  // texts that an engine is given at a time

Error Bad(std::string message, std::string remedy, std::string field) {
  return Error{Code::kInvalid, std::move(message), std::move(remedy), std::move(field), {}};
}

Result<> CheckTexts(const std::vector<std::string>& texts, std::string_view field, bool blank_allowed) {
  if (texts.empty()) return Fail(Bad("there is no text", "Send at least one.", std::string(field)));
  if (texts.size() > kMostTexts) {
    return Fail(Bad(fmt::format("{} texts are too many for one request", texts.size()),
                    fmt::format("Send up to {} at a time.", kMostTexts), std::string(field)));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string place = fmt::format("{}[{}]", field, i);
    if (!Utf8Length(texts[i])) return Fail(Bad("the text is not valid UTF-8", "Send it in UTF-8.", place));
    if (!blank_allowed && Trim(texts[i]).empty())
      return Fail(Bad("the text is empty", "Leave it out, or send some text.", place));
  }
  return {};
}

// Without a name: what else could be meant.
Result<model::ModelId> Chosen(House& house, model::ModelId id, ModelType type) {
  if (!id.empty()) return providers::ResolveAlias(house.config, id);
  std::vector<model::ModelId> loaded;
  for (const lifecycle::Status& status : house.lifecycle.List()) {
    if (status.entry.type == type && status.state == model::MemoryState::kLoaded) loaded.push_back(status.entry.id);
  }
  if (loaded.size() == 1) return loaded.front();
  for (const catalog::Entry& entry : house.catalogue.OfType(type)) {
    const catalog::Entry* servable = entry.is_default ? house.catalogue.Servable(entry.id, type) : nullptr;
    if (servable != nullptr && house.lifecycle.Knows(servable->id)) return servable->id;
  }
  return Fail(Bad("no model was named, and there is no default",
                  fmt::format("Name one: `hostler models --type {}` lists them.", json::EnumName(type)), "model"));
}

bool CanDo(const wire::TextAbilities& can, ModelType type) {
  return type == ModelType::kEmbedding ? can.embed : type == ModelType::kReranker ? can.rerank : can.sparse;
}

// A lease on a model that does this. One of another type is refused before anything is loaded or put away for it.
Task<Result<lifecycle::Lease>> AcquireReader(House& house, model::ModelId asked, ModelType type, std::string_view what) {
  const auto refused = [&](const model::ModelId& id) {
    return Fail(Error{Code::kUnsupported,
                      fmt::format("the model \"{}\" does not {}", id, what),
                      fmt::format("Choose a model of type {0}: `hostler models --type {0}`.", json::EnumName(type)),
                      "model",
                      {}});
  };
  HOSTLER_CO_TRY(const model::ModelId id, Chosen(house, std::move(asked), type));
  HOSTLER_CO_TRY(const lifecycle::Status status, house.lifecycle.Get(id));
  if (status.entry.type != type) co_return refused(id);
  HOSTLER_CO_TRY(lifecycle::Lease lease, co_await house.lifecycle.Acquire(id));
  if (!CanDo(lease->capabilities.text.value_or(wire::TextAbilities()), type)) co_return refused(id);
  co_return lease;
}

std::vector<std::string> Piece(const std::vector<std::string>& texts, std::size_t begin) {
  const std::size_t end = std::min(texts.size(), begin + kPiece);
  return {texts.begin() + static_cast<std::ptrdiff_t>(begin), texts.begin() + static_cast<std::ptrdiff_t>(end)};
}

// The engine's error as the caller's: "inputs[3]" of a piece that began at 32 is the request's "input[35]".
Error Placed(Error error, std::string_view theirs, std::string_view ours, std::size_t begin) {
  const std::string prefix = fmt::format("{}[", theirs);
  if (!error.field.starts_with(prefix)) return error;
  std::size_t index = 0;
  for (const char c : std::string_view(error.field).substr(prefix.size())) {
    if (c < '0' || c > '9') break;
    index = index * 10 + static_cast<std::size_t>(c - '0');
  }
  error.field = fmt::format("{}[{}]", ours, std::min(begin + index, kMostTexts));
  return error;
}

Error WrongCount(std::size_t got, std::size_t wanted) {
  return Error{Code::kUpstream,
               fmt::format("the engine answered {} of {} texts", got, wanted),
               "Check it with `hostler conform`.",
               {},
               {}};
}

// What the catalogue knows of the model, or of the one that it was converted from.
const catalog::Entry* FactsOf(const House& house, const model::ModelId& id) {
  const catalog::Entry* entry = house.catalogue.Find(id, ModelType::kEmbedding);
  if (entry == nullptr || entry->embedding || entry->conversion_of.empty()) return entry;
  return house.catalogue.Find(entry->conversion_of, ModelType::kEmbedding);
}

Result<> CheckDimensions(const EmbeddingRequest& request, int dimension) {
  if (!request.dimensions || dimension <= 0 || (*request.dimensions >= 1 && *request.dimensions <= dimension)) return {};
  return Fail(
      Bad(fmt::format("the model's vectors have {} dimensions, {} cannot be made of them", dimension, *request.dimensions),
          fmt::format("Ask for 1 to {}.", dimension), "dimensions"));
}

double Sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

}  // namespace

Result<std::vector<std::string>> Prefixed(const catalog::Entry* facts, const EmbeddingRequest& request) {
  const catalog::Embedding known = facts != nullptr && facts->embedding ? *facts->embedding : catalog::Embedding();
  std::string instruction = request.instruction.value_or("");
  if (!instruction.empty()) {
    if (request.type == InputType::kDocument)
      return Fail(Bad("an instruction goes with queries", "Leave it out, or send the input_type \"query\".", "instruction"));
    if (facts != nullptr && facts->embedding && known.default_query_instruction.empty()) {
      return Fail(Error{Code::kUnsupported,
                        fmt::format("the model \"{}\" follows no instruction", facts->id),
                        "Leave it out.",
                        "instruction",
                        {}});
    }
  } else if (request.type == InputType::kQuery) {
    instruction = known.default_query_instruction;
  }
  std::string prefix;
  if (!instruction.empty()) {
    // Qwen's models were trained without the blank.
    const bool tight = facts != nullptr && facts->id.find("Qwen3-Embedding") != std::string::npos;
    prefix = fmt::format("Instruct: {}\nQuery:{}", instruction, tight ? "" : " ");
  } else if (request.type == InputType::kQuery) {
    prefix = known.query_prefix;
  } else if (request.type == InputType::kDocument) {
    prefix = known.document_prefix;
  }
  std::vector<std::string> texts;
  texts.reserve(request.inputs.size());
  for (const std::string& input : request.inputs) texts.push_back(prefix + input);
  return texts;
}

void Shorten(std::vector<float>& vector, std::size_t dimensions) {
  if (dimensions >= vector.size()) return;
  vector.resize(dimensions);
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * x;
  if (sum == 0) return;
  const double scale = 1 / std::sqrt(sum);
  for (float& x : vector) x = static_cast<float>(x * scale);
}

Task<Result<Embeddings>> Embed(House& house, EmbeddingRequest request) {
  HOSTLER_CO_OK(CheckTexts(request.inputs, "input", false));
  if (request.dimensions && *request.dimensions < 1) HOSTLER_CO_OK(CheckDimensions(request, 1));
  HOSTLER_CO_TRY(const lifecycle::Lease lease,
                 co_await AcquireReader(house, std::move(request.model), ModelType::kEmbedding, "make vectors"));
  HOSTLER_CO_OK(CheckDimensions(request, lease->capabilities.text->dimension));
  HOSTLER_CO_TRY(const std::vector<std::string> texts, Prefixed(FactsOf(house, lease->model), request));
  Embeddings embeddings{.model = lease->model};
  for (std::size_t begin = 0; begin < texts.size(); begin += kPiece) {
    wire::EmbedRequest piece{.inputs = Piece(texts, begin)};
    if (request.truncate) piece.truncate = true;
    const std::size_t count = piece.inputs.size();
    auto reply = co_await house.switchboard.Embed(lease.handle(), std::move(piece));
    if (!reply) co_return Fail(Placed(std::move(reply).error(), "inputs", "input", begin));
    if (reply->embeddings.size() != count) co_return Fail(WrongCount(reply->embeddings.size(), count));
    for (auto& vector : reply->embeddings) {
      if (request.dimensions) Shorten(vector, static_cast<std::size_t>(*request.dimensions));
      embeddings.vectors.push_back(std::move(vector));
    }
    embeddings.tokens += reply->tokens;
  }
  co_return embeddings;
}

Task<Result<SparseEmbeddings>> EmbedSparse(House& house, SparseRequest request) {
  HOSTLER_CO_OK(CheckTexts(request.inputs, "input", false));
  if (request.top_k && *request.top_k < 1)
    co_return Fail(Bad(fmt::format("{} is out of range", *request.top_k), "Use at least 1, or leave it out.", "top_k"));
  HOSTLER_CO_TRY(const lifecycle::Lease lease,
                 co_await AcquireReader(house, std::move(request.model), ModelType::kSplade, "make sparse vectors"));
  SparseEmbeddings embeddings{.model = lease->model};
  for (std::size_t begin = 0; begin < request.inputs.size(); begin += kPiece) {
    wire::SparseRequest piece{.inputs = Piece(request.inputs, begin), .top_k = request.top_k};
    if (request.truncate) piece.truncate = true;
    const std::size_t count = piece.inputs.size();
    auto reply = co_await house.switchboard.Sparse(lease.handle(), std::move(piece));
    if (!reply) co_return Fail(Placed(std::move(reply).error(), "inputs", "input", begin));
    if (reply->vectors.size() != count) co_return Fail(WrongCount(reply->vectors.size(), count));
    std::move(reply->vectors.begin(), reply->vectors.end(), std::back_inserter(embeddings.vectors));
    embeddings.tokens += reply->tokens;
  }
  co_return embeddings;
}

Task<Result<Ranking>> Rank(House& house, RankingRequest request) {
  if (!Utf8Length(request.query) || Trim(request.query).empty())
    co_return Fail(Bad("there is no query", "Send some text, in UTF-8.", "query"));
  HOSTLER_CO_OK(CheckTexts(request.documents, "documents", true));
  HOSTLER_CO_TRY(const lifecycle::Lease lease,
                 co_await AcquireReader(house, std::move(request.model), ModelType::kReranker, "rank documents"));
  Ranking ranking{.model = lease->model};
  for (std::size_t begin = 0; begin < request.documents.size(); begin += kPiece) {
    wire::RerankRequest piece{.query = request.query, .documents = Piece(request.documents, begin)};
    if (request.truncate) piece.truncate = true;
    const std::size_t count = piece.documents.size();
    auto reply = co_await house.switchboard.Rerank(lease.handle(), std::move(piece));
    if (!reply) co_return Fail(Placed(std::move(reply).error(), "documents", "documents", begin));
    if (reply->scores.size() != count) co_return Fail(WrongCount(reply->scores.size(), count));
    const bool as_is = request.raw_scores || lease->capabilities.text->probabilities.value_or(false);
    for (const double score : reply->scores) ranking.places.push_back({ranking.places.size(), as_is ? score : Sigmoid(score)});
    ranking.tokens += reply->tokens;
  }
  std::stable_sort(ranking.places.begin(), ranking.places.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  co_return ranking;
}

}  // namespace hostler::app
