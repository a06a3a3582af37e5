#include "outbound/outbound.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "async/one_shot.h"
#include "base/text.h"
#include "os/files.h"
#include "outbound/inbox.h"
#include "outbound/transport.h"
#include "outbound/url.h"

namespace hostler::outbound {
namespace {

std::filesystem::path DefaultModule() {
  const std::filesystem::path folder = os::ProgramFolder();
  std::error_code ignored;
  for (const char* place : {".", "bin", "../lib/hostler", "../../bin"}) {  // the last: test programs in the build folder
    std::filesystem::path path = folder / place / "hostler-outbound.so";
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return folder / "hostler-outbound.so";
}

Failure NoModule(std::string message, std::string remedy) {
  return Failure{Trouble::kModule, Error{Code::kUnavailable, std::move(message), std::move(remedy), {}, "network"}};
}

Outcome<std::shared_ptr<Transport>> OpenModule(const Client::Options& options) {
  const std::filesystem::path path = options.module.empty() ? DefaultModule() : options.module;
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = ::dlerror();
    return std::unexpected(
        NoModule(fmt::format("requests to the network are not possible: {}", reason != nullptr ? reason : path.string()),
                 "Install hostler-outbound.so beside the program, and libcurl (libcurl4)."));
  }
  const auto entry = reinterpret_cast<TransportEntry>(::dlsym(handle, kTransportEntry));
  Transport* transport = entry != nullptr ? entry(kTransportAbi, options.user_agent.c_str(), options.kept_connections) : nullptr;
  if (transport == nullptr) {
    return std::unexpected(NoModule(fmt::format("\"{}\" belongs to another version of hostler", path.string()),
                                    "Install the hostler-outbound.so that came with this hostler."));
  }
  return std::shared_ptr<Transport>(transport);
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

std::optional<Failure> Check(const Request& request) {
  const auto invalid = [](std::string message, std::string remedy) {
    return Failure{Trouble::kInvalid, Error{Code::kInvalid, std::move(message), std::move(remedy), {}, {}}};
  };
  if (!ParseUrl(request.url)) {
    return invalid(fmt::format("\"{}\" is no address that can be asked", Shown(request.url)),
                   "Use http://… or https://… without blanks; encode other characters with %.");
  }
  if (!IsToken(request.method))
    return invalid("the method of a request has characters that are not allowed", "Use GET, POST, HEAD …");
  for (const Field& field : request.headers) {
    if (IsToken(field.name) &&
        std::ranges::none_of(field.value, [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; }))
      continue;
    return invalid(fmt::format("the field {} has characters that are not allowed", Printable(field.name)),
                   "Take out line breaks and other control characters; a token often has one at its end.");
  }
  return std::nullopt;
}

}  // namespace

bool Failure::transient() const {
  switch (trouble) {
    case Trouble::kResolve:
    case Trouble::kConnect:
    case Trouble::kProxy:
    case Trouble::kTimeout:
    case Trouble::kReset:
    case Trouble::kTruncated:
    case Trouble::kProtocol: return true;
    case Trouble::kInvalid:
    case Trouble::kModule:
    case Trouble::kTls:
    case Trouble::kTooLarge: return false;
  }
  return false;
}

Answer::Answer(std::shared_ptr<Inbox> inbox, std::shared_ptr<Transport> transport, Head head)
    : inbox_(std::move(inbox)), transport_(std::move(transport)), head_(std::move(head)) {}

Answer& Answer::operator=(Answer&& other) noexcept {
  std::swap(inbox_, other.inbox_);
  std::swap(transport_, other.transport_);
  std::swap(head_, other.head_);
  return *this;
}

Answer::~Answer() {
  if (inbox_ != nullptr && !inbox_->ended()) transport_->Cancel(inbox_);
}

Task<Outcome<std::string>> Answer::Read(std::size_t most) {
  for (;;) {
    OneShot<bool> ready(co_await boost::asio::this_coro::executor);
    bool resume = false;
    std::optional<Outcome<std::string>> piece = inbox_->Take(most, ready.promise(), resume);
    if (resume) transport_->Resume(inbox_);
    if (piece) co_return std::move(*piece);
    co_await ready.Wait();
  }
}

Task<Outcome<std::string>> Answer::ReadAll(std::size_t limit) {
  std::string all;
  for (;;) {
    Outcome<std::string> piece = co_await Read();
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->empty()) co_return all;
    if (all.size() + piece->size() > limit) {
      co_return std::unexpected(Failure{
          Trouble::kTooLarge,
          Error{Code::kUpstream,
                fmt::format("the answer of {} is larger than {}", Shown(head_.url), HumanBytes(static_cast<double>(limit))),
                "Look whether that is the server you meant.",
                {},
                "network"}});
    }
    all += *piece;
  }
}

struct Client::State {
  Options options;
  std::mutex mutex;
  std::shared_ptr<Transport> transport;  // guarded by mutex; null until the first request
};

Client::Client() : Client(Options{}) {}
Client::Client(Options options) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
}
Client::~Client() = default;

namespace {
// Frees the transfer if the waiter for its head goes away.
struct Started {
  std::shared_ptr<Inbox> inbox;
  std::shared_ptr<Transport> transport;
  bool answered = false;
  ~Started() {
    if (!answered) transport->Cancel(inbox);
  }
};
}  // namespace

Task<Outcome<Answer>> Client::Open(Request request) {
  if (std::optional<Failure> wrong = Check(request)) co_return std::unexpected(std::move(*wrong));
  std::shared_ptr<Transport> transport;
  {
    const std::lock_guard lock(state_->mutex);  // also keeps two first users from opening the module at once
    if (state_->transport == nullptr) {
      Outcome<std::shared_ptr<Transport>> opened = OpenModule(state_->options);
      if (!opened) co_return std::unexpected(std::move(opened).error());
      state_->transport = std::move(*opened);
    }
    transport = state_->transport;
  }
  OneShot<Outcome<Head>> head(co_await boost::asio::this_coro::executor);
  Started started{std::make_shared<Inbox>(request.window, head.promise()), transport};
  transport->Start(started.inbox, std::move(request));
  Outcome<Head> got = co_await head.Wait();
  started.answered = true;
  if (!got) co_return std::unexpected(std::move(got).error());
  co_return Answer(started.inbox, transport, std::move(*got));
}

}  // namespace hostler::outbound
