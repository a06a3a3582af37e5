#include "tasks/core.h"

#include <fmt/format.h>

#include "tasks/owner.h"

namespace hostler::tasks {
namespace {

constexpr std::size_t kMostKey = 500;
constexpr std::size_t kMostPayload = 1 << 20;
constexpr Clock::duration kPatience = std::chrono::seconds(10);

Options Filled(Options options) {
  if (options.owner.empty()) options.owner = NewOwner();
  return options;
}

Asker AskerOf(const Options& options, const std::map<Operation, Runner>& runners) {
  Asker asker{options.owner, options.lease_s, {}};
  for (const auto& [operation, runner] : runners) asker.operations.insert(operation);
  return asker;
}

std::string NewId() {
  std::string id = RandomHex(32);
  id[12] = '4';  // version: random
  id[16] = "89ab"[static_cast<unsigned char>(id[16]) % 4];
  for (const std::size_t at : {8U, 13U, 18U, 23U}) id.insert(at, "-");
  return id;
}

Error ShuttingDown() {
  return Error{Code::kUnavailable, "hostler is shutting down", "Try again when it is back.", {}, {}};
}

}  // namespace

Core::Core(Store& store, Pool& database, Loop& loop, std::map<Operation, Runner> runners, Options options)
    : store_(store),
      database_(database),
      loop_(loop),
      runners_(std::move(runners)),
      options_(Filled(std::move(options))),
      asker_(AskerOf(options_, runners_)) {}

template <class F>
Task<std::invoke_result_t<F>> Core::Ask(F work) {
  co_return co_await database_.Run(std::move(work));
}

Task<Result<>> Core::Open() {
  if (opened_) co_return Fail(Code::kInternal, "the tasks were opened twice", "Report this.");
  opened_ = true;
  const Busy busy(*this);
  auto recent = co_await Ask([&store = store_, before = UnixNow() - options_.keep_s]() -> Result<std::vector<Record>> {
    HOSTLER_OK(store.Forget(before));
    return store.Recent(Board::kMostFinished);
  });
  std::optional<Error> trouble;
  if (recent) {
    forgot_at_ = UnixNow();
    // Oldest first, so that readers of the ring see them in order; the unfinished ones come with the look.
    for (auto record = recent->rbegin(); record != recent->rend(); ++record) {
      if (IsFinished(record->status)) board_.Put(std::move(*record));
    }
    trouble = co_await LookOnce(false, true);
  } else {
    trouble = recent.error();
    Trouble(trouble);
  }
  ready_.Set();
  is_ready_ = true;
  if (!Over()) loop_.Spawn(KeepLooking(shared_from_this()));
  if (trouble) co_return Fail(*trouble);
  co_return Result<>();
}

Task<> Core::WaitReady() {
  if (!stopping_) (void)co_await ready_.WaitFor(kPatience);
}

Result<> Core::CheckStart(const std::string& key, Operation operation, const std::string& payload) const {
  if (stopping_) return Fail(ShuttingDown());
  if (!ready_.is_set()) return Fail(Code::kUnavailable, "the tasks of before are still being read", "Try again in a moment.");
  if (Trim(key).empty()) return Fail(Error{Code::kInvalid, "the key is empty", "Say what the task is about.", "key", {}});
  if (key.size() > kMostKey) {
    return Fail(Error{
        Code::kInvalid, fmt::format("the key has {} bytes; {} are allowed", key.size(), kMostKey), "Shorten it.", "key", {}});
  }
  if (payload.size() > kMostPayload) {
    return Fail(Error{Code::kTooLarge,
                      fmt::format("the payload has {} bytes; {} are allowed", payload.size(), kMostPayload),
                      "Ask for less at a time.",
                      "payload",
                      {}});
  }
  if (!runners_.contains(operation)) {
    return Fail(Code::kUnsupported, fmt::format("nothing here can {} a model", json::EnumName(operation)),
                "Use another hostler for it.");
  }
  return {};
}

OwnPtr Core::OwnOf(const std::string& key) const {
  const auto active = board_.ActiveOf(key);
  if (!active) return nullptr;
  const auto own = owned_.find(active->id);
  return own == owned_.end() ? nullptr : own->second;
}

std::vector<Record> Core::UnwrittenOf(const std::string& key) const {
  std::vector<Record> list;
  for (const auto& [id, record] : unwritten_) {
    if (record.key == key) list.push_back(record);
  }
  return list;
}

Task<Result<Started>> Core::StartOrJoin(std::string key, Operation operation, std::string payload) {
  const Busy busy(*this);
  const auto answer = [&](Record record) -> Result<Started> {
    if (record.operation == operation) return Started{std::move(record), true};
    return Fail(
        Error{Code::kConflict,
              fmt::format("\"{}\" is busy: its {} (task {}) is under way", key, json::EnumName(record.operation), record.id),
              "Wait until it has ended, or cancel it.",
              {},
              "cross_op_exclusion"});
  };
  co_await WaitReady();  // whoever comes right after the start need not come again
  for (;;) {
    if (const Result<> fine = CheckStart(key, operation, payload); !fine) co_return Fail(fine.error());
    const OwnPtr own = OwnOf(key);
    if (!own) break;
    if (!own->closing && !own->lost) co_return answer(*board_.Get(own->record.id));
    co_await own->rest.WaitFor(std::chrono::hours(1));  // the very last moment of an old one
  }
  if (board_.active_count() + claims_ >= options_.most_active && !board_.ActiveOf(key)) {
    co_return Fail(Code::kBusy, fmt::format("{} tasks are active, more are not kept", options_.most_active),
                   "Wait until some have ended, or cancel some.");
  }
  Record record;
  record.id = NewId();
  record.key = key;
  record.operation = operation;
  record.payload = std::move(payload);
  record.created_at = record.updated_at = UnixNow();
  record.owner = options_.owner;
  ++claims_;
  auto claimed = co_await Ask([&store = store_, asker = asker_, record = std::move(record), unwritten = UnwrittenOf(key),
                               stale = StaleOnes()] { return ClaimOrTake(store, asker, record, unwritten, stale); });
  --claims_;
  if (!claimed) {
    Trouble(claimed.error());
    Error error = claimed.error();
    error.code = Code::kUnavailable;
    co_return Fail(std::move(error));
  }
  if (!claimed->joined) Trouble(std::nullopt);
  if (claimed->ours && !owned_.contains(claimed->record.id)) {
    Adopt(claimed->record);
    StartNext();
  } else if (claimed->record.owner != options_.owner) {
    See(claimed->record);
  }
  if (claimed->joined) co_return answer(std::move(claimed->record));
  co_return Started{std::move(claimed->record), false};
}

void Core::Adopt(Record record) {
  others_.erase(record.id);
  auto own = std::make_shared<Own>();
  own->record = std::move(record);
  owned_.emplace(own->record.id, own);
  const auto younger = [&](const OwnPtr& other) { return other->record.created_at > own->record.created_at; };
  queue_.insert(std::find_if(queue_.begin(), queue_.end(), younger), own);
  Show(own);
}

Task<Result<Record>> Core::Cancel(std::string id) {
  if (const auto found = owned_.find(id); found != owned_.end()) {
    const OwnPtr own = found->second;
    if (!own->cancel && !own->closing && !own->lost) {
      own->cancel = true;
      if (own->running) {
        StopRunner(own);
      } else {
        loop_.Spawn(EndQueued(shared_from_this(), own, Status::kCancelled));
      }
    }
    while (!own->rest.is_set()) co_await own->rest.WaitFor(std::chrono::hours(1));
  }
  if (const auto shown = board_.Get(id); shown && (IsFinished(shown->status) || stopping_)) co_return *shown;
  const Busy busy(*this);
  auto record =
      co_await Ask([&store = store_, asker = asker_, id, stale = StaleOnes()] { return CancelOther(store, asker, id, stale); });
  if (record && !owned_.contains(id)) See(*record);
  co_return record;
}

Task<> Core::Shutdown() {
  if (stopping_) {
    while (!shut_.is_set()) co_await shut_.WaitFor(std::chrono::hours(1));
    co_return;
  }
  stopping_ = true;
  stop_.Set();
  if (sooner_) sooner_->Set();
  for (const auto& [id, own] : std::map(owned_)) {
    if (own->running) StopRunner(own);
  }
  // A claim or a look that is under way may still bring in a task.
  while (busy_ > 0 && !idle_.is_set()) co_await idle_.WaitFor(std::chrono::hours(1));
  while (!queue_.empty()) co_await EndQueued(shared_from_this(), queue_.front(), Status::kInterrupted);
  while (!owned_.empty()) {
    const OwnPtr own = owned_.begin()->second;
    while (!own->rest.is_set()) co_await own->rest.WaitFor(std::chrono::hours(1));
  }
  if (!unwritten_.empty()) co_await LookOnce(false);
  shut_.Set();
}

void Core::Drop() {
  loop_.Post([core = shared_from_this()] {
    core->dropped_ = true;
    core->stop_.Set();
    if (core->sooner_) core->sooner_->Set();
    core->queue_.clear();
    for (const auto& [id, own] : std::map(core->owned_)) {
      own->lost = true;
      if (own->running) core->StopRunner(own);
    }
  });
}

}  // namespace hostler::tasks
