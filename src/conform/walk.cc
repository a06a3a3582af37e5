#include "conform/walk.h"

#include <algorithm>

namespace hostler::conform {
namespace fs = std::filesystem;
using enum http::Method;

std::string Seen(const http::Response& response) {
  std::string body = response.body.substr(0, 160);
  if (!Utf8Length(body)) body = std::to_string(response.body.size()) + " bytes";
  return response.status == 0 ? "no answer: " + body : "status " + std::to_string(response.status) + ", " + body;
}

void Walk::Ok(std::string requirement) {
  report_.checks.push_back({std::move(requirement), Outcome::kOk, {}});
  if (options_.on_check) options_.on_check(report_.checks.back());
}

void Walk::Failed(std::string requirement, std::string detail) {
  report_.checks.push_back({std::move(requirement), Outcome::kFailed, std::move(detail)});
  if (options_.on_check) options_.on_check(report_.checks.back());
}

void Walk::Skipped(std::string requirement, std::string why) {
  report_.checks.push_back({std::move(requirement), Outcome::kSkipped, std::move(why)});
  if (options_.on_check) options_.on_check(report_.checks.back());
}

void Walk::Expect(bool right, std::string requirement, std::string seen) {
  if (right)
    Ok(std::move(requirement));
  else
    Failed(std::move(requirement), std::move(seen));
}

void Walk::ExpectError(const http::Response& response, unsigned status, std::string_view code, std::string requirement) {
  const auto reply = json::Parse<wire::ErrorReply>(response.body, json::Unknown::kIgnore);
  const bool right_status = status == 0 ? response.status >= 400 : response.status == status;
  const bool right_code = reply && (code.empty() || reply->error.code == code) && !reply->error.message.empty();
  Expect(right_status && right_code, std::move(requirement), Seen(response));
}

Task<Report> Walk::Run() {
  co_await Health();
  co_await Envelope();
  co_await Folders();
  co_await Choose();
  if (!model_.empty()) {
    co_await BeforeLoading();
    co_await Loading();
    co_await Abilities();
    co_await Speaking();
    co_await Leaving();
    co_await Hearing();
    co_await Vectors();
    co_await Diarizing();
    co_await Unloading();
  }
  co_await Logs();
  co_await End();
  co_return std::move(report_);
}

Task<> Walk::Health() {
  const auto response = co_await subject_.Ask(kGet, "/health");
  auto health = json::Parse<wire::Health>(response.body, json::Unknown::kIgnore);
  if (!health || response.status != 200) {
    Failed("GET /health answers with status, engine, version, protocol, features, uptime_s, models_loaded",
           health ? Seen(response) : health.error().Text() + " in " + Seen(response));
    co_return;
  }
  health_ = *std::move(health);
  Ok("GET /health answers with status, engine, version, protocol, features, uptime_s, models_loaded");
  Expect(health_.status == "ok", "health says ok", "status is \"" + health_.status + "\"");
  Expect(health_.protocol == wire::kProtocolVersion, "speaks protocol version 1",
         "protocol is " + std::to_string(health_.protocol));
  Expect(!health_.engine.empty() && !health_.version.empty(), "names itself and its version", Seen(response));
}

Task<> Walk::Envelope() {
  ExpectError(co_await subject_.Ask(kGet, "/no/such/route"), 404, "", "unknown routes answer 404 with an error envelope");
  ExpectError(co_await subject_.Ask(kPost, "/models/load", "{"), 400, "bad_request", "broken JSON is a bad_request");
  ExpectError(co_await subject_.Ask(kPost, "/models/load", "{}"), 400, "bad_request", "a missing field is a bad_request");
  ExpectError(co_await subject_.Ask(kPost, "/models/load", R"({"model_id":"x","no_such_field":1})"), 400, "bad_request",
              "an unknown field is a bad_request");
  ExpectError(co_await subject_.Ask(kPost, "/models/load", R"({"model_id":"no-such-model-at-all"})"), 404, "not_found",
              "loading an unknown model is not_found");
}

Task<> Walk::Folders() {
  if (!subject_.started()) {
    Skipped("folders: models/, external_models/, samples/", "an address was given; give the program to check its folders");
    co_return;
  }
  const fs::path models = subject_.base() / "models";
  std::error_code ec;
  Expect(fs::is_directory(subject_.base() / "samples", ec), "makes missing folders (samples/)", "there is no samples/");
  Expect(fs::is_directory(models / kBakedIn, ec) && !fs::is_symlink(models / kBakedIn, ec),
         "baked-in models win over external ones of the same name", "models/ has a link in place of the baked-in model");
  const bool linked =
      fs::is_symlink(models / kLinked, ec) && fs::equivalent(models / kLinked, subject_.base() / "external_models" / kLinked, ec);
  Expect(linked, "external models are linked into models/ by name", "models/ has no such link");
  Expect(!fs::exists(models / kOutside, ec), "a link that leads outside is not linked", "models/ has it");

  const auto baked = co_await RowOf(std::string(kBakedIn));
  Expect(baked.has_value(), "GET /models lists what lies in models/", "the baked-in model is missing");
  Expect((co_await RowOf(std::string(kLinked))).has_value(), "GET /models lists linked models", "the linked model is missing");
  Expect(!(co_await RowOf(std::string(kDangling))).has_value(), "dangling links are skipped", "GET /models lists it");
  const std::string outside(kOutside);
  const auto refused = co_await subject_.Ask(kPost, "/models/load", R"({"model_id":")" + outside + R"("})");
  ExpectError(refused, 0, "", "a model whose link leads outside cannot be loaded");
  const auto climbing = co_await subject_.Ask(kPost, "/models/load", R"({"model_id":"../elsewhere"})");
  ExpectError(climbing, 0, "", "a name that leads outside cannot be loaded");
}

Task<> Walk::End() {
  if (!subject_.started()) {
    Skipped("SIGTERM ends it with status 0 within ten seconds", "an address was given");
    Skipped("nothing is written to standard output", "an address was given");
    co_return;
  }
  Ok("takes its port from PORT");  // we would not be here otherwise
  const auto exit = co_await subject_.Terminate();
  Expect(exit && !exit->signalled && exit->status == 0, "SIGTERM ends it with status 0 within ten seconds",
         exit ? exit->Text() : "it still runs");
  const std::string output = subject_.StandardOutput();
  Expect(output.empty(), "nothing is written to standard output", "\"" + output.substr(0, 80) + "\"");
}

}  // namespace hostler::conform
