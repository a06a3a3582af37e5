// Vectors and scores of texts: the house's requests as llama-server takes them.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/call.h"
#include "engines/instance.h"
#include "engines/llama_adapter.h"
#include "engines/llama_report.h"

namespace hostler::engines {
namespace {

constexpr std::uint64_t kLongestVectors = 256 << 20;  // bytes of an answer
constexpr std::uint64_t kLongestTokens = 64 << 20;

using Tokens = std::vector<int>;

struct Usage {
  std::optional<int> prompt_tokens;
  std::optional<int> total_tokens;
};
BOOST_DESCRIBE_STRUCT(Usage, (), (prompt_tokens, total_tokens))

template <class Input>
struct EmbeddingsBody {
  std::vector<Input> input;
  std::string encoding_format = "base64";  // bytes instead of digits: a quarter of the length, and nothing to parse
  int embd_normalize = 2;                  // Euclidean; -1: none
};
BOOST_DESCRIBE_STRUCT(EmbeddingsBody<std::string>, (), (input, encoding_format, embd_normalize))
BOOST_DESCRIBE_STRUCT(EmbeddingsBody<Tokens>, (), (input, encoding_format, embd_normalize))

struct EmbeddingItem {
  int index = 0;
  std::string embedding;
};
BOOST_DESCRIBE_STRUCT(EmbeddingItem, (), (index, embedding))

struct EmbeddingsAnswer {
  std::vector<EmbeddingItem> data;
  std::optional<Usage> usage;
};
BOOST_DESCRIBE_STRUCT(EmbeddingsAnswer, (), (data, usage))

struct RerankBody {
  std::string query;
  std::vector<std::string> documents;
};
BOOST_DESCRIBE_STRUCT(RerankBody, (), (query, documents))

struct RerankItem {
  int index = 0;
  double relevance_score = 0;
};
BOOST_DESCRIBE_STRUCT(RerankItem, (), (index, relevance_score))

struct RerankAnswer {
  std::vector<RerankItem> results;
  std::optional<Usage> usage;
};
BOOST_DESCRIBE_STRUCT(RerankAnswer, (), (results, usage))

struct TokenizeBody {
  std::string content;
  bool add_special = false;
};
BOOST_DESCRIBE_STRUCT(TokenizeBody, (), (content, add_special))

struct TokenList {
  Tokens tokens;
};
BOOST_DESCRIBE_STRUCT(TokenList, (), (tokens))

struct TextAnswer {
  std::string content;
};
BOOST_DESCRIBE_STRUCT(TextAnswer, (), (content))

Error Nonsense(const Handle& handle, std::string_view what) {
  return Error{Code::kUpstream,
               fmt::format("the engine of \"{}\" answered with {}", handle.model, what),
               "Its model may be damaged: `hostler verify` looks.",
               {},
               "engine_error"};
}

template <class Answer, class Body>
Task<Result<Answer>> Ask(http::Client& client, const Handle& handle, std::string route, const Body& body, std::uint64_t limit) {
  HOSTLER_CO_TRY(const http::Response answer,
                 co_await FetchWhole(client, handle.endpoint, JsonRequest(http::Method::kPost, std::move(route), body), limit));
  if (answer.status / 100 != 2) co_return Fail(ReadLlamaError(answer.status, answer.body));
  auto read = json::Parse<Answer>(answer.body, json::Unknown::kIgnore);
  if (!read) co_return Fail(Nonsense(handle, "something else than was asked for: " + read.error().Text()));
  co_return std::move(*read);
}

// `special`: with what the model wants at a text's beginning and end.
Task<Result<Tokens>> Tokenize(http::Client& client, const Handle& handle, std::string text, bool special) {
  const TokenizeBody body{std::move(text), special};
  HOSTLER_CO_TRY(TokenList list, co_await Ask<TokenList>(client, handle, "/tokenize", body, kLongestTokens));
  co_return std::move(list.tokens);
}

Result<std::vector<float>> VectorOf(const std::string& base64, const Handle& handle) {
  static_assert(std::endian::native == std::endian::little);  // as the bytes are
  const auto bytes = Base64Decode(base64);
  if (!bytes || bytes->empty() || bytes->size() % sizeof(float) != 0) return Fail(Nonsense(handle, "no vector"));
  std::vector<float> vector(bytes->size() / sizeof(float));
  std::memcpy(vector.data(), bytes->data(), bytes->size());
  if (!std::ranges::all_of(vector, [](float value) { return std::isfinite(value); }))
    return Fail(Nonsense(handle, "a vector that is not of numbers"));
  return vector;
}

int TokensOf(const std::optional<Usage>& usage) {
  return usage ? usage->prompt_tokens.value_or(usage->total_tokens.value_or(0)) : 0;
}

template <class Input>
Task<Result<wire::EmbedReply>> EmbedInputs(http::Client& client, const Handle& handle, const EmbeddingsBody<Input>& body) {
  HOSTLER_CO_TRY(const auto answer, co_await Ask<EmbeddingsAnswer>(client, handle, "/v1/embeddings", body, kLongestVectors));
  wire::EmbedReply reply;
  reply.embeddings.resize(body.input.size());
  reply.tokens = TokensOf(answer.usage);
  if (answer.data.size() != body.input.size()) co_return Fail(Nonsense(handle, "vectors of other texts"));
  for (const EmbeddingItem& item : answer.data) {
    if (item.index < 0 || item.index >= std::ssize(reply.embeddings)) co_return Fail(Nonsense(handle, "vectors of other texts"));
    HOSTLER_CO_TRY(reply.embeddings[static_cast<std::size_t>(item.index)], VectorOf(item.embedding, handle));
  }
  co_return reply;
}

// The text's tokens, at most `limit` of them; what the model wants at the end (`closing`) stays there.
void Cut(Tokens& tokens, std::size_t limit, const std::optional<int>& closing) {
  if (tokens.size() <= limit) return;
  tokens.resize(limit);
  if (closing && !tokens.empty()) tokens.back() = *closing;
}

Task<Result<wire::EmbedReply>> EmbedTruncated(http::Client& client, const Handle& handle, const wire::EmbedRequest& request,
                                              std::size_t limit) {
  HOSTLER_CO_TRY(const Tokens frame, co_await Tokenize(client, handle, "", true));  // [CLS] [SEP], or one of them, or none
  HOSTLER_CO_TRY(const Tokens probe, co_await Tokenize(client, handle, "a", true));
  const std::optional<int> closing =
      !frame.empty() && probe.back() == frame.back() && probe.size() > 1 ? std::optional(frame.back()) : std::nullopt;
  EmbeddingsBody<Tokens> body;
  body.embd_normalize = request.normalize.value_or(true) ? 2 : -1;
  for (const std::string& input : request.inputs) {
    HOSTLER_CO_TRY(Tokens tokens, co_await Tokenize(client, handle, input, true));
    Cut(tokens, limit, closing);
    body.input.push_back(std::move(tokens));
  }
  co_return co_await EmbedInputs(client, handle, body);
}

// Says which of the texts it is, at the price of reading them again: it is an error already.
Task<Error> WhichIsTooLong(http::Client& client, const Handle& handle, const std::vector<std::string>& inputs, TooLong too_long,
                           Error error, std::string_view field) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].size() < static_cast<std::size_t>(too_long.limit) / 2) continue;  // a token of more than two bytes is no rarity
    const auto tokens = co_await Tokenize(client, handle, inputs[i], true);
    if (tokens && std::ssize(*tokens) > too_long.limit) {
      error.field = fmt::format("{}[{}]", field, i);
      break;
    }
  }
  co_return error;
}

