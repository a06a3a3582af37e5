#include "base/json.h"

#include <gmock/gmock.h>
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
  EXPECT_EQ(twice.error().field, "a.b");
  EXPECT_TRUE(ParseDom(R"([{"b":1},{"b":2}])"));
}

TEST(JsonTest, NonFiniteNumbersBecomeNull) {
  EXPECT_EQ(ToJson(std::vector<double>{1.5, NAN}), "[1.5,null]");
}

TEST(JsonTest, ZeroHasNoSign) {
  EXPECT_EQ(ToJson(std::vector<double>{-0.0, 0.0, -0.5}), "[0,0,-0.5]");
}

TEST(JsonTest, AKeyThatComesTwiceIsNamedWithItsPath) {
  const auto path = [](std::string_view text) {
    const auto dom = ParseDom(text);
    return dom ? "accepted" : dom.error().field;
  };
  EXPECT_EQ(path(R"([0,{"x":[1,"s",null,true,1.5,[],{},{"k":1,"\u006b":2}]}])"), "[1].x[7].k");
  EXPECT_EQ(path(R"({"a":{"":1,"":2}})"), "a.");
  const auto empty = ParseDom(R"({"":1,"":2})");
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().message, testing::HasSubstr("twice"));
}

TEST(JsonTest, DepthIsBoundedWhateverIsNested) {
  for (const std::string_view open : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += open;
    const auto dom = ParseDom(text);
    ASSERT_FALSE(dom);
    EXPECT_THAT(dom.error().message, testing::HasSubstr("too deep"));
  }
}

TEST(JsonTest, NumbersFitOrAreRefused) {
  EXPECT_EQ(ErrorOf(R"({"id":"x","state":"ready","files":[],"speed":1e999})"),
            "speed: the number is too large. Send one that fits into a double.");
  EXPECT_EQ(ParseDom(R"({"a":[1,{"b":-1e999}]})").error().field, "a[1].b");
  for (const std::string_view size : {"1.5", "1e999", "-1e999", "9223372036854775808", "1e19", "true", "\"1\""}) {
    const auto file = Parse<File>("{\"name\":\"x\",\"size\":" + std::string(size) + "}");
    ASSERT_FALSE(file) << size;
    EXPECT_EQ(file.error().field, "size");
  }
  EXPECT_EQ(Parse<File>(R"({"name":"x","size":-0})")->size, 0);
  EXPECT_EQ(Parse<File>(R"({"name":"x","size":1e3})")->size, 1000);
}

// What comes before it is all that a C library would see: "voice\0anything" must not pass for "voice".
TEST(JsonTest, TextHasNoNul) {
  const auto file = Parse<File>(R"({"name":"a\u0000b","size":1})");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().field, "name");
  EXPECT_THAT(file.error().message, testing::HasSubstr("NUL"));
}

TEST(JsonTest, WhatIsWrittenCanBeReadWhateverItWas) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (const std::string& text : {bytes, std::string("\xFF"), std::string("gr\xC3"), std::string("\xED\xA0\x80")}) {
    const auto dom = ParseDom(ToJson(text));
    ASSERT_TRUE(dom) << dom.error().Text();
  }
  EXPECT_EQ(ToJson(std::string("a\xFFz")), "\"a\xEF\xBF\xBDz\"");
}

}  // namespace
}  // namespace hostler::json
