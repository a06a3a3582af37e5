#include "store/removal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "store/testing/filled.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FileOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kCommit;
using testing::kOtherCommit;
using ::testing::Not;
using testing::Read;

const model::Repo kRepo{model::RepoKind::kModel, "lab/small"};
const testing::Contents kFirst{
    {"config.json", "{}"}, {"shared.bin", std::string(9000, 's')}, {"sub/old.bin", std::string(9000, 'o')}};
const testing::Contents kSecond{
    {"config.json", "{}"}, {"shared.bin", std::string(9000, 's')}, {"new.bin", std::string(5000, 'n')}};

class RemovalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "old", kFirst));
    ASSERT_TRUE(testing::Fill(cache, kRepo, kOtherCommit, "main", kSecond));
    before = Listing();
  }
  // Everything in the repository's folder: path and content or target.
  [[nodiscard]] std::map<std::string, std::string> Listing() const {
    std::map<std::string, std::string> found;
    if (!fs::exists(repo)) return found;
    for (const auto& entry : fs::recursive_directory_iterator(repo)) {
      const std::string path = entry.path().lexically_relative(repo).string();
      if (entry.is_symlink())
        found[path] = "-> " + fs::read_symlink(entry.path()).string();
      else if (!entry.is_directory())
        found[path] = Read(entry.path());
    }
    return found;
  }
  [[nodiscard]] std::vector<std::string> BrokenLinks() const {
    std::vector<std::string> broken;
    if (!fs::exists(repo)) return broken;
    for (const auto& entry : fs::recursive_directory_iterator(repo)) {
      if (entry.is_symlink() && !fs::exists(entry.path())) broken.push_back(entry.path().string());
    }
    return broken;
  }
  RemovalPlan Plan(const std::string& revision = "", const model::Selection& files = {},
                   const std::vector<model::Selection>& keep = {}) {
    auto plan = PlanRemoval(cache, {kRepo, revision, files, keep});
    EXPECT_TRUE(plan) << (plan ? "" : plan.error().Text());
    return plan ? *plan : RemovalPlan{};
  }
  static std::string Etag(const testing::Contents& contents, const std::string& path) {
    return FileOf(path, contents.at(path), path.ends_with(".bin")).etag();
  }

  testing::TemporaryFolder folder;
  Cache cache{folder.path() / "hub"};
  fs::path repo = cache.FolderOf(kRepo);
  Trash trash{cache};
  std::map<std::string, std::string> before;
};

TEST_F(RemovalTest, AWholeRepositoryGoesByOneRenameAndComesBack) {
  const auto plan = Plan();
  EXPECT_TRUE(plan.whole_folder);
  EXPECT_EQ(plan.files, 6U);
  EXPECT_THAT(plan.commits, ElementsAre(kCommit, kOtherCommit));
  EXPECT_EQ(plan.bytes_freed, std::stoull(testing::Run("du -s --block-size=1 " + repo.string())));
  const auto removed = trash.Remove(plan, "lab/small");
  ASSERT_TRUE(removed);
  EXPECT_FALSE(fs::exists(repo));
  EXPECT_FALSE(fs::exists(cache.root() / ".hostler-trash"));  // Python's scan would wonder
  ASSERT_EQ(trash.List().size(), 1U);
  EXPECT_EQ(trash.List()[0].label, "lab/small");
  EXPECT_EQ(trash.List()[0].bytes, plan.bytes_freed);
  ASSERT_TRUE(trash.Recover());  // nothing is half done
  ASSERT_EQ(trash.List().size(), 1U);
  ASSERT_TRUE(trash.Restore(removed->id));
  EXPECT_EQ(Listing(), before);
  EXPECT_THAT(trash.List(), IsEmpty());
}

TEST_F(RemovalTest, ARevisionTakesItsOwnBlobsAndLeavesSharedOnes) {
  testing::Write(repo / ".no_exist" / kCommit / "adapter.json", "");
  testing::Write(repo / "refs/alias", kCommit);
  const auto with_leftovers = Listing();
  const auto plan = Plan("old");
  EXPECT_FALSE(plan.whole_folder);
  EXPECT_THAT(plan.paths, ElementsAre(".no_exist/" + kCommit, "blobs/" + Etag(kFirst, "sub/old.bin"), "refs/alias", "refs/old",
                                      "snapshots/" + kCommit, "trees/" + kCommit + ".json"));
  const auto removed = trash.Remove(plan, "old one");
  ASSERT_TRUE(removed) << removed.error().Text();
  EXPECT_THAT(BrokenLinks(), IsEmpty());
  EXPECT_EQ(Read(repo / "snapshots" / kOtherCommit / "shared.bin"), kSecond.at("shared.bin"));
  EXPECT_EQ(Listing().size(), before.size() - 6);  // three links, a ref, a listing, a blob
  EXPECT_TRUE(cache.Look(kRepo, "main", {}).complete);
  ASSERT_TRUE(trash.Restore(removed->id));
  EXPECT_EQ(Listing(), with_leftovers);
}

