#include "store/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "store/testing/filled.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::FileOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kCommit;
using testing::kOtherCommit;

const model::Repo kRepo{model::RepoKind::kModel, "lab/small"};
const model::Repo kOther{model::RepoKind::kDataset, "words"};
const testing::Contents kContents{
    {"config.json", "{}"}, {"sub/model.bin", std::string(100'000, 'w')}, {"copy.bin", std::string(100'000, 'w')}};

class ScanTest : public ::testing::Test {
 protected:
  void Fill() {
    ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "main", kContents));
    ASSERT_TRUE(testing::Fill(cache, kRepo, kOtherCommit, "refs/pr/1", {{"config.json", "{}"}, {"new.txt", "new"}}));
    ASSERT_TRUE(testing::Fill(cache, kOther, kCommit, "main", {{"words.txt", "a b"}}));
  }
  const ScannedRepo& Find(const Scan& scan, const std::string& name) {
    const auto found = std::ranges::find(scan.repos, name, &ScannedRepo::folder);
    static const ScannedRepo kNone;
    EXPECT_NE(found, scan.repos.end()) << name;
    return found == scan.repos.end() ? kNone : *found;
  }
  // Every figure, against another program's.
  void ExpectAsDu(const Scan& scan) {
    const auto du = [](const fs::path& path) { return std::stoull(testing::Run("du -s --block-size=1 " + path.string())); };
    EXPECT_EQ(scan.disk_total, du(cache.root()));
    EXPECT_EQ(scan.disk_total, scan.disk_repos + scan.disk_locks + scan.disk_trash + scan.disk_other);
    for (const ScannedRepo& repo : scan.repos) EXPECT_EQ(repo.disk, du(cache.root() / repo.folder)) << repo.folder;
  }

  testing::TemporaryFolder folder;
  Cache cache{folder.path() / "hub"};
  Scanner scanner{cache};
  fs::path repo = cache.FolderOf(kRepo);
};

TEST_F(ScanTest, NoCacheIsAnEmptyOne) {
  const auto scan = scanner.Now();
  EXPECT_THAT(scan->repos, IsEmpty());
  EXPECT_EQ(scan->disk_total, 0U);
  EXPECT_EQ(scan->error, "");
  Fill();
  EXPECT_EQ(scanner.Now()->repos.size(), 2U);
  fs::remove_all(cache.root());
  EXPECT_THAT(scanner.Now()->repos, IsEmpty());
}

