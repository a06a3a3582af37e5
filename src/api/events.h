// Rings as server-sent events: several topics on one connection, resumable, with heartbeats, and honest about losses.
//
// Runs on the connection's loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "events/ring.h"
#include "http/server.h"
#include "http/sse.h"

namespace hostler::api {

// One ring seen as a topic; `format` may pass over entries (nullopt).
class Topic {
 public:
  virtual ~Topic() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual std::uint64_t end() const = 0;
  struct Batch {
    std::vector<std::pair<std::uint64_t, std::string>> items;  // id, JSON
    std::uint64_t next = 1;
    std::uint64_t lost = 0;
  };
  [[nodiscard]] virtual Batch Read(std::uint64_t cursor, std::size_t limit) const = 0;
  // Sets the promise when there may be something at or after the cursor.
  virtual void Notify(std::uint64_t cursor, const OneShot<bool>::Promise& promise) = 0;
};

// kNone: plain messages, as a page's `onmessage` and engines' clients expect of a stream that has one topic.
enum class EventNames { kTopics, kNone };

template <class T>
[[nodiscard]] std::unique_ptr<Topic> MakeTopic(std::string name, events::Ring<T>& ring,
                                               std::function<std::optional<std::string>(std::uint64_t, const T&)> format);

// Streams until the client goes away or `closing` is set and one of the rings has news. Cursors come from Last-Event-ID
// ("log:12,state:7", or a bare number for the only topic), else from the query's `after`, else the stream begins now. Event names
// are the topics' names, `lost` says {"topic","count"}.
[[nodiscard]] Task<Result<>> StreamTopics(http::Exchange& exchange, const std::atomic<bool>& closing,
                                          std::vector<std::unique_ptr<Topic>> topics, EventNames names = EventNames::kTopics);

template <class T>
class RingTopic : public Topic {
 public:
  using Format = std::function<std::optional<std::string>(std::uint64_t, const T&)>;
  RingTopic(std::string name, events::Ring<T>& ring, Format format)
      : name_(std::move(name)), ring_(ring), format_(std::move(format)) {}
  const std::string& name() const override { return name_; }
  std::uint64_t end() const override { return ring_.end(); }
  Batch Read(std::uint64_t cursor, std::size_t limit) const override {
    const auto read = ring_.Read(cursor, limit);
    Batch batch{{}, read.next, read.lost};
    for (const auto& [id, entry] : read.entries) {
      if (auto text = format_(id, *entry)) batch.items.emplace_back(id, std::move(*text));
    }
    return batch;
  }
  void Notify(std::uint64_t cursor, const OneShot<bool>::Promise& promise) override { ring_.Notify(cursor, promise); }

 private:
  const std::string name_;
  events::Ring<T>& ring_;
  const Format format_;
};

template <class T>
std::unique_ptr<Topic> MakeTopic(std::string name, events::Ring<T>& ring,
                                 std::function<std::optional<std::string>(std::uint64_t, const T&)> format) {
  return std::make_unique<RingTopic<T>>(std::move(name), ring, std::move(format));
}

}  // namespace hostler::api
