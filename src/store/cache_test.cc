#include "store/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>

#include "store/testing/filled.h"

namespace hostler::store {
namespace {

namespace fs = std::filesystem;
using testing::Contents;
using ::testing::ElementsAre;
using testing::FileOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kCommit;
using testing::kOtherCommit;
using testing::Read;

const model::Repo kRepo{model::RepoKind::kModel, "lab/small"};
const Contents kContents{{"config.json", "{}"}, {"sub/deep/model.bin", "weights"}, {"copy.bin", "weights"}, {"empty.txt", ""}};

class CacheTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder;
  Cache cache{folder.path() / "hub"};
  fs::path repo = cache.FolderOf(kRepo);
  model::RepoFile weights = FileOf("copy.bin", "weights", true);
};

TEST_F(CacheTest, ADownloadHasTheLayoutOfHuggingFace) {
  ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "refs/pr/1", kContents));
  EXPECT_EQ(repo, folder.path() / "hub/models--lab--small");
  EXPECT_EQ(Read(repo / "refs/refs/pr/1"), kCommit);  // no newline
  EXPECT_EQ(fs::read_symlink(repo / "snapshots" / kCommit / "config.json"),
            "../../blobs/9e26dfeeb6e641a33dae4961196235bdb965b21b");
  EXPECT_EQ(fs::read_symlink(repo / "snapshots" / kCommit / "sub/deep/model.bin"), "../../../../blobs/" + *weights.sha256);
  EXPECT_EQ(Read(repo / "snapshots" / kCommit / "sub/deep/model.bin"), "weights");
  EXPECT_EQ(Read(repo / "snapshots" / kCommit / "empty.txt"), "");
  EXPECT_EQ(std::distance(fs::directory_iterator(repo / "blobs"), {}), 3);  // equal content once, no partial left
  EXPECT_THAT(Read(cache.root() / "CACHEDIR.TAG"), ::testing::StartsWith("Signature: 8a477f597d28d172789f06886806bc55\n"));
  struct stat status{};
  ASSERT_EQ(::stat((cache.root() / ".locks/models--lab--small" / (*weights.sha256 + ".lock")).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0664U);
}

TEST_F(CacheTest, ModesFollowTheUmask) {
  const mode_t before = ::umask(0027);
  const auto done = testing::Fill(cache, kRepo, kCommit, "main", kContents);
  ::umask(before);
  ASSERT_TRUE(done);
  const auto mode = [](const fs::path& path) { return static_cast<unsigned>(fs::status(path).permissions()); };
  EXPECT_EQ(mode(repo), 0750U);
  EXPECT_EQ(mode(repo / "blobs" / *weights.sha256), 0640U);
  EXPECT_EQ(mode(repo / "trees" / (kCommit + ".json")), 0640U);
  EXPECT_EQ(mode(repo / "refs/main"), 0640U);
}

TEST_F(CacheTest, TheListingIsWhatPythonWrites) {
  auto files = testing::ListingOf({{"b.bin", "x"}, {"a \"q\".txt", ""}, {"caf\xc3\xa9/\xf0\x9f\x90\xb4.txt", "h"}});
  files[1].xet_hash = std::string(64, 'e');
  ASSERT_TRUE(cache.Prepare(kRepo, kCommit, files));
  const fs::path listing = repo / "trees" / (kCommit + ".json");
  const std::string python =
      "import json,sys; t=open(sys.argv[1]).read(); d=json.loads(t); sys.stdout.write("
      "str(json.dumps(d, indent=1) == t) + ' ' + str(list(d) == ['format_version', 'files']) + ' ' + "
      "str(list(d['files']) == sorted(d['files'])))";
  EXPECT_EQ(testing::Run("/usr/bin/python3 -c \"" + python + "\" " + listing.string()), "True True True");
  const auto read = cache.Listing(kRepo, kCommit);
  ASSERT_TRUE(read);
  EXPECT_THAT(*read, ::testing::UnorderedElementsAreArray(files));
}

