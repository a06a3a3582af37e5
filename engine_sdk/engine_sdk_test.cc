#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <semaphore>

#include "engine_sdk/testing/harness.h"
#include "media/media.h"
#include "os/files.h"

namespace hostler::engine_sdk {
namespace {

using testing::Caller;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::Served;
using testing::TempFolder;

// What the tests and the model tell each other.
struct Strings {
  std::atomic<int> loads{0};
  std::atomic<int> running{0};
  std::atomic<int> most_running{0};
  std::atomic<bool> hold_load{false};
  std::counting_semaphore<1024> let_load{0};
  std::counting_semaphore<1024> let_go{0};       // "wait" waits for it
  std::counting_semaphore<1024> has_started{0};  // a generation runs
  std::counting_semaphore<1024> has_ended{0};
  std::counting_semaphore<1024> was_unwanted{0};
  int parallel = 1;
};

class TestModel : public Model {
 public:
  explicit TestModel(Strings& strings) : strings_(strings) {}
  wire::Capabilities capabilities() const override {
    wire::Capabilities can;
    can.voice_clone = true;
    can.sample_rate = 8000;
    can.input_sample_rate = 8000;
    can.transcribe = true;
    can.diarize = true;
    return can;
  }
  std::vector<wire::Voice> voices() const override { return {{"one", "One", "en", "female"}}; }
  int parallel() const override { return strings_.parallel; }

  Result<> Control(const wire::ControlRequest& request, AudioSink& sink, std::stop_token stop) override {
    const int running = ++strings_.running;
    if (running > strings_.most_running) strings_.most_running = running;
    strings_.has_started.release();
    auto result = Say(request.text, sink, stop);
    --strings_.running;
    strings_.has_ended.release();
    return result;
  }
  Result<> Clone(const wire::CloneRequest&, const Recording& reference, AudioSink& sink, std::stop_token) override {
    (void)sink.Begin(8000, 1);
    (void)sink.Write(reference.samples);
    return {};
  }
  Result<wire::Transcript> Transcribe(const wire::TranscribeRequest& request, const Recording& recording,
                                      const std::function<void(const wire::Segment&)>& on_segment, std::stop_token) override {
    wire::Transcript transcript;
    transcript.text = std::to_string(recording.samples.size()) + " samples, prompt " + request.prompt.value_or("-");
    transcript.segments.resize(2);
    if (on_segment) {
      for (const auto& segment : transcript.segments) on_segment(segment);
    }
    return transcript;
  }
  Result<wire::DiarizeReply> Diarize(const wire::DiarizeRequest& request, const Recording& recording, std::stop_token) override {
    return wire::DiarizeReply{
        static_cast<double>(recording.samples.size()) / recording.sample_rate, request.speakers.value_or(1), {{0, 1, 0}}};
  }

 private:
  Result<> Say(const std::string& text, AudioSink& sink, const std::stop_token& stop) {
    const std::vector<std::int16_t> block(4000, 7);
    if (text == "fail") return Fail(Code::kInternal, "told to fail");
    if (text == "throw") throw std::bad_alloc();
    if (text == "voice") return Fail(Error{Code::kNotFound, "no such voice"}.At("voice"));
    if (text == "silence") return {};
    if (text == "wait") strings_.let_go.acquire();
    if (!sink.Begin(8000, 1)) return {};
    for (int i = 0; text == "endless" || i < 10; ++i) {
      if (!sink.Write(block)) {
        if (stop.stop_requested()) strings_.was_unwanted.release();
        return {};
      }
      if (text == "fail late") return Fail(Code::kInternal, "told to fail later");
    }
    return {};
  }
  Strings& strings_;
};

class TestEngine : public Engine {
 public:
  explicit TestEngine(Strings& strings) : strings_(strings) {}
  std::string name() const override { return "test"; }
  std::vector<std::string> features() const override { return {"generate.control"}; }
  std::vector<std::string> BuiltInModels() const override { return {"a", "b"}; }
  Result<std::unique_ptr<Model>> Load(const LoadContext& context) override {
    ++strings_.loads;
    context.progress("opening", 0.25);
    if (strings_.hold_load) strings_.let_load.acquire();
    if (context.options.as_object().contains("fail")) return Fail(Code::kInternal, "the weights are torn");
    if (context.options.as_object().contains("refuse")) return Fail(Error{Code::kInvalid, "unknown option"}.At("options.refuse"));
    return std::make_unique<TestModel>(strings_);
  }

