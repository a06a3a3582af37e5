// `hostler pull`, `rm`, `doctor` and their kin, as people see them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/task.h"
#include "cli/testing/fake_daemon.h"
#include "http/sse.h"

namespace hostler::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kStarted =
    R"({"task_id":"t1","model_id":"org/m","operation":"download","status":"pending","outcome":"started","warnings":[]})";

TaskRow Row(std::string status, std::uint64_t done, std::uint64_t total) {
  TaskRow row;
  row.task_id = "t1";
  row.model_id = "org/m";
  row.operation = "download";
  row.status = std::move(status);
  row.phase = std::string("downloading");
  row.bytes_downloaded = done;
  row.bytes_total = total;
  row.files_done = std::uint64_t{1};
  row.files_total = std::uint64_t{2};
  return row;
}

// The task's events, then the end of the stream.
http::Handler Events(const std::vector<TaskRow>& rows) {
  std::string text;
  for (const TaskRow& row : rows) text += http::FormatSse({"task", "1", json::ToJson(row)});
  return [text](http::Exchange& exchange) -> Task<> {
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the frame may outlive the handler's capture
    const std::string events = text;
    co_await exchange.Start(200, {{"Content-Type", "text/event-stream"}});
    co_await exchange.Write(events);
    co_await exchange.Finish();
  };
}

class Shelf : public testing::Test {
 protected:
  void Answer(const std::vector<TaskRow>& rows) {
    world.daemon.Answer("POST /api/v2/models/download", std::string(kStarted));
    world.daemon.Handle("GET /api/v2/models/tasks/t1/events", Events(rows));
  }
  World world;
};

