#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "base/text.h"
#include "engines/classic/providers.h"
#include "engines/classic/utterances.h"
#include "os/files.h"

extern "C" {
#include <pocketsphinx.h>
#include <sphinxbase/err.h>
#include <sphinxbase/fsg_model.h>
#include <sphinxbase/jsgf.h>
}

namespace hostler::classic {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModels = HOSTLER_POCKETSPHINX_MODELS;  // of the distribution's package
constexpr const char* kOwnSearch = "model";
constexpr const char* kRequestSearch = "request";
constexpr double kFrameRate = 100;                  // per second
constexpr std::size_t kSilence = kHearingRate / 5;  // samples

// What the library said went wrong during the call that just failed on this thread.
thread_local std::string complaints;

void OnMessage(void*, err_lvl_t level, const char* format, ...) {
  if (level < ERR_ERROR) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  std::string_view line = Trim(text);
  if (const auto place = line.find("\", line "); place != std::string_view::npos) {  // ERROR: "jsgf.c", line 953: what we want
    if (const auto colon = line.find(": ", place); colon != std::string_view::npos) line.remove_prefix(colon + 2);
  }
  if (!complaints.empty()) complaints += "; ";
  if (complaints.size() < 2000) complaints += line;
}

// <s>, <sil>, [NOISE], ++UH++: heard, but not said. (NULL) is a step of a grammar that says nothing.
bool IsFiller(std::string_view word) {
  return word.starts_with('<') || word.starts_with('[') || word.starts_with('(') || word.starts_with("++");
}

// "read(2)" is a second way to pronounce "read".
std::string Plain(std::string_view word) {
  return std::string(word.substr(0, word.find('(')));
}

double InMilliseconds(double seconds) {
  return std::round(seconds * 1000) / 1000;
}

Error GrammarError(std::string field) {
  std::string text = "the grammar cannot be used";
  if (!complaints.empty()) text += ": " + complaints;
  return Error{Code::kInvalid, std::move(text), "Send JSGF with a public rule, made of English words."}.At(std::move(field));
}

Result<> CheckGrammar(const std::string& grammar, const std::string& field) {
  for (const std::string_view line : Split(grammar, '\n')) {
    if (!Trim(line).starts_with("import")) continue;
    return Fail(Error{Code::kInvalid, "a grammar cannot import files", "Write the rules out."}.At(field));
  }
  return {};
}

// As ps_set_jsgf_string() does it, which forgets to free the grammar: 8 KB with every request.
bool UseGrammar(ps_decoder_t* decoder, const char* name, const std::string& text) {
  const std::unique_ptr<jsgf_t, void (*)(jsgf_t*)> grammar(jsgf_parse_string(text.c_str(), nullptr),
                                                           [](jsgf_t* g) { jsgf_grammar_free(g); });
  jsgf_rule_t* rule = grammar ? jsgf_get_public_rule(grammar.get()) : nullptr;
  if (rule == nullptr) return false;
  const auto weight = static_cast<float32>(cmd_ln_float_r(ps_get_config(decoder), "-lw"));
  const std::unique_ptr<fsg_model_t, void (*)(fsg_model_t*)> sentences(
      jsgf_build_fsg(grammar.get(), rule, ps_get_logmath(decoder), weight), [](fsg_model_t* f) { fsg_model_free(f); });
  return sentences && ps_set_fsg(decoder, name, sentences.get()) == 0 && ps_set_search(decoder, name) == 0;
}

class PocketsphinxModel : public engine_sdk::Model {
 public:
  // `grammar` empty: any English sentence.
  static Result<std::unique_ptr<engine_sdk::Model>> Create(const std::string& grammar, const engine_sdk::LoadContext& context);
  PocketsphinxModel(ps_decoder_t* decoder, bool has_grammar) : decoder_(decoder), has_grammar_(has_grammar) {}
  ~PocketsphinxModel() override { ps_free(decoder_); }

  [[nodiscard]] wire::Capabilities capabilities() const override;
  [[nodiscard]] Result<wire::Transcript> Transcribe(const wire::TranscribeRequest& request,
                                                    const engine_sdk::Recording& recording,
                                                    const std::function<void(const wire::Segment&)>& on_segment,
                                                    std::stop_token stop) override;

