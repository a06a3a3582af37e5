#include "async/pool.h"

#include <pthread.h>

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
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    jobs_.push_back(std::move(job));
    // Threads start with the first work, so that an idle daemon stays small.
    if (threads_.size() < limit_) threads_.emplace_back([this] { Work(); });
  }
  wake_.notify_one();
}

void Pool::Work() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
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