 private:
  Strings& strings_;
};

class EngineTest : public ::testing::Test {
 protected:
  void Load(const std::string& id) { ASSERT_EQ(caller.Post("/models/load", R"({"model_id":")" + id + R"("})").status, 200U); }
  static http::Request Generate(const std::string& text, const std::string& model = "a") {
    http::Request request;
    request.method = http::Method::kPost;
    request.target = "/generate/control";
    request.body = json::ToJson(wire::ControlRequest{.model_id = model, .text = text});
    return request;
  }
  std::string StateOf(const std::string& id) {
    for (const auto& row : caller.As<wire::ModelList>(caller.Get("/models")).models) {
      if (row.id == id) return json::EnumName(row.state);
    }
    return "absent";
  }

  Strings strings;
  TempFolder base;
  Served served{std::make_unique<TestEngine>(strings), base.path()};
  Caller caller{served.endpoint()};
};

TEST_F(EngineTest, TellsItsHealth) {
  const auto health = caller.As<wire::Health>(caller.Get("/health"));
  EXPECT_EQ(health.status, "ok");
  EXPECT_EQ(health.engine, "test");
  EXPECT_EQ(health.protocol, 1);
  EXPECT_THAT(health.features, Contains("generate.control"));
  EXPECT_THAT(health.features, Contains("load.progress"));
}

TEST_F(EngineTest, UnknownRoutesAndMethodsUseTheEnvelope) {
  const auto absent = caller.Get("/nothing");
  EXPECT_EQ(absent.status, 404U);
  EXPECT_EQ(Caller::ErrorCode(absent), "not_found");
  EXPECT_EQ(caller.Get("/models/load").status, 405U);
}

TEST_F(EngineTest, LoadsOnceAndAnswersTheSameReceiptAgain) {
  const auto first = caller.Post("/models/load", R"({"model_id":"a"})");
  const auto second = caller.Post("/models/load", R"({"model_id":"a"})");
  EXPECT_EQ(first.status, 200U);
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(strings.loads, 1);
  EXPECT_EQ(StateOf("a"), "loaded");
  EXPECT_EQ(StateOf("b"), "unloaded");
  const auto reply = caller.As<wire::LoadReply>(first);
  EXPECT_GT(reply.memory_before_mb, 0);
  EXPECT_DOUBLE_EQ(reply.memory_delta_mb, reply.memory_after_mb - reply.memory_before_mb);
}

TEST_F(EngineTest, TwoLoadsOfOneModelAreOneLoad) {
  strings.hold_load = true;
  http::Request request;
  request.method = http::Method::kPost;
  request.target = "/models/load";
  request.body = R"({"model_id":"a"})";
  auto one = std::async(std::launch::async, [&] { return Caller(served.endpoint()).Send(request); });
  auto two = std::async(std::launch::async, [&] { return Caller(served.endpoint()).Send(request); });
  served.AwaitLog("Loading model: a");
  EXPECT_EQ(StateOf("a"), "loading");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/unload", R"({"model_id":"a"})")), "not_loaded");
  strings.let_load.release(2);
  EXPECT_EQ(one.get().body, two.get().body);
  EXPECT_EQ(strings.loads, 1);
}

TEST_F(EngineTest, TellsTheProgressOfALoad) {
  http::Request request;
  request.method = http::Method::kPost;
  request.target = "/models/load";
  request.headers.Set("Accept", "text/event-stream");
  request.body = R"({"model_id":"a"})";
  auto stream = caller.Open(request);
  const auto progress = stream.ReadEvent();
  EXPECT_EQ(progress.event, "progress");
  EXPECT_EQ(progress.data, R"({"stage":"opening","fraction":0.25})");
  const auto loaded = stream.ReadEvent();
  EXPECT_EQ(loaded.event, "loaded");
  EXPECT_THAT(loaded.data, HasSubstr("memory_delta_mb"));
  EXPECT_EQ(stream.Read(), "");
}

TEST_F(EngineTest, AFailedLoadKeepsItsMessageUntilTheNextAction) {
  const auto failed = caller.Post("/models/load", R"({"model_id":"a","options":{"fail":1}})");
  EXPECT_EQ(failed.status, 500U);
  EXPECT_EQ(Caller::ErrorCode(failed), "load_failed");
  EXPECT_EQ(StateOf("a"), "error");
  EXPECT_THAT(caller.Get("/models").body, HasSubstr("the weights are torn"));
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Generate("hello"))), "not_loaded");
  EXPECT_EQ(caller.Post("/models/unload", R"({"model_id":"a"})").status, 200U);
  EXPECT_EQ(StateOf("a"), "unloaded");
  Load("a");
  EXPECT_EQ(StateOf("a"), "loaded");
}

