#include "model/repo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hostler::model {
namespace {

using testing::HasSubstr;

TEST(Repo, IdsAreWhatTheHubAccepts) {
  for (const char* id : {"gpt2", "Qwen/Qwen3-Embedding-0.6B", "a/b", "_x/y_", "org.name/model.v1.5"}) {
    const auto repo = ParseRepo(id);
    ASSERT_TRUE(repo) << id;
    EXPECT_EQ(repo->id, id);
  }
  for (const std::string id : {"", "/", "a/", "/a", "a/b/c", "a b", "a--b", "a..b", "../x", "-a", "a-", ".a", "a.", "a/b.git",
                               "a\\b", "caf\xc3\xa9", "a/%2e", "a\nb"}) {
    const auto repo = ParseRepo(id);
    ASSERT_FALSE(repo) << id;
    EXPECT_EQ(repo.error().code, Code::kInvalid);
    EXPECT_THAT(repo.error().message, HasSubstr("no repository id"));
    EXPECT_NE(repo.error().remedy, "");
  }
  EXPECT_TRUE(ParseRepo(std::string(96, 'x')));
  EXPECT_FALSE(ParseRepo(std::string(97, 'x')));
}

TEST(Repo, FoldersMapBothWays) {
  EXPECT_EQ(FolderName({RepoKind::kModel, "Qwen/Qwen3"}), "models--Qwen--Qwen3");
  EXPECT_EQ(FolderName({RepoKind::kDataset, "squad"}), "datasets--squad");
  for (const Repo& repo : {Repo{RepoKind::kModel, "gpt2"}, Repo{RepoKind::kSpace, "a/b-c"}, Repo{RepoKind::kKernel, "k/k"}})
    EXPECT_EQ(RepoOfFolder(FolderName(repo)), repo);
  for (const char* folder :
       {"models", "models--", "models--a--", "models----b", "other--x", ".locks", "CACHEDIR.TAG", "models--a/b", "models--..--x"})
    EXPECT_FALSE(RepoOfFolder(folder)) << folder;
}

TEST(Repo, NamesThatBecomeFiles) {
  const std::string commit(40, 'a');
  EXPECT_TRUE(IsCommit(commit));
  EXPECT_FALSE(IsCommit(commit + "\n"));
  EXPECT_FALSE(IsCommit(std::string(40, 'A')));
  EXPECT_FALSE(IsCommit(std::string(64, 'a')));
  EXPECT_TRUE(IsEtag(std::string(64, '0')));
  EXPECT_FALSE(IsEtag(std::string(64, '*')));
  for (const char* revision : {"main", "refs/pr/1", "v1.0", "feature/x"}) EXPECT_TRUE(IsRevision(revision)) << revision;
  for (const std::string revision : {"", "/main", "main/", "a//b", "../x", "a/../b", "a..b", "a\\b", "a\nb", ".", "a/."})
    EXPECT_FALSE(IsRevision(revision)) << revision;
  for (const char* path : {"a.txt", "x/y/a b#?%.txt", ".gitattributes", "caf\xc3\xa9.bin", "a..b"})
    EXPECT_TRUE(IsFilePath(path)) << path;
  for (const std::string path :
       {"", "/etc/passwd", "..", "a/../../b", "./a", "a/./b", "a/", "a//b", "..\\x", "C:\\x", "a\tb", "\xff"})
    EXPECT_FALSE(IsFilePath(path)) << path;
  EXPECT_FALSE(IsFilePath(std::string(256, 'x')));
  EXPECT_FALSE(IsFilePath(std::string("a\0b", 3)));
}

TEST(Patterns, AreThoseOfFnmatch) {
  EXPECT_TRUE(Matches("*.json", "a/b/c.json"));
  EXPECT_TRUE(Matches("data/*", "data/x/y"));
  EXPECT_TRUE(Matches("art/", "art/x/y"));
  EXPECT_TRUE(Matches("**", "x/y"));
  EXPECT_TRUE(Matches("a?c", "a/c"));
  EXPECT_TRUE(Matches("a?c",
                      "a\xc3\xa9"
                      "c"));
  EXPECT_TRUE(Matches("[a-c]x", "bx"));
  EXPECT_FALSE(Matches("[!a-c]x", "bx"));
  EXPECT_TRUE(Matches("[!a-c]x", "dx"));
  EXPECT_TRUE(Matches("[]]", "]"));
  EXPECT_TRUE(Matches("[a", "[a"));
  EXPECT_TRUE(Matches("[a-]", "-"));
  EXPECT_FALSE(Matches("[c-a]", "b"));
  EXPECT_TRUE(Matches("a\\b", "a/b"));
  EXPECT_FALSE(Matches("*.json", "c.JSON"));
  EXPECT_FALSE(Matches("a", "ab"));
  EXPECT_FALSE(Matches("", "a"));
  EXPECT_TRUE(Matches("*", ""));
  EXPECT_TRUE(Matches("*a*b*c*", "xxaxxbxxcxx"));
  EXPECT_FALSE(Matches(std::string(40, '*') + "z", std::string(2000, 'a')));
}

TEST(Patterns, IncludeAnyThenExcludeAny) {
  const Selection all;
  EXPECT_TRUE(all.IsAll());
  EXPECT_TRUE(all.Picks("x"));
  const Selection some{{"*.bin", "*.json"}, {"old/*"}};
  EXPECT_TRUE(some.Picks("a.bin"));
  EXPECT_TRUE(some.Picks("sub/a.json"));
  EXPECT_FALSE(some.Picks("old/a.bin"));
  EXPECT_FALSE(some.Picks("a.txt"));
}

}  // namespace
}  // namespace hostler::model
