#include "app/care.h"
#include "api/models/routes.h"
#include "api/models/task.h"
#include "api/query.h"

namespace hostler::api::models {
namespace {

struct VerifyBody {
  std::string model_id;
  std::optional<std::string> revision;
  std::optional<bool> allow_unmanaged;
  std::optional<bool> repair;  // fetch wrong files again
};
BOOST_DESCRIBE_STRUCT(VerifyBody, (), (model_id, revision, allow_unmanaged, repair))

Task<Result<TaskReply>> Verify(app::House& house, http::Exchange&, VerifyBody body) {
  if (body.revision && !model::IsRevision(*body.revision))
    co_return Fail(
        Error{Code::kInvalid, "it is no revision", "Name a branch, a tag or a commit.", "revision", "validation_error"});
  app::VerifyRequest request{std::move(body.model_id), body.revision.value_or(""), body.allow_unmanaged.value_or(false),
                             body.repair.value_or(false)};
  HOSTLER_CO_TRY(const app::Begun begun, co_await app::StartVerify(house, std::move(request)));
  co_return ReplyOf(begun);
}

struct DoctorReport {
  std::vector<store::Finding> findings;
  std::uint64_t mendable_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(DoctorReport, (), (findings, mendable_bytes))

struct DoctorBody {
  std::optional<std::vector<std::string>> paths;  // of findings; default: everything that can be mended
};
BOOST_DESCRIBE_STRUCT(DoctorBody, (), (paths))
struct MendedBody {
  store::Trouble trouble = store::Trouble::kOrphanBlob;
  std::string path;
  std::uint64_t bytes = 0;
  json::Nullable<std::string> error;
};
BOOST_DESCRIBE_STRUCT(MendedBody, (), (trouble, path, bytes, error))
struct DoctorAnswer {
  std::vector<MendedBody> mended;
  std::uint64_t freed_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(DoctorAnswer, (), (mended, freed_bytes))

Task<Result<DoctorReport>> Examine(app::House& house, http::Exchange&) {
  DoctorReport report;
  HOSTLER_CO_TRY(report.findings, co_await app::Examine(house));
  for (const store::Finding& finding : report.findings) report.mendable_bytes += finding.mendable ? finding.bytes : 0;
  co_return report;
}

Task<Result<DoctorAnswer>> Mend(app::House& house, http::Exchange&, DoctorBody body) {
  HOSTLER_CO_TRY(const std::vector<app::Mended> done, co_await app::Mend(house, body.paths.value_or(std::vector<std::string>{})));
  DoctorAnswer answer;
  for (const app::Mended& one : done) {
    MendedBody mended{one.finding.trouble, one.finding.path, one.finding.bytes, {}};
    if (one.error.empty())
      answer.freed_bytes += one.finding.bytes;
    else
      mended.error = one.error;
    answer.mended.push_back(std::move(mended));
  }
  co_return answer;
}

}  // namespace

void AddCare(Door& door) {
  door.Post("/api/v2/models/verify", {"Hash a model's files again; answers with a task", "Models"}, Verify);
  door.Get("/api/v2/models/doctor", {"What is wrong in the cache, and what it costs", "Models"}, Examine);
  door.Post("/api/v2/models/doctor", {"Mend what the doctor found", "Models"}, Mend);
}

}  // namespace hostler::api::models