 private:
  struct Heard {
    std::string text;
    std::vector<wire::Word> words;
  };
  [[nodiscard]] Result<Heard> Hear(std::span<const std::int16_t> samples, Utterance utterance, bool with_probability);

  ps_decoder_t* const decoder_;
  const bool has_grammar_;
};

Result<std::unique_ptr<engine_sdk::Model>> PocketsphinxModel::Create(const std::string& grammar,
                                                                     const engine_sdk::LoadContext& context) {
  const fs::path folder = fs::path(kModels) / "en-us";
  const std::string acoustic = folder / "en-us";
  const std::string dictionary = folder / "cmudict-en-us.dict";
  const std::string language = folder / "en-us.lm.bin";
  std::error_code ec;
  if (!fs::exists(acoustic, ec)) {
    return Fail(Code::kNotFound, fmt::format("there is no acoustic model at {}", acoustic),
                "Install the package pocketsphinx-en-us.");
  }
  context.progress("reading weights", std::nullopt);
  complaints.clear();
  // Silence stays in, so that the times of the words are those of the recording.
  cmd_ln_t* config = cmd_ln_init(nullptr, ps_args(), TRUE, "-hmm", acoustic.c_str(), "-dict", dictionary.c_str(),
                                 "-remove_silence", "no", nullptr);
  ps_decoder_t* decoder = config == nullptr ? nullptr : ps_init(config);
  if (config != nullptr) cmd_ln_free_r(config);
  if (decoder == nullptr)
    return Fail(Code::kInternal, "pocketsphinx cannot read its model: " + complaints,
                "Install the package pocketsphinx-en-us again.");
  auto model = std::make_unique<PocketsphinxModel>(decoder, !grammar.empty());
  const bool ready = grammar.empty()
                         ? ps_set_lm_file(decoder, kOwnSearch, language.c_str()) == 0 && ps_set_search(decoder, kOwnSearch) == 0
                         : UseGrammar(decoder, kOwnSearch, grammar);
  if (!ready) {
    if (!grammar.empty()) return Fail(GrammarError("options.grammar"));
    return Fail(Code::kInternal, "pocketsphinx cannot read its language model: " + complaints,
                "Install the package pocketsphinx-en-us again.");
  }
  return model;
}

wire::Capabilities PocketsphinxModel::capabilities() const {
  wire::Capabilities can;
  can.transcribe = true;
  can.word_times = true;
  can.grammar = true;
  can.languages = {"en-us"};
  can.input_sample_rate = kHearingRate;
  return can;
}

Result<PocketsphinxModel::Heard> PocketsphinxModel::Hear(std::span<const std::int16_t> samples, Utterance utterance,
                                                         bool with_probability) {
  // The first word is not understood without a moment of silence before it, so a recording that starts with it gets one.
  std::vector<std::int16_t> padded(utterance.begin == 0 ? kSilence : 0);
  const double start = (static_cast<double>(utterance.begin) - static_cast<double>(padded.size())) / kHearingRate;
  padded.insert(padded.end(), samples.begin() + static_cast<std::ptrdiff_t>(utterance.begin),
                samples.begin() + static_cast<std::ptrdiff_t>(utterance.end));
  if (utterance.end == samples.size()) padded.resize(padded.size() + kSilence);
  if (ps_start_utt(decoder_) != 0 || ps_process_raw(decoder_, padded.data(), padded.size(), FALSE, TRUE) < 0 ||
      ps_end_utt(decoder_) != 0) {
    return Fail(Code::kInternal, "pocketsphinx failed: " + complaints);
  }
  const double latest = static_cast<double>(utterance.end) / kHearingRate;
  Heard heard;
  for (ps_seg_t* at = ps_seg_iter(decoder_); at != nullptr; at = ps_seg_next(at)) {
    const char* said = ps_seg_word(at);
    if (said == nullptr || IsFiller(said)) continue;
    int first = 0;
    int last = 0;
    ps_seg_frames(at, &first, &last);
    wire::Word word;
    word.word = Plain(said);
    word.start = InMilliseconds(std::clamp(start + first / kFrameRate, 0.0, latest));
    word.end = InMilliseconds(std::clamp(start + (last + 1) / kFrameRate, 0.0, latest));
    if (with_probability) {
      const double probability = logmath_exp(ps_get_logmath(decoder_), ps_seg_prob(at, nullptr, nullptr, nullptr));
      word.probability = std::clamp(probability, 0.0, 1.0);
    }
    if (!heard.text.empty()) heard.text += ' ';
    heard.text += word.word;
    heard.words.push_back(std::move(word));
  }
  return heard;
}

Result<wire::Transcript> PocketsphinxModel::Transcribe(const wire::TranscribeRequest& request,
                                                       const engine_sdk::Recording& recording,
                                                       const std::function<void(const wire::Segment&)>& on_segment,
                                                       std::stop_token stop) {
  const std::string language = Lower(request.language.value_or("en"));
  if (language != "en" && !language.starts_with("en-")) {
    return Fail(Error{Code::kUnsupported, fmt::format("pocketsphinx hears English, not \"{}\"", language),
                      "Use a whisper model for other languages."}
                    .At("language"));
  }
  if (request.translate.value_or(false)) {
    return Fail(Error{Code::kUnsupported, "pocketsphinx cannot translate", "Use a whisper model."}.At("translate"));
  }
  complaints.clear();
  if (request.grammar) {
    HOSTLER_OK(CheckGrammar(*request.grammar, "grammar"));
    if (!UseGrammar(decoder_, kRequestSearch, *request.grammar)) return Fail(GrammarError("grammar"));
  }
  const std::unique_ptr<ps_decoder_t, void (*)(ps_decoder_t*)> back(request.grammar ? decoder_ : nullptr,
                                                                    [](ps_decoder_t* decoder) {
                                                                      ps_set_search(decoder, kOwnSearch);
                                                                      ps_unset_search(decoder, kRequestSearch);
                                                                    });

  wire::Transcript transcript;
  transcript.language = "en";
  transcript.duration = static_cast<double>(recording.samples.size()) / kHearingRate;
  const std::span<const std::int16_t> samples(recording.samples);
  for (const Utterance& utterance : FindUtterances(samples)) {
    if (stop.stop_requested()) break;
    HOSTLER_TRY(Heard heard, Hear(samples, utterance, !has_grammar_ && !request.grammar));
    if (heard.text.empty()) continue;
    wire::Segment segment;
    segment.id = static_cast<int>(transcript.segments.size());
    segment.start = InMilliseconds(static_cast<double>(utterance.begin) / kHearingRate);
    segment.end = InMilliseconds(static_cast<double>(utterance.end) / kHearingRate);
    segment.text = heard.text;
    if (on_segment) on_segment(segment);
    if (!transcript.text.empty()) transcript.text += ' ';
    transcript.text += heard.text;
    transcript.segments.push_back(std::move(segment));
    if (request.words.value_or(false)) std::move(heard.words.begin(), heard.words.end(), std::back_inserter(transcript.words));
  }
  return transcript;
}

// From the options, or from grammar.jsgf in the model's folder.
Result<std::string> GrammarOf(const PocketsphinxOptions& options, const engine_sdk::LoadContext& context) {
  if (options.grammar && options.grammar_file) {
    return Fail(Error{Code::kInvalid, "grammar and grammar_file exclude each other", "Give one of them."}.At("options.grammar"));
  }
  if (options.grammar) return *options.grammar;
  if (context.path.empty()) {
    if (!options.grammar_file) return std::string();
    return Fail(
        Error{Code::kInvalid, "this model has no folder", "Send the text itself as `grammar`."}.At("options.grammar_file"));
  }
  auto file = os::Confine(context.path / options.grammar_file.value_or("grammar.jsgf"), {context.path});
  if (!file) return Fail(std::move(file.error()).At("options.grammar_file"));
  return os::ReadFile(*file, 1 << 20);
}

}  // namespace

Result<std::unique_ptr<engine_sdk::Model>> LoadPocketsphinx(const engine_sdk::LoadContext& context) {
  HOSTLER_TRY(const PocketsphinxOptions options, ReadOptions<PocketsphinxOptions>(context));
  HOSTLER_TRY(const std::string grammar, GrammarOf(options, context));
  HOSTLER_OK(CheckGrammar(grammar, "options.grammar"));
  err_set_logfp(nullptr);  // it also prints tables of its parameters
  err_set_callback(&OnMessage, nullptr);
  return PocketsphinxModel::Create(grammar, context);
}

}  // namespace hostler::classic
