#include "download/governor.h"

#include <time.h>

#include <algorithm>

namespace hostler::download {
namespace {

constexpr double kBurst = 0.1;  // seconds of the limit that may come at once

int MinuteOfDay() {
  const std::time_t now = WallClock::to_time_t(WallClock::now());
  std::tm local{};
  ::localtime_r(&now, &local);
  return local.tm_hour * 60 + local.tm_min;
}

}  // namespace

std::uint64_t Governor::State::Limit() const {
  if (options.schedule.empty()) return options.bytes_per_second;
  return RateAt(options.schedule, MinuteOfDay(), options.bytes_per_second);
}

void Governor::State::Refill(Clock::time_point now) {
  const auto limit = static_cast<double>(Limit());
  tokens = limit == 0 ? 0 : std::min(limit * kBurst, tokens + Seconds(now - filled) * limit);
  filled = now;
}

Governor::Governor(Options options) : state_(std::make_shared<State>(std::move(options))) {}
Governor::~Governor() = default;

std::uint64_t Governor::LimitNow() const {
  const std::lock_guard lock(state_->mutex);
  return state_->Limit();
}

void Governor::SetLimit(std::uint64_t bytes_per_second) {
  std::vector<OneShot<bool>::Promise> payers;
  {
    const std::lock_guard lock(state_->mutex);
    state_->Refill(Clock::now());
    state_->options.bytes_per_second = bytes_per_second;
    state_->options.schedule.clear();
    payers.swap(state_->payers);
  }
  for (const auto& payer : payers) payer.Set(true);
}

Task<> Pay(std::shared_ptr<Governor::State> state, std::uint64_t bytes) {
  {
    const std::lock_guard lock(state->mutex);
    state->Refill(Clock::now());
    if (state->Limit() == 0) co_return;
    state->tokens -= static_cast<double>(bytes);
  }
  for (;;) {
    OneShot<bool> changed(co_await boost::asio::this_coro::executor);
    Clock::time_point until;
    {
      const std::lock_guard lock(state->mutex);
      const Clock::time_point now = Clock::now();
      state->Refill(now);
      const std::uint64_t limit = state->Limit();
      if (limit == 0 || state->tokens >= 0) co_return;
      // A plan over the day may change the limit, so nobody waits longer than a second without looking.
      const double seconds = std::min(1.0, -state->tokens / static_cast<double>(limit));
      until = now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
      std::erase_if(state->payers, [](const auto& payer) { return payer.abandoned(); });
      state->payers.push_back(changed.promise());
    }
    (void)co_await changed.WaitUntil(until);
  }
}

bool Share::Take(const std::shared_ptr<Governor::State>& state, std::size_t memory, bool anyway) {
  const std::lock_guard lock(state->mutex);
  const bool fits = state->connections < state->options.most_connections && state->memory + memory <= state->options.memory;
  if (!fits && !anyway) return false;
  ++state->connections;
  state->memory += memory;
  state_ = state;
  memory_ = memory;
  connected_ = true;
  return true;
}

void Share::GiveConnection() {
  if (state_ == nullptr || !std::exchange(connected_, false)) return;
  const std::lock_guard lock(state_->mutex);
  --state_->connections;
}

bool Share::Reconnect(bool anyway) {
  if (connected_) return true;
  const std::lock_guard lock(state_->mutex);
  if (state_->connections >= state_->options.most_connections && !anyway) return false;
  ++state_->connections;
  return connected_ = true;
}

Share::~Share() {
  if (state_ == nullptr) return;
  GiveConnection();
  const std::lock_guard lock(state_->mutex);
  state_->memory -= memory_;
}

}  // namespace hostler::download
