#include "api/api.h"

#include "api/anthropic/routes.h"
#include "api/door.h"
#include "api/engine/routes.h"
#include "api/guard.h"
#include "api/models/routes.h"
#include "api/openai/routes.h"
#include "api/ops/routes.h"
#include "api/vectors/routes.h"
#include "api/voice/routes.h"

namespace hostler::api {
namespace {

// The name that it was told to listen on is one of its own.
std::vector<std::string> OurNames(const config::Config& config) {
  std::vector<std::string> names = config.allowed_hosts;
  names.push_back(config.host);
  return names;
}

struct Api {
  explicit Api(app::House& house) : house(house), guard(OurNames(house.config), house.config.allowed_origins) {}

  app::House& house;
  Guard guard;
  http::Router router;
  http::Handler route;
  std::string openapi;
};

// Counts the answer however the handler is left, by an exception too.
class Counted {
 public:
  Counted(app::House& house, http::Exchange& exchange) : house_(house), exchange_(exchange) {}
  ~Counted() { house_.metrics.CountRequest(exchange_.method(), exchange_.status(), Clock::now() - begin_); }

 private:
  app::House& house_;
  http::Exchange& exchange_;
  const Clock::time_point begin_ = Clock::now();
};

Task<> Answer(std::shared_ptr<Api> api, http::Exchange& exchange) {
  const Counted counted(api->house, exchange);
  if (const auto allowed = api->guard.Check(exchange.headers()); !allowed) {
    co_await exchange.Send(ErrorResponse(allowed.error()));
    co_return;
  }
  for (const auto& field : api->guard.CorsFields(exchange.headers())) exchange.AddHeader(field.name, field.value);
  co_await api->route(exchange);
}

Task<> SendOpenApi(std::shared_ptr<const Api> api, http::Exchange& exchange) {
  co_await exchange.Send(http::JsonResponse(api->openapi));
}

}  // namespace

http::Handler MakeApi(app::House& house) {
  auto api = std::make_shared<Api>(house);
  Door door(house, api->router);
  openai::AddChat(door);
  openai::AddModels(door);
  openai::AddSpeech(door);
  openai::AddTranscriptions(door);
  vectors::AddEmbeddings(door);
  vectors::AddRerank(door);
  vectors::AddSparse(door);
  anthropic::AddMessages(door);
  voice::AddModels(door);
  voice::AddVoices(door);
  voice::AddManage(door);
  voice::AddSamples(door);
  models::AddList(door);
  models::AddDownload(door);
  models::AddTasks(door);
  models::AddRemoval(door);
  models::AddCare(door);
  models::AddReferences(door);
  engine::AddModels(door);
  engine::AddGenerate(door);
  engine::AddLogs(door);
  engine::AddTexts(door);
  engine::AddUpstream(door);
  ops::AddHealth(door);
  ops::AddEvents(door);
  ops::AddCrashes(door);
  ops::AddMetrics(door);
  api->openapi = door.OpenApiText();
  // The router lives in the Api that holds it, so this handler must not keep the Api alive.
  api->router.Add(http::Method::kGet, "/openapi.json", [weak = std::weak_ptr<const Api>(api)](http::Exchange& exchange) {
    return SendOpenApi(weak.lock(), exchange);
  });
  api->route = api->router.AsHandler(ErrorResponseWithStatus);
  return [api](http::Exchange& exchange) { return Answer(api, exchange); };
}

}  // namespace hostler::api
