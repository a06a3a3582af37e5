#include "engines/llama_report.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::engines {
namespace {

constexpr std::string_view kState = "cmd_child_to_router:state:";

struct LlamaMeta {
  std::optional<int> n_ctx;
  std::optional<int> n_embd;
};
BOOST_DESCRIBE_STRUCT(LlamaMeta, (), (n_ctx, n_embd))

struct StatePayload {
  std::optional<std::vector<std::string>> stages;
  std::optional<std::string> current;
  std::optional<double> value;
  std::optional<LlamaMeta> meta;
};
BOOST_DESCRIBE_STRUCT(StatePayload, (), (stages, current, value, meta))

struct StateLine {
  std::string state;
  std::optional<StatePayload> payload;
};
BOOST_DESCRIBE_STRUCT(StateLine, (), (state, payload))

struct LlamaErrorBody {
  std::string message;
  std::optional<std::string> type;
  std::optional<int> n_prompt_tokens;
  std::optional<int> n_ctx;
};
BOOST_DESCRIBE_STRUCT(LlamaErrorBody, (), (message, type, n_prompt_tokens, n_ctx))

struct LlamaErrorReply {
  LlamaErrorBody error;
};
BOOST_DESCRIBE_STRUCT(LlamaErrorReply, (), (error))

wire::LoadProgress ProgressOf(const StatePayload& payload) {
  wire::LoadProgress progress;
  const std::string current = payload.current.value_or("");
  progress.stage = current == "mmproj_model" ? "reading the projector" : "reading weights";
  const auto stages = payload.stages.value_or(std::vector<std::string>{});
  const auto at = std::ranges::find(stages, current);
  if (payload.value && at != stages.end()) {
    const double before = static_cast<double>(at - stages.begin());
    progress.fraction = std::clamp((before + *payload.value) / static_cast<double>(stages.size()), 0.0, 1.0);
  }
  return progress;
}

// `llama_model_load: error loading model: tensor …` -> `tensor …`
std::string_view Cause(std::string_view text) {
  for (const std::string_view known : {"error loading model: ", "error: "}) {
    if (const std::size_t at = text.find(known); at != std::string_view::npos) text.remove_prefix(at + known.size());
  }
  return Trim(text);
}

std::string RemedyFor(std::string_view cause) {
  struct Known {
    std::string_view part;
    std::string_view remedy;
  };
  static constexpr std::array<Known, 7> kKnown = {{
      {"corrupted or incomplete", "The file is not whole: download or copy it again."},
      {"unknown model architecture", "This llama.cpp does not know that architecture: use another model."},
      {"failed to allocate", "There is not enough memory: use a smaller model or a smaller \"context\" in its options."},
      {"unable to allocate", "There is not enough memory: use a smaller model or a smaller \"context\" in its options."},
      {"CLIP", "Give the projector that belongs to the model as its option \"mmproj\", or \"\" to go without."},
      {"lora", "Give adapters that were made for this model as its option \"lora\"."},
      {"--chat-template", "Correct the option \"chat_template\"."},
  }};
  for (const Known& known : kKnown) {
    if (cause.find(known.part) != std::string_view::npos) return std::string(known.remedy);
  }
  return "Download or convert the model again; `hostler logs` shows all that the engine said.";
}

// Errors under status 500 that are the request's fault.
bool IsRequestsFault(std::string_view message) {
  static constexpr std::array<std::string_view, 10> kParts = {"json.exception", "parse error",   "Failed to parse", "must be",
                                                              "is required",    "not supported", "must contain",    "Unsupported",
                                                              "Missing",        "Invalid"};
  return std::ranges::any_of(kParts, [&](std::string_view part) { return message.find(part) != std::string_view::npos; });
}

Error TooLongError(int tokens, int limit) {
  return Error{Code::kInvalid,
               fmt::format("the text has {} tokens, and the model takes {}", tokens, limit),
               "Send less of it, ask for it to be truncated, or load the model with a larger \"context\" in its options.",
               {},
               "input_too_long"};
}

Error ContextError(const LlamaErrorBody& body) {
  const std::string message =
      body.n_prompt_tokens && body.n_ctx
          ? fmt::format("the request has {} tokens, and the model takes {}", *body.n_prompt_tokens, *body.n_ctx)
          : Clip(body.message, 500);
  return Error{Code::kInvalid,
               message,
               "Send less, or load the model with a larger \"context\" in its options.",
               {},
               "context_length_exceeded"};
}

}  // namespace