std::optional<TooLong> LimitOf(const Error& error) {
  if (error.name != "input_too_long") return std::nullopt;
  return ReadTooLong(error.message);
}

// `documents` with at most `limit` tokens each.
Task<Result<std::vector<std::string>>> CutDocuments(http::Client& client, const Handle& handle,
                                                    const std::vector<Tokens>& documents, std::vector<std::string> texts,
                                                    std::size_t limit) {
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (documents[i].size() <= limit) continue;
    const TokenList kept{Tokens(documents[i].begin(), documents[i].begin() + static_cast<std::ptrdiff_t>(limit))};
    HOSTLER_CO_TRY(TextAnswer text, co_await Ask<TextAnswer>(client, handle, "/detokenize", kept, kLongestTokens));
    texts[i] = std::move(text.content);
  }
  co_return texts;
}

Task<Result<wire::RerankReply>> RerankWhole(http::Client& client, const Handle& handle, const RerankBody& body) {
  HOSTLER_CO_TRY(const auto answer, co_await Ask<RerankAnswer>(client, handle, "/v1/rerank", body, kLongestTokens));
  wire::RerankReply reply;
  reply.scores.resize(body.documents.size());
  reply.tokens = TokensOf(answer.usage);
  if (answer.results.size() != body.documents.size()) co_return Fail(Nonsense(handle, "scores of other documents"));
  for (const RerankItem& item : answer.results) {
    if (item.index < 0 || item.index >= std::ssize(reply.scores)) co_return Fail(Nonsense(handle, "scores of other documents"));
    reply.scores[static_cast<std::size_t>(item.index)] = item.relevance_score;
  }
  co_return reply;
}

