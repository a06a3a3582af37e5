// Decode against what people and attackers send.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "media/media.h"
#include "media/testing/tone.h"
#include "os/testing/temp_folder.h"

namespace hostler::media {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

Codecs& Shared() {
  static Codecs codecs{HOSTLER_MEDIA_MODULE};
  return codecs;
}

std::string Encode(const Audio& audio, const std::string& format) {
  auto encoder =
      Shared()
          .MakeEncoder({.format = FormatFromName(format).value(), .sample_rate = audio.sample_rate, .channels = audio.channels})
          .value();
  std::string bytes = encoder->Push(audio.samples).value();
  return bytes + encoder->Finish().value();
}

Result<Audio> Decode(std::string_view bytes, double max_seconds = 60) {
  return Shared().Decode(bytes, {.max_seconds = max_seconds});
}

class EveryContainer : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Formats, EveryContainer, testing::Values("mp3", "opus", "aac", "flac", "wav", "m4a"),
                         [](const auto& info) { return info.param; });

TEST_P(EveryContainer, TruncatedAnywhereIsAnErrorOrSound) {
  const std::string whole = Encode(Tone(22050, 2), GetParam());
  const std::size_t step = std::max<std::size_t>(1, whole.size() / 97);
  for (std::size_t size = 0; size < whole.size(); size += size < 200 ? 1 : step) {
    const auto audio = Decode(whole.substr(0, size));
    if (audio) {
      EXPECT_LE(audio->seconds(), 2.2) << size;
    } else {
      EXPECT_EQ(audio.error().code, Code::kInvalid) << size << audio.error().Text();
      EXPECT_FALSE(audio.error().remedy.empty());
    }
  }
  const auto half = Decode(whole.substr(0, whole.size() * 6 / 10));
  ASSERT_TRUE(half) << half.error().Text();
  EXPECT_GT(half->seconds(), 0.8);
  EXPECT_NEAR(AmplitudeAt(*half, 440), 12000, 700);
}

TEST_P(EveryContainer, AFewBrokenBytesDoNotSpoilTheRest) {
  std::string bytes = Encode(Tone(22050, 4), GetParam());
  for (std::size_t i = 0; i < 40; ++i) bytes[bytes.size() / 2 + i] = static_cast<char>(i * 37);
  const auto audio = Decode(bytes);
  ASSERT_TRUE(audio) << audio.error().Text();
  EXPECT_GT(audio->seconds(), 1.8);
}

TEST_P(EveryContainer, RandomDamageNeverCrashes) {
  const std::string whole = Encode(Tone(22050, 0.5), GetParam());
  std::mt19937 random(4711);
  for (int round = 0; round < 60; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 1 + round; ++i)
      bytes[random() % (round % 2 == 0 ? bytes.size() : std::min<std::size_t>(bytes.size(), 300))] = static_cast<char>(random());
    const auto audio = Decode(bytes, 10);
    if (audio) {
      EXPECT_LE(audio->seconds(), 10);
    }
  }
}

TEST_P(EveryContainer, LongerThanAllowedIsRefused) {
  const std::string bytes = Encode(Tone(22050, 3), GetParam());
  const auto refused = Decode(bytes, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kTooLarge);
  EXPECT_THAT(refused.error().message, HasSubstr("1 seconds"));
  EXPECT_TRUE(Decode(bytes, 4));
}