TEST_F(Shelf, PullTellsEachFinishedFileOnce) {
  TaskRow first = Row("running", 0, 2000);
  TaskRow second = Row("running", 1000, 2000);
  second.files = {{"a.bin", "done", 1000, 1000}, {"b.bin", "downloading", 0, 1000}};
  TaskRow last = Row("completed", 2000, 2000);
  last.files = {{"a.bin", "done", 1000, 1000}, {"b.bin", "done", 1000, 1000}};
  last.warnings = {"the hub says: hello\x1b[2J"};
  Answer({first, second, last});
  EXPECT_EQ(world.Run({"pull", "org/m", "--include", "*.bin", "--include", "*.json", "--exclude", "x/*", "--revision", "v1"}), 0);
  EXPECT_EQ(world.out, "org/m is complete: 2.0 KB\n");
  EXPECT_EQ(world.err,
            "org/m: downloading, 0 B of 2.0 KB there\n  ✓ a.bin (1000 B)\n  the hub says: hello?[2J\n  ✓ b.bin (1000 B)\n");
  EXPECT_EQ(world.daemon.received().at(0).body,
            R"({"model_id":"org/m","revision":"v1","include":["*.bin","*.json"],"exclude":["x/*"]})");
}

TEST_F(Shelf, PullRedrawsLinesOnATerminal) {
  TaskRow row = Row("running", 500, 2000);
  row.speed_bytes_per_s = 1024 * 1024;
  row.eta_s = 65;
  row.files = {{"a.bin", "downloading", 500, 1000}, {"b.bin", "locked", 0, 1000}, {"c.bin", "waiting", 0, 10}};
  Answer({row, Row("completed", 2000, 2000)});
  world.OnTerminal(200);
  EXPECT_EQ(world.Run({"pull", "org/m"}), 0);
  EXPECT_THAT(world.err, HasSubstr("  a.bin  ██████████░░░░░░░░░░  50% 500 B of 1000 B\n  b.bin  another program downloads it "
                                   "(1000 B)\norg/m downloading  "));
  EXPECT_THAT(world.err, HasSubstr("█████░░░░░░░░░░░░░░░  25% 500 B of 2.0 KB, 1 of 2 files, 1.0 MB/s, 65 s left"));
  EXPECT_THAT(world.err, HasSubstr("\x1b[2A\x1b[J"));  // three lines are drawn over
  EXPECT_THAT(world.err, Not(HasSubstr("c.bin")));
}

TEST_F(Shelf, PullOfWhatIsThereSaysSo) {
  world.daemon.Answer(
      "POST /api/v2/models/download",
      R"({"task_id":null,"model_id":"org/m","operation":"download","status":"completed","outcome":"already_installed","warnings":[]})");
  EXPECT_EQ(world.Run({"pull", "org/m"}), 0);
  EXPECT_EQ(world.out, "org/m is complete already\n");
}

TEST_F(Shelf, PullThatFailsIsNoSuccess) {
  TaskRow gated = Row("failed", 0, 0);
  gated.error = std::string("org/m is gated");
  gated.error_class = std::string("gated");
  gated.remedy = std::string("Accept the terms.");
  Answer({gated});
  EXPECT_EQ(world.Run({"pull", "org/m"}), 5);
  EXPECT_THAT(world.err, HasSubstr("hostler: org/m is gated\n  → Accept the terms.\n"));
  EXPECT_THAT(world.out, IsEmpty());
  gated.error_class = std::string("corrupt");
  Answer({gated});
  EXPECT_EQ(world.Run({"pull", "org/m"}), 1);
  gated.error_class = std::string("not_found");
  Answer({gated});
  EXPECT_EQ(world.Run({"pull", "org/m"}), 4);
  Answer({Row("cancelled", 0, 0)});
  EXPECT_EQ(world.Run({"pull", "org/m"}), 5);
  Answer({Row("running", 0, 0)});  // the server went away in the middle
  EXPECT_EQ(world.Run({"pull", "org/m"}), 5);
  EXPECT_THAT(world.err, HasSubstr("the server ended before the task did"));
}

TEST_F(Shelf, PullSetsTheLimitFirst) {
  Answer({Row("completed", 1, 1)});
  world.daemon.Answer("POST /api/v2/models/limit", R"({"bytes_per_second":20000000})");
  EXPECT_EQ(world.Run({"pull", "org/m", "--limit", "20M"}), 0);
  EXPECT_EQ(world.daemon.received().at(0).body, R"({"limit":"20M"})");
  EXPECT_THAT(world.err, HasSubstr("all downloads of this server together: 20M"));
}

constexpr std::string_view kUsage =
    R"({"model_id":"org/m","is_installed":true,"size_on_disk_bytes":2048,"freed_bytes":4096,"files":2,"blocked_by_collections":[],)"
    R"("warnings":["It is loaded (tts); it will be unloaded"],"can_delete":true,"requires_confirmation":true,"plan_digest":"d1",)"
    R"("whole_repository":true,"paths":[],"busy":[]})";

class Remove : public Shelf {
 protected:
  Remove() {
    world.daemon.Answer("GET /api/v2/models/usage", std::string(kUsage));
    world.daemon.Answer("DELETE /api/v2/models/cache", std::string(kStarted));
    world.daemon.Handle("GET /api/v2/models/tasks/t1/events", Events({Row("completed", 0, 0)}));
  }
  void Type(std::string line) {
    world.surroundings.in_is_terminal = true;
    world.surroundings.read_line = [line = std::move(line)] { return line; };
  }
};

TEST_F(Remove, ShowsAsksAndConfirmsExactlyThat) {
  Type("y");
  EXPECT_EQ(world.Run({"rm", "org/m"}), 0);
  EXPECT_EQ(world.out,
            "org/m: 2.0 KB in 2 files; deleting frees 4.0 KB\n  ! It is loaded (tts); it will be unloaded\n"
            "org/m is deleted; `hostler undo org/m` brings it back\n");
  EXPECT_THAT(world.err, HasSubstr("Delete it? [y/N] "));
  EXPECT_EQ(world.daemon.lines().at(1), "DELETE /api/v2/models/cache?model_id=org%2Fm&confirm=d1");
}

TEST_F(Remove, AnythingButYesIsNo) {
  for (const char* answer : {"", "n", "yeah", "no"}) {
    Type(answer);
    EXPECT_EQ(world.Run({"rm", "org/m"}), 5) << answer;
    EXPECT_THAT(world.err, HasSubstr("nothing was deleted"));
  }
  for (const std::string& line : world.daemon.lines()) EXPECT_THAT(line, Not(HasSubstr("DELETE")));
}

TEST_F(Remove, WhereNobodyCanBeAskedNothingIsDeleted) {
  EXPECT_EQ(world.Run({"rm", "org/m"}), 5);
  EXPECT_THAT(world.err, HasSubstr("Add --yes"));
  EXPECT_EQ(world.Run({"rm", "org/m", "--yes", "--now", "--unmanaged", "--revision", "v1"}), 0);
  EXPECT_EQ(world.daemon.lines().back(), "GET /api/v2/models/tasks/t1/events");
  EXPECT_THAT(world.daemon.lines().at(world.daemon.lines().size() - 2),
              HasSubstr("revision=v1&allow_unmanaged=true&at_once=true&confirm=d1"));
}

TEST_F(Remove, WhatCollectionsUseStays) {
  std::string usage(kUsage);
  usage.replace(usage.find(R"("can_delete":true)"), 17, R"("can_delete":false)");
  usage.replace(usage.find(R"("blocked_by_collections":[])"), 27, R"("blocked_by_collections":["books"])");
  world.daemon.Answer("GET /api/v2/models/usage", usage);
  EXPECT_EQ(world.Run({"rm", "org/m", "--yes"}), 5);
  EXPECT_THAT(world.err, HasSubstr("used by collections: books"));
}

TEST_F(Remove, AChangedPlanIsTheServersWord) {
  world.daemon.Answer(
      "DELETE /api/v2/models/cache",
      R"({"type":"plan_changed","error":{"message":"no longer what was shown","code":"plan_changed","remedy":"Look again."}})",
      409);
  EXPECT_EQ(world.Run({"rm", "org/m", "--yes"}), 5);
  EXPECT_THAT(world.err, HasSubstr("no longer what was shown\n  → Look again."));
}

TEST_F(Shelf, UndoBringsBackListsAndPurges) {
  world.daemon.Answer("POST /api/v2/models/undo", R"({"model_id":"org/m","status":"restored","bytes":2048})");
  world.daemon.Answer("GET /api/v2/models/trash",
                      R"({"items":[{"id":"x-1","model_id":"org/m","bytes":2048,"removed_at":1,"purged_at":2}]})");
  world.daemon.Answer("DELETE /api/v2/models/trash", R"({"freed_bytes":2048})");
  EXPECT_EQ(world.Run({"undo"}), 0);
  EXPECT_EQ(world.out, "org/m is back: 2.0 KB\n");
  EXPECT_EQ(world.Run({"undo", "org/m"}), 0);
  EXPECT_EQ(world.daemon.received().back().body, R"({"model_id":"org/m"})");
  EXPECT_EQ(world.Run({"undo", "--list"}), 0);
  EXPECT_THAT(world.out, HasSubstr("org/m  2.0 KB"));
  EXPECT_EQ(world.Run({"undo", "--purge", "org/m"}), 0);
  EXPECT_EQ(world.out, "2.0 KB are free\n");
  EXPECT_EQ(world.Run({"undo", "--purge", "--list"}), 2);
}

TEST_F(Shelf, DoctorTellsAndMendsAfterAsking) {
  world.daemon.Answer(
      "GET /api/v2/models/doctor",
      R"({"findings":[{"trouble":"orphan_blob","folder":"models--a","path":"models--a/blobs/0","what":"nothing names it","remedy":"Remove it.","bytes":5000,"mendable":true},)"
      R"({"trouble":"low_space","folder":"","path":"","what":"the disk is almost full","remedy":"Delete models.","bytes":0,"mendable":false}],"mendable_bytes":5000})");
  world.daemon.Answer(
      "POST /api/v2/models/doctor",
      R"({"mended":[{"trouble":"orphan_blob","path":"models--a/blobs/0","bytes":5000,"error":null}],"freed_bytes":5000})");
  EXPECT_EQ(world.Run({"doctor"}), 1);
  EXPECT_EQ(world.out,
            "◌ models--a/blobs/0: nothing names it\n  → Remove it. (4.9 KB)\n✗ the disk is almost full\n  → Delete models.\n"
            "`hostler doctor --fix` mends 1 of 2\n");
  EXPECT_EQ(world.Run({"doctor", "--fix"}), 5);        // nobody to ask
  EXPECT_EQ(world.Run({"doctor", "--fix", "-y"}), 1);  // something is left
  EXPECT_THAT(world.out, HasSubstr("1 mended, 4.9 KB are free"));
  world.daemon.Answer("GET /api/v2/models/doctor", R"({"findings":[],"mendable_bytes":0})");
  EXPECT_EQ(world.Run({"doctor"}), 0);
  EXPECT_EQ(world.out, "the cache is healthy\n");
}

TEST_F(Shelf, ListSaysWhatEachModelIs) {
  world.daemon.Answer(
      "GET /api/v2/models",
      R"({"models":[{"id":"a","name":"A","description":"one","model_type":"llm","memory_mb":{},"is_installed":true,"size_on_disk_bytes":2048,"resumable_bytes":0,"download_size_mb":0,"state":"downloaded","engine":"","servable":false,"gated":false,"licence":"mit","used_by_collections":[]},)"
      R"({"id":"b","name":"B","description":"two","model_type":"tts","memory_mb":{},"is_installed":false,"size_on_disk_bytes":0,"resumable_bytes":1024,"download_size_mb":3,"state":"available","engine":"e","servable":true,"gated":true,"licence":"","used_by_collections":[]}],"hf_cache_scan_error":"x cannot be read"})");
  EXPECT_EQ(world.Run({"ls", "--installed", "--type", "llm", "--sizes"}), 0);
  EXPECT_EQ(world.daemon.lines().back(), "GET /api/v2/models?model_type=llm&installed_only=true&include_cache_size=true");
  EXPECT_EQ(world.out,
            "MODEL  TYPE  STATE                    SIZE  RUNS       DESCRIPTION\n"
            "a      llm   ○ downloaded           2.0 KB  elsewhere  one\n"
            "b      tts   ◐ partly there  1.0 KB so far  here       two (terms to accept first)\n");
  EXPECT_THAT(world.err, HasSubstr("x cannot be read"));
  EXPECT_EQ(world.Run({"ls", "--type", "cat"}), 2);
}

}  // namespace
}  // namespace hostler::cli
