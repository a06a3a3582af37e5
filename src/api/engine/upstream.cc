#include <fmt/format.h>

#include "api/engine/routes.h"
#include "providers/providers.h"

namespace hostler::api::engine {
namespace {

struct Address {
  model::ModelId model;
  std::string route;  // of the engine: "/generate/control"
};

// "org/model/generate/control": ids have slashes too, so the longest known model with a route behind it.
Result<Address> Split(app::House& house, http::Method method, const std::string& path) {
  bool known = false;
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0; slash = path.rfind('/', slash - 1)) {
    model::ModelId id = providers::ResolveAlias(house.config, path.substr(0, slash));
    const model::Entry* entry = house.lifecycle.EntryOf(id);
    if (entry == nullptr) continue;
    if (engines::IsWork(*entry, method, std::string_view(path).substr(slash))) return Address{std::move(id), path.substr(slash)};
    known = true;
  }
  if (known) {
    return Fail(Error{Code::kNotFound,
                      fmt::format("{} is no work that engines are asked for: {}", http::MethodName(method), path),
                      "GET health, voices, capabilities and POST generate/control, generate/clone, generate/design, transcribe, "
                      "diarize, embed, rerank, sparse are passed on; to load and unload, POST /models/load and /models/unload.",
                      {},
                      {}});
  }
  return Fail(Error{Code::kNotFound,
                    fmt::format("no model is known by the beginning of \"{}\"", path),
                    "GET /models lists the models; the address is /upstream/MODEL/ROUTE.",
                    "model",
                    {}});
}

Task<Result<>> Pass(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(Address address, Split(house, exchange.method(), exchange.param("address")));
  HOSTLER_CO_TRY(const lifecycle::Lease lease, co_await house.lifecycle.Acquire(std::move(address.model)));
  const std::string& target = exchange.target();
  if (const std::size_t query = target.find('?'); query != std::string::npos) address.route += target.substr(query);
  co_return co_await house.switchboard.Relay(lease.handle(), exchange, std::move(address.route));
}

}  // namespace

void AddUpstream(Door& door) {
  const auto doc = [](std::string summary) {
    return Doc{std::move(summary) + " of the engine that runs a model, as the engine answers it; loads the model if need be",
               "Engine",
               {},
               "application/octet-stream"};
  };
  door.Raw(http::Method::kGet, "/upstream/{address+}", doc("A reading route"), Pass);
  door.Raw(http::Method::kPost, "/upstream/{address+}", doc("A working route"), Pass);
}

}  // namespace hostler::api::engine
