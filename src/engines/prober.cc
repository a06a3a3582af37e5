#include "engines/prober.h"

#include <algorithm>

#include <fmt/format.h>

namespace hostler::engines {

std::optional<Abilities> Prober::Known(const model::ModelId& id) const {
  return known_.With([&](const auto& known) -> std::optional<Abilities> {
    const auto found = known.find(id);
    return found == known.end() ? std::nullopt : std::optional(found->second);
  });
}

Task<Result<Abilities>> Prober::Ask(model::Entry entry) {
  if (auto known = Known(entry.id)) co_return std::move(*known);
  OneShot<Result<Abilities>> answer(co_await boost::asio::this_coro::executor);
  workshop_.control->Post(
      [this, entry = std::move(entry), promise = answer.promise()]() mutable { Enqueue(std::move(entry), promise); });
  co_return co_await answer.Wait();
}

void Prober::Enqueue(model::Entry entry, const Promise& promise) {
  const auto same =
      std::find_if(questions_.begin(), questions_.end(), [&](const Question& question) { return question.entry.id == entry.id; });
  if (same != questions_.end()) {
    std::erase_if(same->waiters, [](const Promise& waiter) { return waiter.abandoned(); });
    same->waiters.push_back(promise);
  } else {
    questions_.push_back({std::move(entry), {promise}});
  }
  if (!std::exchange(working_, true)) workshop_.control->Spawn(Work());
}

Task<> Prober::Work() {
  while (!questions_.empty()) {
    model::Entry entry = questions_.front().entry;
    const Result<Abilities> answer = co_await StartAndAsk(std::move(entry));
    const Question question = std::move(questions_.front());
    questions_.pop_front();
    for (const Promise& waiter : question.waiters) waiter.Set(answer);
  }
  working_ = false;
}

Task<Result<Abilities>> Prober::StartAndAsk(model::Entry entry) {
  if (auto known = Known(entry.id)) co_return std::move(*known);
  const model::ModelId id = entry.id;
  if (const auto failed = failed_.find(id); failed != failed_.end() && Clock::now() < failed->second.until)
    co_return Fail(failed->second.error);
  Instance instance(workshop_, std::move(entry), [](const Dossier&) {});  // an end after the answer does no harm
  const auto started = co_await instance.Start();
  if (!started) {
    failed_[id] = {started.error(), Clock::now() + kPause};
    if (auto dossier = instance.dossier()) {
      dossier->next =
          fmt::format("nothing: it was only asked what it can do; asked again in {:.0f} s at the earliest", Seconds(kPause));
      on_crash_(std::move(*dossier));
    }
    co_return Fail(started.error());
  }
  failed_.erase(id);
  Abilities abilities{instance.handle()->capabilities, instance.handle()->voices};
  co_await instance.Stop();
  known_.With([&](auto& known) { known[id] = abilities; });
  co_return abilities;
}

}  // namespace hostler::engines
