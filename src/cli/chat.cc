// `hostler chat`: one answer, or a conversation on the terminal.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/occasion.h"
#include "http/sse.h"

namespace hostler::cli {
namespace {

struct Message {
  std::string role;
  std::string content;
};
BOOST_DESCRIBE_STRUCT(Message, (), (role, content))

struct ChatRequest {
  std::optional<std::string> model;
  std::vector<Message> messages;
  bool stream = true;
  std::optional<int> max_tokens;
  std::optional<double> temperature;
};
BOOST_DESCRIBE_STRUCT(ChatRequest, (), (model, messages, stream, max_tokens, temperature))

struct Delta {
  std::optional<std::string> content;
  std::optional<std::string> reasoning_content;
};
BOOST_DESCRIBE_STRUCT(Delta, (), (content, reasoning_content))

struct Choice {
  std::optional<Delta> delta;
};
BOOST_DESCRIBE_STRUCT(Choice, (), (delta))

struct StreamError {
  std::string message;
};
BOOST_DESCRIBE_STRUCT(StreamError, (), (message))

struct Chunk {
  std::optional<std::vector<Choice>> choices;
  std::optional<StreamError> error;
};
BOOST_DESCRIBE_STRUCT(Chunk, (), (choices, error))

// The answer as far as it has come.
struct Answer {
  std::string text;
  std::string failed;  // what the server said in the middle of it
  bool whole = false;
};

class Printer {
 public:
  explicit Printer(const Context& context) : context_(context) {}

  // What the model thinks aloud is for people who watch, not for a pipe.
  void Print(const Delta& delta) {
    if (delta.reasoning_content && context_.surroundings().out_is_terminal)
      Put(context_.Paint(Style::kDim, Printable(*delta.reasoning_content)), true);
    if (delta.content) Put(Printable(*delta.content), false);
  }
  void End() {
    if (!empty_ && !at_line_begin_) context_.Out("\n");
  }

 private:
  void Put(const std::string& text, bool thought) {
    if (text.empty()) return;
    if (!empty_ && thought_ != thought) context_.Out("\n\n");
    context_.Out(text);
    thought_ = thought;
    empty_ = false;
    at_line_begin_ = text.ends_with('\n');
  }
  const Context& context_;
  bool empty_ = true;
  bool thought_ = false;
  bool at_line_begin_ = false;
};

void Take(const http::SseEvent& event, Answer& answer, Printer& printer) {
  if (event.data == "[DONE]") {
    answer.whole = true;
    return;
  }
  const auto chunk = json::Parse<Chunk>(event.data, json::Unknown::kIgnore);
  if (!chunk) return;
  if (chunk->error) answer.failed = chunk->error->message;
  for (const Choice& choice : chunk->choices.value_or(std::vector<Choice>{})) {
    if (!choice.delta) continue;
    printer.Print(*choice.delta);
    answer.text += choice.delta->content.value_or("");
  }
}

// `answer` keeps what has come also if this is cancelled.
Task<Result<bool>> Stream(http::Client& client, const Target& target, http::Request request, Answer& answer, Printer& printer) {
  HOSTLER_CO_TRY(const std::unique_ptr<http::Reply> reply, co_await OpenReply(client, target, std::move(request)));
  http::SseParser parser;
  const std::function<void(const http::SseEvent&)> on_event = [&](const http::SseEvent& event) { Take(event, answer, printer); };
  while (!answer.whole) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await reply->ReadSome());
    if (piece.empty()) break;
    if (!parser.Feed(piece, on_event))
      co_return Fail(Code::kUpstream, "the server sent an endless line", "Is that a hostler server?");
  }
  if (answer.failed.empty() && answer.whole) co_return true;
  co_return Fail(Code::kUpstream, answer.failed.empty() ? "the answer broke off" : answer.failed,
                 "`hostler logs` and `hostler crashes` show why.");
}

