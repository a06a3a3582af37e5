#include <bit>

#include <fmt/format.h>

#include "api/vectors/routes.h"
#include "api/vectors/texts.h"
#include "app/vectors.h"

namespace hostler::api::vectors {
namespace {

struct EmbeddingsBody {
  std::optional<std::string> model;
  json::Any input;  // a text, or several
  std::optional<std::string> encoding_format;
  std::optional<int> dimensions;
  std::optional<std::string> user;  // whoever that is
  // hostler's own
  std::optional<std::string> input_type;
  std::optional<std::string> instruction;
  std::optional<bool> truncate;
};
BOOST_DESCRIBE_STRUCT(EmbeddingsBody, (), (model, input, encoding_format, dimensions, user, input_type, instruction, truncate))

struct Embedding {
  std::string object = "embedding";
  std::size_t index = 0;
  std::vector<float> embedding;
};
BOOST_DESCRIBE_STRUCT(Embedding, (), (object, index, embedding))

struct PackedEmbedding {
  std::string object = "embedding";
  std::size_t index = 0;
  std::string embedding;  // base64 of float32, little-endian
};
BOOST_DESCRIBE_STRUCT(PackedEmbedding, (), (object, index, embedding))

struct Embeddings {
  std::string object = "list";
  std::vector<Embedding> data;
  std::string model;
  Usage usage;
};
BOOST_DESCRIBE_STRUCT(Embeddings, (), (object, data, model, usage))

struct PackedEmbeddings {
  std::string object = "list";
  std::vector<PackedEmbedding> data;
  std::string model;
  Usage usage;
};
BOOST_DESCRIBE_STRUCT(PackedEmbeddings, (), (object, data, model, usage))

// OpenAI's clients know none; these are Cohere's words, and those of the models' own pages.
Result<app::InputType> TypeOf(const std::optional<std::string>& word) {
  if (!word) return app::InputType::kPlain;
  if (*word == "query" || *word == "search_query") return app::InputType::kQuery;
  if (*word == "document" || *word == "passage" || *word == "search_document") return app::InputType::kDocument;
  return Fail(Error{Code::kInvalid,
                    fmt::format("unknown input_type \"{}\"", Clip(*word, 100)),
                    "Use query, document, passage, search_query or search_document, or leave it out.",
                    "input_type",
                    {}});
}

Result<app::EmbeddingRequest> RequestOf(EmbeddingsBody body) {
  app::EmbeddingRequest request;
  request.model = std::move(body.model).value_or("");
  HOSTLER_TRY(request.inputs, TextsOf(body.input, "input"));
  HOSTLER_TRY(request.type, TypeOf(body.input_type));
  request.instruction = std::move(body.instruction);
  request.dimensions = body.dimensions;
  request.truncate = body.truncate.value_or(false);
  return request;
}

std::string Packed(const std::vector<float>& vector) {
  static_assert(std::endian::native == std::endian::little);
  return Base64Encode({reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)});
}

std::string Written(app::Embeddings found, bool packed) {
  const Usage usage{found.tokens, found.tokens};
  if (packed) {
    PackedEmbeddings answer{.model = std::move(found.model), .usage = usage};
    for (const auto& vector : found.vectors) answer.data.push_back({.index = answer.data.size(), .embedding = Packed(vector)});
    return json::ToJson(answer);
  }
  Embeddings answer{.model = std::move(found.model), .usage = usage};
  for (auto& vector : found.vectors) answer.data.push_back({.index = answer.data.size(), .embedding = std::move(vector)});
  return json::ToJson(answer);
}

Task<Result<>> Embed(app::House& house, http::Exchange& exchange) {
  std::vector<std::string> ignored;
  HOSTLER_CO_TRY(EmbeddingsBody body, co_await ReadJson<EmbeddingsBody>(exchange, false, &ignored));
  NameIgnored(exchange, ignored);
  const std::string format = body.encoding_format.value_or("float");
  if (format != "float" && format != "base64") {
    co_return Fail(Error{Code::kInvalid,
                         fmt::format("unknown encoding_format \"{}\"", Clip(format, 100)),
                         "Use float or base64.",
                         "encoding_format",
                         {}});
  }
  HOSTLER_CO_TRY(app::EmbeddingRequest request, RequestOf(std::move(body)));
  HOSTLER_CO_TRY(app::Embeddings found, co_await app::Embed(house, std::move(request)));
  const std::size_t numbers = found.vectors.size() * found.vectors.front().size();
  co_return co_await SendWritten(house, exchange, numbers, [found = std::move(found), packed = format == "base64"]() mutable {
    return Written(std::move(found), packed);
  });
}

}  // namespace

void AddEmbeddings(Door& door) {
  door.Raw<EmbeddingsBody>(http::Method::kPost, "/v1/embeddings",
                           {"Vectors of texts; input_type tells queries from documents where a model wants to know", "OpenAI"},
                           Embed);
}

}  // namespace hostler::api::vectors