TEST_F(ScanTest, CountsAsPythonAndAsDu) {
  Fill();
  const auto scan = scanner.Now();
  ExpectAsDu(*scan);
  const ScannedRepo& small = Find(*scan, "models--lab--small");
  EXPECT_EQ(small.repo, kRepo);
  EXPECT_EQ(small.problem, "");
  EXPECT_EQ(small.size, 100'005U);
  EXPECT_EQ(small.unreferenced, 0U);
  ASSERT_EQ(small.revisions.size(), 2U);
  EXPECT_EQ(small.revisions[0].commit, kCommit);
  EXPECT_THAT(small.revisions[0].refs, ElementsAre("main"));
  EXPECT_EQ(small.revisions[0].size, 100'002U);  // equal content once
  EXPECT_EQ(small.revisions[0].files, 3U);
  EXPECT_THAT(small.revisions[1].refs, ElementsAre("refs/pr/1"));
  EXPECT_EQ(small.revisions[1].size, 5U);
  EXPECT_GT(small.last_modified, 1e9);
}

TEST_F(ScanTest, PartialsAndOrphansAreToldApart) {
  Fill();
  testing::Write(repo / "blobs" / (std::string(64, 'c') + ".hostler.incomplete"), "12345");
  testing::Write(repo / "blobs" / (std::string(64, 'd') + ".0123abcd.incomplete"), "123");
  testing::Write(repo / "blobs" / std::string(64, 'e'), "orphan");
  testing::Write(cache.root() / "stray.txt", std::string(9000, 'x'));
  testing::Write(cache.root() / "not-a-repo" / "file", "x");
  const auto scan = scanner.Now();
  ExpectAsDu(*scan);
  const ScannedRepo& small = Find(*scan, "models--lab--small");
  EXPECT_EQ(small.partial, 8U);
  EXPECT_EQ(small.resumable, 5U);
  EXPECT_EQ(small.unreferenced, 6U);
  EXPECT_EQ(small.size, 100'005U);
  EXPECT_EQ(scan->repos.size(), 2U);
  EXPECT_GT(scan->disk_other, 9000U);
}

TEST_F(ScanTest, HardLinksTakeTheirRoomOnce) {
  Fill();
  const auto blob = FileOf("copy.bin", kContents.at("copy.bin"), true).etag();
  const auto before = scanner.Now();
  fs::create_hard_link(repo / "blobs" / blob, cache.FolderOf(kOther) / "blobs" / blob);
  const auto after = scanner.Now();
  ExpectAsDu(*after);
  EXPECT_EQ(after->disk_total, before->disk_total);
}

TEST_F(ScanTest, WhatPythonPassesOverIsShownWithTheReason) {
  Fill();
  const auto problem = [&](const char* name = "models--lab--small") { return Find(*scanner.Now(), name).problem; };
  EXPECT_EQ(problem(), "");
  testing::Write(repo / "refs/gone", std::string(40, 'f'));
  EXPECT_THAT(problem(), HasSubstr("without a snapshot: gone"));
  testing::Write(repo / "refs/gone", kCommit + "\n");
  EXPECT_THAT(problem(), HasSubstr("without a snapshot: gone"));
  fs::remove(repo / "refs/gone");
  EXPECT_EQ(problem(), "");
  testing::Write(repo / "snapshots/file", "");
  EXPECT_THAT(problem(), HasSubstr("a file in snapshots"));
  fs::remove(repo / "snapshots/file");
  fs::create_symlink("../../blobs/nothing", repo / "snapshots" / kCommit / "broken");
  EXPECT_THAT(problem(), HasSubstr("no blob: broken"));
  fs::remove(repo / "snapshots" / kCommit / "broken");
  fs::rename(repo / "snapshots", repo / "elsewhere");
  EXPECT_THAT(problem(), HasSubstr("no folder snapshots"));
  testing::Write(cache.root() / "kernels--a--b" / "snapshots" / kCommit / "x", "x");
  EXPECT_THAT(problem("kernels--a--b"), HasSubstr("kernels"));
  EXPECT_EQ(scanner.Now()->repos.size(), 3U);
  ExpectAsDu(*scanner.Now());
}

TEST_F(ScanTest, NothingIsReadAgainWhileNothingChanges) {
  Fill();
  const auto first = scanner.Now();
  EXPECT_EQ(scanner.Now(), first);  // the very same answer
  EXPECT_EQ(scanner.Last(), first);
  EXPECT_NE(scanner.Now(true), first);
  scanner.Changed(kRepo);
  const auto before = scanner.Last();
  EXPECT_NE(scanner.Now(), before);
}

// Whatever another program does, the next scan has it.
TEST_F(ScanTest, NeverStale) {
  Fill();
  const auto check = [&](const char* what) {
    SCOPED_TRACE(what);
    const auto now = scanner.Now();
    ExpectAsDu(*now);
    const Scanner fresh(cache);
    const auto whole = const_cast<Scanner&>(fresh).Now();
    ASSERT_EQ(now->repos.size(), whole->repos.size());
    for (std::size_t i = 0; i < now->repos.size(); ++i) {
      EXPECT_EQ(now->repos[i].folder, whole->repos[i].folder);
      EXPECT_EQ(now->repos[i].size, whole->repos[i].size);
      EXPECT_EQ(now->repos[i].partial, whole->repos[i].partial);
      EXPECT_EQ(now->repos[i].problem, whole->repos[i].problem);
      EXPECT_EQ(now->repos[i].revisions.size(), whole->repos[i].revisions.size());
    }
  };
  check("at first");
  const fs::path partial = repo / "blobs" / (std::string(64, 'c') + ".incomplete");
  testing::Write(partial, "1");
  check("a partial file appears");
  std::ofstream(partial, std::ios::app) << std::string(50'000, 'x');
  check("it grows, which no folder shows");
  fs::resize_file(partial, 10);
  check("it shrinks");
  fs::rename(partial, repo / "blobs" / std::string(64, 'c'));
  check("it becomes a blob");
  testing::Write(repo / "snapshots" / kOtherCommit / "a/b/c/file", "deep");
  check("a deep folder");
  testing::Write(repo / "snapshots" / kOtherCommit / "a/b/c/more", "deep");
  check("a file in that deep folder");
  fs::rename(repo, folder.path() / "moved");
  check("a repository moved out");
  testing::Write(folder.path() / "moved/blobs/elsewhere", "x");
  fs::rename(folder.path() / "moved", cache.root() / "models--lab--renamed");
  check("and in under another name");
  testing::Write(cache.root() / "models--lab--renamed/snapshots" / kCommit / "later", "x");
  check("a change in the moved one");
  fs::rename(cache.root() / "models--lab--renamed", repo);
  ASSERT_TRUE(testing::Fill(cache, {model::RepoKind::kModel, "third"}, kCommit, "main", {{"x", "y"}}));
  check("renamed and another one");
  fs::remove_all(cache.root());
  Fill();
  check("all removed and made anew");
}

TEST_F(ScanTest, ALinkedRepositoryIsReadEachTime) {
  Fill();
  fs::rename(repo, folder.path() / "other-disk");
  fs::create_directory_symlink(folder.path() / "other-disk", repo);
  auto scan = scanner.Now();
  ExpectAsDu(*scan);
  EXPECT_EQ(Find(*scan, "models--lab--small").size, 100'005U);
  testing::Write(folder.path() / "other-disk/snapshots" / kCommit / "real", "12345");
  scan = scanner.Now();
  ExpectAsDu(*scan);
  EXPECT_EQ(Find(*scan, "models--lab--small").size, 100'010U);
}

TEST_F(ScanTest, WhatCannotBeReadDoesNotHideTheRest) {
  Fill();
  const fs::path closed = cache.FolderOf(kOther);
  fs::permissions(closed, fs::perms::none);
  const uid_t user = ::geteuid();
  if (user == 0) ASSERT_EQ(::seteuid(65534), 0);  // root may read everything
  const auto scan = scanner.Now();
  ASSERT_EQ(::seteuid(user), 0);
  fs::permissions(closed, fs::perms(0755));
  EXPECT_THAT(scan->error, HasSubstr("Permission denied"));
  EXPECT_EQ(Find(*scan, "models--lab--small").size, 100'005U);
  const auto later = scanner.Now();
  EXPECT_EQ(later->error, "");
  ExpectAsDu(*later);
}

}  // namespace
}  // namespace hostler::store
