// `hostler speak` and `hostler transcribe`, with files, players, and a server of the occasion.

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/testing/fake_daemon.h"

namespace hostler::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Streams `sound` in two pieces, without a length.
http::Handler Sound(std::string sound) {
  return [sound = std::move(sound)](http::Exchange& exchange) -> Task<> {
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the frame may outlive the handler's capture
    const std::string bytes = sound;
    co_await exchange.Start(200, {{"Content-Type", "audio/wav"}});
    co_await exchange.Write(std::string_view(bytes).substr(0, 20));
    co_await exchange.Write(std::string_view(bytes).substr(20));
    co_await exchange.Finish();
  };
}

void WriteProgram(const World& world, const std::string& name, const std::string& script) {
  world.Write(name, "#!/bin/sh\n" + script);
  ::chmod(world.Path(name).c_str(), 0755);
}

TEST(Speak, WritesAWholeWav) {
  World world;
  world.daemon.Handle("POST /v1/audio/speech", Sound(SomeWav(8000, 12000, true)));
  EXPECT_EQ(world.Run({"speak", "hello", "-o", world.Path("speech.wav").string(), "--voice", "v", "--speed", "1.5", "--language",
                       "en", "--model", "m"}),
            0);
  EXPECT_EQ(world.Read("speech.wav"), SomeWav(8000, 12000, false));
  EXPECT_THAT(world.err, HasSubstr("speech.wav: 1.5 s of audio, 23.5 KB, first byte after "));
  EXPECT_THAT(world.out, IsEmpty());
  EXPECT_THAT(world.daemon.lines(), ElementsAre("POST /v1/audio/speech?stream=true"));
  EXPECT_EQ(world.daemon.received()[0].body,
            R"({"model":"m","input":"hello","voice":"v","response_format":"wav","speed":1.5,"language":"en"})");
}

TEST(Speak, FormatFromTheFileAndSummaryAsJson) {
  World world;
  world.daemon.Handle("POST /v1/audio/speech", Sound(std::string(2000, 'm')));
  EXPECT_EQ(world.Run({"speak", "-", "-o", world.Path("a.FLAC").string(), "--json"}), 0);
  EXPECT_EQ(world.Read("a.FLAC"), std::string(2000, 'm'));
  EXPECT_THAT(world.daemon.lines(), ElementsAre("POST /v1/audio/speech?stream=false"));
  EXPECT_EQ(world.daemon.received()[0].body, R"({"input":"from standard input","response_format":"flac"})");
  const auto summary = boost::json::parse(world.out);
  EXPECT_EQ(summary.at("bytes"), 2000);
  EXPECT_TRUE(summary.at("seconds").is_null());
}

TEST(Speak, LikeARecordingOfTheServers) {
  World world;
  world.daemon.Handle("POST /v1/audio/speech", Sound(SomeWav(8000, 100, true)));
  EXPECT_EQ(
      world.Run({"speak", "hello", "-o", world.Path("a.wav").string(), "--sample", "bob", "--transcript", "la la", "--ssml"}), 0)
      << world.err;
  EXPECT_EQ(world.Run({"speak", "hello", "-o", world.Path("a.wav").string(), "--design", "old"}), 0) << world.err;
  const auto received = world.daemon.received();
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received[0].body,
            R"({"input":"hello","response_format":"wav","sample":"bob","clone_transcript":"la la","input_type":"ssml"})");
  EXPECT_EQ(received[1].body, R"({"input":"hello","response_format":"wav","voice_design":"old"})");
}