TEST_F(EngineTest, RefusesBadLoads) {
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/load", R"({"model_id":"a","options":{"refuse":1}})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/load", R"({"model":"a"})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/load", R"({"model_id":"a","options":[]})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/load", "")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/load", R"({"model_id":"nobody"})")), "not_found");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/load", R"({"model_id":"../../etc"})")), "forbidden");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/unload", R"({"model_id":"b"})")), "not_loaded");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/models/unload", R"({"model_id":"nobody"})")), "not_found");
}

TEST_F(EngineTest, StreamsPcmWithItsFormat) {
  Load("a");
  const auto response = caller.Send(Generate("hello"));
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.headers.Get("Content-Type"), "audio/pcm");
  EXPECT_EQ(response.headers.Get("X-Sample-Rate"), "8000");
  EXPECT_EQ(response.headers.Get("X-Channels"), "1");
  EXPECT_EQ(response.body.size(), 80000U);
}

TEST_F(EngineTest, AnswersAWholeWavIfAsked) {
  Load("a");
  auto request = Generate("hello");
  request.headers.Set("Accept", "audio/wav");
  const auto response = caller.Send(request);
  EXPECT_EQ(response.headers.Get("Content-Length"), std::to_string(response.body.size()));
  const auto audio = media::FromWav(response.body);
  ASSERT_TRUE(audio);
  EXPECT_EQ(audio->sample_rate, 8000);
  EXPECT_EQ(audio->samples.size(), 40000U);
}

TEST_F(EngineTest, ErrorsBeforeTheFirstSampleAreJson) {
  Load("a");
  const auto failed = caller.Send(Generate("fail"));
  EXPECT_EQ(failed.status, 500U);
  EXPECT_EQ(Caller::ErrorCode(failed), "internal");
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Generate("throw"))), "out_of_memory");
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Generate("voice"))), "not_found");
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Generate("silence"))), "internal");
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Generate(" \n"))), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/generate/control", R"({"text":"x","speed":9})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/generate/design", R"({"text":"x","description":"y"})")), "unsupported");
  EXPECT_EQ(caller.Send(Generate("hello")).status, 200U) << "the model goes on";
}

TEST_F(EngineTest, AnErrorAfterTheFirstSampleCutsTheStream) {
  Load("a");
  EXPECT_THROW((void)caller.Send(Generate("fail late")), std::runtime_error);
  served.AwaitLog("told to fail later");
  auto wav = Generate("fail late");
  wav.headers.Set("Accept", "audio/wav");
  EXPECT_EQ(caller.Send(wav).status, 500U) << "nothing was sent yet, so it can be said";
}

TEST_F(EngineTest, AClientThatLeavesStopsTheModel) {
  Load("a");
  {
    auto stream = caller.Open(Generate("endless"));
    EXPECT_FALSE(stream.Read().empty());
  }
  strings.was_unwanted.acquire();
  served.AwaitLog("Generation cancelled");
  EXPECT_EQ(caller.Send(Generate("hello")).status, 200U);
}

TEST_F(EngineTest, AClientThatLeavesTheQueueNeverRuns) {
  Load("a");
  auto first = std::async(std::launch::async, [&] { return Caller(served.endpoint()).Send(Generate("wait")); });
  strings.has_started.acquire();
  {
    Caller impatient(served.endpoint());
    auto request = Generate("hello");
    request.first_byte_deadline = std::chrono::milliseconds(100);
    EXPECT_THROW((void)impatient.Send(request), std::runtime_error);
  }
  served.AwaitLog("cancelled before it began");
  strings.let_go.release();
  EXPECT_EQ(first.get().status, 200U);
  EXPECT_EQ(caller.Send(Generate("hello")).status, 200U);
  strings.has_ended.acquire();
  strings.has_ended.acquire();
  EXPECT_FALSE(strings.has_ended.try_acquire()) << "the one that left has run";
  EXPECT_EQ(strings.most_running, 1);
}

