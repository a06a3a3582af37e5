// What the hub's headers and documents are read as.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/headers.h"
#include "hub/listing.h"

namespace hostler::hub {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kCommit(40, 'a');
const std::string kBlob(40, 'b');
const std::string kSha(64, 'c');

TEST(HubHeadersTest, LinksAreRead) {
  EXPECT_EQ(NextLink("<https://h/x?cursor=a,b>; rel=\"next\""), "https://h/x?cursor=a,b");
  EXPECT_EQ(NextLink("</first>; rel=first, </next>; title=\"a, b\"; REL=\"prev next\""), "/next");
  for (const char* text : {"", "<", "<>; rel=next", "</a>; rel=prev", "</a>", "https://h; rel=next"})
    EXPECT_EQ(NextLink(text), std::nullopt) << text;
}

TEST(HubHeadersTest, RangesAreRead) {
  EXPECT_EQ(ParseContentRange("bytes 10-19/100"), (ContentRange{10, 20, 100}));
  EXPECT_EQ(ParseContentRange("bytes 0-0/*"), (ContentRange{0, 1, std::nullopt}));
  for (const char* text : {"", "bytes */100", "bytes 19-10/100", "bytes 0-100/100", "bytes -1-2/3", "items 0-1/2", "bytes 0-1",
                           "bytes 0-9/x", "bytes 0-99999999999999999999/*", "bytes +0-1/2"}) {
    EXPECT_EQ(ParseContentRange(text), std::nullopt) << text;
  }
}

TEST(HubHeadersTest, WaitsAreRead) {
  EXPECT_EQ(WaitAsked({{"RateLimit", "\"api\";r=0;t=30"}, {"Retry-After", "2"}}), 31);
  EXPECT_EQ(WaitAsked({{"RateLimit", "\"api\";r=12;t=30"}, {"Retry-After", "2"}}), 2);
  EXPECT_EQ(WaitAsked({{"Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"}}), std::nullopt);
}

TEST(HubListingTest, FilesAreReadAndHostileOnesRefused) {
  const auto page = [](std::string path, std::string size = "5", std::string oid = kBlob, std::string lfs = {}) {
    return "[{\"type\":\"directory\",\"oid\":\"x\",\"size\":0,\"path\":\"d\"},{\"type\":\"file\",\"oid\":\"" + oid +
           "\",\"size\":" + size + ",\"path\":\"" + path + "\"" + lfs + "}]";
  };
  const auto good = ParseTree(page("d/\\u00e4 #.txt"));
  ASSERT_TRUE(good) << good.error().Text();
  ASSERT_EQ(good->size(), 1u);
  EXPECT_EQ((*good)[0].path, "d/ä #.txt");
  EXPECT_EQ((*good)[0].etag(), kBlob);
  const auto large = ParseTree(page("m.bin", "5", kBlob, ",\"lfs\":{\"oid\":\"" + kSha + "\",\"size\":5,\"pointerSize\":130}"));
  EXPECT_EQ(large->at(0).etag(), kSha);
  const auto hidden = ParseTree(page("m.bin", "5", kBlob, ",\"lfs\":{\"oid\":\"" + std::string(64, '*') + "\",\"size\":5}"));
  EXPECT_EQ(hidden->at(0).etag(), "");
  EXPECT_FALSE(ParseTree(page("../../etc/passwd")));
  EXPECT_FALSE(ParseTree(page("/etc/passwd")));
  EXPECT_FALSE(ParseTree(page("a\\\\b")));
  EXPECT_FALSE(ParseTree(page("ok", "-1")));
  EXPECT_FALSE(ParseTree(page("ok", "1.5")));
  EXPECT_FALSE(ParseTree(page("ok", "5", "../../../" + std::string(31, 'a'))));
  EXPECT_FALSE(ParseTree(page("ok", "5", kBlob, ",\"lfs\":{\"oid\":\"" + kSha + "\",\"size\":6}")));
  EXPECT_FALSE(ParseTree("{}"));
  EXPECT_FALSE(ParseTree("[1]"));
  EXPECT_EQ(ParseTree("[{\"type\":\"file\"}]").error().name, "not_a_hub");
}

TEST(HubListingTest, PagesAreCheckedTogether) {
  const auto add = [](ListingOfPages& pages, std::vector<std::pair<std::string, std::uint64_t>> files) {
    std::vector<model::RepoFile> page;
    for (auto& [path, size] : files) {
      model::RepoFile file;
      file.path = path;
      file.size = size;
      page.push_back(std::move(file));
    }
    return pages.Add(std::move(page));
  };
  const auto refused = [&](std::vector<std::pair<std::string, std::uint64_t>> second) {
    ListingOfPages pages("org/m");
    EXPECT_TRUE(add(pages, {{"b/c", 1}, {"a", 2}}));
    const Result<> added = add(pages, std::move(second));
    return added ? std::string() : added.error().message;
  };
  EXPECT_EQ(refused({{"b/d", 1}, {"a-b", 1}, {"A", 1}}), "");
  EXPECT_THAT(refused({{"a", 2}}), HasSubstr("a twice"));
  EXPECT_THAT(refused({{"a/x", 1}}), HasSubstr("as a file and as a folder"));
  EXPECT_THAT(refused({{"b", 1}}), HasSubstr("as a file and as a folder"));
  const std::uint64_t half = std::uint64_t{1} << 61;
  EXPECT_THAT(refused({{"x", half}, {"y", half}}), HasSubstr("a size that cannot be"));
  ListingOfPages pages("org/m");
  EXPECT_TRUE(add(pages, {{"z", 1}, {"a", 2}}));
  EXPECT_EQ(pages.count(), 2U);
  EXPECT_EQ(std::move(pages).Take().front().path, "a");
}

}  // namespace
}  // namespace hostler::hub