TEST(Speak, LikeAFile) {
  World world;
  world.daemon.Handle("POST /v1/audio/speech/clone", Sound(SomeWav(8000, 100, true)));
  world.Write("clip.mp3", "mp3 bytes");
  EXPECT_EQ(world.Run({"speak", "hello", "-o", world.Path("a.wav").string(), "--clone", world.Path("clip.mp3").string(),
                       "--transcript", "la la", "--speed", "1.5"}),
            0)
      << world.err;
  ASSERT_THAT(world.daemon.lines(), ElementsAre("POST /v1/audio/speech/clone?stream=true"));
  const auto received = world.daemon.received()[0];
  EXPECT_THAT(received.content_type, HasSubstr("multipart/form-data; boundary="));
  for (const char* part :
       {"name=\"input\"\r\n\r\nhello\r\n", "name=\"transcript\"\r\n\r\nla la\r\n", "name=\"speed\"\r\n\r\n1.5\r\n",
        "name=\"reference_audio\"; filename=\"clip.mp3\"", "\r\n\r\nmp3 bytes\r\n"})
    EXPECT_THAT(received.body, HasSubstr(part));
  EXPECT_EQ(world.Run({"speak", "x", "-o", "a.wav", "--clone", "/nowhere.wav"}), 4);
  EXPECT_EQ(world.Run({"speak", "x", "-o", "a.wav", "--clone", world.Path("clip.mp3").string(), "--ssml"}), 2);
  EXPECT_EQ(world.Run({"speak", "x", "-o", "a.wav", "--clone", world.Path("clip.mp3").string(), "--sample", "b"}), 2);
}

TEST(SamplesCommand, ListsAddsAndRemoves) {
  World world;
  world.daemon.Answer(
      "GET /api/voices/library",
      R"json([{"name":"bob","size_bytes":2048,"content_type":"audio/wav","created_at":"2026-01-15T10:30:45.000Z"}])json");
  EXPECT_EQ(world.Run({"samples", "list"}), 0) << world.err;
  EXPECT_THAT(world.out, HasSubstr("bob"));
  EXPECT_THAT(world.out, HasSubstr("2.0 KB"));
  world.Write("Bob.wav", "RIFF");
  world.daemon.Answer("POST /api/voices/library",
                      R"json({"name":"bob","size_bytes":4,"content_type":"audio/wav","created_at":"x"})json");
  EXPECT_EQ(world.Run({"samples", "add", world.Path("Bob.wav").string()}), 0) << world.err;
  EXPECT_THAT(world.out, HasSubstr("bob is stored: 4 B"));
  EXPECT_THAT(world.daemon.received().back().body, HasSubstr("name=\"name\"\r\n\r\nBob\r\n"));
  world.daemon.Answer("DELETE /api/voices/library/bob", "");
  EXPECT_EQ(world.Run({"samples", "rm", "bob"}), 0) << world.err;
  EXPECT_EQ(world.Run({"samples", "rm", "nobody"}), 4);
}

TEST(Speak, ToStandardOutput) {
  World world;
  const std::string wav = SomeWav(8000, 100, true);
  world.daemon.Handle("POST /v1/audio/speech", Sound(wav));
  EXPECT_EQ(world.Run({"speak", "hello", "-o", "-"}), 0);
  EXPECT_EQ(world.out, wav);
  world.OnTerminal();
  EXPECT_EQ(world.Run({"speak", "hello", "-o", "-"}), 2);
}

TEST(Speak, SaysHowWithoutSurpriseFiles) {
  World world;
  EXPECT_EQ(world.Run({"speak", "hello"}), 2);
  EXPECT_THAT(world.err, HasSubstr("-o FILE"));
  world.OnTerminal();
  world.surroundings.environment["PATH"] = world.folder.string();
  EXPECT_EQ(world.Run({"speak", "hello"}), 2);
  EXPECT_THAT(world.err, HasSubstr("no program that plays sound"));
  EXPECT_EQ(world.Run({"speak", "hello", "-o", "x.txt"}), 2);
  EXPECT_EQ(world.Run({"speak", "hello", "-o", "x.wav", "--format", "midi"}), 2);
  EXPECT_EQ(world.Run({"speak", "  ", "-o", "x.wav"}), 2);
  EXPECT_THAT(world.daemon.lines(), IsEmpty());
}