TEST_F(EngineTest, UnloadLetsRunningWorkFinishAndRefusesTheRest) {
  Load("a");
  Load("b");
  auto running = std::async(std::launch::async, [&] { return Caller(served.endpoint()).Send(Generate("wait")); });
  strings.has_started.acquire();
  auto unloading =
      std::async(std::launch::async, [&] { return Caller(served.endpoint()).Post("/models/unload", R"({"model_id":"a"})"); });
  served.AwaitLog("Unloading model: a");
  EXPECT_EQ(StateOf("a"), "unloading");
  EXPECT_EQ(Caller::ErrorCode(caller.Send(Generate("hello"))), "not_loaded");
  EXPECT_EQ(caller.Post("/models/unload", R"({"model_id":"b"})").status, 200U) << "another model is not delayed";
  strings.let_go.release();
  EXPECT_EQ(running.get().body.size(), 80000U);
  const auto reply = caller.As<wire::UnloadReply>(unloading.get());
  EXPECT_EQ(json::EnumName(reply.state), "unloaded");
  EXPECT_DOUBLE_EQ(reply.memory_freed_mb, reply.memory_before_mb - reply.memory_after_mb);
}

TEST_F(EngineTest, ClonesFromBase64AndFromSamplesOnly) {
  Load("a");
  const std::string wav = media::ToWav({8000, 1, std::vector<std::int16_t>(500, 3)});
  const auto clone =
      caller.Post("/generate/clone", json::ToJson(wire::CloneRequest{.text = "x", .reference_audio = Base64Encode(wav)}));
  EXPECT_EQ(clone.body.size(), 1000U);
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/generate/clone", R"({"text":"x"})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/generate/clone", R"({"text":"x","reference_audio":"%%%"})")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/generate/clone", R"({"text":"x","sample":"../x.wav"})")), "forbidden");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/generate/clone", R"({"text":"x","sample":"none.wav"})")), "not_found");
  ASSERT_TRUE(os::WriteFileAtomically(base.path() / "samples/anna.wav", wav));
  EXPECT_EQ(caller.Post("/generate/clone", R"({"text":"x","sample":"anna.wav"})").body.size(), 1000U);
}

TEST_F(EngineTest, TranscribesFormsAndPlainWavs) {
  Load("a");
  const std::string wav = media::ToWav({16000, 1, std::vector<std::int16_t>(1000, 3)});
  const auto plain = caller.Post("/transcribe?prompt=p", wav, {{"Content-Type", "audio/wav"}});
  EXPECT_EQ(caller.As<wire::Transcript>(plain).text, "500 samples, prompt p") << "resampled to what the model hears";
  const std::string form =
      "--B\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{\"prompt\":\"f\"}\r\n--B\r\nContent-Disposition: "
      "form-data; name=\"audio\"; filename=\"a.wav\"\r\n\r\n" +
      wav + "\r\n--B--\r\n";
  const auto whole = caller.Post("/transcribe", form, {{"Content-Type", "multipart/form-data; boundary=B"}});
  EXPECT_EQ(caller.As<wire::Transcript>(whole).text, "500 samples, prompt f");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/transcribe", "")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/transcribe", "junk")), "bad_request");
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/transcribe?promt=p", wav)), "bad_request");

  http::Request request;
  request.method = http::Method::kPost;
  request.target = "/transcribe";
  request.headers.Set("Accept", "text/event-stream");
  request.body = wav;
  auto stream = caller.Open(request);
  EXPECT_EQ(stream.ReadEvent().event, "segment");
  EXPECT_EQ(stream.ReadEvent().event, "segment");
  EXPECT_EQ(stream.ReadEvent().event, "done");
}

TEST_F(EngineTest, TellsSpeakersApart) {
  Load("a");
  const std::string wav = media::ToWav({16000, 1, std::vector<std::int16_t>(8000, 3)});
  const auto reply = caller.As<wire::DiarizeReply>(caller.Post("/diarize?speakers=3&threshold=0.5", wav));
  EXPECT_DOUBLE_EQ(reply.duration, 0.5);
  EXPECT_EQ(reply.speakers, 3);
  EXPECT_EQ(reply.turns.size(), 1U);
  for (const std::string query : {"speakers=0", "speakers=101", "speakers=many", "threshold=2", "language=en"})
    EXPECT_EQ(Caller::ErrorCode(caller.Post("/diarize?" + query, wav)), "bad_request") << query;
  EXPECT_EQ(Caller::ErrorCode(caller.Post("/diarize", "junk")), "bad_request");
}

