#include "tasks/tasks.h"

#include "tasks/core.h"

namespace hostler::tasks {
namespace {

// Carries the answer to whoever asked, and says so if there will be none.
template <class T>
class Reply {
 public:
  explicit Reply(typename OneShot<Result<T>>::Promise promise) : promise_(std::move(promise)) {}
  Reply(Reply&& other) noexcept : promise_(std::exchange(other.promise_, std::nullopt)) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply() {
    if (promise_) promise_->Set(Fail(Code::kUnavailable, "hostler is shutting down", "Try again when it is back."));
  }
  void Set(Result<T> result) { std::exchange(promise_, std::nullopt)->Set(std::move(result)); }

 private:
  std::optional<typename OneShot<Result<T>>::Promise> promise_;
};

// Not cancelled with whoever asked: what was begun is brought to its end.
template <class T>
Task<> Answer(std::shared_ptr<Core> core, Task<Result<T>> work, Reply<T> reply) {
  (void)core;  // lives as long as this frame
  reply.Set(co_await std::move(work));
}

Task<Result<bool>> ShutDown(std::shared_ptr<Core> core) {
  co_await core->Shutdown();
  co_return true;
}

Task<Result<bool>> OpenUp(std::shared_ptr<Core> core) {
  const Result<> opened = co_await core->Open();
  if (!opened) co_return Fail(opened.error());
  co_return true;
}

Task<Result<bool>> WaitReady(std::shared_ptr<Core> core) {
  co_await core->WaitReady();
  co_return true;
}

}  // namespace

Tasks::Tasks(Store& store, Pool& database, Loop& loop, std::map<Operation, Runner> runners, Options options)
    : core_(std::make_shared<Core>(store, database, loop, std::move(runners), std::move(options))) {}

Tasks::~Tasks() {
  core_->Drop();
}

template <class T>
Task<Result<T>> Tasks::There(Task<Result<T>> work) const {
  OneShot<Result<T>> answer(co_await boost::asio::this_coro::executor);
  core_->loop().Spawn(Answer<T>(core_, std::move(work), Reply<T>(answer.promise())));
  co_return co_await answer.Wait();
}

Task<Result<>> Tasks::Open() {
  const Result<bool> opened = co_await There(OpenUp(core_));
  if (!opened) co_return Fail(opened.error());
  co_return Result<>();
}

Task<> Tasks::Ready() const {
  if (!core_->is_ready()) (void)co_await There(WaitReady(core_));
}

Task<Result<Started>> Tasks::StartOrJoin(std::string key, Operation operation, std::string payload) {
  return There(core_->StartOrJoin(std::move(key), operation, std::move(payload)));
}

Task<Result<Record>> Tasks::Cancel(std::string id) {
  const std::shared_ptr<Core> core = core_;
  for (;;) {
    Result<Record> record = co_await There(core->Cancel(id));
    if (!record || IsFinished(record->status) || record->status == Status::kInterrupted) co_return record;
    // Another process runs it. It hears of it with its next renewal, and we when we look.
    co_await Sleep(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(core->options().look_s)));
  }
}

Result<Record> Tasks::Get(const std::string& id) const {
  std::optional<Record> record = core_->board().Get(id);
  if (!record) return Fail(NoSuchTask(id));
  return std::move(*record);
}

std::optional<Record> Tasks::ActiveOf(const std::string& key) const {
  return core_->board().ActiveOf(key);
}

std::map<std::string, Record> Tasks::Active() const {
  return core_->board().Active();
}

std::vector<Record> Tasks::List() const {
  return core_->board().List();
}

events::Ring<Record>& Tasks::ring() {
  return core_->board().ring();
}

Task<> Tasks::Shutdown() {
  (void)co_await There(ShutDown(core_));
}

}  // namespace hostler::tasks
