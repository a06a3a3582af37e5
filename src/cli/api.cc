#include "cli/api.h"

#include <csignal>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/exit_code.h"
#include "config/config.h"

namespace hostler::cli {
namespace {

constexpr std::string_view kUsualUrl = "http://127.0.0.1:8100";
constexpr std::uint64_t kAnswerLimit = std::uint64_t{1} << 30;  // bytes: an hour of audio is far below

struct DaemonFile {
  std::string url;
  std::int64_t pid = 0;
};
BOOST_DESCRIBE_STRUCT(DaemonFile, (), (url, pid))

struct WireError {
  std::string message;
  json::Nullable<std::string> param;
  json::Nullable<std::string> code;
  json::Nullable<std::string> remedy;
};
BOOST_DESCRIBE_STRUCT(WireError, (), (message, param, code, remedy))

struct WireErrorDocument {
  WireError error;
};
BOOST_DESCRIBE_STRUCT(WireErrorDocument, (), (error))

Code CodeOf(unsigned status) {
  switch (status) {
    case 400:
    case 422: return Code::kInvalid;
    case 401:
    case 403: return Code::kForbidden;
    case 404: return Code::kNotFound;
    case 409: return Code::kConflict;
    case 413: return Code::kTooLarge;
    case 429: return Code::kBusy;
    case 501: return Code::kUnsupported;
    case 503: return Code::kUnavailable;
    case 504: return Code::kTimeout;
    default: return status >= 500 ? Code::kInternal : Code::kInvalid;
  }
}

bool Lives(std::int64_t pid) {
  return pid > 0 && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
}

// What a running daemon wrote down about itself, if it still runs.
std::optional<std::string> RunningDaemon(const std::filesystem::path& home) {
  std::ifstream in(home / "run/daemon.json", std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  const auto file = json::Parse<DaemonFile>(text.str(), json::Unknown::kIgnore);
  if (!file || !Lives(file->pid)) return std::nullopt;
  return file->url;
}

}  // namespace

Result<Target> TargetOf(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  Target target;
  auto endpoint = http::Endpoint::Parse(url);
  if (!endpoint)
    return UsageError("\"" + url + "\" is no address of a server: " + endpoint.error().message,
                      "Give it like http://127.0.0.1:8100.");
  target.endpoint = std::move(*endpoint);
  target.url = std::move(url);
  return target;
}

Result<Target> ChooseServer(const Context& context) {
  std::string named = context.globals().server;
  if (named.empty()) named = context.Variable("HOSTLER_SERVER");
  if (!named.empty()) {
    HOSTLER_TRY(Target target, TargetOf(named));
    target.named = true;
    return target;
  }
  // Without a home folder there is no daemon to be found in it: the usual address is left.
  if (const auto home = config::HomeFolder(context.surroundings().environment, context.HomeFlags())) {
    if (const auto url = RunningDaemon(*home)) {
      HOSTLER_TRY(Target target, TargetOf(*url));
      target.home = *home;
      return target;
    }
  }
  return TargetOf(std::string(kUsualUrl));
}

Error ErrorOf(unsigned status, std::string_view body) {
  const Code code = CodeOf(status);
  if (const auto document = json::Parse<WireErrorDocument>(body, json::Unknown::kIgnore)) {
    const WireError& said = document->error;
    return Error{code, said.message, said.remedy.value.value_or(""), said.param.value.value_or(""), said.code.value.value_or("")};
  }
  return Error{
      code, fmt::format("the server answered {} {}", status, http::StatusText(status)), "Is that a hostler server?", {}, {}};
}

Error NoServer(const Target& target, const Error& why) {
  const std::string remedy = target.named ? "Start it there, or look at --server and $HOSTLER_SERVER."
                                          : "Start one with `hostler serve`, or name another with --server.";
  return Error{Code::kUnavailable, "no server answers: " + why.message, remedy, {}, std::string(kNoServer)};
}

http::Request JsonRequest(std::string target, std::string json_body) {
  http::Request request;
  request.method = http::Method::kPost;
  request.target = std::move(target);
  request.headers.Set("Content-Type", "application/json");
  request.body = std::move(json_body);
  return request;
}

Task<Result<std::unique_ptr<http::Reply>>> OpenReply(http::Client& client, const Target& target, http::Request request) {
  auto reply = co_await client.Open(target.endpoint, std::move(request));
  if (!reply) {
    if (reply.error().code == Code::kUnavailable) co_return Fail(NoServer(target, reply.error()));
    co_return std::unexpected(std::move(reply).error());
  }
  const unsigned status = (*reply)->status();
  if (status >= 200 && status < 300) co_return std::move(*reply);
  const auto body = co_await (*reply)->ReadAll(1 << 20);
  co_return Fail(ErrorOf(status, body ? std::string_view(*body) : std::string_view()));
}

namespace {

Task<Result<http::Response>> FetchAll(http::Client& client, const Target& target, http::Request request) {
  HOSTLER_CO_TRY(const std::unique_ptr<http::Reply> reply, co_await OpenReply(client, target, std::move(request)));
  http::Response response;
  response.status = reply->status();
  response.headers = reply->headers();
  HOSTLER_CO_TRY(response.body, co_await reply->ReadAll(kAnswerLimit));
  co_return response;
}

}  // namespace

Result<http::Response> Api::Call(http::Request request) {
  return session_.Wait(FetchAll(session_.client(), target_, std::move(request)));
}

Result<std::string> Api::Get(std::string target) {
  http::Request request;
  request.target = std::move(target);
  HOSTLER_TRY(http::Response response, Call(std::move(request)));
  return std::move(response.body);
}

Result<std::string> Api::Post(std::string target, std::string json_body) {
  HOSTLER_TRY(http::Response response, Call(JsonRequest(std::move(target), std::move(json_body))));
  return std::move(response.body);
}

}  // namespace hostler::cli
