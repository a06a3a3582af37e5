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

// One ring seen as a topic; it may pass over entries.
class Topic {
 public:
  virtual ~Topic() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual std::uint64_t end() const = 0;
  using Text = std::shared_ptr<const std::string>;
  struct Batch {
    std::vector<std::pair<std::uint64_t, Text>> items;  // id, the event but for its name and id; shared by all who follow
    std::uint64_t next = 1;
    std::uint64_t lost = 0;
  };
  // At most `limit` entries; it ends with the one that makes it `bytes` or more.
  [[nodiscard]] virtual Batch Read(std::uint64_t cursor, std::size_t limit, std::size_t bytes) const = 0;
  // Sets the promise when there may be something at or after the cursor.
  virtual void Notify(std::uint64_t cursor, const OneShot<bool>::Promise& promise) = 0;
};

// kNone: plain messages, as a page's `onmessage` and engines' clients expect of a stream that has one topic.
enum class EventNames { kTopics, kNone };

// `passes` decides what this reader sees, `format` makes the JSON, the same for every reader of the ring.
template <class T>
[[nodiscard]] std::unique_ptr<Topic> MakeTopic(std::string name, events::Ring<T>& ring, std::function<bool(const T&)> passes,
                                               std::string (*format)(std::uint64_t, const T&));

// Streams until the client goes away or `closing` is set and one of the rings has news. Cursors come from Last-Event-ID
// ("log:12,state:7", or a bare number for the only topic), else from the query's `after`, else the stream begins now. Event names
// are the topics' names, `lost` says {"topic","count"}.
[[nodiscard]] Task<Result<>> StreamTopics(http::Exchange& exchange, const std::atomic<bool>& closing,
                                          std::vector<std::unique_ptr<Topic>> topics, EventNames names = EventNames::kTopics);

template <class T>
class RingTopic : public Topic {
 public:
  using Passes = std::function<bool(const T&)>;
  using Format = std::string (*)(std::uint64_t, const T&);
  RingTopic(std::string name, events::Ring<T>& ring, Passes passes, Format format)
      : name_(std::move(name)), ring_(ring), passes_(std::move(passes)), format_(format) {}
  const std::string& name() const override { return name_; }
  std::uint64_t end() const override { return ring_.end(); }
  Batch Read(std::uint64_t cursor, std::size_t limit, std::size_t bytes) const override {
    auto read = ring_.Read(cursor, limit);
    Batch batch{{}, read.next, read.lost};
    std::size_t size = 0;
    for (auto& [id, entry, text] : read.entries) {
      if (size >= bytes) {
        batch.next = id;
        break;
      }
      if (!passes_(*entry)) continue;
      if (!text) {
        text = std::make_shared<const std::string>(http::FormatSse({{}, {}, format_(id, *entry)}));
        ring_.Keep(id, text);
      }
      size += text->size();
      batch.items.emplace_back(id, std::move(text));
    }
    return batch;
  }
  void Notify(std::uint64_t cursor, const OneShot<bool>::Promise& promise) override { ring_.Notify(cursor, promise); }

 private:
  const std::string name_;
  events::Ring<T>& ring_;
  const Passes passes_;
  const Format format_;
};

template <class T>
std::unique_ptr<Topic> MakeTopic(std::string name, events::Ring<T>& ring, std::function<bool(const T&)> passes,
                                 std::string (*format)(std::uint64_t, const T&)) {
  return std::make_unique<RingTopic<T>>(std::move(name), ring, std::move(passes), format);
}

}  // namespace hostler::api
