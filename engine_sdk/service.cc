#include "engine_sdk/service.h"

#include <boost/asio/basic_waitable_timer.hpp>

#include "engine_sdk/working.h"
#include "http/sse.h"

namespace hostler::engine_sdk {

bool Accepts(const http::Exchange& exchange, std::string_view type) {
  for (const std::string_view part : Split(exchange.headers().Get("Accept"), ',')) {
    if (http::MediaType(part) == type) return true;
  }
  return false;
}

Submitted::Submitted(std::shared_ptr<Runner> runner, std::shared_ptr<Job> job, std::stop_token gone, log::Log& log)
    : log_(log),
      runner_(std::move(runner)),
      job_(std::move(job)),
      gone_(std::move(gone), [job = job_.get()] { job->stop.request_stop(); }),
      result_(runner_->Submit(job_)) {}

Submitted::~Submitted() {
  if (runner_->Withdraw(job_)) log_.Info("Request cancelled before it began");
}

Service::Working::Working(Service& service, std::function<void()> cancel) : service_(service), cancel_(std::move(cancel)) {
  service_.working_.insert(this);
}

Service::Working::~Working() {
  service_.working_.erase(this);
  if (service_.working_.empty()) service_.idle_.Ring();
}

Service::Service(Loop& loop, Engine& engine, log::Log& log, Options options)
    : loop_(loop),
      engine_(engine),
      log_(log),
      hooks_(std::move(options.hooks)),
      folders_(std::move(options.base), log),
      registry_(loop, engine, folders_, log, options.threads) {
  const auto add = [this](http::Method method, std::string_view path, Task<> (Service::*serve)(http::Exchange&)) {
    router_.Add(method, path, [this, serve](http::Exchange& exchange) { return (this->*serve)(exchange); });
  };
  using enum http::Method;
  add(kGet, "/health", &Service::Health);
  add(kGet, "/models", &Service::Models);
  add(kPost, "/models/load", &Service::Load);
  add(kPost, "/models/unload", &Service::Unload);
  add(kGet, "/voices", &Service::Voices);
  add(kGet, "/capabilities", &Service::Capabilities);
  add(kPost, "/generate/control", &Service::Control);
  add(kPost, "/generate/clone", &Service::Clone);
  add(kPost, "/generate/design", &Service::Design);
  add(kPost, "/transcribe", &Service::Transcribe);
  add(kPost, "/embed", &Service::Embed);
  add(kPost, "/rerank", &Service::Rerank);
  add(kPost, "/sparse", &Service::Sparse);
  add(kPost, "/diarize", &Service::Diarize);
  add(kGet, "/logs", &Service::Logs);
  add(kGet, "/logs/stream", &Service::LogStream);
  add(kPost, "/logs/clear", &Service::ClearLogs);
  routed_ = router_.AsHandler([](unsigned status, Error error) {
    if (status == 404) error.remedy = "GET /health lists what this engine can do.";
    return ErrorResponse(status, error);
  });
}

Service::~Service() = default;

http::Handler Service::handler() {
  return [this](http::Exchange& exchange) { return Dispatch(exchange); };
}

Task<> Service::Dispatch(http::Exchange& exchange) {
  if (hooks_.before && co_await hooks_.before(exchange)) co_return;
  const bool is_work = exchange.method() == http::Method::kPost && exchange.path() != "/logs/clear";
  if (refusing_ && is_work) {
    co_await SendError(exchange,
                       Error{Code::kUnavailable, "the engine is shutting down", "Try again once it has been started again."});
    co_return;
  }
  co_await routed_(exchange);
}

http::Response Service::ErrorResponse(unsigned status, const Error& error) {
  return http::JsonResponse(json::ToJson(wire::ToReply(error)), status);
}

Task<> Service::SendError(http::Exchange& exchange, Error error) {
  co_await exchange.Send(ErrorResponse(wire::StatusOf(error.code), error));
}

Task<> Service::SendEvent(http::Exchange& exchange, std::string event, std::string data) {
  const std::string text = http::FormatSse({std::move(event), "", std::move(data)});
  co_await exchange.Write(text);
}

Task<> Service::Health(http::Exchange& exchange) {
  wire::Health health;
  health.status = "ok";
  health.engine = engine_.name();
  health.version = HOSTLER_VERSION;
  health.features = engine_.features();
  health.features.insert(health.features.end(), {"load.progress", "logs.stream"});
  health.uptime_s = Seconds(Clock::now() - start_);
  health.models_loaded = registry_.loaded();
  co_await exchange.Send(http::JsonResponse(json::ToJson(health)));
}

Task<> Service::Models(http::Exchange& exchange) {
  co_await exchange.Send(http::JsonResponse(json::ToJson(registry_.List())));
}

Task<> Service::Load(http::Exchange& exchange) {
  const Working working(*this, {});
  auto request = co_await ReadJson<wire::LoadRequest>(exchange);
  if (!request) {
    co_await SendError(exchange, std::move(request).error());
  } else if (Accepts(exchange, "text/event-stream")) {
    co_await LoadAsEvents(exchange, *std::move(request));
  } else {
    const auto reply = co_await registry_.Load(*std::move(request), {});
    if (reply)
      co_await exchange.Send(http::JsonResponse(json::ToJson(*reply)));
    else
      co_await SendError(exchange, reply.error());
  }
}

Task<> Service::LoadAsEvents(http::Exchange& exchange, wire::LoadRequest request) {
  co_await exchange.Start(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-store"}});
  co_await exchange.Write(": loading\n\n");
  const auto reply = co_await registry_.Load(std::move(request), [&exchange](const wire::LoadProgress& progress) {
    return SendEvent(exchange, "progress", json::ToJson(progress));
  });
  if (reply)
    co_await SendEvent(exchange, "loaded", json::ToJson(*reply));
  else
    co_await SendEvent(exchange, "error", json::ToJson(wire::ToReply(reply.error())));
  co_await exchange.Finish();
}

Task<> Service::Unload(http::Exchange& exchange) {
  const Working working(*this, {});
  auto request = co_await ReadJson<wire::UnloadRequest>(exchange);
  if (!request) {
    co_await SendError(exchange, std::move(request).error());
    co_return;
  }
  const auto reply = co_await registry_.Unload(request->model_id);
  if (reply)
    co_await exchange.Send(http::JsonResponse(json::ToJson(*reply)));
  else
    co_await SendError(exchange, reply.error());
}

Task<> Service::Voices(http::Exchange& exchange) {
  const auto model = registry_.Find(exchange.query().Get("model_id"));
  if (model)
    co_await exchange.Send(http::JsonResponse(json::ToJson(wire::VoiceList{model->voices})));
  else
    co_await SendError(exchange, model.error());
}

Task<> Service::Capabilities(http::Exchange& exchange) {
  const auto model = registry_.Find(exchange.query().Get("model_id"));
  if (model)
    co_await exchange.Send(http::JsonResponse(json::ToJson(model->capabilities)));
  else
    co_await SendError(exchange, model.error());
}

// --- leaving ---

void Service::Refuse() {
  refusing_ = true;
}

Task<> Service::Leave(Clock::time_point deadline) {
  refusing_ = true;
  using Timer = boost::asio::basic_waitable_timer<Clock, boost::asio::wait_traits<Clock>, Executor>;
  Timer timer(loop_.executor(), deadline);
  bool late = false;
  timer.async_wait([this, &late](const boost::system::error_code& ec) {
    if (ec) return;
    late = true;
    idle_.Ring();
  });
  while (!working_.empty() && !late) co_await Rung(idle_, idle_.count());
  if (!working_.empty()) log_.Warning("Cancelling {} requests that are still running", working_.size());
  for (const Working* working : working_) working->Cancel();
  timer.cancel();
  while (!working_.empty()) co_await Rung(idle_, idle_.count());
  co_await registry_.UnloadAll();
}

void Service::EndStreams() {
  streams_end_ = true;
  log_.Info("Goodbye");
  log_.ring().Wake();  // at a higher log level that line was not written
}

}  // namespace hostler::engine_sdk