TEST(Speak, PlaysOnATerminal) {
  World world;
  world.OnTerminal();
  world.daemon.Handle("POST /v1/audio/speech", Sound(SomeWav(8000, 100, true)));
  WriteProgram(world, "paplay", "/bin/cat \"$1\" > '" + world.Path("played").string() + "'\n");
  world.surroundings.environment["PATH"] = world.folder.string();
  EXPECT_EQ(world.Run({"speak", "hello"}), 0) << world.err;
  EXPECT_EQ(world.Read("played"), SomeWav(8000, 100, false));
  WriteProgram(world, "paplay", "exit 3\n");
  EXPECT_EQ(world.Run({"speak", "hello"}), 1);
  EXPECT_THAT(world.err, HasSubstr("exit status 3"));
}

TEST(Speak, InterruptedWhileItPlays) {
  World world;
  world.OnTerminal();
  world.daemon.Handle("POST /v1/audio/speech", Sound(SomeWav(8000, 100, true)));
  WriteProgram(world, "paplay", "kill -INT $PPID\nexec /bin/sleep 1000\n");
  world.surroundings.environment["PATH"] = world.folder.string();
  EXPECT_EQ(world.Run({"speak", "hello"}), 130);
}

TEST(Speak, ACutStreamLeavesNoFile) {
  World world;
  world.daemon.Handle("POST /v1/audio/speech", [](http::Exchange& exchange) -> Task<> {
    co_await exchange.Start(200, {{"Content-Type", "audio/wav"}});
    co_await exchange.Write("RIFF");
    exchange.Abort();
  });
  world.Write("old.wav", "precious");
  EXPECT_EQ(world.Run({"speak", "hello", "-o", world.Path("new.wav").string()}), 1);
  EXPECT_EQ(world.Run({"speak", "hello", "-o", world.Path("old.wav").string()}), 1);
  EXPECT_FALSE(std::filesystem::exists(world.Path("new.wav")));
  EXPECT_EQ(world.Read("old.wav"), "precious");
}

TEST(Speak, AWordThatIsACommandIsStillText) {
  World world;
  world.daemon.Handle("POST /v1/audio/speech", Sound(SomeWav(8000, 10, true)));
  EXPECT_EQ(world.Run({"speak", "models", "-o", world.Path("a.wav").string()}), 0) << world.err;
  EXPECT_EQ(world.Run({"speak", "-o", world.Path("a.wav").string(), "--", "--help"}), 0) << world.err;
  EXPECT_THAT(world.daemon.received().at(1).body, HasSubstr(R"("input":"--help")"));
}

TEST(Speak, StartsAServerForTheOccasion) {
  World world;
  world.OnTerminal();
  world.surroundings.environment.erase("HOSTLER_SERVER");
  world.WriteDaemonFile(DeadUrl());
  world.Write("state/hostler.toml", "");
  world.daemon.Handle("POST /v1/audio/speech", Sound(SomeWav(8000, 100, true)));
  WriteProgram(world, "hostler",
               "trap 'kill $!; echo ended > \"" + world.Path("ended").string() + "\"; exit 0' TERM\necho \"$@\" > '" +
                   world.Path("arguments").string() + "'\necho 'hostler is listening on " + world.daemon.url() +
                   "'\n/bin/sleep 1000 &\nwait\n");
  world.surroundings.program = world.Path("hostler");
  EXPECT_EQ(world.Run({"speak", "hello", "-o", world.Path("a.wav").string()}), 0) << world.err;
  EXPECT_THAT(world.err, HasSubstr("no server is running: starting one"));
  EXPECT_EQ(world.Read("ended"), "ended\n");
  const std::string arguments = world.Read("arguments");
  EXPECT_THAT(arguments, HasSubstr("serve --host 127.0.0.1 --port 0 --home "));
  EXPECT_THAT(arguments, HasSubstr("--config " + world.Path("state/hostler.toml").string()));
  const std::string home = arguments.substr(arguments.find("--home ") + 7);
  EXPECT_FALSE(std::filesystem::exists(home.substr(0, home.find(' '))));
  EXPECT_TRUE(std::filesystem::exists(world.Path("a.wav")));
}