TEST_F(RemovalTest, TheBytesThatAreShownAreTheBytesThatAreFreed) {
  const auto du = [&] { return std::stoull(testing::Run("du -s --block-size=1 " + repo.string())); };
  const auto was = du();
  const auto plan = Plan("main");
  const auto removed = trash.Remove(plan, "x");
  ASSERT_TRUE(removed);
  EXPECT_EQ(was - du(), plan.bytes_freed);
  const auto purged = trash.Purge(removed->id);
  ASSERT_TRUE(purged);
  EXPECT_GE(*purged, plan.bytes_freed);  // and the folders around it
  EXPECT_THAT(trash.List(), IsEmpty());
  EXPECT_EQ(trash.Restore(removed->id).error().code, Code::kNotFound);
}

TEST_F(RemovalTest, SomeFilesGoAndWhatOthersNeedStays) {
  const auto plan = Plan("main", {{"*.bin"}, {}}, {{{"shared.*"}, {}}});
  EXPECT_THAT(plan.paths, ElementsAre("blobs/" + Etag(kSecond, "new.bin"), "snapshots/" + kOtherCommit + "/new.bin"));
  EXPECT_EQ(plan.files, 1U);
  EXPECT_EQ(plan.bytes_shown, 5000U);
  ASSERT_TRUE(trash.Remove(plan, "some"));
  EXPECT_THAT(BrokenLinks(), IsEmpty());
  EXPECT_TRUE(cache.Look(kRepo, "main", {{"shared.bin", "config.json"}, {}}).complete);
  EXPECT_FALSE(cache.Look(kRepo, "main", {}).complete);  // the listing stays, so everybody knows
}

TEST_F(RemovalTest, ABlobThatAnotherRevisionStillHasStays) {
  const auto plan = Plan("main", {{"shared.bin"}, {}});
  EXPECT_THAT(plan.paths, ElementsAre("snapshots/" + kOtherCommit + "/shared.bin"));
  EXPECT_LE(plan.bytes_freed, 4096U);  // the link's own block, where it takes one
}

TEST_F(RemovalTest, TheLastRevisionIsTheWholeFolder) {
  ASSERT_TRUE(trash.Remove(Plan("old"), "x"));
  EXPECT_TRUE(Plan("main").whole_folder);
  ASSERT_TRUE(trash.Remove(Plan("main"), "x"));
  EXPECT_FALSE(fs::exists(repo));
  EXPECT_TRUE(Plan().Empty());
  EXPECT_EQ(trash.Remove(Plan(), "x").error().code, Code::kNotFound);
}

TEST_F(RemovalTest, UnfinishedFilesGoWithTheirModel) {
  const auto contents = testing::Contents{{"part.bin", std::string(500, 'p')}, {"other.bin", std::string(500, 'q')}};
  const std::string commit(40, 'c');
  ASSERT_TRUE(cache.Prepare(kRepo, commit, testing::ListingOf(contents)));
  ASSERT_TRUE(cache.OpenPartial(kRepo, Etag(contents, "part.bin"), 500)->Append("ppp"));
  ASSERT_TRUE(cache.OpenPartial(kRepo, Etag(contents, "other.bin"), 500)->Append("qqq"));
  const auto plan = Plan(commit, {{"part.bin"}, {}});
  EXPECT_THAT(plan.paths, ElementsAre("blobs/" + Etag(contents, "part.bin") + ".hostler.incomplete"));
}

TEST_F(RemovalTest, TheDigestCoversWhatIsShownAndTheDisk) {
  const auto plan = Plan("old");
  EXPECT_EQ(plan.Digest(), Plan("old").Digest());
  EXPECT_NE(plan.Digest(), Plan("main").Digest());
  EXPECT_EQ(plan.Digest().size(), 64U);
  testing::Write(repo / "snapshots" / kCommit / "real.txt", "more");
  EXPECT_NE(plan.Digest(), Plan("old").Digest());
  const auto refused = trash.Remove(plan, "lab/small");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(refused.error().name, "plan_changed");
  EXPECT_TRUE(trash.Remove(Plan("old"), "lab/small"));
}

