#include "api/ops/routes.h"

namespace hostler::api::ops {
namespace {

struct CrashRow {
  std::string id;
  std::string model;
  std::string time;
  std::string phase;
  std::string reason;
  json::Nullable<engines::ExitFact> exit;
  std::string next;
};
BOOST_DESCRIBE_STRUCT(CrashRow, (), (id, model, time, phase, reason, exit, next))

struct CrashRows {
  std::vector<CrashRow> crashes;
};
BOOST_DESCRIBE_STRUCT(CrashRows, (), (crashes))

Task<Result<CrashRows>> List(app::House& house, http::Exchange&) {
  const auto dossiers = co_await house.media_pool.Run([&store = house.dossiers] { return store.List(); });
  CrashRows rows;
  for (const engines::Dossier& dossier : dossiers) {
    rows.crashes.push_back({dossier.id, dossier.model, dossier.time, dossier.phase, dossier.reason, dossier.exit, dossier.next});
  }
  co_return rows;
}

Task<Result<engines::Dossier>> Read(app::House& house, http::Exchange& exchange) {
  co_return co_await house.media_pool.Run([&store = house.dossiers, id = exchange.param("id")] { return store.Read(id); });
}

}  // namespace

void AddCrashes(Door& door) {
  door.Get("/api/crashes", {"Engines that ended by themselves, newest first", "Operations"}, List);
  door.Get("/api/crashes/{id}", {"All that is known about one of them", "Operations"}, Read);
}

}  // namespace hostler::api::ops
