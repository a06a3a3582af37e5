#include <fmt/format.h>

#include "api/vectors/routes.h"
#include "api/vectors/texts.h"
#include "app/vectors.h"

namespace hostler::api::vectors {
namespace {

// Jina's, Cohere's and (with `texts`) text-embeddings-inference's in one: what they share has one meaning.
struct RerankBody {
  std::optional<std::string> model;
  std::string query;
  std::optional<std::vector<json::Any>> documents;  // texts, or objects with a `text`
  std::optional<std::vector<std::string>> texts;
  std::optional<int> top_n;  // 0: all
  std::optional<bool> return_documents;
  std::optional<bool> return_text;
  std::optional<bool> raw_scores;
  std::optional<bool> truncate;
};
BOOST_DESCRIBE_STRUCT(RerankBody, (),
                      (model, query, documents, texts, top_n, return_documents, return_text, raw_scores, truncate))

struct Document {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Document, (), (text))

struct Place {
  std::size_t index = 0;
  float relevance_score = 0;
  std::optional<Document> document;
};
BOOST_DESCRIBE_STRUCT(Place, (), (index, relevance_score, document))

struct JinaAnswer {
  std::string model;
  std::string object = "list";
  Usage usage;
  std::vector<Place> results;
};
BOOST_DESCRIBE_STRUCT(JinaAnswer, (), (model, object, usage, results))

struct ApiVersion {
  std::string version = "2";
};
BOOST_DESCRIBE_STRUCT(ApiVersion, (), (version))
struct BilledUnits {
  int search_units = 1;
};
BOOST_DESCRIBE_STRUCT(BilledUnits, (), (search_units))
struct CohereMeta {
  ApiVersion api_version;
  BilledUnits billed_units;
};
BOOST_DESCRIBE_STRUCT(CohereMeta, (), (api_version, billed_units))

struct CohereAnswer {
  std::string id;
  std::vector<Place> results;
  CohereMeta meta;
};
BOOST_DESCRIBE_STRUCT(CohereAnswer, (), (id, results, meta))

struct ScoredText {
  std::size_t index = 0;
  float score = 0;
  std::optional<std::string> text;
};
BOOST_DESCRIBE_STRUCT(ScoredText, (), (index, score, text))

Result<std::string> TextOf(const json::Any& document, std::size_t index) {
  const std::string field = fmt::format("documents[{}]", index);
  const json::Any* text = &document;
  if (const auto* object = document.if_object(); object != nullptr) text = object->if_contains("text");
  std::string value;
  json::DecodeOptions options;
  if (text == nullptr || !text->is_string()) {
    return Fail(Error{Code::kInvalid, "expected a text, or an object with a \"text\"",
                      "Pictures and other documents cannot be ranked.", field, "validation_error"});
  }
  if (auto done = json::Decode(*text, value, options); !done)
    return Fail(std::move(done).error().At(field).Named("validation_error"));
  return value;
}

Result<app::RankingRequest> RequestOf(const RerankBody& body) {
  if (body.documents.has_value() == body.texts.has_value()) {
    return Fail(Error{Code::kInvalid, body.texts ? "documents and texts say the same" : "there are no documents",
                      "Send `documents`, or `texts` as text-embeddings-inference has it.", "documents", "validation_error"});
  }
  if (body.top_n && *body.top_n < 0)
    return Fail(
        Error{Code::kInvalid, fmt::format("{} is out of range", *body.top_n), "Use at least 1, or leave it out.", "top_n", {}});
  app::RankingRequest request;
  request.model = body.model.value_or("");
  request.query = body.query;
  if (body.texts) request.documents = *body.texts;
  for (std::size_t i = 0; body.documents && i < body.documents->size(); ++i) {
    HOSTLER_TRY(request.documents.emplace_back(), TextOf((*body.documents)[i], i));
  }
  request.truncate = body.truncate.value_or(false);
  request.raw_scores = body.raw_scores.value_or(false);
  return request;
}

std::vector<Place> Places(const app::Ranking& ranking, const std::vector<std::string>& documents, bool with_documents) {
  std::vector<Place> places;
  for (const auto& [index, score] : ranking.places) {
    Place& place = places.emplace_back(Place{index, static_cast<float>(score), std::nullopt});
    if (with_documents) place.document = Document{documents[index]};
  }
  return places;
}

std::string AsScores(const app::Ranking& ranking, const std::vector<std::string>& documents, bool with_text) {
  std::vector<ScoredText> scored;
  for (const auto& [index, score] : ranking.places) {
    ScoredText& text = scored.emplace_back(ScoredText{index, static_cast<float>(score), std::nullopt});
    if (with_text) text.text = documents[index];
  }
  return json::ToJson(scored);
}

enum class Face { kJina, kCohere };

Task<Result<>> Answer(app::House& house, http::Exchange& exchange, Face face) {
  std::vector<std::string> ignored;
  HOSTLER_CO_TRY(const RerankBody body, co_await ReadJson<RerankBody>(exchange, false, &ignored));
  NameIgnored(exchange, ignored);
  HOSTLER_CO_TRY(app::RankingRequest request, RequestOf(body));
  const std::vector<std::string> documents = request.documents;
  HOSTLER_CO_TRY(app::Ranking ranking, co_await app::Rank(house, std::move(request)));
  const auto most = static_cast<std::size_t>(body.top_n.value_or(0));
  if (most > 0 && most < ranking.places.size()) ranking.places.resize(most);
  std::string text;
  if (body.texts) {
    text = AsScores(ranking, documents, body.return_text.value_or(false));
  } else if (face == Face::kCohere) {
    text = json::ToJson(CohereAnswer{"hostler-" + RandomHex(16), Places(ranking, documents, false), {}});
  } else {
    text = json::ToJson(JinaAnswer{ranking.model,
                                   "list",
                                   {ranking.tokens, ranking.tokens},
                                   Places(ranking, documents, body.return_documents.value_or(false))});
  }
  co_await exchange.Send(http::JsonResponse(std::move(text)));
  co_return Result<>{};
}

Task<Result<>> AsJina(app::House& house, http::Exchange& exchange) {
  return Answer(house, exchange, Face::kJina);
}
Task<Result<>> AsCohere(app::House& house, http::Exchange& exchange) {
  return Answer(house, exchange, Face::kCohere);
}

}  // namespace

void AddRerank(Door& door) {
  const Doc doc{
      "Documents in the order in which they answer a query, with scores from 0 to 1, or the model's own with raw_scores", "Jina"};
  door.Raw<RerankBody>(http::Method::kPost, "/v1/rerank", doc, AsJina);
  door.Raw<RerankBody>(http::Method::kPost, "/rerank", doc, AsJina);
  door.Raw<RerankBody>(http::Method::kPost, "/v2/rerank", {"The same, answered as Cohere does", "Cohere"}, AsCohere);
}

}  // namespace hostler::api::vectors
