#include "references/references.h"

#include "api/models/routes.h"
#include "api/query.h"

namespace hostler::api::models {
namespace {

using references::Reference;

struct ReferenceList {
  std::vector<Reference> references;
};
BOOST_DESCRIBE_STRUCT(ReferenceList, (), (references))
struct DropReply {
  std::size_t dropped = 0;
};
BOOST_DESCRIBE_STRUCT(DropReply, (), (dropped))

Task<Result<Reference>> Put(app::House& house, http::Exchange&, Reference reference) {
  HOSTLER_CO_OK(co_await house.database_pool.Run([book = &house.references, reference] { return book->Put(reference); }));
  co_return reference;
}

Task<Result<ReferenceList>> List(app::House& house, http::Exchange& exchange) {
  ReferenceList list;
  HOSTLER_CO_TRY(list.references,
                 co_await house.database_pool.Run(
                     [book = &house.references, holder = exchange.query().Get("holder")] { return book->List(holder); }));
  co_return list;
}

Task<Result<DropReply>> Drop(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const std::string holder, QueryText(exchange.query(), "holder"));
  HOSTLER_CO_TRY(const auto kind, QueryEnum<references::Kind>(exchange.query(), "kind"));
  DropReply reply;
  HOSTLER_CO_TRY(reply.dropped,
                 co_await house.database_pool.Run([book = &house.references, holder, kind, name = exchange.query().Get("name")] {
                   return book->Drop(holder, kind, name);
                 }));
  co_return reply;
}

}  // namespace

void AddReferences(Door& door) {
  door.Put("/api/v2/references", {"Say that something of yours would miss a model", "Models"}, Put);
  door.Get("/api/v2/references", {"Who would miss which model", "Models", {"holder"}}, List);
  door.Delete("/api/v2/references", {"Take that back", "Models", {"holder", "kind", "name"}}, Drop);
}

}  // namespace hostler::api::models
