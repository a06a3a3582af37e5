#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/errors.h"
#include "api/guard.h"
#include "api/log_entry.h"
#include "api/openai/subtitles.h"
#include "api/openapi.h"
#include "api/words.h"
#include "base/text.h"

namespace hostler::api {
namespace {

using model::DiskState;
using model::MemoryState;

TEST(ErrorsTest, EveryEnvelopeHasOpenAisFourKeysAndTheRemedy) {
  const http::Response response =
      ErrorResponse(Error{Code::kNotFound, "there is no model \"x\"", "GET /models lists them.", "model", "model_not_found"});
  EXPECT_EQ(response.status, 404U);
  EXPECT_EQ(
      response.body,
      R"({"error":{"message":"there is no model \"x\"","type":"invalid_request_error","param":"model","code":"model_not_found","remedy":"GET /models lists them."}})");
  EXPECT_EQ(
      ErrorResponse(Error{Code::kInternal, "oops", {}, {}, {}}).body,
      R"({"error":{"message":"oops","type":"server_error","param":null,"code":"internal","remedy":"This is a bug in hostler; `hostler logs` shows more."}})");
}

TEST(ErrorsTest, WhatIsQuotedIsText) {
  const auto body = [](const char* message) { return ErrorResponse(Error{Code::kNotFound, message, {}, {}, {}}).body; };
  EXPECT_TRUE(Utf8Length(body("nothing at /\xFF\xC0\xAF")));
  EXPECT_THAT(body("nothing at /\xC3\xA9"), testing::HasSubstr("nothing at /\xC3\xA9\""));
}

TEST(ErrorsTest, StatusesFollowTheTable) {
  EXPECT_EQ(StatusOf({Code::kInvalid, {}, {}, {}, "validation_error"}), 422U);
  EXPECT_EQ(StatusOf({Code::kInvalid, {}, {}, {}, {}}), 400U);
  EXPECT_EQ(StatusOf({Code::kUnsupported, {}, {}, {}, "unsupported_media_type"}), 415U);
  EXPECT_EQ(StatusOf({Code::kUnsupported, {}, {}, {}, "provider_missing"}), 400U);
  EXPECT_EQ(StatusOf({Code::kBusy, {}, {}, {}, {}}), 429U);
}

TEST(GuardTest, AnswersToAddressesAndLocalNamesOnly) {
  const Guard guard({"box.lan"}, {});
  for (const char* host :
       {"localhost", "localhost:8100", "127.0.0.1:8100", "[::1]:8100", "192.168.0.7", "box.lan:80", "app.localhost"}) {
    EXPECT_TRUE(guard.Check({{"Host", host}})) << host;
  }
  for (const char* host : {"evil.example", "evil.example:8100", "localhost.evil.example", "127.0.0.1.evil.example"}) {
    EXPECT_FALSE(guard.Check({{"Host", host}})) << host;
  }
}

