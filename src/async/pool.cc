#include "async/pool.h"

#include <pthread.h>

#include <system_error>

namespace hostler {

Pool::Pool(std::string name, std::size_t threads) : name_(std::move(name)), limit_(threads) {}

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Pool::Submit(std::move_only_function<void()> job) {
  bool ours = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    jobs_.push_back(std::move(job));
    ours = !HaveThread();
    if (ours) {
      job = std::move(jobs_.back());
      jobs_.pop_back();
    }
  }
  if (ours) return job();
  wake_.notify_one();
}

// Threads start with the first work, and only if nobody is free for it, so that an idle daemon stays small. False if there is no
// thread at all, nor room for one: whoever submits has to do it, late rather than never.
bool Pool::HaveThread() {
  if (idle_ >= jobs_.size() || threads_.size() >= limit_) return true;
  try {
    threads_.emplace_back([this] { Work(); });
  } catch (const std::system_error&) {
    return !threads_.empty();
  }
  return true;
}

void Pool::Work() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    --idle_;
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it owned goes away outside the lock
    lock.lock();
  }
}

}  // namespace hostler
