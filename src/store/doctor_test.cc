#include "store/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
using testing::Read;

const model::Repo kRepo{model::RepoKind::kModel, "lab/small"};
const testing::Contents kContents{{"config.json", "{}"}, {"model.bin", std::string(9000, 'w')}};

class DoctorTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "main", kContents)); }
  // Without what the machine itself lacks.
  std::vector<Finding> Look() {
    auto findings = *Examine(cache, shelf);
    std::erase_if(findings, [](const Finding& finding) { return finding.trouble == Trouble::kLowSpace; });
    return findings;
  }
  // Exactly this is found; it is mended, and then all is well.
  void ExpectMended(Trouble trouble, const std::string& path) {
    const auto findings = Look();
    ASSERT_EQ(findings.size(), 1U) << path;
    EXPECT_EQ(findings[0].trouble, trouble);
    EXPECT_EQ(findings[0].path, path);
    EXPECT_NE(findings[0].what, "");
    EXPECT_NE(findings[0].remedy, "");
    ASSERT_TRUE(findings[0].mendable);
    const auto done = Mend(cache, shelf, findings[0]);
    ASSERT_TRUE(done) << done.error().Text();
    EXPECT_THAT(Look(), IsEmpty());
    EXPECT_EQ(Mend(cache, shelf, findings[0]).error().code, Code::kNotFound);  // it looks again
    EXPECT_TRUE(cache.Look(kRepo, kCommit, {}).complete);                      // nothing whole was lost
  }

  testing::TemporaryFolder folder;
  Cache cache{folder.path() / "hub"};
  fs::path shelf = folder.path() / "models";
  fs::path repo = cache.FolderOf(kRepo);
  std::string name = "models--lab--small";
  std::string weights = FileOf("model.bin", kContents.at("model.bin"), true).etag();
};

TEST_F(DoctorTest, AHealthyCacheHasNoFindings) {
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_TRUE(Examine(Cache(folder.path() / "none"), {}));
}

TEST_F(DoctorTest, WhatCanBeMendedIs) {
  testing::Write(repo / "blobs" / std::string(64, 'e'), "orphan");
  ExpectMended(Trouble::kOrphanBlob, name + "/blobs/" + std::string(64, 'e'));
  fs::create_symlink("../../blobs/gone", repo / "snapshots" / kCommit / "broken");
  ExpectMended(Trouble::kBrokenLink, name + "/snapshots/" + kCommit + "/broken");
  testing::Write(repo / "blobs" / (std::string(64, 'c') + ".hostler.incomplete"), "12345");
  ExpectMended(Trouble::kPartialFile, name + "/blobs/" + std::string(64, 'c') + ".hostler.incomplete");
  testing::Write(repo / "refs/next", kOtherCommit);
  ExpectMended(Trouble::kDanglingRef, name + "/refs/next");
  testing::Write(repo / "refs/empty", "");
  ExpectMended(Trouble::kBadRef, name + "/refs/empty");
  testing::Write(repo / "trees" / (kOtherCommit + ".json"), "{}");
  ExpectMended(Trouble::kLeftover, name + "/trees/" + kOtherCommit + ".json");
  testing::Write(repo / ".no_exist" / kOtherCommit / "a/b", "");
  ExpectMended(Trouble::kLeftover, name + "/.no_exist/" + kOtherCommit);
  testing::Write(repo / ".hostler-0123456789abcdef.tmp", "x");
  ExpectMended(Trouble::kLeftover, name + "/.hostler-0123456789abcdef.tmp");
  fs::create_directories(shelf / "Qwen");
  fs::create_symlink(folder.path() / "nowhere", shelf / "Qwen/model");
  ExpectMended(Trouble::kDanglingShelf, "Qwen/model");
}

TEST_F(DoctorTest, ARefWithANewlineIsWrittenAnew) {
  testing::Write(repo / "refs/main", kCommit + "\n");
  ExpectMended(Trouble::kBadRef, name + "/refs/main");
  EXPECT_EQ(Read(repo / "refs/main"), kCommit);
}

