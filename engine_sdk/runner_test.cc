#include "engine_sdk/runner.h"

#include <gtest/gtest.h>

#include <latch>

namespace hostler::engine_sdk {
namespace {

class IdleModel : public Model {
 public:
  IdleModel(int parallel, std::atomic<bool>& gone) : parallel_(parallel), gone_(gone) {}
  ~IdleModel() override { gone_ = true; }
  wire::Capabilities capabilities() const override { return {}; }
  int parallel() const override { return parallel_; }

 private:
  const int parallel_;
  std::atomic<bool>& gone_;
};

std::shared_ptr<Job> MakeJob(std::function<Result<>()> work) {
  auto job = std::make_shared<Job>();
  job->work = [work = std::move(work)](Model&, Pipe&, std::stop_token) { return work(); };
  return job;
}

TEST(Runner, TheQueueIsBoundedAndInOrder) {
  std::atomic<bool> gone{false};
  Runner runner("m", std::make_unique<IdleModel>(1, gone));
  std::latch started(1);
  std::latch go(1);
  ASSERT_TRUE(runner.Submit(MakeJob([&]() -> Result<> {
    started.count_down();
    go.wait();
    return {};
  })));
  started.wait();
  std::vector<int> order;
  std::latch done(Runner::kWaiting);
  for (std::size_t i = 0; i < Runner::kWaiting; ++i) {
    ASSERT_TRUE(runner.Submit(MakeJob([&, i]() -> Result<> {
      order.push_back(static_cast<int>(i));
      done.count_down();
      return {};
    })));
  }
  const auto refused = runner.Submit(MakeJob([]() -> Result<> { return {}; }));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kBusy);
  go.count_down();
  done.wait();
  runner.End();
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.size(), Runner::kWaiting);
}

TEST(Runner, RunsAsManyAsTheModelTakes) {
  std::atomic<bool> gone{false};
  Runner runner("m", std::make_unique<IdleModel>(3, gone));
  std::latch together(3);  // nobody gets on unless all three run at the same time
  std::latch done(3);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(runner.Submit(MakeJob([&]() -> Result<> {
      together.arrive_and_wait();
      done.count_down();
      return {};
    })));
  }
  done.wait();
}

TEST(Runner, EndRefusesTheQueueAndDestroysTheModel) {
  std::atomic<bool> gone{false};
  Runner runner("m", std::make_unique<IdleModel>(1, gone));
  std::latch started(1);
  std::latch go(1);
  ASSERT_TRUE(runner.Submit(MakeJob([&]() -> Result<> {
    started.count_down();
    go.wait();
    return {};
  })));
  started.wait();
  std::atomic<bool> ran{false};
  const auto waiting = MakeJob([&]() -> Result<> {
    ran = true;
    return {};
  });
  ASSERT_TRUE(runner.Submit(waiting));
  std::thread ending([&] { runner.End(); });
  Loop loop("test");
  Result<> end;
  boost::asio::co_spawn(loop.executor(), waiting->pipe.Read(), [&](const std::exception_ptr&, Pipe::Piece piece) {
    end = *piece.end;
    loop.Stop();
  });
  loop.RunHere();
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().name, "not_loaded");
  EXPECT_FALSE(gone) << "a job still runs";
  go.count_down();
  ending.join();
  EXPECT_TRUE(gone);
  EXPECT_FALSE(ran);
  EXPECT_EQ(runner.Submit(waiting).error().name, "not_loaded");
}

TEST(Runner, AWithdrawnJobNeverRuns) {
  std::atomic<bool> gone{false};
  Runner runner("m", std::make_unique<IdleModel>(1, gone));
  std::latch started(1);
  std::latch go(1);
  ASSERT_TRUE(runner.Submit(MakeJob([&]() -> Result<> {
    started.count_down();
    go.wait();
    return {};
  })));
  started.wait();
  std::atomic<bool> ran{false};
  const auto waiting = MakeJob([&]() -> Result<> {
    ran = true;
    return {};
  });
  ASSERT_TRUE(runner.Submit(waiting));
  runner.Withdraw(waiting);
  EXPECT_TRUE(waiting->stop.stop_requested());
  go.count_down();
  runner.End();
  EXPECT_FALSE(ran);
}

TEST(Shielded, ForeignExceptionsBecomeErrors) {
  EXPECT_EQ(Shielded([]() -> Result<> { throw std::bad_alloc(); }).error().name, "out_of_memory");
  EXPECT_EQ(Shielded([]() -> Result<> { throw std::runtime_error("native"); }).error().message,
            "the model's library failed: native");
}

}  // namespace
}  // namespace hostler::engine_sdk
