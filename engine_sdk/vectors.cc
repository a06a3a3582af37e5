// POST /embed, /rerank, /sparse: texts in, numbers out. The three are one path; a Verb says what is different about each.
#include "base/text.h"
#include "engine_sdk/service.h"
#include "engine_sdk/working.h"

namespace hostler::engine_sdk {
namespace {

constexpr std::uint64_t kLongestRequest = 64 << 20;  // bytes

struct Embedding {
  using Request = wire::EmbedRequest;
  using Reply = wire::EmbedReply;
  static constexpr auto kCall = &Model::Embed;
  static constexpr std::string_view kName = "Embedding";
  static const std::vector<std::string>& Texts(const Request& request) { return request.inputs; }
  static std::size_t Count(const Reply& reply) { return reply.embeddings.size(); }
};

struct Reranking {
  using Request = wire::RerankRequest;
  using Reply = wire::RerankReply;
  static constexpr auto kCall = &Model::Rerank;
  static constexpr std::string_view kName = "Reranking";
  static const std::vector<std::string>& Texts(const Request& request) { return request.documents; }
  static std::size_t Count(const Reply& reply) { return reply.scores.size(); }
};

struct SparseEmbedding {
  using Request = wire::SparseRequest;
  using Reply = wire::SparseReply;
  static constexpr auto kCall = &Model::Sparse;
  static constexpr std::string_view kName = "Sparse embedding";
  static const std::vector<std::string>& Texts(const Request& request) { return request.inputs; }
  static std::size_t Count(const Reply& reply) { return reply.vectors.size(); }
};

template <class Verb>
struct VectorJob : Job {
  VectorJob(typename Verb::Request the_request, std::string model, log::Log& the_log)
      : request(std::move(the_request)), model_id(std::move(model)), log(the_log) {
    texts = Verb::Texts(request).size();
    together = &DoTogether;
  }
  static std::vector<Result<>> DoTogether(Model& model, std::span<const std::shared_ptr<Job>> jobs);
  Result<> Take(const Result<typename Verb::Reply>& reply, double seconds);

  typename Verb::Request request;
  const std::string model_id;
  log::Log& log;
  std::string document;  // the answer, once the pipe is closed without an error
};

template <class Verb>
std::vector<Result<>> VectorJob<Verb>::DoTogether(Model& model, std::span<const std::shared_ptr<Job>> jobs) {
  const auto at = [&](std::size_t i) -> VectorJob& { return static_cast<VectorJob&>(*jobs[i]); };
  std::vector<Asked<typename Verb::Request>> asked;
  std::size_t texts = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    texts += at(i).texts;
    asked.push_back({std::move(at(i).request), at(i).stop.get_token()});
  }
  const auto start = Clock::now();
  at(0).log.Info("{} with {}: {} texts of {} requests", Verb::kName, at(0).model_id, texts, jobs.size());
  const auto replies = (model.*Verb::kCall)(asked);
  const double seconds = Seconds(Clock::now() - start);
  std::vector<Result<>> ends;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (i < replies.size())
      ends.push_back(at(i).Take(replies[i], seconds));
    else
      ends.push_back(
          Fail(Code::kInternal, "the model answered fewer requests than it was given", "Report it to the engine's authors."));
  }
  return ends;
}

template <class Verb>
Result<> VectorJob<Verb>::Take(const Result<typename Verb::Reply>& reply, double seconds) {
  if (stop.stop_requested()) {
    log.Info("{} cancelled after {:.2f} s", Verb::kName, seconds);
    return Fail(Code::kCancelled, "nobody wants the answer any more", "Ask again.");
  }
  if (!reply) {
    if (IsClientsFault(reply.error()))
      log.Warning("{} refused: {}", Verb::kName, reply.error().Text());
    else
      log.Error("{} failed: {}", Verb::kName, reply.error().Text());
    return Fail(reply.error());
  }
  if (Verb::Count(*reply) != texts) {
    return Fail(Code::kInternal, fmt::format("the model answered {} of {} texts", Verb::Count(*reply), texts),
                "Report it to the engine's authors.");
  }
  log.Info("{} complete: {} texts, {} tokens in {:.3f} s", Verb::kName, texts, reply->tokens, seconds);
  document = json::ToJson(*reply);
  return {};
}

// `field`: of the texts in the request.
Result<> CheckTexts(const std::vector<std::string>& texts, std::string_view field) {
  if (texts.empty()) {
    return Fail(Error{Code::kInvalid, "there is no text", "Send at least one."}.At(std::string(field)));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!Utf8Length(texts[i]))
      return Fail(Error{Code::kInvalid, "the text is not valid UTF-8", "Send it in UTF-8."}.At(fmt::format("{}[{}]", field, i)));
  }
  return {};
}

Result<> Check(const wire::EmbedRequest& request) {
  return CheckTexts(request.inputs, "inputs");
}
Result<> Check(const wire::RerankRequest& request) {
  if (!Utf8Length(request.query))
    return Fail(Error{Code::kInvalid, "the query is not valid UTF-8", "Send it in UTF-8."}.At("query"));
  return CheckTexts(request.documents, "documents");
}
Result<> Check(const wire::SparseRequest& request) {
  if (request.top_k && *request.top_k < 1)
    return Fail(Error{Code::kInvalid, fmt::format("{} is out of range", *request.top_k), "Use at least 1."}.At("top_k"));
  return CheckTexts(request.inputs, "inputs");
}

}  // namespace

template <class Verb>
Task<> Service::Measure(http::Exchange& exchange) {
  auto request = co_await ReadJson<typename Verb::Request>(exchange, kLongestRequest);
  if (const Result<> checked = Checked(request, [](const auto& value) { return Check(value); }); !checked) {
    co_await SendError(exchange, checked.error());
    co_return;
  }
  const auto model = registry_.Find(request->model_id);
  if (!model) {
    co_await SendError(exchange, model.error());
    co_return;
  }
  registry_.Touch(model->id);
  const auto job = std::make_shared<VectorJob<Verb>>(*std::move(request), model->id, log_);
  const Working working(*this, [job] { job->stop.request_stop(); });
  const Submitted submitted(model->runner, job, exchange.stop_token(), log_);
  if (!submitted.result()) {
    co_await SendError(exchange, submitted.result().error());
    co_return;
  }
  log_.Debug("{} asked of {}: {} texts", Verb::kName, model->id, job->texts);
  const Pipe::Piece piece = co_await job->pipe.Read();
  if (*piece.end)
    co_await exchange.Send(http::JsonResponse(std::move(job->document)));
  else
    co_await SendError(exchange, piece.end->error());
  registry_.Touch(model->id);
}

Task<> Service::Embed(http::Exchange& exchange) {
  return Measure<Embedding>(exchange);
}
Task<> Service::Rerank(http::Exchange& exchange) {
  return Measure<Reranking>(exchange);
}
Task<> Service::Sparse(http::Exchange& exchange) {
  return Measure<SparseEmbedding>(exchange);
}

}  // namespace hostler::engine_sdk