TEST(Speak, AServerOfTheOccasionThatDoesNotComeUp) {
  World world;
  world.surroundings.environment.erase("HOSTLER_SERVER");
  world.WriteDaemonFile(DeadUrl());
  WriteProgram(world, "hostler", "echo 'the port is on fire' >&2\nexit 1\n");
  world.surroundings.program = world.Path("hostler");
  EXPECT_EQ(world.Run({"speak", "hello", "-o", world.Path("a.wav").string()}), 3);
  EXPECT_THAT(world.err, HasSubstr("did not come up: the port is on fire"));
}

TEST(Speak, ANamedServerIsNotReplaced) {
  World world;
  world.surroundings.program = "/nowhere";
  EXPECT_EQ(world.Run({"speak", "hello", "-o", world.Path("a.wav").string(), "--server", DeadUrl()}), 3);
  EXPECT_THAT(world.err, HasSubstr("no server answers"));
}

void AnswerTranscript(World& world, const std::string& text) {
  world.daemon.Handle("POST /v1/audio/transcriptions",
                      [text](http::Exchange& exchange) { return exchange.Send(http::TextResponse(text)); });
}

TEST(Transcribe, SendsAForm) {
  World world;
  AnswerTranscript(world, "hello world");
  world.Write("a \"b\".wav", "SOUND");
  world.Write("g.jsgf", "#JSGF V1.0;");
  EXPECT_EQ(world.Run({"transcribe", world.Path("a \"b\".wav").string(), "--model", "m", "--language", "en", "--grammar",
                       world.Path("g.jsgf").string(), "--temperature", "0.5"}),
            0);
  EXPECT_EQ(world.out, "hello world\n");
  const auto request = world.daemon.received().at(0);
  EXPECT_THAT(request.content_type, ::testing::StartsWith("multipart/form-data; boundary=hostler-"));
  const std::string boundary = "--" + request.content_type.substr(request.content_type.find('=') + 1);
  const auto field = [&](const std::string& name, const std::string& value) {
    return boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
  };
  EXPECT_EQ(request.body, field("model", "m") + field("language", "en") + field("response_format", "text") +
                              field("temperature", "0.5") + field("grammar", "#JSGF V1.0;") + boundary +
                              "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.wav\"\r\nContent-Type: "
                              "application/octet-stream\r\n\r\nSOUND\r\n" +
                              boundary + "--\r\n");
}

TEST(Transcribe, FormatsAndFiles) {
  World world;
  AnswerTranscript(world, R"({"text":"hi"})");
  world.Write("a.wav", "SOUND");
  world.Write("b.wav", "SOUND");
  const std::string a = world.Path("a.wav").string();
  const std::string b = world.Path("b.wav").string();
  EXPECT_EQ(world.Run({"transcribe", a, "--json"}), 0);
  EXPECT_EQ(world.out, "{\"text\":\"hi\"}\n");
  EXPECT_THAT(world.daemon.received().back().body, HasSubstr("\r\n\r\njson\r\n"));
  EXPECT_EQ(world.Run({"transcribe", a, b, "--json"}), 0);
  EXPECT_EQ(world.out, R"({"transcripts":[{"file":")" + a + R"(","transcript":{"text":"hi"}},{"file":")" + b +
                           R"(","transcript":{"text":"hi"}}]})"
                           "\n");
  EXPECT_EQ(world.Run({"transcribe", a, "-o", world.Path("a.srt").string()}), 0);
  EXPECT_THAT(world.daemon.received().back().body, HasSubstr("\r\n\r\nsrt\r\n"));
  EXPECT_EQ(world.Read("a.srt"), R"({"text":"hi"})");
  EXPECT_EQ(world.Run({"transcribe", a, b, "-o", world.folder.string(), "--format", "vtt"}), 0);
  EXPECT_EQ(world.Read("b.vtt"), R"({"text":"hi"})");
  EXPECT_EQ(world.Run({"transcribe", a, b, "-o", world.Path("nope").string()}), 2);
  EXPECT_EQ(world.Run({"transcribe", a, "--words", "--format", "srt"}), 2);
  EXPECT_EQ(world.Run({"transcribe", a, "--json", "--format", "srt"}), 2);
  EXPECT_EQ(world.Run({"transcribe", "-"}), 0);
  EXPECT_THAT(world.daemon.received().back().body, HasSubstr("from standard input"));
}

