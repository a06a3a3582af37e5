#include "base/json.h"

#include <gtest/gtest.h>

namespace hostler::json {
namespace {

enum class Badge { kReady, kProviderMissing };
BOOST_DESCRIBE_ENUM(Badge, kReady, kProviderMissing)

struct File {
  std::string name;
  std::int64_t size = 0;
};
BOOST_DESCRIBE_STRUCT(File, (), (name, size))

struct Entry {
  std::string id;
  Badge state = Badge::kReady;
  std::vector<File> files;
  std::optional<double> speed;
  Nullable<std::string> error;
  std::optional<bool> default_;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (id, state, files, speed, error, default_))

std::string ErrorOf(std::string_view text) {
  auto entry = Parse<Entry>(text);
  return entry ? "accepted" : entry.error().Text();
}

TEST(JsonTest, RoundTripsEveryKindOfMember) {
  const auto entry = Parse<Entry>(
      R"({"id":"a/b","state":"provider_missing","files":[{"name":"x","size":3}],"speed":1.5,"error":null,"default":true})");
  ASSERT_TRUE(entry) << entry.error().Text();
  EXPECT_EQ(entry->state, Badge::kProviderMissing);
  EXPECT_EQ(entry->files[0].size, 3);
  EXPECT_EQ(ToJson(*entry),
            R"({"id":"a/b","state":"provider_missing","files":[{"name":"x","size":3}],"speed":1.5,"error":null,"default":true})");
}

TEST(JsonTest, LeavesOutEmptyOptionalsButWritesNullables) {
  EXPECT_EQ(ToJson(Entry{.id = "x"}), R"({"id":"x","state":"ready","files":[],"error":null})");
}

TEST(JsonTest, ErrorsNameThePath) {
  EXPECT_EQ(ErrorOf(R"({"id":"a","state":"ready","files":[{"name":"x","size":1},{"name":"y","size":"big"}]})"),
            "files[1].size: expected integer, got string. Send an integer.");
  EXPECT_EQ(ErrorOf(R"({"id":1,"state":"ready","files":[]})"), "id: expected string, got integer. Send a string.");
  EXPECT_EQ(ErrorOf(R"({"state":"ready","files":[]})"), "id: required field is missing. Send it.");
  EXPECT_EQ(ErrorOf(R"({"id":"a","state":"raedy","files":[]})"),
            "state: unknown value \"raedy\". Use one of: ready, provider_missing.");
  EXPECT_EQ(ErrorOf(R"({"id":"a","state":"ready","files":[],"sped":2})"), "sped: unknown field. Did you mean \"speed\"?");
  EXPECT_EQ(ErrorOf(R"([1])"), "expected object, got array. Send an object.");
  EXPECT_EQ(ErrorOf(R"({"id":"a","state":"ready","files":[{"name":"x","size":1.5}]})"),
            "files[0].size: expected integer, got 1.5E0. Send an integer.");
}

TEST(JsonTest, UnknownFieldsCanBeIgnoredAndAreReported) {
  std::vector<std::string> ignored;
  ASSERT_TRUE(Parse<File>(R"({"name":"x","size":1,"extra":[],"more":2})", Unknown::kIgnore, &ignored));
  EXPECT_EQ(ignored, (std::vector<std::string>{"extra", "more"}));
}

TEST(JsonTest, RefusesWhatIsNotOneCleanDocument) {
  EXPECT_FALSE(ParseDom(""));
  EXPECT_FALSE(ParseDom("{} {}"));
  EXPECT_FALSE(ParseDom("{\"a\":"));
  EXPECT_FALSE(ParseDom("{\"a\":NaN}"));
  EXPECT_FALSE(ParseDom("\"\xC3\x28\""));
  EXPECT_FALSE(ParseDom(std::string(40, '[') + std::string(40, ']')));
  const auto twice = ParseDom(R"({"a":{"b":1,"b":2}})");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().field, "b");
  EXPECT_TRUE(ParseDom(R"([{"b":1},{"b":2}])"));
}

TEST(JsonTest, NonFiniteNumbersBecomeNull) {
  EXPECT_EQ(ToJson(std::vector<double>{1.5, NAN}), "[1.5,null]");
}

}  // namespace
}  // namespace hostler::json
