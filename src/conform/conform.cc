#include "conform/conform.h"

#include <algorithm>

#include "conform/walk.h"

namespace hostler::conform {

bool Report::passed() const {
  return std::none_of(checks.begin(), checks.end(), [](const Check& check) { return check.outcome == Outcome::kFailed; });
}

Result<Target> Target::Parse(std::string_view text) {
  Target target;
  if (text.starts_with("http://") || text.starts_with("unix:")) {
    HOSTLER_TRY(target.address, http::Endpoint::Parse(text));
    return target;
  }
  std::error_code ec;
  target.program = std::filesystem::absolute(text, ec);
  if (!std::filesystem::is_regular_file(target.program, ec)) {
    return Fail(Code::kNotFound, "there is no program \"" + std::string(text) + "\"",
                "Give the path of an engine, or its address as http://host:port or unix:path.");
  }
  return target;
}

Task<Result<Report>> Conform(Target target, Options options) {
  Subject subject(co_await boost::asio::this_coro::executor, options);
  if (!target.program.empty()) {
    HOSTLER_CO_OK(co_await subject.Start(target.program));
  } else {
    subject.UseAddress(target.address);
    const auto health = co_await subject.Ask(http::Method::kGet, "/health");
    if (health.status == 0) co_return Fail(Code::kUnavailable, health.body, "Start the engine, or give its program.");
  }
  Walk walk(subject, options);
  co_return co_await walk.Run();
}

std::string Text(const Check& check) {
  const std::string_view word = check.outcome == Outcome::kOk       ? "ok       "
                                : check.outcome == Outcome::kFailed ? "FAILED   "
                                                                    : "skipped  ";
  std::string text = std::string(word) + check.requirement;
  if (!check.detail.empty()) text += ": " + check.detail;
  return text;
}

}  // namespace hostler::conform
