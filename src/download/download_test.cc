#include "download/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <mutex>
#include <numeric>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/use_future.hpp>

#include "download/governor.h"
#include "download/ramp.h"
#include "download/speed.h"
#include "http/server.h"
#include "os/files.h"
#include "store/hash.h"

namespace hostler::download {
namespace {

namespace asio = boost::asio;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// ---- policies ----

constexpr auto kSecond = std::chrono::seconds(1);

TEST(RampTest, ConnectionsAreDoubledOnlyWhileThatPays) {
  Ramp ramp;
  Clock::time_point now{kSecond};
  std::uint64_t bytes = 0;
  const auto second = [&](std::uint64_t rate) {
    now += kSecond;
    bytes += rate;
    ramp.Look(now, bytes, true, 16);
  };
  ramp.Look(now, bytes, true, 16);
  second(100);
  EXPECT_EQ(ramp.connections(), 2u);
  second(190);
  EXPECT_EQ(ramp.connections(), 4u);
  second(200);  // hardly more: back to two, for a while
  EXPECT_EQ(ramp.connections(), 2u);
  for (int i = 0; i < 10; ++i) second(200);
  EXPECT_EQ(ramp.connections(), 2u);
  for (int i = 0; i < 10; ++i) second(200);
  EXPECT_EQ(ramp.connections(), 4u) << "it tries again later";
}

TEST(RampTest, ABoundIsKeptAndIdleConnectionsProveNothing) {
  Ramp ramp;
  Clock::time_point now{kSecond};
  for (int i = 0; i < 10; ++i) ramp.Look(now += kSecond, std::uint64_t{1} << (2 * i), false, 16);
  ramp.Look(now += kSecond, 10 << 20, false, 16);
  EXPECT_EQ(ramp.connections(), 1u);
  std::uint64_t bytes = 10 << 20;
  for (int i = 0; i < 10; ++i) ramp.Look(now += kSecond, bytes += std::uint64_t{1} << (2 * i), true, 3);
  EXPECT_EQ(ramp.connections(), 3u);
  ramp.Look(now += kSecond, bytes, true, 1);
  EXPECT_EQ(ramp.connections(), 1u);
}

TEST(SpeedTest, ItMeansTheLastSeconds) {
  Speed speed;
  Clock::time_point now{kSecond};
  speed.Note(now, 0);
  EXPECT_EQ(speed.Get(), std::nullopt);
  for (int i = 1; i <= 10; ++i) speed.Note(now += kSecond, static_cast<std::uint64_t>(i) * 100);
  EXPECT_NEAR(*speed.Get(), 100, 1);
  for (int i = 0; i < 10; ++i) speed.Note(now += kSecond, 1000);
  EXPECT_EQ(*speed.Get(), 0);
}

class GovernorTest : public ::testing::Test {
 protected:
  GovernorTest() { loop_.Start(); }
  Loop loop_{"test"};
};

TEST_F(GovernorTest, ALimitThatIsLiftedFreesWhoWaitsForIt) {
  Governor governor(Governor::Options{.bytes_per_second = 1});
  auto paid = asio::co_spawn(loop_.executor(), Pay(governor.state(), 1'000'000), asio::use_future);  // eleven days
  EXPECT_EQ(paid.wait_for(std::chrono::milliseconds(0)), std::future_status::timeout);
  governor.SetLimit(0);
  paid.get();
  EXPECT_EQ(governor.LimitNow(), 0u);
}

TEST_F(GovernorTest, APlanOverTheDayCountsUntilALimitIsSet) {
  Governor governor(Governor::Options{.bytes_per_second = 7, .schedule = {{0, 0, 5}}});  // from midnight to midnight
  EXPECT_EQ(governor.LimitNow(), 5u);
  governor.SetLimit(9);
  EXPECT_EQ(governor.LimitNow(), 9u);
}

TEST_F(GovernorTest, SharesAreBoundedAndComeBack) {
  Governor governor(Governor::Options{.most_connections = 2, .memory = 100});
  Share one, two, three;
  EXPECT_TRUE(one.Take(governor.state(), 60, false));
  EXPECT_FALSE(two.Take(governor.state(), 60, false));
  EXPECT_TRUE(two.Take(governor.state(), 40, false));
  EXPECT_FALSE(three.Take(governor.state(), 0, false));
  one.GiveConnection();
  EXPECT_TRUE(three.Take(governor.state(), 0, false));
  EXPECT_FALSE(one.Reconnect(false));
  one = Share();
  three = Share();
  EXPECT_EQ(governor.state()->memory, 40u);
  EXPECT_EQ(governor.state()->connections, 1u);
}

// ---- whole downloads ----

const std::string kCommit(40, 'a');

std::string Sha256(std::string_view bytes) {
  store::Hasher hasher = store::Hasher::Sha256();
  hasher.Update(bytes);
  return hasher.Finish();
}

struct Ask {
  std::string path;
  std::string range;
};

class FetchTest : public ::testing::Test {
 protected:
  FetchTest() {
    loop_.Start();
    server_loop_.Start();
    server_ = std::make_unique<http::Server>(
        std::vector<Loop*>{&server_loop_}, [this](http::Exchange& exchange) { return Serve(*this, exchange); },
        http::ServerOptions{});
    url_ = "http://127.0.0.1:" + std::to_string(*server_->ListenTcp("127.0.0.1", 0));
    root_ = std::filesystem::path(::testing::TempDir()) / ("download_test." + std::to_string(::getpid()));
    std::filesystem::remove_all(root_);
    hub::Settings settings;
    settings.endpoint = url_;
    hub_ = std::make_unique<hub::Hub>(settings, client_, pool_);
    cache_ = std::make_unique<store::Cache>(root_);
    std::string large(5'000'000, '\0');
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>((i * 2654435761u) >> 13);
    files_ = {{"empty", ""}, {"m.bin", large}, {"sub/small", "hello"}};
  }
  ~FetchTest() override {
    std::promise<void> drained;
    server_->Drain(std::chrono::seconds(0), [&] { drained.set_value(); });
    drained.get_future().wait();
    std::filesystem::remove_all(root_);
  }
  std::string Tree() const {
    std::string text;
    for (const auto& [path, content] : files_) {
      const std::string size = std::to_string(content.size());
      text += (text.empty() ? "[" : ",") + std::string(R"({"type":"file","oid":")") + std::string(40, 'b') + R"(","size":)" +
              size + R"(,"path":")" + path + R"(","lfs":{"oid":")" + Sha256(content) + R"(","size":)" + size + "}}";
    }
    return text + "]";
  }
  // What goes wrong with one answer for a file; the tests set it.
  struct Fault {
    unsigned status = 0;
    std::size_t break_after = SIZE_MAX;
    bool wrong = false;
    bool whole = false;  // Range is ignored
    bool hang = false;
  };
  static Task<> Serve(FetchTest& test, http::Exchange& exchange) {
    const std::string path = exchange.path();
    const std::string files = "/o/m/resolve/" + kCommit + "/";
    if (path.ends_with("/revision/main")) {
      co_await exchange.Send(http::JsonResponse(R"({"sha":")" + kCommit + R"("})"));
    } else if (path.ends_with("/tree/" + kCommit)) {
      co_await exchange.Send(http::JsonResponse(test.Tree()));
    } else if (path.starts_with(files)) {
      co_await SendFile(test, exchange, path.substr(files.size()));
    }
  }
  static Task<> SendFile(FetchTest& test, http::Exchange& exchange, std::string path) {
    const std::string range(exchange.headers().Get("Range"));
    Fault fault;
    {
      const std::lock_guard lock(test.mutex_);
      test.asked_.push_back({path, range});
      if (test.fault_) fault = test.fault_(path, test.RangesOf(path).size());
    }
    std::string content = test.files_.at(path);
    const std::size_t size = content.size();
    const std::string etag = "\"" + Sha256(content) + "\"";
    if (fault.wrong) content.back() ^= 1;
    std::size_t from = 0;
    std::size_t to = size;
    if (!range.empty() && !fault.whole) {
      from = std::stoull(range.substr(6));
      to = std::stoull(range.substr(range.find('-') + 1)) + 1;
    }
    http::Headers headers{{"X-Repo-Commit", kCommit}, {"ETag", etag}};
    const bool part = to - from < size;
    if (part)
      headers.Add("Content-Range", "bytes " + std::to_string(from) + "-" + std::to_string(to - 1) + "/" + std::to_string(size));
    if (fault.status != 0) {
      http::Response response = http::TextResponse("made to fail", "text/plain", fault.status);
      co_await exchange.Send(std::move(response));
      co_return;
    }
    co_await exchange.Start(part ? 206 : 200, std::move(headers), to - from);
    co_await exchange.Write(std::string_view(content).substr(from, std::min(to - from, fault.break_after)));
    if (fault.hang) co_await Sleep(std::chrono::hours(1));
    if (fault.break_after < to - from) {
      exchange.Abort();
      co_return;
    }
    co_await exchange.Finish();
  }
  Job MakeJob() {
    Job job;
    job.repo = {model::RepoKind::kModel, "o/m"};
    job.margin = 0;
    job.show = [this](const Snapshot& now) {
      const std::lock_guard lock(mutex_);
      shown_.push_back(now);
    };
    job.pause = [this](double seconds, const Error& why) -> Task<> { return Pause(*this, seconds, why); };
    return job;
  }
  static Task<> Pause(FetchTest& test, double seconds, Error why) {
    {
      const std::lock_guard lock(test.mutex_);
      test.pauses_.emplace_back(seconds, why.name);
    }
    co_await Sleep(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
  }
  Result<Done> Run(Job job) {
    return asio::co_spawn(loop_.executor(), Fetch({*hub_, *cache_, pool_, governor_}, std::move(job)), asio::use_future).get();
  }
  std::string OnDisk(const std::string& path) const {
    return os::ReadFile(cache_->SnapshotOf({model::RepoKind::kModel, "o/m"}, kCommit) / path).value_or("missing");
  }
  void ExpectAllThere() const {
    for (const auto& [path, content] : files_) EXPECT_TRUE(OnDisk(path) == content) << path;
    EXPECT_EQ(os::ReadFile(root_ / "models--o--m/refs/main").value_or("none"), kCommit);
  }
  std::vector<std::string> RangesOf(const std::string& path) const {
    std::vector<std::string> ranges;
    for (const Ask& ask : asked_) {
      if (ask.path == path) ranges.push_back(ask.range);
    }
    return ranges;
  }

  outbound::Client client_{outbound::Client::Options{.module = HOSTLER_OUTBOUND_MODULE}};
  Pool pool_{"work", 2};
  Loop loop_{"fetch"};
  Loop server_loop_{"server"};
  Governor governor_{Governor::Options{}};
  std::map<std::string, std::string> files_;
  std::filesystem::path root_;
  std::string url_;
  std::mutex mutex_;
  std::function<Fault(const std::string& path, std::size_t request)> fault_;
  std::vector<Ask> asked_;
  std::vector<Snapshot> shown_;
  std::vector<std::pair<double, std::string>> pauses_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<hub::Hub> hub_;
  std::unique_ptr<store::Cache> cache_;
};

TEST_F(FetchTest, EverythingArrivesOnceAndIsThereTheSecondTime) {
  const Result<Done> done = Run(MakeJob());
  ASSERT_TRUE(done) << done.error().Text();
  ExpectAllThere();
  EXPECT_EQ(done->commit, kCommit);
  EXPECT_EQ(done->bytes_fetched, 5'000'005u);
  EXPECT_FALSE(done->was_complete);
  EXPECT_EQ(asked_.size(), 2u) << "one request for each file, none for an empty one";
  EXPECT_EQ(shown_.front().phase, "resolving");
  EXPECT_EQ(shown_.back().phase, "publishing");
  EXPECT_EQ(shown_.back().bytes_done, 5'000'005u);
  EXPECT_EQ(shown_.back().files_done, 3u);
  const Result<Done> again = Run(MakeJob());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->was_complete);
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(FetchTest, OnlySelectedFilesAreAskedFor) {
  Job job = MakeJob();
  job.selection.include = {"sub/"};
  ASSERT_TRUE(Run(std::move(job)));
  EXPECT_EQ(OnDisk("sub/small"), "hello");
  EXPECT_EQ(OnDisk("m.bin"), "missing");
  job = MakeJob();
  job.selection.include = {"*.gguf"};
  EXPECT_EQ(Run(std::move(job)).error().name, "not_found");
}

TEST_F(FetchTest, WhatBreaksOffGoesOnWhereItWas) {
  fault_ = [](const std::string& path, std::size_t request) {
    return Fault{.break_after = path == "m.bin" && request == 1 ? 1'000'000u : SIZE_MAX};
  };
  const Result<Done> done = Run(MakeJob());
  ASSERT_TRUE(done) << done.error().Text();
  ExpectAllThere();
  EXPECT_EQ(done->bytes_fetched, 5'000'005u) << "nothing came twice";
  const auto ranges = RangesOf("m.bin");
  ASSERT_EQ(ranges.size(), 2u);
  const std::string& second = ranges[1];  // a reset may take along what had not been read: at most 1,000,000 bytes came
  ASSERT_TRUE(second.starts_with("bytes=") && second.ends_with("-4999999")) << second;
  const auto from = std::stoull(second.substr(6));
  EXPECT_TRUE(from > 0 && from <= 1'000'000) << second;
  ASSERT_EQ(pauses_.size(), 1u);
  EXPECT_EQ(pauses_[0].second, "network");
}

TEST_F(FetchTest, AServerWithoutRangesSendsItAllAgain) {
  fault_ = [](const std::string& path, std::size_t request) {
    return Fault{.break_after = path == "m.bin" && request == 1 ? 1'000'000u : SIZE_MAX, .whole = true};
  };
  ASSERT_TRUE(Run(MakeJob()));
  ExpectAllThere();
}

TEST_F(FetchTest, WrongContentIsFetchedOnceMoreAndThenNamed) {
  fault_ = [](const std::string& path, std::size_t request) { return Fault{.wrong = path == "m.bin" && request == 1}; };
  ASSERT_TRUE(Run(MakeJob()));
  ExpectAllThere();
  std::filesystem::remove_all(root_);
  fault_ = [](const std::string& path, std::size_t) { return Fault{.wrong = path == "m.bin"}; };
  const Result<Done> done = Run(MakeJob());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().name, "corrupt");
  EXPECT_THAT(done.error().message, HasSubstr("m.bin"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "models--o--m/refs/main"));
}

TEST_F(FetchTest, ACancelledDownloadIsResumedByTheNext) {
  fault_ = [](const std::string& path, std::size_t) {
    return Fault{.break_after = path == "m.bin" ? 3'000'000u : SIZE_MAX, .hang = path == "m.bin"};
  };
  asio::cancellation_signal signal;
  std::promise<bool> thrown;
  Job job = MakeJob();
  bool told = false;
  job.show = [&](const Snapshot& now) {
    if (told || now.bytes_done < 3'000'005) return;
    told = true;
    asio::post(loop_.executor(), [&] { signal.emit(asio::cancellation_type::terminal); });
  };
  loop_.Post([&] {
    asio::co_spawn(loop_.executor(), Fetch({*hub_, *cache_, pool_, governor_}, std::move(job)),
                   asio::bind_cancellation_slot(
                       signal.slot(), [&](std::exception_ptr what, Result<Done>) { thrown.set_value(what != nullptr); }));
  });
  EXPECT_TRUE(thrown.get_future().get());
  fault_ = nullptr;
  asked_.clear();
  const Result<Done> done = Run(MakeJob());
  ASSERT_TRUE(done) << done.error().Text();
  ExpectAllThere();
  EXPECT_EQ(done->bytes_fetched, 2'000'000u);
  EXPECT_EQ(RangesOf("m.bin"), (std::vector<std::string>{"bytes=3000000-4999999"}));
}

TEST_F(FetchTest, ABlobThatAnotherProgramDownloadsIsWaitedFor) {
  const model::Repo repo{model::RepoKind::kModel, "o/m"};
  const std::string etag = Sha256(files_["m.bin"]);
  ASSERT_TRUE(cache_->Prepare(repo, kCommit, {}));
  auto lock = cache_->TryLock(repo, etag);
  ASSERT_TRUE(lock && *lock);
  Job job = MakeJob();
  job.show = [&](const Snapshot& now) {
    const std::lock_guard guard(mutex_);
    shown_.push_back(now);
    const bool locked = std::ranges::any_of(now.files, [](const FileState& file) { return file.state == "locked"; });
    if (!locked || !*lock) return;
    // The other program is done.
    std::ofstream(root_ / "models--o--m/blobs" / etag, std::ios::binary) << files_["m.bin"];
    lock->reset();
  };
  const Result<Done> done = Run(std::move(job));
  ASSERT_TRUE(done) << done.error().Text();
  ExpectAllThere();
  EXPECT_THAT(RangesOf("m.bin"), IsEmpty());
}

TEST_F(FetchTest, ADiskWithoutRoomIsSaidBeforeAnythingIsAskedFor) {
  Job job = MakeJob();
  job.margin = std::uint64_t{1} << 60;
  const Result<Done> done = Run(std::move(job));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().name, "disk_full");
  EXPECT_THAT(done.error().message, HasSubstr(root_.string()));
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(FetchTest, WhatNoRetryCanMendEndsItAtOnce) {
  fault_ = [](const std::string& path, std::size_t) { return Fault{.status = path == "m.bin" ? 404u : 0u}; };
  const Result<Done> done = Run(MakeJob());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().name, "not_found");
  EXPECT_THAT(pauses_, IsEmpty());
}

}  // namespace
}  // namespace hostler::download
