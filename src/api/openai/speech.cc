#include "api/audio_answer.h"
#include "api/openai/routes.h"
#include "api/openai/speech_body.h"
#include "app/speak.h"

namespace hostler::api::openai {
namespace {

Task<Result<>> Answer(app::House& house, http::Exchange& exchange, AskedSpeech asked) {
  NameIgnored(exchange, asked.ignored);
  HOSTLER_CO_OK(app::CheckText(house.config, asked.request.input, "input"));
  if (asked.stream == StreamFormat::kSse) {
    EventAnswer answer(exchange);
    co_return co_await answer.End(co_await app::Speak(house, std::move(asked.request), answer));
  }
  asked.request.whole = exchange.query().Get("stream") == "false";
  AudioAnswer answer(exchange);
  HOSTLER_CO_OK(co_await app::Speak(house, std::move(asked.request), answer));
  co_await answer.Finish();
  co_return Result<>{};
}

Task<Result<>> Speech(app::House& house, http::Exchange& exchange) {
  std::vector<std::string> ignored;
  auto read = co_await ReadJson<SpeechBody>(exchange, false, &ignored);
  if (!read && read.error().code == Code::kTooLarge)
    read.error().remedy = "Send less, or a recording as a form: POST /v1/audio/speech/clone.";
  HOSTLER_CO_TRY(SpeechBody body, std::move(read));
  HOSTLER_CO_OK(app::CheckText(house.config, body.input, "input"));
  HOSTLER_CO_TRY(AskedSpeech asked, AskedIn(std::move(body)));
  asked.ignored = std::move(ignored);
  co_return co_await Answer(house, exchange, std::move(asked));
}

Task<Result<>> Clone(app::House& house, http::Exchange& exchange) {
  http::FormLimits limits;
  limits.total = static_cast<std::uint64_t>(house.config.max_upload_mb) << 20;
  limits.temporary = house.config.home / "tmp";
  HOSTLER_CO_TRY(http::Form form, co_await http::ReadForm(exchange, limits));
  HOSTLER_CO_TRY(AskedSpeech asked, co_await house.media_pool.Run(
                                        [form = std::make_shared<http::Form>(std::move(form))] { return AskedIn(*form); }));
  co_return co_await Answer(house, exchange, std::move(asked));
}

}  // namespace

void AddSpeech(Door& door) {
  door.Raw<SpeechBody>(
      http::Method::kPost, "/v1/audio/speech",
      {"Speak a text; the audio is streamed as it is made, or sent whole with ?stream=false", "OpenAI", {"stream"}, "audio/mpeg"},
      Speech);
  door.Raw<CloneForm>(http::Method::kPost, "/v1/audio/speech/clone",
                      {"Speak a text like a recording", "Voice", {"stream"}, "audio/mpeg", "multipart/form-data"}, Clone);
}

}  // namespace hostler::api::openai