TEST_P(EveryContainer, StopsWhenAsked) {
  const std::string bytes = Encode(Tone(22050, 1), GetParam());
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = Shared().Decode(bytes, {}, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
}

TEST_P(EveryContainer, DecodesInManyThreadsAtOnce) {
  const std::string bytes = Encode(Tone(22050, 1), GetParam());
  std::vector<std::jthread> threads;
  std::vector<double> levels(4);
  for (double& level : levels) {
    threads.emplace_back([&] {
      const auto audio = Decode(bytes);
      level = audio ? AmplitudeAt(*audio, 440) : 0;
      (void)Encode(Tone(24000, 0.2), GetParam());
    });
  }
  threads.clear();
  for (const double level : levels) EXPECT_NEAR(level, 12000, 700);
}

TEST(HostileTest, JunkIsRefusedWithAReasonAndARemedy) {
  std::string zeros(20000, '\0');
  std::string text;
  while (text.size() < 20000) text += "This is not a sound. ";
  for (const std::string& junk :
       {std::string(), std::string("x"), std::string(5000, 'x'), zeros, text, std::string("\x89PNG\r\n\x1a\n") + zeros}) {
    const auto audio = Decode(junk);
    ASSERT_FALSE(audio) << junk.size();
    EXPECT_EQ(audio.error().code, Code::kInvalid);
    EXPECT_FALSE(audio.error().remedy.empty());
  }
}

// A playlist that could make the server read its own files or call out.
TEST(HostileTest, PlaylistsReachNoFile) {
  const os::TempFolder folder;
  const auto secret = folder.path() / "secret.wav";
  std::ofstream(secret, std::ios::binary) << ToWav(Tone(16000, 1));
  const std::string name = secret.string();
  const std::vector<std::string> playlists = {
      "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\n/etc/"
      "passwd\n#EXT-X-ENDLIST\n",
      "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile://" + name + "\n#EXT-X-ENDLIST\n",
      "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\nconcat:" + name + "|" + name + "\n#EXT-X-ENDLIST\n",
      "ffconcat version 1.0\nfile '" + name + "'\nduration 1\n",
      "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
      "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
      "type=\"static\"><Period><AdaptationSet><Representation><BaseURL>" +
          name + "</BaseURL></Representation></AdaptationSet></Period></MPD>",
  };
  for (const std::string& playlist : playlists) {
    const auto audio = Decode(playlist);
    ASSERT_FALSE(audio) << playlist;
    EXPECT_EQ(audio.error().code, Code::kInvalid) << audio.error().Text();
    EXPECT_THAT(audio.error().Text(), testing::Not(HasSubstr("root:")));
  }
}

// Headers that promise more than there is, in each of the ways that once took gigabytes somewhere.
TEST(HostileTest, LyingSizesCostNothing) {
  std::string wav = ToWav(Tone(8000, 0.5));
  for (const std::uint32_t size : {0xFFFFFFFFU, 0xFFFFFFF0U, 0x7FFFFFFFU, 0x10000000U, 0U, 1U}) {
    std::memcpy(wav.data() + 40, &size, 4);
    const auto audio = Decode(wav);
    if (audio) {
      EXPECT_LE(audio->seconds(), 0.6) << size;
    }
  }
  std::string m4a = Encode(Tone(24000, 0.5), "m4a");
  for (std::size_t i = 0; i + 8 < m4a.size(); i += 4) {
    std::string broken = m4a;
    std::memset(broken.data() + i, 0xFF, 4);
    if (i > 1500) break;
    (void)Decode(broken, 10);
  }
}

std::string WithCover(const std::string& mp3) {
  const std::string picture = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\6\0\0\0"s;  // 65535 x 65535, cut short
  const std::string body = "\0image/png\0\3\0"s + picture;
  const auto size = static_cast<char>(body.size());
  return "ID3\3\0\0\0\0\0"s + static_cast<char>(body.size() + 10) + "APIC" + "\0\0\0"s + size + "\0\0"s + body + mp3;
}

TEST(HostileTest, PicturesAreIgnored) {
  const auto audio = Decode(WithCover(Encode(Tone(22050, 1), "mp3")));
  ASSERT_TRUE(audio) << audio.error().Text();
  EXPECT_NEAR(AmplitudeAt(*audio, 440), 12000, 700);
}

TEST(HostileTest, AFileWithoutSoundSaysSo) {
  const std::string empty_avi = "RIFF\x24\0\0\0AVI LIST\x18\0\0\0hdrlavih\0\0\0\0\0\0\0\0\0\0\0\0"s;
  for (const std::string& silent : {empty_avi, WithCover("")}) {
    const auto audio = Decode(silent);
    ASSERT_FALSE(audio);
    EXPECT_EQ(audio.error().code, Code::kInvalid);
    EXPECT_FALSE(audio.error().remedy.empty());
  }
}

}  // namespace
}  // namespace hostler::media