TEST(GuardTest, RefusesPagesOfOtherSitesUnlessTheyAreConfigured) {
  const Guard guard({}, {"https://app.example"});
  EXPECT_TRUE(guard.Check({{"Host", "localhost:8100"}, {"Origin", "http://localhost:8100"}}));
  EXPECT_TRUE(guard.Check({{"Host", "localhost:8100"}, {"Origin", "https://app.example"}}));
  for (const char* origin : {"https://evil.example", "http://localhost:3000", "null"}) {
    EXPECT_FALSE(guard.Check({{"Host", "localhost:8100"}, {"Origin", origin}})) << origin;
  }
  EXPECT_FALSE(guard.Check({{"Host", "localhost"}, {"Origin", "http://localhost"}, {"Origin", "https://evil.example"}}));
  EXPECT_FALSE(guard.Check({{"Host", ""}, {"Origin", "http://"}}));
  EXPECT_FALSE(guard.Check({{"Host", "localhost"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "no-cors"}}));
  EXPECT_TRUE(guard.Check({{"Host", "localhost"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}}));
  EXPECT_EQ(guard.CorsFields({{"Origin", "https://app.example"}}).Get("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_TRUE(guard.CorsFields({{"Origin", "https://evil.example"}}).empty());
}

lifecycle::Status With(DiskState disk, MemoryState memory, std::size_t waiting = 0) {
  lifecycle::Status status;
  status.entry.disk = disk;
  status.state = memory;
  status.waiting = waiting;
  return status;
}

TEST(WordsTest, BadgesAreTheSeeds) {
  EXPECT_EQ(Badge(With(DiskState::kProviderMissing, MemoryState::kUnloaded)), "⚠ Not available (rebuild image)");
  EXPECT_EQ(Badge(With(DiskState::kAvailable, MemoryState::kUnloaded)), "○ Ready (load to use)");
  EXPECT_EQ(Badge(With(DiskState::kDownloaded, MemoryState::kUnloaded)), "○ Cached — Load");
  EXPECT_EQ(Badge(With(DiskState::kDownloaded, MemoryState::kLoaded)), "● Loaded");
}

TEST(WordsTest, VoiceStatesAreTheSeeds) {
  EXPECT_EQ(VoiceState(With(DiskState::kProviderMissing, MemoryState::kUnloaded)), "provider_missing");
  EXPECT_EQ(VoiceState(With(DiskState::kAvailable, MemoryState::kUnloaded)), "provider_installed");
  EXPECT_EQ(VoiceState(With(DiskState::kDownloaded, MemoryState::kUnloaded)), "downloaded");
  EXPECT_EQ(VoiceState(With(DiskState::kDownloaded, MemoryState::kUnloaded, 2)), "queued");
  EXPECT_EQ(VoiceState(With(DiskState::kDownloaded, MemoryState::kLoading)), "loading");
  EXPECT_EQ(VoiceState(With(DiskState::kDownloaded, MemoryState::kLoaded)), "loaded");
}

TEST(SubtitlesTest, TimesAndNumbers) {
  wire::Transcript transcript;
  transcript.segments = {{0, 0.0, 1.5, " hello ", {}, {}}, {1, 3661.25, 3662.0, "a --> b\n\nc", {}, {}}};
  EXPECT_EQ(openai::ToSrt(transcript),
            "1\n00:00:00,000 --> 00:00:01,500\nhello\n\n2\n01:01:01,250 --> 01:01:02,000\na -> b\nc\n\n");
  EXPECT_EQ(openai::ToVtt(transcript),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nhello\n\n01:01:01.250 --> 01:01:02.000\na -> b\nc\n\n");
  EXPECT_EQ(openai::ToSrt({}), "");
}

TEST(LogFilterTest, LevelSourceAndText) {
  const auto filter = FilterOf(http::Query("level=warning&source=espeak&q=Voice"));
  ASSERT_TRUE(filter);
  EXPECT_TRUE(filter->Passes({{}, log::Level::kError, "espeak", "no such voice"}));
  EXPECT_FALSE(filter->Passes({{}, log::Level::kInfo, "espeak", "no such voice"}));
  EXPECT_FALSE(filter->Passes({{}, log::Level::kError, "flite", "no such voice"}));
  EXPECT_FALSE(filter->Passes({{}, log::Level::kError, "espeak", "other"}));
  EXPECT_EQ(FilterOf(http::Query("level=loud")).error().field, "level");
}

struct Inner {
  int count = 0;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (count))
struct Outer {
  std::optional<Inner> inner;
  std::vector<std::string> names;
  json::Nullable<double> size;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (inner, names, size))

TEST(OpenApiTest, SchemasComeFromTheStructs) {
  OpenApi api;
  api.AddRoute(http::Method::kPost, "/x/{id+}/y", {"Do it", "Test", {"q"}}, api.SchemaOf<Outer>(), api.SchemaOf<Inner>());
  const auto document = boost::json::parse(api.Text());
  const auto& operation = document.at("paths").at("/x/{id}/y").at("post");
  EXPECT_EQ(operation.at("parameters").as_array().size(), 2U);
  const auto& outer = document.at("components").at("schemas").at("Outer");
  EXPECT_EQ(boost::json::serialize(outer.at("required")), R"(["names","size"])");
  EXPECT_EQ(outer.at("properties").at("inner").at("$ref").as_string(), "#/components/schemas/Inner");
}

namespace other {
struct Inner {
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (text))
}  // namespace other

// Two routes once shared the documentation of one: their structs had the same name in two namespaces.
TEST(OpenApiTest, StructsOfOneNameAreToldApart) {
  OpenApi api;
  const auto first = api.SchemaOf<Inner>();
  const auto second = api.SchemaOf<other::Inner>();
  EXPECT_EQ(first.at("$ref").as_string(), "#/components/schemas/Inner");
  EXPECT_EQ(second.at("$ref").as_string(), "#/components/schemas/other.Inner");
  EXPECT_EQ(api.SchemaOf<other::Inner>(), second);
  const auto document = boost::json::parse(api.Text());
  const auto& schemas = document.at("components").at("schemas");
  EXPECT_TRUE(schemas.at("Inner").at("properties").as_object().contains("count"));
  EXPECT_TRUE(schemas.at("other.Inner").at("properties").as_object().contains("text"));
}

}  // namespace
}  // namespace hostler::api
