#include "hub/problem.h"

#include <fmt/format.h>

#include "base/text.h"
#include "hub/headers.h"
#include "hub/listing.h"

namespace hostler::hub {
namespace {

Problem Final(Code code, std::string_view name, std::string message, std::string remedy) {
  return Problem{.error = Error{code, std::move(message), std::move(remedy), {}, std::string(name)}};
}

constexpr std::string_view kSetToken =
    "make a token at https://huggingface.co/settings/tokens and set HF_TOKEN or run `hf auth login`";

Problem Gated(const Asked& asked, const std::string& said, bool known_to_hub) {
  if (!known_to_hub) {
    return Final(Code::kForbidden, "gated",
                 fmt::format("{} is gated: only who accepted its terms may download it", asked.repo.id),
                 fmt::format("Accept the terms at {}, then {}.", asked.page, kSetToken));
  }
  return Final(
      Code::kForbidden, "gated",
      fmt::format("{} is gated, and this token has no access{}{}", asked.repo.id, said.empty() ? "" : ": ", said),
      fmt::format("Accept the terms at {} (or wait until your request is granted) with the account of the token.", asked.page));
}

Problem Missing(const Asked& asked) {
  return Final(Code::kNotFound, "not_found",
               fmt::format("there is no repository {} at {}, or it is private", asked.repo.id, asked.server),
               asked.with_token ? std::string("Look at its name; if it is private, the token needs access to it.")
                                : fmt::format("Look at its name; if it is private, {}.", kSetToken));
}

Problem Later(Code code, std::string_view name, std::string message, std::string remedy, const outbound::Fields& fields) {
  Problem problem = Final(code, name, std::move(message), std::move(remedy));
  problem.transient = true;
  problem.retry_after_s = WaitAsked(fields);
  return problem;
}

}  // namespace

Problem FromAnswer(const Asked& asked, const outbound::Head& head, std::string_view body) {
  const std::string_view code = outbound::Get(head.headers, "X-Error-Code");
  const std::string_view message = outbound::Get(head.headers, "X-Error-Message");
  const std::string said = message.empty() ? ErrorText(body) : Clip(Printable(message), 300);
  const std::string quote = said.empty() ? std::string() : ": " + said;
  if (code == "GatedRepo") return Gated(asked, said, head.status == 403);
  if (code == "RepoNotFound") return Missing(asked);
  if (code == "RevisionNotFound") {
    return Final(Code::kNotFound, "not_found", fmt::format("{} has no revision {}", asked.repo.id, asked.what),
                 fmt::format("Choose a branch, a tag or a commit of {}.", asked.page));
  }
  if (code == "EntryNotFound") {
    return Final(Code::kNotFound, "not_found", fmt::format("{} has no file {}", asked.repo.id, asked.what),
                 fmt::format("Look at the files of {}.", asked.page));
  }
  const bool disabled = said.contains("is disabled");
  switch (head.status) {
    case 401:
      if (!asked.with_token) return Missing(asked);
      return Final(Code::kForbidden, "unauthorized", fmt::format("{} does not accept the token{}", asked.server, quote),
                   "Set a valid token in HF_TOKEN, or take the old one out: public models need none.");
    case 403:
      if (disabled) {
        return Final(Code::kForbidden, "disabled", fmt::format("{} was disabled at {}{}", asked.repo.id, asked.server, quote),
                     "Choose another model.");
      }
      return Final(
          Code::kForbidden, "unauthorized", fmt::format("{} does not allow it{}", asked.server, quote),
          asked.with_token ? "Use a token that may read this repository." : fmt::format("If you have access, {}.", kSetToken));
    case 404:
      return Final(Code::kNotFound, "not_found",
                   fmt::format("{} has no {} of {}{}", asked.server, asked.what, asked.repo.id, quote),
                   "Look at the names of repository, revision and file, and at HF_ENDPOINT.");
    case 416: {
      Problem problem = Later(Code::kUpstream, "network",
                              fmt::format("{} does not have the part of {} that was asked for", asked.server, asked.what),
                              "It serves another version than the hub lists: try again later.", head.headers);
      problem.range_refused = true;
      return problem;
    }
    case 429:
      return Later(Code::kBusy, "rate_limited", fmt::format("{} asks to wait: too many requests{}", asked.server, quote),
                   "It goes on by itself; with a token (HF_TOKEN) the limits are higher.", head.headers);
    default: break;
  }
  if (head.status == 408 || head.status == 425 || head.status >= 500) {
    return Later(Code::kUpstream, "network", fmt::format("{} answered {}{}", asked.server, head.status, quote),
                 "It is the server's trouble: try again later.", head.headers);
  }
  return NotAHub(fmt::format("{} answered {}{}", asked.server, head.status, quote));
}

Problem FromContentServer(const Asked& asked, const outbound::Head& head) {
  Asked there = asked;
  there.with_token = true;  // as far as a remedy would advise one
  switch (head.status) {
    case 400:
    case 401:
    case 403:
    case 404:
    case 410: {
      Problem problem = Later(Code::kUpstream, "network",
                              fmt::format("{} no longer gives out {} (status {})", asked.server, asked.what, head.status),
                              "Try again: the hub gives a new address.", head.headers);
      problem.expired = true;
      return problem;
    }
    default: return FromAnswer(there, head, {});
  }
}

Problem FromFailure(outbound::Failure failure) {
  const bool transient = failure.transient();
  if (failure.error.name.empty()) failure.error.name = "network";
  return Problem{.error = std::move(failure.error), .transient = transient};
}

Problem NotAHub(std::string what) {
  return Problem{.error = Error{Code::kUpstream,
                                std::move(what),
                                "Look whether HF_ENDPOINT names a Hugging Face hub or a mirror of it.",
                                {},
                                "not_a_hub"}};
}

}  // namespace hostler::hub
