#include "http/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/testing/raw_client.h"

namespace hostler::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RawClient;
using testing::TestServer;

// What a parser said, as text: `name|filename|type=content;` per part, or the error.
std::string Parse(const std::vector<std::string_view>& pieces, MultipartParser::Limits limits = {}) {
  std::string out;
  MultipartParser parser("BOUND",
                         {[&](PartHead head) -> Result<> {
                            out += head.name + (head.has_filename ? "|" + head.filename : "") +
                                   (head.content_type.empty() ? "" : "|" + head.content_type) + "=";
                            return {};
                          },
                          [&](std::string_view data) -> Result<> {
                            out += data;
                            return {};
                          },
                          [&]() -> Result<> {
                            out += ";";
                            return {};
                          }},
                         limits);
  for (const std::string_view piece : pieces) {
    if (auto fed = parser.Feed(piece); !fed) return "error: " + fed.error().Text();
  }
  if (auto end = parser.Finish(); !end) return "error: " + end.error().Text();
  return out;
}

std::string OnePart(std::string_view head, std::string_view content = "v") {
  return "--BOUND\r\n" + std::string(head) + "\r\n\r\n" + std::string(content) + "\r\n--BOUND--\r\n";
}

constexpr std::string_view kForm =
    "preamble\r\n--BOUND\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nsome text\r\n--BOUND  \r\n"
    "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n"
    "RIFF\r\n--BOUN\r\n\r\n--\r\n\r\n--BOUND\r\ncontent-disposition: form-data; name=empty\r\n\r\n\r\n--BOUND--\r\nepilogue";
constexpr std::string_view kParsed = "text=some text;file|a.wav|audio/wav=RIFF\r\n--BOUN\r\n\r\n--\r\n;empty=;";

TEST(MultipartTest, WholeForm) {
  EXPECT_EQ(Parse({kForm}), kParsed);
}

TEST(MultipartTest, EverySplitInTwo) {
  for (std::size_t i = 0; i <= kForm.size(); ++i) ASSERT_EQ(Parse({kForm.substr(0, i), kForm.substr(i)}), kParsed) << i;
}

TEST(MultipartTest, ByteByByte) {
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < kForm.size(); ++i) bytes.push_back(kForm.substr(i, 1));
  EXPECT_EQ(Parse(bytes), kParsed);
}

TEST(MultipartTest, EveryTruncationIsAnError) {
  const std::size_t end = kForm.find("--BOUND--") + 9;
  for (std::size_t i = 0; i < end; ++i) ASSERT_THAT(Parse({kForm.substr(0, i)}), HasSubstr("error:")) << i;
}