TEST_F(CacheTest, AListingThatIsNotRightIsNone) {
  const std::string good = R"({"format_version": 1, "files": {"a": {"size": 1, "blob_id": ")" + kCommit + "\"";
  for (const std::string text :
       {"", "{", "[]", R"({"format_version": 2, "files": {}})", R"({"files": {}})", good.c_str(),
        R"({"format_version": 1, "files": {"../a": {"size": 1, "blob_id": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}})",
        R"({"format_version": 1, "files": {"a": {"size": -1, "blob_id": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}})",
        R"({"format_version": 1, "files": {"a": {"size": 1, "blob_id": "../../x"}}})"}) {
    testing::Write(repo / "trees" / (kCommit + ".json"), text);
    EXPECT_FALSE(cache.Listing(kRepo, kCommit)) << text;
  }
  testing::Write(repo / "trees" / (kCommit + ".json"), good + "}}}");
  EXPECT_TRUE(cache.Listing(kRepo, kCommit));
  testing::Write(repo / "trees" / (kCommit + ".json"), good + ", \"xet_hash\": \"short\"}}}");
  EXPECT_FALSE(cache.Listing(kRepo, kCommit));
}

TEST_F(CacheTest, ThePlanCountsSharedBlobsOnceAndKnowsPartials) {
  const auto files = testing::ListingOf(kContents);
  auto plan = cache.Plan(kRepo, kCommit, files);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->bytes_total, 9U);
  EXPECT_EQ(plan->missing.size(), 3U);
  EXPECT_EQ(plan->bytes_missing(), 9U);
  EXPECT_FALSE(fs::exists(cache.root()));  // asking makes nothing

  ASSERT_TRUE(cache.Prepare(kRepo, kCommit, files));
  ASSERT_TRUE(cache.OpenPartial(kRepo, weights.etag(), 7)->Append("weig"));
  ASSERT_TRUE(testing::FillBlob(cache, kRepo, FileOf("config.json", "{}"), "{}"));
  plan = cache.Plan(kRepo, kCommit, files);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->bytes_present, 2U);
  EXPECT_EQ(plan->bytes_partial, 4U);
  EXPECT_EQ(plan->bytes_missing(), 3U);
  ASSERT_THAT(plan->to_link, ElementsAre(FileOf("config.json", "{}")));
  EXPECT_THAT(plan->missing.back().paths.size() + plan->missing.front().paths.size(), 3U);
  EXPECT_TRUE(fs::exists(repo / "blobs" / (weights.etag() + ".hostler.incomplete")));

  ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "main", kContents));
  plan = cache.Plan(kRepo, kCommit, files);
  EXPECT_THAT(plan->missing, IsEmpty());
  EXPECT_THAT(plan->to_link, IsEmpty());
  EXPECT_EQ(plan->bytes_missing(), 0U);
}

TEST_F(CacheTest, NothingHostileBecomesAFileName) {
  auto file = weights;
  for (const std::string path : {"../../../../escaped", "/tmp/escaped", "a/../../b"}) {
    file.path = path;
    EXPECT_EQ(cache.Prepare(kRepo, kCommit, {file}).error().code, Code::kInvalid) << path;
    EXPECT_FALSE(cache.Link(kRepo, kCommit, file)) << path;
  }
  file = weights;
  file.sha256 = "../../../escaped";
  EXPECT_FALSE(cache.Plan(kRepo, kCommit, {file}));
  EXPECT_FALSE(cache.OpenPartial(kRepo, "../escaped", 1));
  EXPECT_FALSE(cache.TryLock(kRepo, "../escaped"));
  EXPECT_FALSE(cache.Prepare(kRepo, "../../../escaped", {}));
  EXPECT_FALSE(cache.WriteRef(kRepo, "../escaped", kCommit));
  EXPECT_FALSE(cache.WriteNoExist(kRepo, kCommit, "../../../../escaped"));
  EXPECT_FALSE(cache.Prepare({model::RepoKind::kModel, "../../x"}, kCommit, {}));
  file.sha256 = std::string(64, '*');
  EXPECT_EQ(cache.Plan(kRepo, kCommit, {file}).error().name, "gated");
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(CacheTest, LinksInTheCacheLeadNobodyOutside) {
  ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "main", kContents));
  const fs::path outside = folder.path() / "outside";
  for (const char* name : {"blobs", "snapshots", "refs", "trees"}) {
    fs::create_directories(outside);
    fs::rename(repo / name, repo / "kept");
    fs::create_directory_symlink(outside, repo / name);
    const auto done = testing::Fill(cache, kRepo, kOtherCommit, "next", {{"new.bin", "new"}});
    ASSERT_FALSE(done) << name;
    EXPECT_EQ(done.error().code, Code::kForbidden) << name;
    EXPECT_THAT(done.error().message, HasSubstr("is a link"));
    EXPECT_TRUE(fs::is_empty(outside)) << name;
    fs::remove(repo / name);
    fs::rename(repo / "kept", repo / name);
  }
  fs::create_directory_symlink(outside, cache.FolderOf({model::RepoKind::kModel, "linked"}));
  EXPECT_FALSE(testing::Fill(cache, {model::RepoKind::kModel, "linked"}, kCommit, "main", kContents));
  // A lock or a partial that is a link is not opened.
  const auto etag = FileOf("x.bin", "other", true).etag();
  fs::create_symlink(outside / "victim", repo / "blobs" / (etag + ".hostler.incomplete"));
  EXPECT_FALSE(cache.OpenPartial(kRepo, etag, 5));
  fs::create_symlink(outside / "victim", cache.root() / ".locks/models--lab--small" / (etag + ".lock"));
  EXPECT_FALSE(cache.TryLock(kRepo, etag));
  EXPECT_TRUE(fs::is_empty(outside));
}