TEST_F(RemovalTest, WhoeverDownloadsIsNotDisturbed) {
  for (const bool by_lock : {true, false}) {
    const std::string etag = Etag(kFirst, "sub/old.bin");
    const auto plan = Plan();
    EXPECT_THAT(plan.busy, IsEmpty());
    std::optional<BlobLock> lock;
    std::optional<Partial> partial;
    if (by_lock)
      lock = std::move(*cache.TryLock(kRepo, etag));
    else
      partial.emplace(*cache.OpenPartial(kRepo, etag, 9000));
    EXPECT_THAT(Plan().busy, ElementsAre(etag));
    const auto refused = trash.Remove(plan, "lab/small");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "busy");
    EXPECT_THAT(refused.error().message, HasSubstr(etag));
    EXPECT_TRUE(fs::exists(repo));
  }
  EXPECT_THAT(trash.List(), IsEmpty());
}

TEST_F(RemovalTest, NobodysLockFileIsRemoved) {
  const auto locks = [&] { return std::distance(fs::directory_iterator(cache.root() / ".locks/models--lab--small"), {}); };
  const auto count = locks();
  EXPECT_GT(count, 0);
  const auto removed = trash.Remove(Plan(), "x");
  ASSERT_TRUE(removed);
  ASSERT_TRUE(trash.Purge(removed->id));
  EXPECT_EQ(locks(), count);
}

TEST_F(RemovalTest, NothingIsDeletedThroughALink) {
  fs::rename(repo, folder.path() / "other-disk");
  fs::create_directory_symlink(folder.path() / "other-disk", repo);
  const auto plan = PlanRemoval(cache, {kRepo, "", {}, {}});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::kForbidden);
  EXPECT_THAT(plan.error().message, HasSubstr("is a link"));
  EXPECT_TRUE(fs::exists(folder.path() / "other-disk/snapshots"));
}

TEST_F(RemovalTest, RestoringDoesNotOverwrite) {
  const auto whole = trash.Remove(Plan(), "lab/small");
  ASSERT_TRUE(whole);
  ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "old", kFirst));
  EXPECT_EQ(trash.Restore(whole->id).error().code, Code::kConflict);
  EXPECT_EQ(trash.List().size(), 1U);
  const auto later = trash.Remove(Plan(), "lab/small");
  ASSERT_TRUE(later);
  EXPECT_EQ(trash.List()[0].id, later->id);  // newest first
  ASSERT_TRUE(trash.Restore(whole->id));
  EXPECT_EQ(Listing(), before);
}

