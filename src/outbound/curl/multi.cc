// libcurl's multi interface on one thread.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "outbound/curl/transfer.h"

namespace hostler::outbound {
namespace {

constexpr auto kLull = std::chrono::milliseconds(20);  // small pieces are gathered for so long

class Multi final : public Transport {
 public:
  Multi(std::string user_agent, std::size_t kept_connections) : user_agent_(std::move(user_agent)), multi_(curl_multi_init()) {
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(kept_connections));
    thread_ = std::thread([this] { Run(); });
  }
  ~Multi() override {
    Post(Command{Command::kStop, nullptr, {}});
    thread_.join();
    curl_multi_cleanup(multi_);
  }
  void Start(std::shared_ptr<Receiver> receiver, Request request) override {
    Post(Command{Command::kStart, std::move(receiver), std::move(request)});
  }
  void Resume(const std::shared_ptr<Receiver>& receiver) override { Post(Command{Command::kResume, receiver, {}}); }
  void Cancel(const std::shared_ptr<Receiver>& receiver) override { Post(Command{Command::kCancel, receiver, {}}); }

 private:
  struct Command {
    enum What { kStart, kResume, kCancel, kStop } what;
    std::shared_ptr<Receiver> receiver;
    Request request;
  };
  using Transfers = std::map<Receiver*, std::unique_ptr<Transfer>>;

  void Post(Command command) {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
    }
    curl_multi_wakeup(multi_);
  }

  void Run() {
    pthread_setname_np(pthread_self(), "outbound");
    while (Obey()) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      TellReaders();
      Reap();
      EndLate();
      curl_multi_poll(multi_, nullptr, 0, Patience(), nullptr);
    }
    for (auto& [receiver, transfer] : transfers_) {
      curl_multi_remove_handle(multi_, transfer->easy());
      receiver->OnEnd(
          Failure{Trouble::kReset, Error{Code::kCancelled, "the request was given up: hostler is shutting down", {}, {}, {}}});
    }
    transfers_.clear();
  }

  // False: stop.
  bool Obey() {
    std::deque<Command> commands;
    {
      const std::lock_guard lock(mutex_);
      commands.swap(commands_);
    }
    for (Command& command : commands) {
      const auto found = transfers_.find(command.receiver.get());
      switch (command.what) {
        case Command::kStop: return false;
        case Command::kStart: Add(std::move(command)); break;
        case Command::kResume:
          if (found != transfers_.end()) found->second->Resume();
          break;
        case Command::kCancel:
          if (found != transfers_.end()) Remove(found);
          break;
      }
    }
    return true;
  }

  void Add(Command command) {
    Receiver* receiver = command.receiver.get();
    auto transfer = std::make_unique<Transfer>(std::move(command.receiver), std::move(command.request), user_agent_);
    curl_multi_add_handle(multi_, transfer->easy());
    transfers_.emplace(receiver, std::move(transfer));
  }

  void Remove(Transfers::iterator transfer) {
    curl_multi_remove_handle(multi_, transfer->second->easy());
    transfers_.erase(transfer);
  }

  // Readers are woken once for everything that came together, and not for each 16 kB that libcurl hands over.
  void TellReaders() {
    const Clock::time_point now = Clock::now();
    const bool over = lull_over_ && now >= *lull_over_;
    if (over) lull_over_.reset();
    for (auto& [receiver, transfer] : transfers_) {
      if (over && std::exchange(transfer->lull, false)) receiver->OnLull();
      if (!std::exchange(transfer->fresh, false)) continue;
      transfer->lull = receiver->OnRound();
      if (transfer->lull && !lull_over_) lull_over_ = now + kLull;
    }
  }

  void Reap() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      std::optional<Failure> failure = transfer->Explain(message->data.result);
      End(transfers_.find(transfer->receiver().get()), std::move(failure));
    }
  }

  void EndLate() {
    const Clock::time_point now = Clock::now();
    for (auto next = transfers_.begin(); next != transfers_.end();) {
      const auto here = next++;
      const auto deadline = here->second->Deadline();
      if (deadline && now >= *deadline) End(here, here->second->TimedOut());
    }
  }

  void End(Transfers::iterator transfer, std::optional<Failure> failure) {
    const std::shared_ptr<Receiver> receiver = transfer->second->receiver();
    Remove(transfer);
    receiver->OnEnd(std::move(failure));
  }

  // Milliseconds until this thread has something to do by itself. libcurl shortens it by its own timers.
  int Patience() const {
    Clock::time_point next = Clock::now() + std::chrono::minutes(10);
    if (lull_over_) next = std::min(next, *lull_over_);
    for (const auto& [receiver, transfer] : transfers_) {
      if (const auto deadline = transfer->Deadline()) next = std::min(next, *deadline);
    }
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(next - Clock::now()).count() + 1;
    return static_cast<int>(std::max<std::int64_t>(wait, 0));
  }

  const std::string user_agent_;
  CURLM* const multi_;
  Transfers transfers_;
  std::optional<Clock::time_point> lull_over_;
  std::mutex mutex_;
  std::deque<Command> commands_;  // guarded; bounded by the number of requests
  std::thread thread_;
};

}  // namespace
}  // namespace hostler::outbound

extern "C" [[gnu::visibility("default")]] hostler::outbound::Transport* hostler_outbound_module(int abi, const char* user_agent,
                                                                                                std::size_t kept_connections) {
  if (abi != hostler::outbound::kTransportAbi) return nullptr;
  static const CURLcode initialized = curl_global_init(CURL_GLOBAL_DEFAULT);  // once for the process; the module is never closed
  if (initialized != CURLE_OK) return nullptr;
  return new hostler::outbound::Multi(user_agent, kept_connections);
}
