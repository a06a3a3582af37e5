#include "engine_sdk/runner.h"

#include <pthread.h>

#include <algorithm>
#include <new>

namespace hostler::engine_sdk {
namespace {

Error BeingUnloaded(const std::string& name) {
  return Error{Code::kConflict, fmt::format("model \"{}\" is being unloaded", name), "Load it again."}.Named("not_loaded");
}

}  // namespace

Result<> Shielded(const std::function<Result<>()>& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Fail(Error{Code::kUnavailable, "there is not enough memory", "Unload another model, or use a smaller one."}.Named(
        "out_of_memory"));
  } catch (const std::exception& error) {
    return Fail(Code::kInternal, fmt::format("the model's library failed: {}", error.what()));
  }
}

Runner::Runner(std::string name, std::unique_ptr<Model> model)
    : name_(std::move(name)), model_(std::move(model)), batch_(static_cast<std::size_t>(std::max(1, model_->batch()))) {
  const int parallel = std::max(1, model_->parallel());
  for (int i = 0; i < parallel; ++i) threads_.emplace_back([this, i] { Work(i); });
}

Runner::~Runner() {
  End();
}

Result<> Runner::Submit(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return Fail(BeingUnloaded(name_));
    if (queue_.size() >= kWaiting) {
      return Fail(Code::kBusy, fmt::format("{} requests are already waiting for model \"{}\"", kWaiting, name_),
                  "Try again in a moment.");
    }
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return {};
}

bool Runner::Withdraw(const std::shared_ptr<Job>& job) {
  job->stop.request_stop();
  const std::lock_guard lock(mutex_);
  return std::erase(queue_, job) > 0;
}

void Runner::End() {
  const std::lock_guard one(end_mutex_);
  std::deque<std::shared_ptr<Job>> refused;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    refused.swap(queue_);
  }
  wake_.notify_all();
  for (const auto& job : refused) job->pipe.Close(Fail(BeingUnloaded(name_)));
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  model_.reset();
}

std::vector<std::shared_ptr<Job>> Runner::Next() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return ending_ || !queue_.empty(); });
  std::vector<std::shared_ptr<Job>> jobs;
  if (queue_.empty()) return jobs;
  jobs.push_back(std::move(queue_.front()));
  queue_.pop_front();
  const Together together = jobs.front()->together;
  if (together == nullptr) return jobs;
  // The first that has no room ends it: a large request is not overtaken by the small ones behind it.
  std::size_t texts = jobs.front()->texts;
  for (auto job = queue_.begin(); job != queue_.end();) {
    if ((*job)->together != together) {
      ++job;
      continue;
    }
    texts += (*job)->texts;
    if (texts > batch_) break;
    jobs.push_back(std::move(*job));
    job = queue_.erase(job);
  }
  return jobs;
}

void Runner::Do(const std::vector<std::shared_ptr<Job>>& jobs) {
  const Job& first = *jobs.front();
  if (first.together == nullptr) {
    Pipe& pipe = jobs.front()->pipe;
    pipe.Close(Shielded([&] { return first.work(*model_, pipe, first.stop.get_token()); }));
    return;
  }
  std::vector<Result<>> ends;
  const Result<> done = Shielded([&]() -> Result<> {
    ends = first.together(*model_, jobs);
    return {};
  });
  if (!done) ends.assign(jobs.size(), done);
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i]->pipe.Close(std::move(ends[i]));
}

void Runner::Work(int number) {
  pthread_setname_np(pthread_self(), fmt::format("model-{}", number).c_str());
  for (auto jobs = Next(); !jobs.empty(); jobs = Next()) Do(jobs);
}

}  // namespace hostler::engine_sdk