TEST_F(EngineTest, LogsMemoryAndTimeOfLoadsAndUnloads) {
  Load("a");
  (void)caller.Post("/models/unload", R"({"model_id":"a"})");
  const auto lines = served.LogLines();
  EXPECT_THAT(lines, Contains("INFO Loading model: a"));
  EXPECT_THAT(lines, Contains(::testing::MatchesRegex("DEBUG Memory before load: [0-9]+\\.[0-9] MB")));
  EXPECT_THAT(lines, Contains("INFO Model loaded successfully"));
  EXPECT_THAT(lines, Contains(::testing::MatchesRegex("INFO Memory after load: [0-9]+\\.[0-9] MB \\([+-][0-9]+\\.[0-9] MB\\)")));
  EXPECT_THAT(lines, Contains(::testing::MatchesRegex("INFO Load time: [0-9]+\\.[0-9] seconds")));
  EXPECT_THAT(lines, Contains("INFO Unloading model: a"));
  EXPECT_THAT(lines, Contains(::testing::MatchesRegex("INFO Memory after unload: .*")));
}

TEST_F(EngineTest, LogsCanBeFollowedFromAnId) {
  served.log().Info("first");
  served.log().Info("second");
  const auto list = caller.As<wire::LogList>(caller.Get("/logs"));
  ASSERT_GE(list.logs.size(), 2U);
  const auto& first = list.logs[list.logs.size() - 2];
  EXPECT_EQ(first.message, "first");
  http::Request request;
  request.target = "/logs/stream";
  request.headers.Set("Last-Event-ID", std::to_string(first.id));
  auto stream = caller.Open(request);
  auto event = stream.ReadEvent();
  EXPECT_EQ(event.id, std::to_string(first.id + 1));
  EXPECT_THAT(event.data, HasSubstr("second"));
  served.log().Info("third");
  EXPECT_THAT(stream.ReadEvent().data, HasSubstr("third"));
  EXPECT_EQ(caller.Post("/logs/clear", "").status, 200U);
  EXPECT_TRUE(caller.As<wire::LogList>(caller.Get("/logs")).logs.empty());
  served.log().Info("fourth");
  EXPECT_THAT(stream.ReadEvent().data, HasSubstr("fourth"));
  EXPECT_EQ(Caller::ErrorCode(caller.Get("/logs/stream", {{"Last-Event-ID", "x"}})), "bad_request");
}

TEST_F(EngineTest, AReaderThatFellBehindLearnsHowMuchItLost) {
  for (std::size_t i = 0; i < log::Log::kCapacity + 10; ++i) served.log().Info("line {}", i);
  const std::uint64_t oldest = served.log().ring().end() - log::Log::kCapacity;
  http::Request request;
  request.target = "/logs/stream";
  request.headers.Set("Last-Event-ID", std::to_string(oldest - 5));
  auto stream = caller.Open(request);
  const auto lost = stream.ReadEvent();
  EXPECT_EQ(lost.event, "lost");
  EXPECT_EQ(lost.data, R"({"count":4})");
  EXPECT_EQ(stream.ReadEvent().id, std::to_string(oldest));
}

TEST_F(EngineTest, LeavingRefusesNewWorkAndCancelsWhatDoesNotEnd) {
  Load("a");
  auto stream = caller.Open(Generate("endless"));
  EXPECT_FALSE(stream.Read().empty());
  auto leaving = std::async(std::launch::async, [&] { served.Leave(std::chrono::milliseconds(300)); });
  served.AwaitLog("Cancelling 1 requests");
  const auto refused = caller.Post("/models/load", R"({"model_id":"b"})");
  EXPECT_EQ(refused.status, 503U);
  EXPECT_THAT(refused.body, HasSubstr("remedy"));
  leaving.get();
  EXPECT_EQ(StateOf("a"), "unloaded");
  EXPECT_EQ(caller.Get("/health").status, 200U);
}

TEST_F(EngineTest, NamesTheModelOnlyWhereItIsUnclear) {
  EXPECT_EQ(Caller::ErrorCode(caller.Get("/voices")), "not_loaded");
  Load("a");
  EXPECT_EQ(caller.Get("/voices").status, 200U);
  Load("b");
  EXPECT_EQ(Caller::ErrorCode(caller.Get("/voices")), "bad_request");
  EXPECT_EQ(caller.As<wire::VoiceList>(caller.Get("/voices?model_id=b")).voices.size(), 1U);
  EXPECT_EQ(caller.As<wire::Capabilities>(caller.Get("/capabilities?model_id=b")).sample_rate, 8000);
}

}  // namespace
}  // namespace hostler::engine_sdk
