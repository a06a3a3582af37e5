// The voice library: recordings in samples/ (spec/voice.md section 2.3).
#include "api/form.h"
#include "api/voice/routes.h"
#include "app/reference.h"
#include "http/multipart.h"
#include "speech/presets.h"

namespace hostler::api::voice {
namespace {

struct SampleRow {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::string content_type;
  std::string created_at;  // ISO 8601, UTC
  std::string file;        // in samples/
};
BOOST_DESCRIBE_STRUCT(SampleRow, (), (name, size_bytes, content_type, created_at, file))

struct SampleForm {
  std::string name;
  std::string audio;  // a file, any format
};
BOOST_DESCRIBE_STRUCT(SampleForm, (), (name, audio))

struct PresetRow {
  std::string name;
  std::string voice;
  std::optional<std::string> model;
  double speed = 1;
  std::string description;
};
BOOST_DESCRIBE_STRUCT(PresetRow, (), (name, voice, model, speed, description))
struct PresetRows {
  std::vector<PresetRow> presets;
};
BOOST_DESCRIBE_STRUCT(PresetRows, (), (presets))

SampleRow RowOf(const speech::Sample& sample) {
  return {sample.name, sample.size_bytes, sample.content_type, IsoTime(sample.created_at), sample.file};
}

Task<Result<speech::Sample>> Named(app::House& house, http::Exchange& exchange) {
  auto found =
      co_await house.disk_pool.Run([samples = &house.samples, name = exchange.param("name")] { return samples->Find(name); });
  if (!found) found.error().field = "name";
  co_return found;
}

Task<Result<std::vector<SampleRow>>> List(app::House& house, http::Exchange&) {
  std::vector<SampleRow> rows;
  for (const speech::Sample& sample : co_await house.disk_pool.Run([samples = &house.samples] { return samples->List(); }))
    rows.push_back(RowOf(sample));
  co_return rows;
}

Task<Result<SampleRow>> Get(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const speech::Sample sample, co_await Named(house, exchange));
  co_return RowOf(sample);
}

Task<Result<>> GetAudio(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const speech::Sample sample, co_await Named(house, exchange));
  const std::uint64_t limit = static_cast<std::uint64_t>(house.config.max_upload_mb) << 20;
  HOSTLER_CO_TRY(std::string bytes, co_await house.disk_pool.Run(
                                        [samples = &house.samples, sample, limit] { return samples->Read(sample, limit); }));
  http::Response response{200, {{"Content-Type", sample.content_type}}, std::move(bytes)};
  co_await exchange.Send(std::move(response));
  co_return Result<>{};
}

struct Upload {
  std::string name;
  std::string audio;
};

// What the library refuses is a validation error, whichever room found it.
Error AsValidation(Error error) {
  if (error.code == Code::kInvalid) error.name = "validation_error";
  return error;
}

Result<Upload> UploadIn(http::Form& form) {
  static const FormRules rules = {{"name"}, {"audio"}};
  std::vector<std::string> ignored;
  HOSTLER_OK(CheckForm(form, rules, &ignored));
  const auto wrong = [](std::string message, std::string remedy, std::string field) {
    return Fail(Error{Code::kInvalid, std::move(message), std::move(remedy), std::move(field), "validation_error"});
  };
  if (!ignored.empty()) return wrong("unknown field", "The form has the fields name and audio.", ignored.front());
  http::Part* file = form.Find("audio");
  const auto name = form.Value("name");
  if (!name) return wrong("required field is missing", "Name the recording.", "name");
  if (file == nullptr) return wrong("required field is missing", "Send the recording as the form field `audio`.", "audio");
  Upload upload;
  HOSTLER_TRY(upload.name, speech::Samples::PlainName(*name));
  HOSTLER_TRY(upload.audio, file->Take());
  return upload;
}

Task<Result<>> Add(app::House& house, http::Exchange& exchange) {
  http::FormLimits limits;
  limits.total = static_cast<std::uint64_t>(house.config.max_upload_mb) << 20;
  limits.temporary = house.config.home / "tmp";
  HOSTLER_CO_TRY(http::Form form, co_await http::ReadForm(exchange, limits));
  HOSTLER_CO_TRY(Upload upload, co_await house.media_pool.Run(
                                    [form = std::make_shared<http::Form>(std::move(form))] { return UploadIn(*form); }));
  auto wav = co_await app::MakeSampleWav(house, std::move(upload.audio), "audio");
  if (!wav) co_return Fail(AsValidation(std::move(wav).error()));
  HOSTLER_CO_TRY(const speech::Sample sample,
                 co_await house.disk_pool.Run([samples = &house.samples, name = upload.name, wav = std::move(*wav)] {
                   return samples->Write(name, wav);
                 }));
  house.log.Info("The sample {} was stored", sample.file);
  co_await exchange.Send(http::JsonResponse(json::ToJson(RowOf(sample)), 201));
  co_return Result<>{};
}

Task<Result<>> Remove(app::House& house, http::Exchange& exchange) {
  HOSTLER_CO_TRY(const speech::Sample sample, co_await Named(house, exchange));
  HOSTLER_CO_OK(co_await house.disk_pool.Run([samples = &house.samples, sample] { return samples->Remove(sample); }));
  house.log.Info("The sample {} was deleted", sample.file);
  http::Response response;
  response.status = 204;
  co_await exchange.Send(std::move(response));
  co_return Result<>{};
}

Task<Result<PresetRows>> Presets(app::House& house, http::Exchange&) {
  HOSTLER_CO_TRY(const std::vector<speech::Preset> presets,
                 co_await house.disk_pool.Run([file = house.config.presets] { return speech::ReadPresets(file); }));
  PresetRows rows;
  for (const speech::Preset& preset : presets)
    rows.presets.push_back({preset.name, preset.voice, preset.model, preset.speed, preset.description});
  co_return rows;
}

}  // namespace

void AddSamples(Door& door) {
  door.Get("/api/voices/library", {"The recordings in samples/, whose voices can be cloned", "Voice"}, List);
  door.Raw<SampleForm>(http::Method::kPost, "/api/voices/library",
                       {"Put a recording into samples/", "Voice", {}, "application/json", "multipart/form-data"}, Add);
  door.Get("/api/voices/library/{name}", {"One recording", "Voice"}, Get);
  door.Raw(http::Method::kGet, "/api/voices/library/{name}/audio", {"What a recording sounds like", "Voice", {}, "audio/wav"},
           GetAudio);
  door.Raw(http::Method::kDelete, "/api/voices/library/{name}", {"Delete a recording", "Voice"}, Remove);
  door.Get("/api/voice-presets", {"Voices under a name of their own, from the file speech.presets", "Voice"}, Presets);
}

}  // namespace hostler::api::voice
