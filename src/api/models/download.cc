#include "api/models/routes.h"
#include "api/models/task.h"
#include "app/pull.h"
#include "base/rate.h"

namespace hostler::api::models {
namespace {

struct DownloadBody {
  std::string model_id;
  std::optional<std::string> revision;              // instead of the catalogue's
  std::optional<std::vector<std::string>> include;  // fnmatch patterns, instead of the catalogue's
  std::optional<std::vector<std::string>> exclude;
  std::optional<bool> allow_unmanaged;
};
BOOST_DESCRIBE_STRUCT(DownloadBody, (), (model_id, revision, include, exclude, allow_unmanaged))

struct LimitBody {
  std::string limit;  // "20M", "off"
};
BOOST_DESCRIBE_STRUCT(LimitBody, (), (limit))
struct LimitAnswer {
  std::uint64_t bytes_per_second = 0;  // 0: no limit
};
BOOST_DESCRIBE_STRUCT(LimitAnswer, (), (bytes_per_second))

Result<> CheckPatterns(const std::optional<std::vector<std::string>>& patterns, std::string_view field) {
  constexpr std::size_t kMost = 100;
  constexpr std::size_t kLongest = 500;  // bytes
  if (!patterns) return {};
  if (patterns->size() > kMost)
    return Fail(
        Error{Code::kInvalid, "there are too many patterns", "Send at most 100.", std::string(field), "validation_error"});
  for (std::size_t i = 0; i < patterns->size(); ++i) {
    if (!(*patterns)[i].empty() && (*patterns)[i].size() <= kLongest) continue;
    return Fail(Error{Code::kInvalid, "the pattern is empty or too long", "Send 1 to 500 bytes, like *.safetensors.",
                      std::string(field) + "[" + std::to_string(i) + "]", "validation_error"});
  }
  return {};
}

Task<Result<TaskReply>> Download(app::House& house, http::Exchange&, DownloadBody body) {
  HOSTLER_CO_OK(CheckPatterns(body.include, "include"));
  HOSTLER_CO_OK(CheckPatterns(body.exclude, "exclude"));
  app::PullRequest request{std::move(body.model_id), std::move(body.revision), std::move(body.include), std::move(body.exclude),
                           body.allow_unmanaged.value_or(false)};
  HOSTLER_CO_TRY(const app::Begun begun, co_await app::StartPull(house, std::move(request)));
  co_return ReplyOf(begun);
}

Task<Result<LimitAnswer>> ShowLimit(app::House& house, http::Exchange&) {
  co_return LimitAnswer{house.governor.LimitNow()};
}

Task<Result<LimitAnswer>> SetLimit(app::House& house, http::Exchange&, LimitBody body) {
  auto rate = ParseRate(body.limit);
  if (!rate) co_return std::unexpected(std::move(rate.error()).At("limit"));
  house.governor.SetLimit(*rate);
  house.log.Info("The bandwidth of downloads is {}", *rate == 0 ? "not limited" : std::to_string(*rate) + " bytes per second");
  co_return LimitAnswer{*rate};
}

}  // namespace

void AddDownload(Door& door) {
  door.Post("/api/v2/models/download", {"Fetch a model into the Hugging Face cache; answers with a task", "Models"}, Download);
  door.Get("/api/v2/models/limit", {"Bandwidth of all downloads together, just now", "Models"}, ShowLimit);
  door.Post("/api/v2/models/limit", {"Another bandwidth, until the daemon ends; replaces the schedule", "Models"}, SetLimit);
}

}  // namespace hostler::api::models
