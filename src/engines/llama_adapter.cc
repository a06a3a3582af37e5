#include "engines/llama_adapter.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/call.h"
#include "engines/llama_plan.h"
#include "engines/llama_report.h"
#include "engines/running.h"
#include "os/files.h"

namespace hostler::engines {
namespace {

constexpr std::size_t kLongestReport = 1 << 20;  // bytes of a line on standard output

// What a person's environment may hold that would change how llama-server works, or is none of its business.
std::vector<std::string> WithoutStrangersSettings() {
  static constexpr std::string_view kPrefixes[] = {"LLAMA_", "GGML_", "MTMD_", "AIP_", "HF_", "HUGGING"};
  std::vector<std::string> removals;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    if (std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return variable.starts_with(prefix); }))
      removals.emplace_back(variable.substr(0, variable.find('=')));
  }
  return removals;
}

// What is heard on standard output while the model loads, and, unless it hangs, until the end.
struct Reports {
  Event over;  // ready, or there will be no more
  std::optional<LlamaState> ready;
  Clock::time_point last_sign = Clock::now();
};

void OnReport(std::string_view line, Running& running, Reports& reports) {
  auto state = ReadLlamaState(line);
  if (!state || reports.ready) return;
  reports.last_sign = Clock::now();
  if (state->ready) {
    reports.ready = std::move(state);
    reports.over.Set();
  } else if (running.on_progress) {
    running.on_progress(state->progress);
  }
}

Task<> ReadReports(std::shared_ptr<Running> running, std::shared_ptr<Reports> reports) {
  std::string buffer(16 << 10, '\0');
  std::string line;
  for (;;) {
    auto [ec, count] = co_await running->output->async_read_some(boost::asio::buffer(buffer), kAsTuple);
    if (ec) break;
    for (const char c : std::string_view(buffer).substr(0, count)) {
      if (c != '\n') {
        if (line.size() < kLongestReport) line += c;
        continue;
      }
      OnReport(line, *running, *reports);
      line.clear();
    }
  }
  reports->over.Set();
}

struct Modalities {
  std::optional<bool> vision;
};
BOOST_DESCRIBE_STRUCT(Modalities, (), (vision))

struct Props {
  std::optional<Modalities> modalities;
};
BOOST_DESCRIBE_STRUCT(Props, (), (modalities))

// Each sign of progress moves the deadline; the first is due within the one for the start.
Task<Result<LlamaState>> WaitUntilReady(const Loading& loading, const std::shared_ptr<Reports>& reports) {
  const Clock::duration deadline =
      loading.workshop.deadlines.load + co_await loading.workshop.pool->Run([path = loading.files] { return ReadingTime(path); });
  const Clock::time_point end_of_patience = Clock::now() + (kPatience * deadline);
  for (;;) {
    if (co_await reports->over.WaitFor(reports->last_sign + deadline - Clock::now())) break;
    if (Clock::now() > end_of_patience)
      co_return Fail(Code::kTimeout, "the load made progress without end", "Raise engines.load_timeout_s.");
    if (Clock::now() >= reports->last_sign + deadline)
      co_return Fail(Code::kTimeout, "the engine gave no sign of life", "Raise engines.load_timeout_s.");
  }
  if (!reports->ready) co_return Fail(Code::kUpstream, "the engine ended its reports before the model was loaded");
  co_return *reports->ready;
}

}  // namespace

Result<Launch> LlamaAdapter::Plan(const Order& order) const {
  HOSTLER_TRY(const LlamaOptions options, ReadLlamaOptions(order.entry.options));
  HOSTLER_TRY(const LlamaModel model, LookAt(order.entry, order.files));
  Launch launch;
  launch.makes_its_socket = true;
  launch.reports_on_output = true;
  launch.arguments = LlamaArguments(order.entry.id, model, options, os::ShortPath(kInheritedFd, order.socket_name), order.threads,
                                    order.log_level);
  launch.environment = WithoutStrangersSettings();
  launch.environment.emplace_back("GGML_NO_BACKTRACE=1");         // ggml would start a debugger, which takes its time
  launch.environment.emplace_back("LLAMA_SERVER_ROUTER_PORT=1");  // states on standard output; the number is of no use
  launch.environment.push_back(fmt::format("HOSTLER_PARENT_PID={}", ::getpid()));
  return launch;
}

