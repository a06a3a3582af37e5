#include "catalog/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalog/testing/gguf_writer.h"

namespace hostler::catalog {
namespace {

using ::testing::ElementsAre;
using testing::GgufWriter;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Whole() {
  return GgufWriter()
      .Text("general.architecture", "bert")
      .Text("general.name", "Tiny")
      .U32("bert.pooling_type", 2)
      .F32("bert.attention.layer_norm_epsilon", 1e-5F)
      .Bool("bert.attention.causal", false)
      .Texts("tokenizer.ggml.tokens", 3, "word")
      .U32("tokenizer.ggml.bos_token_id", 7)
      .Tensor("token_embd.weight")
      .Tensor("cls.weight")
      .Bytes();
}

TEST(GgufTest, ReadsAWholeHeader) {
  const auto header = ReadGgufHeader(Whole() + std::string(1000, '\0'));
  ASSERT_TRUE(header.has_value()) << header.error().Text();
  EXPECT_TRUE(header->complete);
  EXPECT_EQ(header->version, 3U);
  EXPECT_EQ(header->tensor_count, 2U);
  EXPECT_EQ(header->Text("general.name"), "Tiny");
  EXPECT_EQ(header->Text("none"), "");
  EXPECT_EQ(header->OfArchitecture("pooling_type"), 2);
  EXPECT_EQ(header->Number("bert.attention.causal"), 0);
  EXPECT_EQ(header->Number("tokenizer.ggml.bos_token_id"), 7);
  EXPECT_EQ(header->Number("bert.attention.layer_norm_epsilon"), std::nullopt);
  EXPECT_THAT(header->arrays, ElementsAre(::testing::Pair("tokenizer.ggml.tokens", 3)));
  EXPECT_THAT(header->tensors, ElementsAre("token_embd.weight", "cls.weight"));
}

TEST(GgufTest, EveryBeginningOfAHeaderIsReadAsFarAsItGoes) {
  const std::string whole = Whole();
  for (std::size_t length = 4; length < whole.size(); ++length) {
    const auto header = ReadGgufHeader(std::string_view(whole).substr(0, length));
    ASSERT_TRUE(header.has_value()) << length << ": " << header.error().Text();
    EXPECT_FALSE(header->complete) << length;
  }
  EXPECT_EQ(ReadGgufHeader(std::string_view(whole).substr(0, 150))->Text("general.architecture"), "bert");
}

TEST(GgufTest, OtherFilesAndVersionsAreRefusedWithAReason) {
  EXPECT_THAT(ReadGgufHeader("PK\x03\x04").error().message, HasSubstr("no GGUF"));
  EXPECT_THAT(ReadGgufHeader("").error().message, HasSubstr("no GGUF"));
  EXPECT_THAT(ReadGgufHeader(GgufWriter().Version(1).Bytes()).error().message, HasSubstr("version 1"));
  EXPECT_THAT(ReadGgufHeader(GgufWriter().Version(4).Bytes()).error().message, HasSubstr("version 4"));
  EXPECT_THAT(ReadGgufHeader(GgufWriter().Version(0x03000000).Bytes()).error().message, HasSubstr("byte order"));
  EXPECT_TRUE(ReadGgufHeader(GgufWriter().Version(2).Bytes()).has_value());
}

TEST(GgufTest, LyingCountsAndLengthsCostNothing) {
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  for (const std::uint32_t type : {0U, 4U, 8U, 9U, 12U}) {
    const auto header = ReadGgufHeader(GgufWriter().RawArray("a", type, kHuge, std::string(64, '\x01')).U32("b", 1).Bytes());
    ASSERT_TRUE(header.has_value() || header.error().code == Code::kInvalid) << type;
    if (header) EXPECT_FALSE(header->complete) << type;
  }
  // A product that would wrap around to a small number.
  const auto wrapped = ReadGgufHeader(GgufWriter().RawArray("a", 10, (std::uint64_t{1} << 61) + 1, std::string(16, 'x')).Bytes());
  ASSERT_TRUE(wrapped.has_value());
  EXPECT_FALSE(wrapped->complete);
  // A text that claims to be longer than memory.
  const auto text = ReadGgufHeader(GgufWriter().RawPair("a", 8, std::string(8, '\xff')).Bytes());
  ASSERT_TRUE(text.has_value());
  EXPECT_FALSE(text->complete);
}

TEST(GgufTest, UnknownTypesAndBottomlessArraysAreBroken) {
  EXPECT_THAT(ReadGgufHeader(GgufWriter().RawPair("a", 99, "").Bytes()).error().message, HasSubstr("broken header"));
  std::string nested;
  for (int i = 0; i < 100; ++i) nested += std::string("\x09\0\0\0\x01\0\0\0\0\0\0\0", 12);
  EXPECT_THAT(ReadGgufHeader(GgufWriter().RawArray("a", 9, 1, nested).Bytes()).error().message, HasSubstr("broken header"));
}

TEST(GgufTest, LongTextsAreCut) {
  const auto header = ReadGgufHeader(GgufWriter().Text("tokenizer.chat_template", std::string(10'000, 't')).Bytes());
  EXPECT_TRUE(header->complete);
  EXPECT_EQ(header->Text("tokenizer.chat_template").size(), 512U);
}

}  // namespace
}  // namespace hostler::catalog
