#include "speech/ssml.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace hostler::speech {
namespace {

// "text|0.5|more|0": what is said, and the pauses.
std::string Shown(std::string_view ssml) {
  const auto stretches = ReadSsml(ssml);
  if (!stretches) return "error: " + stretches.error().message;
  std::vector<std::string> parts;
  for (const Stretch& stretch : *stretches) parts.push_back(fmt::format("{}|{}", stretch.text, stretch.pause_s));
  return Join(parts, "|");
}

TEST(Ssml, PlainTextIsItself) {
  EXPECT_EQ(Shown("Hello there."), "Hello there.|0");
  EXPECT_EQ(Shown("3 < 4 & 5 > 2 &nbsp; R&D;"), "3 < 4 & 5 > 2 &nbsp; R&D;|0");
}

TEST(Ssml, BreaksBecomePauses) {
  EXPECT_EQ(Shown(R"(<speak>One<break time="500ms"/>two<break time='1.5s' />three</speak>)"), "One|0.5|two|1.5|three|0");
  EXPECT_EQ(Shown("One<break/>two"), "One|0.5|two|0");
  EXPECT_EQ(Shown(R"(One<break strength="x-strong"/>two)"), "One|1|two|0");
  EXPECT_EQ(Shown(R"(One<break strength="none"/>two)"), "One two|0");
  EXPECT_EQ(Shown(R"(<break time="1s"/>One<break time="1s"/> <break time="1s"/>)"), "|1|One|2");
}

TEST(Ssml, OtherElementsLeaveTheirText) {
  EXPECT_EQ(
      Shown(R"(<?xml version="1.0"?><!DOCTYPE speak><speak xml:lang="en">A <emphasis level="strong">b</emphasis> c</speak>)"),
      "A b c|0");
  EXPECT_EQ(Shown("<p>One</p><p>Two</p>"), "One\n\n\nTwo|0");
  EXPECT_EQ(Shown("One<!-- not <this> -->two<![CDATA[<three> & &amp;]]>"), "Onetwo<three> & &amp;|0");
}

TEST(Ssml, CharactersAsInXml) {
  EXPECT_EQ(Shown("&lt;b&gt; &amp; &quot;&apos; &#233;&#xE9;&#x1F600;"), "<b> & \"' éé😀|0");
  EXPECT_EQ(Shown("&#0; &#xD800; &#x110000; &#; &#x;"), "&#0; &#xD800; &#x110000; &#; &#x;|0")
      << "no characters: left as they are";
  EXPECT_EQ(Shown(R"(<a title="1 > 0">x</a>)"), "x|0");
}

TEST(Ssml, ErrorsSayWhere) {
  EXPECT_EQ(Shown("é<break"), "error: the tag at character 2 has no end");
  EXPECT_EQ(Shown("a<b c='"), "error: the tag at character 2 has no end");
  EXPECT_EQ(Shown("a<!-- x"), "error: the comment at character 2 has no end");
  EXPECT_EQ(Shown("a<![CDATA[ x"), "error: the CDATA section at character 2 has no end");
  EXPECT_EQ(Shown("<speak> </speak>"), "error: there is nothing to say in the SSML");
  EXPECT_EQ(Shown(R"(<break time="1s"/>)"), "error: there is nothing to say in the SSML");
  for (const char* time : {"", "500", "ms", "-1s", "11s", "1e9s", "nans", "1 min"})
    EXPECT_EQ(Shown(fmt::format("a<break time='{}'/>b", time)),
              "error: the break at character 2 has no time or strength that is known")
        << time;
}

TEST(Ssml, IsBounded) {
  std::string seconds = "a";
  for (int i = 0; i < 7; ++i) seconds += "<break time='10s'/>a";
  EXPECT_EQ(Shown(seconds), "error: the breaks are longer than 60 s together");
  std::string many = "a";
  for (int i = 0; i < 300; ++i) many += "<break time='1ms'/>a";
  EXPECT_EQ(Shown(many), "error: there are more than 200 breaks");
  EXPECT_EQ(Shown(std::string(200'000, '<') + "x"), "error: the tag at character 200000 has no end");
}

}  // namespace
}  // namespace hostler::speech
