#include <numeric>

#include "api/vectors/routes.h"
#include "api/vectors/texts.h"
#include "app/vectors.h"

namespace hostler::api::vectors {
namespace {

struct SparseBody {
  std::optional<std::string> model;
  json::Any input;  // a text, or several
  std::optional<int> top_k;
  std::optional<std::string> input_type;  // as of embeddings; a SPLADE model reads queries and documents alike
  std::optional<bool> return_tokens;
  std::optional<bool> truncate;
};
BOOST_DESCRIBE_STRUCT(SparseBody, (), (model, input, top_k, input_type, return_tokens, truncate))

struct SparseEmbedding {
  std::string object = "sparse_embedding";
  std::size_t index = 0;
  std::vector<int> indices;
  std::vector<float> values;
  std::optional<std::vector<std::string>> tokens;
};
BOOST_DESCRIBE_STRUCT(SparseEmbedding, (), (object, index, indices, values, tokens))

struct SparseEmbeddings {
  std::string object = "list";
  std::vector<SparseEmbedding> data;
  std::string model;
  Usage usage;
};
BOOST_DESCRIBE_STRUCT(SparseEmbeddings, (), (object, data, model, usage))

// text-embeddings-inference's; the model may be named in the body or the query, where there are several.
struct InferenceBody {
  std::optional<std::string> model;
  json::Any inputs;
  std::optional<bool> truncate;
};
BOOST_DESCRIBE_STRUCT(InferenceBody, (), (model, inputs, truncate))

struct Weight {
  int index = 0;
  float value = 0;
};
BOOST_DESCRIBE_STRUCT(Weight, (), (index, value))

std::size_t Numbers(const app::SparseEmbeddings& found) {
  return std::accumulate(found.vectors.begin(), found.vectors.end(), std::size_t{0},
                         [](std::size_t sum, const auto& vector) { return sum + 2 * vector.indices.size(); });
}

std::string Written(app::SparseEmbeddings found, bool with_tokens) {
  SparseEmbeddings answer{.model = std::move(found.model), .usage = {found.tokens, found.tokens}};
  for (auto& vector : found.vectors) {
    SparseEmbedding& item = answer.data.emplace_back();
    item.index = answer.data.size() - 1;
    item.indices = std::move(vector.indices);
    item.values = std::move(vector.values);
    if (with_tokens) item.tokens = std::move(vector.tokens);
  }
  return json::ToJson(answer);
}

Task<Result<>> Embed(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(SparseBody body, co_await ReadJson<SparseBody>(exchange, true));
  app::SparseRequest request;
  request.model = std::move(body.model).value_or("");
  HOSTLER_CO_TRY(request.inputs, TextsOf(body.input, "input"));
  request.top_k = body.top_k;
  request.truncate = body.truncate.value_or(false);
  HOSTLER_CO_TRY(app::SparseEmbeddings found, co_await app::EmbedSparse(house, std::move(request)));
  const std::size_t numbers = Numbers(found);
  co_return co_await SendWritten(house, exchange, numbers,
                                 [found = std::move(found), tokens = body.return_tokens.value_or(false)]() mutable {
                                   return Written(std::move(found), tokens);
                                 });
}

std::string WrittenAsWeights(const app::SparseEmbeddings& found) {
  std::vector<std::vector<Weight>> lists;
  for (const auto& vector : found.vectors) {
    auto& list = lists.emplace_back();
    for (std::size_t i = 0; i < vector.indices.size(); ++i) list.push_back({vector.indices[i], vector.values[i]});
  }
  return json::ToJson(lists);
}

Task<Result<>> EmbedAsInference(app::House& house, http::Exchange& exchange) {
  std::vector<std::string> ignored;
  HOSTLER_CO_TRY(InferenceBody body, co_await ReadJson<InferenceBody>(exchange, false, &ignored));
  NameIgnored(exchange, ignored);
  app::SparseRequest request;
  request.model = body.model ? *body.model : exchange.query().Get("model").value_or("");
  HOSTLER_CO_TRY(request.inputs, TextsOf(body.inputs, "inputs"));
  request.truncate = body.truncate.value_or(false);
  HOSTLER_CO_TRY(app::SparseEmbeddings found, co_await app::EmbedSparse(house, std::move(request)));
  const std::size_t numbers = Numbers(found);
  co_return co_await SendWritten(house, exchange, numbers, [found = std::move(found)] { return WrittenAsWeights(found); });
}

}  // namespace

void AddSparse(Door& door) {
  const Doc doc{"Sparse vectors of texts: weights of entries of the model's vocabulary; all of them, or the top_k largest",
                "Vectors"};
  door.Raw<SparseBody>(http::Method::kPost, "/v1/sparse-embeddings", doc, Embed);
  door.Raw<SparseBody>(http::Method::kPost, "/v1/embeddings/sparse", doc, Embed);
  door.Raw<InferenceBody>(http::Method::kPost, "/embed_sparse",
                          {"The same, as text-embeddings-inference has it", "Vectors", {"model"}}, EmbedAsInference);
}

}  // namespace hostler::api::vectors
