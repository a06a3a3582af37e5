#include "api/openai/routes.h"
#include "providers/providers.h"

namespace hostler::api::openai {
namespace {

struct ModelObject {
  std::string id;
  std::string object = "model";
  std::int64_t created = 0;  // when this daemon learned of it, seconds since the epoch
  std::string owned_by;
};
BOOST_DESCRIBE_STRUCT(ModelObject, (), (id, object, created, owned_by))

struct ModelObjects {
  std::string object = "list";
  std::vector<ModelObject> data;
};
BOOST_DESCRIBE_STRUCT(ModelObjects, (), (object, data))

std::int64_t StartTime() {
  static const auto start = static_cast<std::int64_t>(UnixSeconds(WallClock::now()));
  return start;
}

ModelObject ObjectOf(const lifecycle::Status& status) {
  return {status.entry.id, "model", StartTime(), "hostler/" + status.entry.provider};
}

// Only what can be used: models whose provider is missing would fail every request.
Task<Result<ModelObjects>> List(app::House& house, http::Exchange&) {
  ModelObjects objects;
  for (const lifecycle::Status& status : house.lifecycle.List()) {
    if (status.entry.disk != model::DiskState::kProviderMissing) objects.data.push_back(ObjectOf(status));
  }
  co_return objects;
}

Task<Result<ModelObject>> Get(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const lifecycle::Status status,
                 house.lifecycle.Get(providers::ResolveAlias(house.config, exchange.param("id"))));
  co_return ObjectOf(status);
}

}  // namespace

void AddModels(Door& door) {
  door.Get("/v1/models", {"The models that can be used", "OpenAI"}, List);
  door.Get("/v1/models/{id+}", {"One model", "OpenAI"}, Get);
}

}  // namespace hostler::api::openai