// How much the model's own form of query and document adds is not known beforehand: each refusal says by how much it is too long.
Task<Result<wire::RerankReply>> RerankTruncated(http::Client& client, const Handle& handle, const RerankBody& whole,
                                                TooLong too_long) {
  constexpr int kTries = 6;
  HOSTLER_CO_TRY(const Tokens query, co_await Tokenize(client, handle, whole.query, false));
  std::vector<Tokens> documents;
  for (const std::string& document : whole.documents) {
    HOSTLER_CO_TRY(documents.emplace_back(), co_await Tokenize(client, handle, document, false));
  }
  std::ptrdiff_t budget = too_long.limit - std::ssize(query) - 4;
  for (int i = 0; i < kTries && budget > 0; ++i) {
    RerankBody body{whole.query, {}};
    HOSTLER_CO_TRY(body.documents,
                   co_await CutDocuments(client, handle, documents, whole.documents, static_cast<std::size_t>(budget)));
    auto reply = co_await RerankWhole(client, handle, body);
    const auto still = reply ? std::nullopt : LimitOf(reply.error());
    if (!still) co_return reply;
    budget -= std::max(1, still->tokens - still->limit);
  }
  co_return Fail(Error{
      Code::kInvalid,
      fmt::format("the query alone has {} tokens, and the model takes {} of query and document", query.size(), too_long.limit),
      "Shorten the query.", "query", "input_too_long"});
}

}  // namespace

Task<Result<wire::EmbedReply>> LlamaAdapter::Embed(http::Client& client, const Handle& handle, wire::EmbedRequest request) const {
  if (request.inputs.empty()) co_return wire::EmbedReply{};
  EmbeddingsBody<std::string> body;
  body.input = std::move(request.inputs);
  body.embd_normalize = request.normalize.value_or(true) ? 2 : -1;
  auto reply = co_await EmbedInputs(client, handle, body);
  const auto too_long = reply ? std::nullopt : LimitOf(reply.error());
  if (!too_long) co_return reply;
  if (!request.truncate.value_or(false))
    co_return Fail(co_await WhichIsTooLong(client, handle, body.input, *too_long, std::move(reply).error(), "inputs"));
  request.inputs = std::move(body.input);
  co_return co_await EmbedTruncated(client, handle, request, static_cast<std::size_t>(too_long->limit));
}

Task<Result<wire::RerankReply>> LlamaAdapter::Rerank(http::Client& client, const Handle& handle,
                                                     wire::RerankRequest request) const {
  if (request.documents.empty()) co_return wire::RerankReply{};
  const RerankBody body{std::move(request.query), std::move(request.documents)};
  auto reply = co_await RerankWhole(client, handle, body);
  const auto too_long = reply ? std::nullopt : LimitOf(reply.error());
  if (!too_long) co_return reply;
  if (!request.truncate.value_or(false))
    co_return Fail(co_await WhichIsTooLong(client, handle, body.documents, *too_long, std::move(reply).error(), "documents"));
  co_return co_await RerankTruncated(client, handle, body, *too_long);
}

}  // namespace hostler::engines