TEST_F(CacheTest, ARefIsLastAndNeverWithoutASnapshot) {
  ASSERT_TRUE(cache.Prepare(kRepo, kCommit, testing::ListingOf(kContents)));
  EXPECT_FALSE(cache.WriteRef(kRepo, "main", kOtherCommit));
  EXPECT_FALSE(fs::exists(repo / "refs/main"));
  ASSERT_TRUE(cache.WriteRef(kRepo, "main", kCommit));
  ASSERT_TRUE(cache.WriteRef(kRepo, kCommit, kCommit));  // a commit names itself
  EXPECT_FALSE(fs::exists(repo / "refs" / kCommit));
  EXPECT_EQ(std::distance(fs::directory_iterator(repo / "refs"), {}), 1);  // no temporary among the refs
}

TEST_F(CacheTest, LinkingNeedsTheBlobAndReplacesWhatIsWrong) {
  ASSERT_TRUE(cache.Prepare(kRepo, kCommit, {weights}));
  const auto link = repo / "snapshots" / kCommit / "copy.bin";
  EXPECT_EQ(cache.Link(kRepo, kCommit, weights).error().code, Code::kConflict);
  EXPECT_FALSE(fs::exists(fs::symlink_status(link)));
  ASSERT_TRUE(testing::FillBlob(cache, kRepo, weights, "weights"));
  fs::create_symlink("../../blobs/gone", link);
  ASSERT_TRUE(cache.Link(kRepo, kCommit, weights));
  EXPECT_EQ(Read(link), "weights");
  ASSERT_TRUE(cache.Link(kRepo, kCommit, weights));
}

TEST_F(CacheTest, MarkersOfAbsenceAreEmptyFiles) {
  ASSERT_TRUE(cache.WriteNoExist(kRepo, kCommit, "sub/adapter.json"));
  EXPECT_EQ(fs::file_size(repo / ".no_exist" / kCommit / "sub/adapter.json"), 0U);
}