ChatRequest RequestOf(const ChatOptions& options) {
  ChatRequest request;
  if (!options.model.empty()) request.model = options.model;
  request.max_tokens = options.max_tokens;
  request.temperature = options.temperature;
  if (!options.system.empty()) request.messages.push_back({"system", options.system});
  return request;
}

// Ctrl-C ends the one answer: each has a session of its own.
Result<Answer> Ask(const Context& context, const Target& target, const ChatRequest& request) {
  Session session;
  Answer answer;
  Printer printer(context);
  const auto done =
      session.Wait(Stream(session.client(), target, JsonRequest("/v1/chat/completions", json::ToJson(request)), answer, printer));
  printer.End();
  if (!done && done.error().code != Code::kCancelled) return Fail(done.error());
  return answer;
}

Result<int> AnswerOnce(const Context& context, const Target& target, ChatRequest request, std::string text) {
  if (Trim(text).empty()) return UsageError("there is no message", "Give it in quotes, or - for standard input.");
  request.messages.push_back({"user", std::move(text)});
  if (context.json()) {
    request.stream = false;
    Session session;
    HOSTLER_TRY(const std::string document, Api(session, target).Post("/v1/chat/completions", json::ToJson(request)));
    context.OutLine(document);
    return kExitOk;
  }
  HOSTLER_TRY(const Answer answer, Ask(context, target, request));
  return answer.whole ? Result<int>(kExitOk) : Fail(Code::kCancelled, "interrupted");
}

constexpr std::string_view kWords = "/bye ends the conversation, /clear begins a new one; Ctrl-C stops an answer.";

// What a line that begins with a slash asks for; false: the end.
bool Obey(const Context& context, const std::string& word, const ChatOptions& options, ChatRequest& request) {
  if (word == "/bye") return false;
  if (word == "/clear") {
    request = RequestOf(options);
    context.Note("hostler: a new conversation");
  } else {
    context.Note(fmt::format("hostler: {}{}", word == "/help" ? "" : "there is no " + Printable(word) + ". ", kWords));
  }
  return true;
}

Result<int> Converse(const Context& context, const Target& target, const ChatOptions& options) {
  ChatRequest request = RequestOf(options);
  context.Note(std::string(kWords));
  for (;;) {
    context.Out(context.Paint(Style::kStrong, "> "));
    HOSTLER_TRY(const auto line, context.surroundings().read_message());
    if (!line) {
      context.Out("\n");
      return kExitOk;
    }
    const std::string text(Trim(*line));
    if (text.empty()) continue;
    if (text.starts_with('/')) {
      if (!Obey(context, text, options, request)) return kExitOk;
      continue;
    }
    request.messages.push_back({"user", text});
    const auto answer = Ask(context, target, request);
    if (!answer) {
      request.messages.pop_back();
      context.Report(answer.error());
      if (answer.error().name == kNoServer) return ExitCodeOf(answer.error());
      continue;
    }
    if (!answer->whole) context.Note("hostler: stopped");
    request.messages.push_back({"assistant", answer->text});
  }
}

}  // namespace

Result<int> RunChat(const Context& context, const ChatOptions& options) {
  const Surroundings& world = context.surroundings();
  const bool talks = options.text.empty() && world.in_is_terminal && world.out_is_terminal;
  if (talks && context.json()) return UsageError("a conversation cannot be JSON", "Give one message, or leave --json out.");
  std::string text = options.text;
  if (!talks && (text.empty() || text == "-")) {
    HOSTLER_TRY(text, world.read_input());
  }
  Session session;  // while it lives, Ctrl-C does not end the program
  HOSTLER_TRY(const std::unique_ptr<Occasion> occasion, Occasion::Find(context, session));
  if (talks) return Converse(context, occasion->target(), options);
  return AnswerOnce(context, occasion->target(), RequestOf(options), std::move(text));
}

}  // namespace hostler::cli