std::optional<LlamaLine> ReadLlamaLine(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space < 8 || line.size() < space + 3 || line[space + 2] != ' ') return std::nullopt;
  if (line.substr(0, space).find_first_not_of("0123456789.") != std::string_view::npos) return std::nullopt;
  LlamaLine read;
  switch (line[space + 1]) {
    case 'I': read.level = log::Level::kInfo; break;
    case 'W': read.level = log::Level::kWarning; break;
    case 'E': read.level = log::Level::kError; break;
    case 'D': read.level = log::Level::kDebug; break;
    default: return std::nullopt;
  }
  read.text = Trim(line.substr(space + 3));
  return read;
}

std::optional<LlamaState> ReadLlamaState(std::string_view line) {
  if (!line.starts_with(kState)) return std::nullopt;
  const auto read = json::Parse<StateLine>(line.substr(kState.size()), json::Unknown::kIgnore);
  if (!read) return std::nullopt;
  const StatePayload payload = read->payload.value_or(StatePayload{});
  LlamaState state;
  if (read->state == "loading") {
    state.progress = ProgressOf(payload);
    return state;
  }
  // The first "ready" only ends the load; the one that knows the model comes when requests are answered.
  if (read->state != "ready" || !payload.meta) return std::nullopt;
  state.ready = true;
  state.dimension = payload.meta->n_embd.value_or(0);
  state.context = payload.meta->n_ctx.value_or(0);
  return state;
}

std::optional<Error> ReadLlamaRefusal(std::span<const std::string> lines, const std::string& model) {
  constexpr std::string_view kBadArgument = "error while handling argument";
  for (const std::string& line : lines) {
    const auto read = ReadLlamaLine(line);
    const bool error = read && read->level == log::Level::kError;
    if (!error && !line.starts_with(kBadArgument)) continue;
    const std::string_view cause = error ? Cause(read->text) : std::string_view(line);
    if (cause.empty()) continue;
    return Error{Code::kUpstream, fmt::format("\"{}\" cannot be loaded: {}", model, Clip(cause, 500)), RemedyFor(cause), "model",
                 "load_failed"};
  }
  return std::nullopt;
}

std::optional<TooLong> ReadTooLong(std::string_view message) {
  if (!message.starts_with("input (") && !message.starts_with("the text has ")) return std::nullopt;
  std::array<int, 2> numbers{};
  for (int& number : numbers) {
    const std::size_t digit = message.find_first_of("0123456789");
    if (digit == std::string_view::npos) return std::nullopt;
    message.remove_prefix(digit);
    const auto [end, error] = std::from_chars(message.data(), message.data() + message.size(), number);
    if (error != std::errc()) return std::nullopt;
    message.remove_prefix(static_cast<std::size_t>(end - message.data()));
  }
  return TooLong{numbers[0], numbers[1]};
}

Error ReadLlamaError(unsigned status, std::string_view body) {
  const auto reply = json::Parse<LlamaErrorReply>(RepairUtf8(body), json::Unknown::kIgnore);
  if (!reply)
    return Error{Code::kUpstream,
                 fmt::format("the engine answered with status {} and no reason", status),
                 "Look at `hostler logs`.",
                 {},
                 "engine_error"};
  const LlamaErrorBody& error = reply->error;
  const std::string type = error.type.value_or("");
  if (type == "exceed_context_size_error") return ContextError(error);
  if (const auto too_long = ReadTooLong(error.message)) return TooLongError(too_long->tokens, too_long->limit);
  std::string message = Clip(error.message, 1000);
  if (status == 501) return Error{Code::kUnsupported, std::move(message), "Choose a model that can do it.", "model", {}};
  if (status == 503) return Error{Code::kUnavailable, std::move(message), "Try again in a moment.", {}, {}};
  if (status < 500 || IsRequestsFault(message))
    return Error{Code::kInvalid, std::move(message), "Correct the request; the engine could not read it.", {}, {}};
  return Error{Code::kUpstream, std::move(message), "`hostler logs` shows what the engine said.", {}, "engine_error"};
}

}  // namespace hostler::engines