TEST_F(CacheTest, LookingTellsWhatIsThere) {
  auto seen = cache.Look(kRepo, "main", {});
  EXPECT_EQ(seen.commit, "");
  EXPECT_FALSE(seen.complete);

  ASSERT_TRUE(cache.Prepare(kRepo, kCommit, testing::ListingOf(kContents)));
  ASSERT_TRUE(cache.OpenPartial(kRepo, weights.etag(), 7)->Append("weig"));
  seen = cache.Look(kRepo, "main", {});  // no ref yet
  EXPECT_EQ(seen.commit, "");
  EXPECT_FALSE(seen.complete);
  EXPECT_EQ(seen.resumable_bytes, 4U);
  EXPECT_EQ(seen.bytes_total, 9U);

  ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "main", kContents));
  seen = cache.Look(kRepo, "main", {});
  EXPECT_EQ(seen.commit, kCommit);
  EXPECT_TRUE(seen.known);
  EXPECT_TRUE(seen.complete);
  EXPECT_EQ(seen.bytes_present, 9U);
  EXPECT_EQ(seen.snapshot, repo / "snapshots" / kCommit);
  EXPECT_FALSE(cache.Look(kRepo, "main", {{"*.safetensors"}, {}}).complete);  // picks nothing: nothing is installed

  fs::remove(repo / "snapshots" / kCommit / "config.json");
  seen = cache.Look(kRepo, kCommit, {});
  EXPECT_FALSE(seen.complete);
  EXPECT_THAT(seen.missing, ElementsAre("config.json"));
  EXPECT_TRUE(cache.Look(kRepo, kCommit, {{"*.bin"}, {}}).complete);

  fs::remove_all(repo / "trees");  // as JS and older Python leave it
  seen = cache.Look(kRepo, "main", {});
  EXPECT_FALSE(seen.known);
  EXPECT_TRUE(seen.complete);
  EXPECT_EQ(seen.bytes_present, 7U);
  testing::Write(repo / "blobs" / (std::string(64, 'c') + ".incomplete"), "half");
  EXPECT_FALSE(cache.Look(kRepo, "main", {}).complete);
  fs::remove(repo / "blobs" / weights.etag());
  EXPECT_FALSE(cache.Look(kRepo, "main", {}).complete);

  testing::Write(repo / "refs/main", kCommit + "\n");  // Python does not find it either
  EXPECT_EQ(cache.Look(kRepo, "main", {}).commit, "");
}

TEST_F(CacheTest, TemporaryNamesOfKilledWritersGoWithTheNextDownload) {
  const auto write = [&](const char* name, std::chrono::seconds age) {
    testing::Write(repo / name, "x");
    fs::last_write_time(repo / name, fs::file_time_type::clock::now() - age);
  };
  write(".hostler-0123456789abcdef.tmp", std::chrono::minutes(2));
  write(".hostler-fedcba9876543210.tmp", std::chrono::seconds(0));  // somebody may be at it
  write("notes.tmp", std::chrono::minutes(2));                      // not ours
  ASSERT_TRUE(testing::Fill(cache, kRepo, kCommit, "main", kContents));
  EXPECT_FALSE(fs::exists(repo / ".hostler-0123456789abcdef.tmp"));
  EXPECT_TRUE(fs::exists(repo / ".hostler-fedcba9876543210.tmp"));
  EXPECT_TRUE(fs::exists(repo / "notes.tmp"));
}

TEST_F(CacheTest, FreeSpaceOfAFolderThatIsNotThereYet) {
  const auto space = cache.FreeSpace();
  ASSERT_TRUE(space);
  EXPECT_GT(space->free, 0U);
  EXPECT_LE(space->free, space->total);
}

TEST(DefaultRootTest, IsWherePythonLooks) {
  using Environment = std::map<std::string, std::string>;
  EXPECT_EQ(DefaultRoot(Environment{{"HOME", "/h"}}), "/h/.cache/huggingface/hub");
  EXPECT_EQ(DefaultRoot(Environment{{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}}), "/x/huggingface/hub");
  EXPECT_EQ(DefaultRoot(Environment{{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}, {"HF_HOME", "~/hf"}}), "/h/hf/hub");
  EXPECT_EQ(DefaultRoot(Environment{{"HOME", "/h"}, {"D", "/d"}, {"HUGGINGFACE_HUB_CACHE", "$D/c"}, {"HF_HOME", "/hf"}}), "/d/c");
  EXPECT_EQ(DefaultRoot(Environment{{"HOME", "/h"}, {"D", "/d"}, {"HF_HUB_CACHE", "${D}x/$NO"}, {"HUGGINGFACE_HUB_CACHE", "/y"}}),
            "/dx/$NO");
  EXPECT_EQ(DefaultRoot(Environment{{"HOME", "/h"}, {"HF_HUB_CACHE", ""}, {"HF_HOME", "/hf"}}), "/hf/hub");
}

}  // namespace
}  // namespace hostler::store
