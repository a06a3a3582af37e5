// Models of texts: dense vectors, scores, sparse vectors. Only what the engine announces is asked for.
#include <algorithm>
#include <cmath>

#include "conform/walk.h"

namespace hostler::conform {
using enum http::Method;
namespace {

const std::string kSaid = "a cat sat on a mat";
const std::string kElse = "the price of copper fell";

// Of every answer: as many as there were texts.
template <class Reply>
struct Answer {
  http::Response response;
  std::optional<Reply> reply;
};

template <class Reply>
Task<Answer<Reply>> AskFor(Subject& subject, std::string target, std::string body) {
  Answer<Reply> answer;
  answer.response = co_await subject.Ask(kPost, std::move(target), std::move(body));
  auto parsed = json::Parse<Reply>(answer.response.body, json::Unknown::kIgnore);
  if (answer.response.status == 200 && parsed) answer.reply = *std::move(parsed);
  co_return answer;
}

double Length(const std::vector<float>& vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * x;
  return std::sqrt(sum);
}

bool IsSparse(const wire::SparseVector& vector, int vocabulary) {
  const bool same = vector.indices.size() == vector.values.size() && vector.indices.size() == vector.tokens.size();
  const bool rising = std::is_sorted(vector.indices.begin(), vector.indices.end(), std::less_equal<>());
  const bool inside =
      vector.indices.empty() || (vector.indices.front() >= 0 && (vocabulary == 0 || vector.indices.back() < vocabulary));
  return same && rising && inside && std::all_of(vector.values.begin(), vector.values.end(), [](float x) { return x > 0; });
}

}  // namespace

bool Walk::HasFeature(std::string_view name) const {
  return std::find(health_.features.begin(), health_.features.end(), name) != health_.features.end();
}

Task<> Walk::Vectors() {
  const wire::TextAbilities can = capabilities_.text.value_or(wire::TextAbilities());
  if (can.embed)
    co_await Embedding();
  else if (HasFeature("embed"))
    co_await Refusing("/embed", json::ToJson(wire::EmbedRequest{.model_id = model_, .inputs = {kSaid}}));
  if (can.rerank)
    co_await Reranking();
  else if (HasFeature("rerank"))
    co_await Refusing("/rerank", json::ToJson(wire::RerankRequest{.model_id = model_, .query = kSaid, .documents = {kElse}}));
  if (can.sparse)
    co_await SparseVectors();
  else if (HasFeature("sparse"))
    co_await Refusing("/sparse", json::ToJson(wire::SparseRequest{.model_id = model_, .inputs = {kSaid}}));
}

Task<> Walk::Refusing(std::string target, std::string body) {
  ExpectError(co_await subject_.Ask(kPost, target, body), 0, "unsupported", "a model without POST " + target + " says so");
}

Task<> Walk::Embedding() {
  Expect(HasFeature("embed"), "a model that makes vectors is announced by the feature `embed`", "the feature is missing");
  const wire::EmbedRequest request{.model_id = model_, .inputs = {kSaid, kElse, kSaid}};
  const auto [response, reply] = co_await AskFor<wire::EmbedReply>(subject_, "/embed", json::ToJson(request));
  const auto dimension = static_cast<std::size_t>(capabilities_.text->dimension);
  const bool whole =
      reply && reply->embeddings.size() == 3 && reply->tokens > 0 &&
      std::all_of(reply->embeddings.begin(), reply->embeddings.end(), [&](const auto& v) { return v.size() == dimension; });
  Expect(whole, "POST /embed answers one vector of the told dimension for each text, and the tokens", Seen(response));
  if (!whole) co_return;
  Expect(std::all_of(reply->embeddings.begin(), reply->embeddings.end(),
                     [](const auto& v) { return std::abs(Length(v) - 1) < 1e-3; }),
         "vectors have length 1", "one has length " + std::to_string(Length(reply->embeddings[0])));
  double difference = 0;
  for (std::size_t i = 0; i < dimension; ++i)
    difference = std::max(difference, std::abs(static_cast<double>(reply->embeddings[0][i]) - reply->embeddings[2][i]));
  Expect(difference < 1e-3, "the same text has the same vector", "they differ by " + std::to_string(difference));
  ExpectError(co_await subject_.Ask(kPost, "/embed", json::ToJson(wire::EmbedRequest{.model_id = model_})), 400, "bad_request",
              "no text to embed is a bad_request");
}

Task<> Walk::Reranking() {
  Expect(HasFeature("rerank"), "a model that ranks is announced by the feature `rerank`", "the feature is missing");
  const wire::RerankRequest request{.model_id = model_, .query = kSaid, .documents = {kElse, kSaid}};
  const auto [response, reply] = co_await AskFor<wire::RerankReply>(subject_, "/rerank", json::ToJson(request));
  Expect(reply && reply->scores.size() == 2 && std::isfinite(reply->scores[0]) && std::isfinite(reply->scores[1]),
         "POST /rerank answers one score for each document", Seen(response));
  const wire::RerankRequest nothing{.model_id = model_, .query = kSaid};
  ExpectError(co_await subject_.Ask(kPost, "/rerank", json::ToJson(nothing)), 400, "bad_request",
              "no document to rank is a bad_request");
}

Task<> Walk::SparseVectors() {
  Expect(HasFeature("sparse"), "a model that makes sparse vectors is announced by the feature `sparse`",
         "the feature is missing");
  const int vocabulary = capabilities_.text->embed ? 0 : capabilities_.text->dimension;  // else it is that of the dense ones
  const wire::SparseRequest request{.model_id = model_, .inputs = {kSaid, kElse}};
  const auto [response, reply] = co_await AskFor<wire::SparseReply>(subject_, "/sparse", json::ToJson(request));
  Expect(
      reply && reply->vectors.size() == 2 && IsSparse(reply->vectors[0], vocabulary) && IsSparse(reply->vectors[1], vocabulary),
      "POST /sparse answers rising indices with positive weights and their tokens", Seen(response));
  const wire::SparseRequest two{.model_id = model_, .inputs = {kSaid}, .top_k = 2};
  const auto [few, cut] = co_await AskFor<wire::SparseReply>(subject_, "/sparse", json::ToJson(two));
  Expect(cut && cut->vectors.size() == 1 && cut->vectors[0].indices.size() <= 2, "`top_k` keeps the largest weights only",
         Seen(few));
}

}  // namespace hostler::conform