Task<Result<>> LlamaAdapter::Load(Loading loading) const {
  const auto reports = std::make_shared<Reports>();
  loading.running->phase = "loading";
  loading.workshop.control->Spawn(ReadReports(loading.running, reports));
  HOSTLER_CO_TRY(const LlamaState state, co_await WaitUntilReady(loading, reports));
  wire::TextAbilities text;
  text.context_length = state.context;
  text.embed = loading.entry.type == model::ModelType::kEmbedding;
  text.rerank = loading.entry.type == model::ModelType::kReranker;
  text.chat = !text.embed && !text.rerank;
  if (text.embed) text.dimension = state.dimension;
  if (text.rerank) {
    const auto model =
        co_await loading.workshop.pool->Run([entry = loading.entry, files = loading.files] { return LookAt(entry, files); });
    if (model && model->probabilities) text.probabilities = true;
  }
  if (text.chat) {
    const auto props =
        co_await Call<Props>(loading.client, loading.running->endpoint,
                             http::Request{.target = "/props", .first_byte_deadline = loading.workshop.deadlines.start});
    if (!props) co_return std::unexpected(props.error());
    text.vision = props->modalities.value_or(Modalities{}).vision.value_or(false);
  }
  loading.running->handle->capabilities.text = text;
  co_return Result<>{};
}

void LlamaAdapter::OnErrorLine(Running& running, std::string_view line) const {
  const auto read = ReadLlamaLine(line);
  if (!read && Trim(line).empty()) return;
  running.log->Append(
      {WallClock::now(), read ? read->level : log::Level::kDebug, running.handle->model, std::string(read ? read->text : line)});
}

std::optional<Error> LlamaAdapter::Refusal(const Running& running) const {
  if (!running.exit || running.exit->signalled) return std::nullopt;
  const auto lines = running.tail.Lines();
  return ReadLlamaRefusal(lines, running.handle->model);
}

Task<Result<>> LlamaAdapter::AskHealth(http::Client& client, http::Endpoint endpoint, Clock::duration deadline) const {
  HOSTLER_CO_TRY(
      const http::Response answer,
      co_await FetchWhole(client, endpoint,
                          http::Request{.target = "/health", .connect_deadline = deadline, .first_byte_deadline = deadline},
                          kSmallAnswer));
  if (answer.status == 200) co_return Result<>{};
  co_return Fail(Code::kUpstream, fmt::format("/health answers with status {}", answer.status), "Look at `hostler logs`.");
}

// A signal would end it only once its standard input is closed, and that with an error: it is told as its own router tells it.
void LlamaAdapter::AskToStop(Running& running) const {
  constexpr std::string_view kOrder = "cmd_router_to_child:exit\n";
  const bool told = running.started && ::write(running.input.get(), kOrder.data(), kOrder.size()) == std::ssize(kOrder);
  if (!told) running.child.Signal(SIGTERM);  // it does not listen while it loads
}

// Conversations go by the daemon's own routes, which look at them first; a server for one task answers others with nonsense.
bool LlamaAdapter::IsWork(const model::Entry& entry, http::Method method, std::string_view path) const {
  if (method == http::Method::kGet || method == http::Method::kHead) return path == "/health";
  if (method != http::Method::kPost) return false;
  if (path == "/v1/embeddings") return entry.type == model::ModelType::kEmbedding;
  if (path == "/v1/rerank") return entry.type == model::ModelType::kReranker;
  return path == "/tokenize" || path == "/detokenize";
}

Task<Result<wire::SparseReply>> LlamaAdapter::Sparse(http::Client&, const Handle& handle, wire::SparseRequest) const {
  co_return Fail(Error{Code::kUnsupported,
                       fmt::format("the model \"{}\" makes no sparse vectors", handle.model),
                       "Choose a model of type splade: `hostler models --type splade`.",
                       "model",
                       {}});
}

}  // namespace hostler::engines
