// What the fake model makes of texts: numbers that a test can work out by itself.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "engines/fake/fake_model.h"

namespace hostler::fake {
namespace {

constexpr std::uint64_t kVocabulary = 30'000;

std::uint64_t Fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

void Normalise(std::vector<float>& vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * x;
  if (sum == 0) return;
  for (float& x : vector) x = static_cast<float>(x / std::sqrt(sum));
}

wire::SparseVector Counted(const std::vector<std::string>& words, std::optional<int> top_k) {
  std::map<int, std::pair<int, std::string>> counts;
  for (const std::string& word : words) {
    auto& [count, token] = counts[static_cast<int>(Fnv1a(word) % kVocabulary)];
    ++count;
    token = word;
  }
  while (top_k && counts.size() > static_cast<std::size_t>(*top_k)) {
    counts.erase(std::min_element(counts.begin(), counts.end(),
                                  [](const auto& a, const auto& b) { return a.second.first < b.second.first; }));
  }
  wire::SparseVector vector;
  for (const auto& [index, counted] : counts) {
    vector.indices.push_back(index);
    vector.values.push_back(static_cast<float>(counted.first));
    vector.tokens.push_back(counted.second);
  }
  return vector;
}

template <class Request>
std::size_t TextsOf(const Request& request) {
  if constexpr (std::is_same_v<Request, wire::RerankRequest>)
    return request.documents.size();
  else
    return request.inputs.size();
}

}  // namespace

Result<std::vector<std::string>> FakeModel::WordsOf(const std::string& text, std::optional<bool> truncate,
                                                    std::string field) const {
  std::vector<std::string> words;
  for (const std::string_view word : Split(text, ' ')) {
    if (!Trim(word).empty()) words.emplace_back(Trim(word));
  }
  const auto most = static_cast<std::size_t>(options_.context_length.value_or(512));
  if (words.size() <= most) return words;
  if (!truncate.value_or(false)) {
    return Fail(Error{Code::kInvalid, fmt::format("the text has {} tokens, the model reads {}", words.size(), most),
                      "Shorten it, or ask for it to be truncated."}
                    .At(std::move(field))
                    .Named("input_too_long"));
  }
  words.resize(most);
  return words;
}

template <class Reply, class Request, class One>
std::vector<Result<Reply>> FakeModel::AnswerEach(std::string_view what, std::span<const engine_sdk::Asked<Request>> asked,
                                                 One one) {
  std::size_t texts = 0;
  for (const auto& each : asked) texts += TextsOf(each.request);
  const int number = BeginRequest(what);
  log_.Info("fake {} call {}: {}, {} texts of {} requests", id_, number, what, texts, asked.size());
  std::vector<Result<Reply>> replies;
  for (const auto& each : asked) {
    if (Result<> well = Misbehave(0, each.stop); !well)
      replies.push_back(Fail(well.error()));
    else
      replies.push_back(one(each.request));
  }
  if (!options_.chunk_ms) return replies;
  const auto end = Clock::now() + std::chrono::milliseconds(*options_.chunk_ms);
  for (const auto& each : asked) {  // for as long as one of them still wants it
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() > 0) (void)Wait(left, each.stop);
  }
  return replies;
}

std::vector<Result<wire::EmbedReply>> FakeModel::Embed(std::span<const engine_sdk::Asked<wire::EmbedRequest>> asked) {
  return AnswerEach<wire::EmbedReply>("embed", asked, [this](const wire::EmbedRequest& request) -> Result<wire::EmbedReply> {
    wire::EmbedReply reply;
    for (std::size_t i = 0; i < request.inputs.size(); ++i) {
      HOSTLER_TRY(const auto words, WordsOf(request.inputs[i], request.truncate, fmt::format("inputs[{}]", i)));
      std::vector<float> vector(static_cast<std::size_t>(options_.dimension.value_or(8)));
      for (const std::string& word : words) vector[Fnv1a(word) % vector.size()] += 1;
      if (request.normalize.value_or(true)) Normalise(vector);
      reply.embeddings.push_back(std::move(vector));
      reply.tokens += static_cast<int>(words.size());
    }
    return reply;
  });
}

std::vector<Result<wire::RerankReply>> FakeModel::Rerank(std::span<const engine_sdk::Asked<wire::RerankRequest>> asked) {
  return AnswerEach<wire::RerankReply>("rerank", asked, [this](const wire::RerankRequest& request) -> Result<wire::RerankReply> {
    HOSTLER_TRY(const auto query, WordsOf(request.query, request.truncate, "query"));
    const std::set<std::string> wanted(query.begin(), query.end());
    wire::RerankReply reply;
    for (std::size_t i = 0; i < request.documents.size(); ++i) {
      HOSTLER_TRY(const auto words, WordsOf(request.documents[i], request.truncate, fmt::format("documents[{}]", i)));
      const std::set<std::string> there(words.begin(), words.end());
      reply.scores.push_back(static_cast<double>(std::count_if(wanted.begin(), wanted.end(),
                                                               [&](const auto& word) { return there.contains(word); })) -
                             0.5);
      reply.tokens += static_cast<int>(query.size() + words.size());
    }
    return reply;
  });
}

std::vector<Result<wire::SparseReply>> FakeModel::Sparse(std::span<const engine_sdk::Asked<wire::SparseRequest>> asked) {
  return AnswerEach<wire::SparseReply>("sparse", asked, [this](const wire::SparseRequest& request) -> Result<wire::SparseReply> {
    wire::SparseReply reply;
    for (std::size_t i = 0; i < request.inputs.size(); ++i) {
      HOSTLER_TRY(const auto words, WordsOf(request.inputs[i], request.truncate, fmt::format("inputs[{}]", i)));
      reply.vectors.push_back(Counted(words, request.top_k));
      reply.tokens += static_cast<int>(words.size());
    }
    return reply;
  });
}

}  // namespace hostler::fake