TEST_F(RemovalTest, ALinkDoesNotComeBackWithoutItsBlob) {
  const auto first = trash.Remove(Plan("old"), "old");  // shared.bin stays for main
  ASSERT_TRUE(first);
  const auto second = trash.Remove(Plan("main", {{"*.bin"}, {}}), "main");  // and goes
  ASSERT_TRUE(second);
  const auto refused = trash.Restore(first->id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(BrokenLinks(), IsEmpty());
  ASSERT_TRUE(trash.Restore(second->id));
  ASSERT_TRUE(trash.Restore(first->id));
  EXPECT_EQ(Listing(), before);
}

TEST_F(RemovalTest, OldOnesArePurged) {
  ASSERT_TRUE(trash.Remove(Plan("old"), "old"));
  ASSERT_TRUE(trash.Remove(Plan(), "rest"));
  EXPECT_EQ(*trash.PurgeOlderThan(trash.List()[1].removed_at), 0U);
  EXPECT_GT(*trash.PurgeOlderThan(trash.List()[0].removed_at + 1), 0U);
  EXPECT_THAT(trash.List(), IsEmpty());
  EXPECT_EQ(trash.Purge("../hub").error().code, Code::kNotFound);
}

// What a process killed after each single move leaves: the manifest, and the first so many paths in the trash.
TEST_F(RemovalTest, RecoverTakesBackWhateverWasHalfDone) {
  for (std::size_t killed_after = 0; killed_after <= 4; ++killed_after) {
    const auto removed = trash.Remove(Plan("old"), "old");
    ASSERT_TRUE(removed) << killed_after;
    const fs::path item = trash.folder() / removed->id;
    std::string manifest = Read(item / "manifest.json");
    const auto at = manifest.find("\"done\"");
    ASSERT_NE(at, std::string::npos);
    testing::Write(item / "manifest.json", manifest.replace(at, 6, "\"moving\""));
    // Taken back by hand from the last move on, as if it had not come so far.
    std::vector<std::string> order = {"refs/old", "snapshots/" + kCommit, "trees/" + kCommit + ".json",
                                      "blobs/" + Etag(kFirst, "sub/old.bin")};
    for (std::size_t i = killed_after; i < order.size(); ++i) {
      fs::create_directories((repo / order[i]).parent_path());
      fs::rename(item / "data" / order[i], repo / order[i]);
    }
    EXPECT_THAT(BrokenLinks(), IsEmpty()) << killed_after;
    if (killed_after == 0) fs::remove_all(item / "data");
    ASSERT_TRUE(trash.Recover());
    EXPECT_EQ(Listing(), before) << killed_after;
    EXPECT_THAT(trash.List(), IsEmpty());
    EXPECT_FALSE(fs::exists(item));
  }
  // Killed while it cleaned up behind a return: the manifest is the last to go.
  const auto removed = trash.Remove(Plan("old"), "old");
  ASSERT_TRUE(removed);
  const fs::path item = trash.folder() / removed->id;
  fs::copy(item, folder.path() / "copy", fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  ASSERT_TRUE(trash.Restore(removed->id));
  fs::create_directories(item / "data/snapshots");
  std::string manifest = Read(folder.path() / "copy/manifest.json");
  testing::Write(item / "manifest.json", manifest.replace(manifest.find("\"done\""), 6, "\"moving\""));
  ASSERT_TRUE(trash.Recover());
  EXPECT_EQ(Listing(), before);
  EXPECT_FALSE(fs::exists(item));
}

TEST_F(RemovalTest, WhatIsDoomedIsNotListedAndPurgedByWhoeverComesNext) {
  const auto part = trash.Remove(Plan("old"), "old", Fate::kDoomed);
  const auto rest = trash.Remove(Plan(), "rest", Fate::kDoomed);
  ASSERT_TRUE(part && rest);
  EXPECT_THAT(trash.List(), IsEmpty());
  fs::create_directories(trash.folder() / "abcdef-12.purging/data/x");  // somebody was killed while purging
  ASSERT_TRUE(trash.Recover());
  EXPECT_TRUE(fs::exists(trash.folder() / part->id));  // unlinking may take long: not here
  EXPECT_GT(*trash.PurgeOlderThan(0), 0U);
  for (const std::string& name : {part->id, rest->id, std::string("abcdef-12.purging")})
    EXPECT_FALSE(fs::exists(trash.folder() / name));
}

// And a process that really dies in the middle, anywhere.
TEST_F(RemovalTest, KilledAnywhereNothingIsLost) {
  for (int round = 0; round < 15; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) {
        const auto removed = trash.Remove(*PlanRemoval(cache, {kRepo, "old", {}, {}}), "old");
        if (!removed || !trash.Restore(removed->id)) ::_exit(1);
      }
    }
    while (!fs::exists(trash.folder())) ::sched_yield();
    for (int turn = 0; turn < 50 * round; ++turn) (void)fs::exists(repo / "refs/old");
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
    EXPECT_THAT(BrokenLinks(), IsEmpty());
    ASSERT_TRUE(trash.Recover());
    EXPECT_THAT(BrokenLinks(), IsEmpty());
    for (const TrashItem& item : trash.List()) ASSERT_TRUE(trash.Restore(item.id));
    std::error_code ignored;
    auto now = Listing();
    std::erase_if(now, [](const auto& one) { return one.first.starts_with(".hostler-"); });  // a manifest's temporary name
    ASSERT_EQ(now, before) << "round " << round;
  }
}

TEST(TrashPlaceTest, IsOnTheSameFileSystem) {
  testing::TemporaryFolder folder;
  const Cache beside(folder.path() / "hub");
  EXPECT_EQ(Trash(beside).folder(), folder.path() / ".hostler-trash/hub");
  const Cache mounted("/dev/shm");  // its parent is another file system
  EXPECT_EQ(Trash(mounted).folder(), "/dev/shm/.locks/.hostler-trash");
}

}  // namespace
}  // namespace hostler::store