TEST(MultipartTest, Names) {
  EXPECT_EQ(Parse({OnePart(R"(Content-Disposition: form-data; name="a\"b")")}), "a\"b=v;");
  EXPECT_EQ(Parse({OnePart(R"(Content-Disposition: form-data; name="a%22b"; filename="x%0d%0ay")")}), "a\"b|x\r\ny=v;");
  EXPECT_EQ(Parse({OnePart(R"(Content-Disposition: form-data; name="a;b=c"; filename="C:\temp\x")")}), "a;b=c|C:\\temp\\x=v;");
  EXPECT_EQ(Parse({OnePart(R"(Content-Disposition: form-data; name="50%41")")}), "50%41=v;");
  EXPECT_EQ(Parse({OnePart(R"(Content-Disposition: form-data; name=""; filename="")")}), "|=v;");
}

TEST(MultipartTest, WhatIsRefused) {
  const std::string good = "Content-Disposition: form-data; name=\"a\"";
  for (const std::string& bad : {
           OnePart("Content-Type: text/plain"),
           OnePart("Content-Disposition: attachment; name=\"a\""),
           OnePart("Content-Disposition: form-data"),
           OnePart("Content-Disposition: form-data; name=\"a"),
           OnePart("Content-Disposition: form-data; name=\"a\"; name=\"b\""),
           OnePart(good + "\r\n" + good),
           OnePart(good + "\r\nnonsense"),
           OnePart(good + "\r\nContent-Type: multipart/mixed; boundary=x"),
           OnePart(good + "\r\nContent-Transfer-Encoding: base64"),
           "--BOUNDx\r\n" + good + "\r\n\r\nv\r\n--BOUND--",
           std::string("no form at all"),
           std::string(),
       }) {
    EXPECT_THAT(Parse({bad}), HasSubstr("error:")) << bad;
  }
}

TEST(MultipartTest, LimitsHoldWhileFeeding) {
  MultipartParser::Limits limits;
  limits.part_head = 60;
  EXPECT_THAT(Parse({"--BOUND\r\nContent-Disposition: form-data; name=\"" + std::string(60, 'a')}, limits),
              HasSubstr("head of a part"));
  EXPECT_THAT(Parse({std::string(200, 'x')}, limits), HasSubstr("no boundary"));
  EXPECT_THAT(Parse({"--BOUND" + std::string(100, ' ')}, limits), HasSubstr("after a boundary"));
  limits = {};
  limits.parts = 2;
  EXPECT_THAT(Parse({kForm}, limits), HasSubstr("more than 2 parts"));
}

TEST(MultipartTest, Boundaries) {
  EXPECT_EQ(MultipartParser::BoundaryOf("multipart/form-data; boundary=abc").value(), "abc");
  EXPECT_EQ(MultipartParser::BoundaryOf("Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\"").value(), "a b:c");
  for (const char* bad : {"", "text/plain; boundary=a", "multipart/form-data",
                          "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
                          "multipart/form-data; boundary=\"a", "multipart/mixed; boundary=a"}) {
    EXPECT_FALSE(MultipartParser::BoundaryOf(bad)) << bad;
  }
  EXPECT_FALSE(MultipartParser::BoundaryOf("multipart/form-data; boundary=" + std::string(71, 'a')));
}

// --- ReadForm ---

FormLimits g_limits;

Task<> Describe(Exchange& exchange) {
  auto form = co_await ReadForm(exchange, g_limits);
  Response response;
  if (!form) {
    response = TextResponse(form.error().Text(), "text/plain", form.error().code == Code::kTooLarge ? 413 : 400);
  } else {
    std::string text;
    for (Part& part : form->parts) text += part.head.name + ":" + std::to_string(part.size()) + " ";
    for (const std::string& value : form->Values("t")) text += "[" + value + "]";
    if (Part* file = form->Find("f")) text += " " + file->Take().value_or("?").substr(0, 5);
    response = TextResponse(std::move(text));
  }
  co_await exchange.Send(std::move(response));
}

std::string Post(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=BOUND\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string Field(std::string_view name, std::string_view value, std::string_view more = "") {
  return "--BOUND\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"" + std::string(more) + "\r\n\r\n" +
         std::string(value) + "\r\n";
}

TEST(ReadFormTest, ValuesFilesAndRepeatedNames) {
  g_limits = {};
  g_limits.memory = 1000;
  g_limits.temporary = ::testing::TempDir();
  TestServer server(Describe);
  RawClient client(server.port());
  client.Send(Post(Field("t", "one") + Field("f", "large" + std::string(200'000, 'x'), "; filename=\"f\"") + Field("t", "two") +
                   "--BOUND--"));
  EXPECT_EQ(client.Read().body, "t:3 f:200005 t:3 [one][two] large");
}

TEST(ReadFormTest, TotalLimitIsTooLarge) {
  g_limits = {};
  g_limits.total = 1000;
  TestServer server(Describe);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=BOUND\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(client.Read().status, 413U);  // by what was declared
  RawClient chunked(server.port());
  chunked.Send(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=BOUND\r\nTransfer-Encoding: "
      "chunked\r\n\r\n7d0\r\n" +
      Field("f", std::string(1500, 'x')));
  EXPECT_EQ(chunked.Read().status, 413U);  // by what came, though not all did
}

TEST(ReadFormTest, NoPlaceForTheFileIsAnErrorAndNotACrash) {
  g_limits = {};
  g_limits.memory = 10;
  g_limits.temporary = "/nonexistent/folder";
  TestServer server(Describe);
  RawClient client(server.port());
  client.Send(Post(Field("f", std::string(100, 'x')) + "--BOUND--"));
  EXPECT_THAT(client.Read().body, HasSubstr("temporary file"));
}

TEST(ReadFormTest, NotAForm) {
  g_limits = {};
  TestServer server(Describe);
  RawClient client(server.port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_THAT(client.Read().body, HasSubstr("multipart/form-data"));
}

}  // namespace
}  // namespace hostler::http
