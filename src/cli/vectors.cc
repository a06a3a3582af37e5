// `hostler embed` and `hostler rerank`: texts to numbers.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/occasion.h"
#include "cli/table.h"

namespace hostler::cli {
namespace {

struct EmbeddingsRequest {
  std::optional<std::string> model;
  std::vector<std::string> input;
  std::optional<std::string> input_type;
  std::optional<int> dimensions;
};
BOOST_DESCRIBE_STRUCT(EmbeddingsRequest, (), (model, input, input_type, dimensions))

struct SparseRequest {
  std::optional<std::string> model;
  std::vector<std::string> input;
  bool return_tokens = true;
};
BOOST_DESCRIBE_STRUCT(SparseRequest, (), (model, input, return_tokens))

struct RerankRequest {
  std::optional<std::string> model;
  std::string query;
  std::vector<std::string> documents;
  std::optional<int> top_n;
};
BOOST_DESCRIBE_STRUCT(RerankRequest, (), (model, query, documents, top_n))

struct Vector {
  std::vector<float> embedding;
};
BOOST_DESCRIBE_STRUCT(Vector, (), (embedding))
struct Vectors {
  std::vector<Vector> data;
};
BOOST_DESCRIBE_STRUCT(Vectors, (), (data))

struct SparseVector {
  std::vector<float> values;
  std::vector<std::string> tokens;
};
BOOST_DESCRIBE_STRUCT(SparseVector, (), (values, tokens))
struct SparseVectors {
  std::vector<SparseVector> data;
};
BOOST_DESCRIBE_STRUCT(SparseVectors, (), (data))

struct Place {
  std::size_t index = 0;
  double relevance_score = 0;
};
BOOST_DESCRIBE_STRUCT(Place, (), (index, relevance_score))
struct Places {
  std::vector<Place> results;
};
BOOST_DESCRIBE_STRUCT(Places, (), (results))

std::optional<std::string> Given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

// The texts as they were given; "-" stands for the lines of standard input that are not blank.
Result<std::vector<std::string>> Texts(const Context& context, const std::vector<std::string>& given) {
  std::vector<std::string> texts;
  for (const std::string& text : given) {
    if (text != "-") {
      texts.push_back(text);
      continue;
    }
    HOSTLER_TRY(const std::string input, context.surroundings().read_input());
    for (const std::string_view line : Split(input, '\n')) {
      if (!Trim(line).empty()) texts.emplace_back(Trim(line));
    }
  }
  if (texts.empty()) return UsageError("there is no text", "Give it in quotes, or - for the lines of standard input.");
  return texts;
}

Result<std::string> Ask(const Context& context, std::string route, std::string body) {
  Session session;
  HOSTLER_TRY(const std::unique_ptr<Occasion> occasion, Occasion::Find(context, session));
  Api api(session, occasion->target());
  return api.Post(std::move(route), std::move(body));
}

// The heaviest first: "cat 1.92  cats 0.77".
std::string Line(const SparseVector& vector) {
  std::vector<std::size_t> order(std::min(vector.values.size(), vector.tokens.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return vector.values[a] > vector.values[b]; });
  std::vector<std::string> words;
  for (const std::size_t i : order) words.push_back(fmt::format("{} {:.2f}", Printable(vector.tokens[i]), vector.values[i]));
  return Join(words, "  ");
}

}  // namespace

Result<int> RunEmbed(const Context& context, const EmbedOptions& options) {
  if (options.sparse && (options.dimensions || !options.input_type.empty()))
    return UsageError("sparse vectors have no --dimensions and no --input-type", "Leave them out, or leave --sparse out.");
  HOSTLER_TRY(const std::vector<std::string> texts, Texts(context, options.texts));
  if (options.sparse) {
    HOSTLER_TRY(const std::string answer,
                Ask(context, "/v1/sparse-embeddings", json::ToJson(SparseRequest{Given(options.model), texts, true})));
    if (context.json()) {
      context.OutLine(answer);
      return kExitOk;
    }
    HOSTLER_TRY(const SparseVectors vectors, Read<SparseVectors>(answer));
    for (const SparseVector& vector : vectors.data) context.OutLine(Line(vector));
    return kExitOk;
  }
  const EmbeddingsRequest request{Given(options.model), texts, Given(options.input_type), options.dimensions};
  HOSTLER_TRY(const std::string answer, Ask(context, "/v1/embeddings", json::ToJson(request)));
  if (context.json()) {
    context.OutLine(answer);
    return kExitOk;
  }
  HOSTLER_TRY(const Vectors vectors, Read<Vectors>(answer));
  for (const Vector& vector : vectors.data) context.OutLine(json::ToJson(vector.embedding));
  return kExitOk;
}

Result<int> RunRerank(const Context& context, const RerankOptions& options) {
  HOSTLER_TRY(const std::vector<std::string> documents, Texts(context, options.documents));
  const RerankRequest request{Given(options.model), options.query, documents, options.top};
  HOSTLER_TRY(const std::string answer, Ask(context, "/v1/rerank", json::ToJson(request)));
  if (context.json()) {
    context.OutLine(answer);
    return kExitOk;
  }
  HOSTLER_TRY(const Places places, Read<Places>(answer));
  Table table({">SCORE", "DOCUMENT"});
  for (const Place& place : places.results) {
    if (place.index < documents.size())
      table.Add({fmt::format("{:.4f}", place.relevance_score), Printable(documents[place.index])});
  }
  table.Print(context);
  return kExitOk;
}

}  // namespace hostler::cli