TEST_F(DoctorTest, MissingSnapshotsAreMadeAgain) {
  fs::create_directories(cache.root() / "models--bare/blobs");
  const auto findings = Look();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].trouble, Trouble::kMissingSnapshots);
  ASSERT_TRUE(Mend(cache, shelf, findings[0]));
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_F(DoctorTest, ABlobOfTheWrongSize) {
  testing::Write(repo / "blobs" / weights, "short");
  const auto findings = Look();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].trouble, Trouble::kWrongSize);
  EXPECT_THAT(findings[0].what, HasSubstr("5 bytes, the listing says 9000"));
  ASSERT_TRUE(Mend(cache, shelf, findings[0]));
  EXPECT_FALSE(fs::exists(repo / "blobs" / weights));
}

TEST_F(DoctorTest, WhatIsForPeopleIsNotMended) {
  testing::Write(cache.root() / "stray.txt", "x");
  testing::Write(repo / "snapshots/stray", "x");
  ASSERT_TRUE(testing::Fill(cache, {model::RepoKind::kModel, "lab/twin"}, kCommit, "main", kContents));
  const auto findings = Look();
  std::vector<Trouble> troubles;
  for (const Finding& finding : findings) {
    troubles.push_back(finding.trouble);
    EXPECT_FALSE(finding.mendable);
    EXPECT_FALSE(Mend(cache, shelf, finding));
  }
  EXPECT_THAT(troubles, ::testing::UnorderedElementsAre(Trouble::kStrayFile, Trouble::kStrayFile, Trouble::kDuplicate));
  EXPECT_TRUE(fs::exists(cache.root() / "stray.txt"));
}

TEST_F(DoctorTest, AFinishedFileOfAnUnfinishedDownloadStays) {
  const testing::Contents more{{"a.bin", "aaaa"}, {"b.bin", "bbbb"}};
  ASSERT_TRUE(cache.Prepare(kRepo, kOtherCommit, testing::ListingOf(more)));
  ASSERT_TRUE(testing::FillBlob(cache, kRepo, FileOf("a.bin", "aaaa", true), "aaaa"));
  const auto findings = Look();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].trouble, Trouble::kOrphanBlob);
  EXPECT_FALSE(findings[0].mendable);
}

TEST_F(DoctorTest, NothingIsMendedUnderADownload) {
  const std::string etag(64, 'c');
  testing::Write(repo / "blobs" / (etag + ".hostler.incomplete"), "12345");
  const auto findings = Look();
  ASSERT_EQ(findings.size(), 1U);
  {
    const auto lock = cache.TryLock(kRepo, etag);
    EXPECT_EQ(Mend(cache, shelf, findings[0]).error().name, "busy");
  }
  {
    const auto partial = cache.OpenPartial(kRepo, etag, 100);
    EXPECT_FALSE(fs::is_empty(repo / "blobs" / (etag + ".hostler.incomplete")));
    const auto lock = cache.TryLock(kRepo, weights);
    EXPECT_EQ(Mend(cache, shelf, findings[0]).error().name, "busy");
  }
  EXPECT_TRUE(Mend(cache, shelf, findings[0]));
}

TEST_F(DoctorTest, VerifyHashesEverything) {
  auto verdict = Verify(cache, kRepo, "main", {}, {});
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->files, 2U);
  EXPECT_EQ(verdict->bytes, 9002U);
  EXPECT_THAT(verdict->wrong, IsEmpty());
  EXPECT_THAT(verdict->missing, IsEmpty());

  testing::Write(repo / "blobs" / weights, std::string(9000, 'W'));  // same length: nobody else would notice
  verdict = Verify(cache, kRepo, "main", {}, {});
  EXPECT_THAT(verdict->wrong, ElementsAre("model.bin"));
  fs::remove(repo / "snapshots" / kCommit / "config.json");
  verdict = Verify(cache, kRepo, "main", {}, {});
  EXPECT_THAT(verdict->missing, ElementsAre("config.json"));
  EXPECT_THAT(Verify(cache, kRepo, "main", {{"*.bin"}, {}}, {})->missing, IsEmpty());
  fs::remove_all(repo / "trees");  // the blob's name is enough
  EXPECT_THAT(Verify(cache, kRepo, "main", {}, {})->wrong, ElementsAre("model.bin"));

  std::vector<std::string> paths;
  const auto stopped = Verify(cache, kRepo, "main", {}, [&](std::uint64_t, const std::string& path) {
    paths.push_back(path);
    return paths.size() < 2;
  });
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_THAT(paths, ElementsAre("model.bin", "model.bin"));
  EXPECT_EQ(Verify(cache, kRepo, "next", {}, {}).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace hostler::store
