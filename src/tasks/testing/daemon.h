// One daemon's tasks in a test: its own way to the records, its own threads, and runners that do as the test says.
//
// Owner: a test. Threads: the test's, unless said.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "tasks/tasks.h"
#include "tasks/testing/stores.h"

namespace hostler::tasks {

inline constexpr auto kGiveUp = std::chrono::seconds(60);

// The runners of any number of daemons: each run waits until it is told how it ends.
class Script {
 public:
  Runner runner() {
    return [this](Handle& handle) { return Work(this, handle); };
  }

  // Waits until the n-th run of that key has begun.
  Handle& Began(const std::string& key, std::size_t n = 1) {
    std::unique_lock lock(mutex_);
    const bool began = changed_.wait_for(lock, kGiveUp, [&] { return runs_[key].size() >= n; });
    if (!began) {
      ADD_FAILURE() << key << " did not begin " << n << " times";
      std::abort();
    }
    return *runs_[key][n - 1].handle;
  }
  // Ends the newest run of that key.
  void End(const std::string& key, Result<Ending> result = Ending::kCompleted) {
    const std::lock_guard lock(mutex_);
    runs_.at(key).back().promise.Set(std::move(result));
  }
  // Waits until n runs of that key have ended, one way or the other.
  void Unwound(const std::string& key, std::size_t n = 1) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kGiveUp, [&] { return unwound_[key] >= n; })) << key << " did not unwind";
  }
  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }
  std::size_t most_at_once() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  struct OneRun {
    Handle* handle;
    OneShot<Result<Ending>>::Promise promise;
  };
  static Task<Result<Ending>> Work(Script* script, Handle& handle) {
    OneShot<Result<Ending>> order(co_await boost::asio::this_coro::executor);
    const std::string key = handle.record().key;
    struct Inside {
      Script* script;
      std::string key;
      ~Inside() {
        const std::lock_guard lock(script->mutex_);
        --script->now_;
        ++script->unwound_[key];
        script->changed_.notify_all();
      }
    };
    {
      const std::lock_guard lock(script->mutex_);
      script->runs_[key].push_back({&handle, order.promise()});
      script->order_.push_back(key);
      script->most_ = std::max(script->most_, ++script->now_);
      script->changed_.notify_all();
    }
    const Inside inside{script, key};
    co_return co_await order.Wait();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::vector<OneRun>> runs_;
  std::map<std::string, std::size_t> unwound_;
  std::vector<std::string> order_;
  std::size_t now_ = 0;
  std::size_t most_ = 0;
};

template <class T>
T Get(Loop& loop, Task<T> task) {
  auto future = boost::asio::co_spawn(loop.executor(), std::move(task), boost::asio::use_future);
  if (future.wait_for(kGiveUp) != std::future_status::ready) {
    ADD_FAILURE() << "no answer";
    std::abort();
  }
  return future.get();
}

class Daemon {
 public:
  Daemon(Records& records, Script& script, Options options)
      : Daemon(records, {{Operation::kDownload, script.runner()}, {Operation::kDelete, script.runner()}}, std::move(options)) {}
  Daemon(Records& records, std::map<Operation, Runner> runners, Options options) {
    caller_.Start();
    loop_.Start();
    std::promise<void> connected;
    database_.Submit([&] {
      connection_ = records.Connect();
      connected.set_value();
    });
    connected.get_future().wait();
    tasks_ = std::make_unique<Tasks>(*connection_.store, database_, loop_, std::move(runners), std::move(options));
  }
  ~Daemon() { Stop(); }

  // Ends without a word, as if killed.
  void Kill() {
    tasks_.reset();
    std::promise<void> dropped;
    loop_.Post([&] { loop_.Post([&] { dropped.set_value(); }); });
    dropped.get_future().wait();
    Stop();
  }

  Tasks& tasks() { return *tasks_; }
  db::Database* database() { return connection_.database.get(); }
  // On the database's thread.
  template <class F>
  auto InStore(F work) {
    return Do(database_.Run([this, work = std::move(work)]() mutable { return work(*connection_.store); }));
  }
  template <class T>
  T Do(Task<T> task) {
    return Get(caller_, std::move(task));
  }
  Result<> Open() { return Do(tasks_->Open()); }
  bool Shutdown() {
    auto shut = [](Tasks& tasks) -> Task<bool> {
      co_await tasks.Shutdown();
      co_return true;
    };
    return Do(shut(*tasks_));
  }
  Result<Started> Start(const std::string& key, Operation operation = Operation::kDownload) {
    return Do(tasks_->StartOrJoin(key, operation, "{}"));
  }
  Result<Record> Cancel(const std::string& id) { return Do(tasks_->Cancel(id)); }

  // Follows the ring until a record looks like that.
  Record Until(const std::string& id, std::function<bool(const Record&)> looks) {
    auto follow = [](events::Ring<Record>& ring, std::string wanted, std::function<bool(const Record&)> right) -> Task<Record> {
      const auto limit = Clock::now() + kGiveUp;
      std::uint64_t cursor = 0;
      for (;;) {
        const auto batch = ring.Read(cursor);
        for (const auto& item : batch.entries) {
          if (item.entry->id == wanted && right(*item.entry)) co_return *item.entry;
        }
        cursor = batch.next;
        const bool more = co_await ring.WaitUntil(cursor, limit);
        if (!more) {
          ADD_FAILURE() << "the record never looked like that";
          co_return Record{};
        }
      }
    };
    return Do(follow(tasks_->ring(), id, std::move(looks)));
  }
  Record Until(const std::string& id, Status status) {
    return Until(id, [=](const Record& record) { return record.status == status; });
  }

 private:
  void Stop() {
    tasks_.reset();
    loop_.Stop();
    loop_.Join();
    caller_.Stop();
    caller_.Join();
  }

  Records::Connection connection_;
  Pool database_{"db", 1};
  Loop loop_{"tasks"};
  Loop caller_{"caller"};
  std::unique_ptr<Tasks> tasks_;
};

}  // namespace hostler::tasks