TEST(Transcribe, ShowsTheTextWhileItIsHeard) {
  World world;
  const auto answer = [&](const std::string& events) {
    world.daemon.Handle("POST /v1/audio/transcriptions", [events](http::Exchange& exchange) {
      return exchange.Send(http::TextResponse(events, "text/event-stream"));
    });
  };
  world.Write("a.wav", "SOUND");
  const std::string a = world.Path("a.wav").string();
  const std::string delta = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"one\"}\n\n";
  answer(delta +
         "data: {\"type\":\"transcript.text.delta\",\"delta\":\" two\"}\n\n"
         "data: {\"type\":\"transcript.text.done\",\"text\":\"one two\"}\n\n");
  EXPECT_EQ(world.Run({"transcribe", a, "--stream"}), 0);
  EXPECT_EQ(world.out, "one two\n");
  EXPECT_THAT(world.daemon.received().back().body, HasSubstr("name=\"stream\"\r\n\r\ntrue\r\n"));
  answer(delta);
  EXPECT_NE(world.Run({"transcribe", a, "--stream"}), 0) << "half a text is not a text";
  answer(delta + "event: error\ndata: {\"error\":{\"message\":\"it died\",\"code\":\"upstream_error\"}}\n\n");
  EXPECT_NE(world.Run({"transcribe", a, "--stream"}), 0);
  EXPECT_THAT(world.err, HasSubstr("it died"));
  EXPECT_EQ(world.Run({"transcribe", a, "--stream", "--diarize"}), 2);
  EXPECT_EQ(world.Run({"transcribe", a, "--stream", "--json"}), 2);
  EXPECT_EQ(world.Run({"transcribe", a, "--stream", "-o", world.Path("x.txt").string()}), 2);
}

TEST(Transcribe, SaysWhoSaidWhat) {
  World world;
  AnswerTranscript(world, R"({"text":"a b","segments":[{"speaker":"SPEAKER_00","start":0,"end":1,"text":"a"},)"
                          R"({"speaker":"SPEAKER_01","start":1,"end":2,"text":"b"}]})");
  world.Write("a.wav", "SOUND");
  const std::string a = world.Path("a.wav").string();
  EXPECT_EQ(world.Run({"transcribe", a, "--diarize", "--speakers", "2", "--vad"}), 0);
  EXPECT_EQ(world.out, "SPEAKER_00: a\nSPEAKER_01: b\n");
  const std::string body = world.daemon.received().back().body;
  for (const char* field : {"diarize", "speakers", "vad"}) EXPECT_THAT(body, HasSubstr(std::string("name=\"") + field + '"'));
  EXPECT_EQ(world.Run({"transcribe", a, "--diarize", "--format", "srt"}), 2);
  EXPECT_EQ(world.Run({"transcribe", a, "--speakers", "2"}), 2);
}

TEST(Transcribe, TranslatesAtTheOtherRoute) {
  World world;
  world.daemon.Handle("POST /v1/audio/translations",
                      [](http::Exchange& exchange) { return exchange.Send(http::TextResponse("in English")); });
  world.Write("a.wav", "SOUND");
  EXPECT_EQ(world.Run({"transcribe", world.Path("a.wav").string(), "--translate"}), 0);
  EXPECT_EQ(world.out, "in English\n");
}

TEST(Transcribe, OneBadFileDoesNotStopTheOthers) {
  World world;
  AnswerTranscript(world, "hi");
  world.Write("b.wav", "SOUND");
  EXPECT_EQ(world.Run({"transcribe", world.Path("a.wav").string(), world.Path("b.wav").string()}), 4);
  EXPECT_THAT(world.err, HasSubstr("a.wav: there is no such file"));
  EXPECT_EQ(world.out, world.Path("b.wav").string() + ":\nhi\n");
  EXPECT_EQ(world.Run({"transcribe", world.Path("a.wav").string()}), 4);
  EXPECT_THAT(world.out, Not(HasSubstr("hi")));
}

}  // namespace
}  // namespace hostler::cli
