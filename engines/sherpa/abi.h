// The part of sherpa-onnx's C interface that this engine calls. The package of the library has no header: these are our own
// declarations, each struct with the library's fields in the library's order. check_layout.py compares them with the JavaScript
// glue of the same release whenever they are built; `// = NAME` is the struct's name there. Strings are never null, but may be
// empty: the library takes both for "not given".
//
// Owner: whoever creates something destroys it. Threads: one object by one thread at a time. The functions throw: library.h has
// the shield.
#pragma once

#include <cstdint>

namespace hostler::sherpa::abi {

inline constexpr const char* kVersion = "1.13.8";  // of the library that these declarations are for

// ---- speech ----

// = SherpaOnnxOfflineTtsVitsModelConfig
struct TtsVits {
  const char* model = "";
  const char* lexicon = "";
  const char* tokens = "";
  const char* data_dir = "";
  float noise_scale = 0.667F;
  float noise_scale_w = 0.8F;
  float length_scale = 1;
  const char* dict_dir = "";
};

// = SherpaOnnxOfflineTtsMatchaModelConfig
struct TtsMatcha {
  const char* acoustic_model = "";
  const char* vocoder = "";
  const char* lexicon = "";
  const char* tokens = "";
  const char* data_dir = "";
  float noise_scale = 0.667F;
  float length_scale = 1;
  const char* dict_dir = "";
};

// = SherpaOnnxOfflineTtsKokoroModelConfig
struct TtsKokoro {
  const char* model = "";
  const char* voices = "";
  const char* tokens = "";
  const char* data_dir = "";
  float length_scale = 1;
  const char* dict_dir = "";
  const char* lexicon = "";
  const char* lang = "";
};

// = SherpaOnnxOfflineTtsKittenModelConfig
struct TtsKitten {
  const char* model = "";
  const char* voices = "";
  const char* tokens = "";
  const char* data_dir = "";
  float length_scale = 1;
};

// = SherpaOnnxOfflineTtsZipVoiceModelConfig
struct TtsZipvoice {
  const char* tokens = "";
  const char* encoder = "";
  const char* decoder = "";
  const char* vocoder = "";
  const char* data_dir = "";
  const char* lexicon = "";
  float feat_scale = 0.1F;
  float t_shift = 0.5F;
  float target_rms = 0.1F;
  float guidance_scale = 1;
};

// = SherpaOnnxOfflineTtsPocketModelConfig
struct TtsPocket {
  const char* lm_flow = "";
  const char* lm_main = "";
  const char* encoder = "";
  const char* decoder = "";
  const char* text_conditioner = "";
  const char* vocab_json = "";
  const char* token_scores_json = "";
  std::int32_t voice_embedding_cache_capacity = 50;
};

// = SherpaOnnxOfflineTtsSupertonicModelConfig
struct TtsSupertonic {
  const char* duration_predictor = "";
  const char* text_encoder = "";
  const char* vector_estimator = "";
  const char* vocoder = "";
  const char* tts_json = "";
  const char* unicode_indexer = "";
  const char* voice_style = "";
};

// = SherpaOnnxOfflineTtsModelConfig
struct TtsModel {
  TtsVits vits;
  std::int32_t num_threads = 1;
  std::int32_t debug = 0;
  const char* provider = "cpu";
  TtsMatcha matcha;
  TtsKokoro kokoro;
  TtsKitten kitten;
  TtsZipvoice zipvoice;
  TtsPocket pocket;
  TtsSupertonic supertonic;
};

// = SherpaOnnxOfflineTtsConfig
struct TtsConfig {
  TtsModel model;
  const char* rule_fsts = "";
  std::int32_t max_num_sentences = 1;
  const char* rule_fars = "";
  float silence_scale = 1;
};

// = SherpaOnnxGenerationConfig
struct Generation {
  float silence_scale = 1;
  float speed = 1;
  std::int32_t sid = 0;
  const float* reference_audio = nullptr;  // mono, -1 to 1
  std::int32_t reference_audio_len = 0;
  std::int32_t reference_sample_rate = 0;
  const char* reference_text = "";
  std::int32_t num_steps = 5;
  const char* extra = "";  // a JSON object
};

// = OfflineTts.generate
struct GeneratedAudio {
  const float* samples;
  std::int32_t n;
  std::int32_t sample_rate;
};

// ---- hearing ----

// = SherpaOnnxFeatureConfig
struct Features {
  std::int32_t sample_rate = 16000;
  std::int32_t feature_dim = 80;
};

// = SherpaOnnxOfflineTransducerModelConfig
struct AsrTransducer {
  const char* encoder = "";
  const char* decoder = "";
  const char* joiner = "";
};

// = SherpaOnnxOfflineParaformerModelConfig, SherpaOnnxOfflineNemoEncDecCtcModelConfig, SherpaOnnxOfflineTdnnModelConfig,
// = SherpaOnnxOfflineDolphinModelConfig, SherpaOnnxOfflineZipformerCtcModelConfig, SherpaOnnxOfflineWenetCtcModelConfig,
// = SherpaOnnxOfflineOmnilingualAsrCtcModelConfig, SherpaOnnxOfflineMedAsrCtcModelConfig,
// = SherpaOnnxOfflineFireRedAsrCtcModelConfig
struct AsrSingle {
  const char* model = "";
};

// = SherpaOnnxOfflineWhisperModelConfig
struct AsrWhisper {
  const char* encoder = "";
  const char* decoder = "";
  const char* language = "";
  const char* task = "transcribe";
  std::int32_t tail_paddings = -1;
  std::int32_t enable_token_timestamps = 0;
  std::int32_t enable_segment_timestamps = 0;
};

// = SherpaOnnxOfflineSenseVoiceModelConfig
struct AsrSenseVoice {
  const char* model = "";
  const char* language = "auto";
  std::int32_t use_itn = 1;  // "10", not "ten"
};

// = SherpaOnnxOfflineMoonshineModelConfig
struct AsrMoonshine {
  const char* preprocessor = "";
  const char* encoder = "";
  const char* uncached_decoder = "";
  const char* cached_decoder = "";
  const char* merged_decoder = "";
};

// = SherpaOnnxOfflineFireRedAsrModelConfig
struct AsrFireRed {
  const char* encoder = "";
  const char* decoder = "";
};

// = SherpaOnnxOfflineCanaryModelConfig
struct AsrCanary {
  const char* encoder = "";
  const char* decoder = "";
  const char* src_lang = "";
  const char* tgt_lang = "";
  std::int32_t use_pnc = 1;  // punctuation and capitals
};

// = SherpaOnnxOfflineFunAsrNanoModelConfig
struct AsrFunNano {
  const char* encoder_adaptor = "";
  const char* llm = "";
  const char* embedding = "";
  const char* tokenizer = "";
  const char* system_prompt = "You are a helpful assistant.";
  const char* user_prompt = "语音转写：";
  std::int32_t max_new_tokens = 512;
  float temperature = 1e-6F;
  float top_p = 0.8F;
  std::int32_t seed = 42;
  const char* language = "";
  std::int32_t itn = 1;
  const char* hotwords = "";
};

// = SherpaOnnxOfflineQwen3AsrModelConfig
struct AsrQwen3 {
  const char* conv_frontend = "";
  const char* encoder = "";
  const char* decoder = "";
  const char* tokenizer = "";
  std::int32_t max_total_len = 512;
  std::int32_t max_new_tokens = 128;
  float temperature = 1e-6F;
  float top_p = 0.8F;
  std::int32_t seed = 42;
  const char* hotwords = "";
};

// = SherpaOnnxOfflineCohereTranscribeModelConfig
struct AsrCohere {
  const char* encoder = "";
  const char* decoder = "";
  const char* language = "";
  std::int32_t use_punct = 1;
  std::int32_t use_itn = 1;
};

// = SherpaOnnxOfflineModelConfig
struct AsrModel {
  AsrTransducer transducer;
  AsrSingle paraformer;
  AsrSingle nemo_ctc;
  AsrWhisper whisper;
  AsrSingle tdnn;
  const char* tokens = "";
  std::int32_t num_threads = 1;
  std::int32_t debug = 0;
  const char* provider = "cpu";
  const char* model_type = "";
  const char* modeling_unit = "";
  const char* bpe_vocab = "";
  const char* telespeech_ctc = "";
  AsrSenseVoice sense_voice;
  AsrMoonshine moonshine;
  AsrFireRed fire_red_asr;
  AsrSingle dolphin;
  AsrSingle zipformer_ctc;
  AsrCanary canary;
  AsrSingle wenet_ctc;
  AsrSingle omnilingual;
  AsrSingle medasr;
  AsrFunNano funasr_nano;
  AsrSingle fire_red_asr_ctc;
  AsrQwen3 qwen3_asr;
  AsrCohere cohere_transcribe;
};

// = SherpaOnnxOfflineLMConfig
struct AsrLanguageModel {
  const char* model = "";
  float scale = 1;
};

// = SherpaOnnxHomophoneReplacerConfig
struct AsrHomophones {
  const char* dict_dir = "";
  const char* lexicon = "";
  const char* rule_fsts = "";
};

// = SherpaOnnxOfflineRecognizerConfig
struct AsrConfig {
  Features features;
  AsrModel model;
  AsrLanguageModel language_model;
  const char* decoding_method = "greedy_search";
  std::int32_t max_active_paths = 4;
  const char* hotwords_file = "";
  float hotwords_score = 1.5F;
  const char* rule_fsts = "";
  const char* rule_fars = "";
  float blank_penalty = 0;
  AsrHomophones homophones;
};

// Its beginning; the glue reads only `json`, so sherpa_test.cc compares the other fields with that.
struct AsrResult {
  const char* text;
  const float* timestamps;  // s, of each token; may be null
  std::int32_t count;       // of tokens
  const char* tokens;
  const char* const* tokens_arr;
  const char* json;
  const char* lang;
  const char* emotion;
  const char* event;
  const float* durations;  // s, of each token; may be null
};

// ---- where somebody speaks ----

// = SherpaOnnxSileroVadModelConfig, SherpaOnnxTenVadModelConfig
struct VadDetector {
  const char* model = "";
  float threshold = 0.5F;
  float min_silence_duration = 0.5F;  // s
  float min_speech_duration = 0.25F;
  std::int32_t window_size = 512;  // samples
  float max_speech_duration = 20;
};

// = SherpaOnnxVadModelConfig
struct VadConfig {
  VadDetector silero;
  std::int32_t sample_rate = 16000;
  std::int32_t num_threads = 1;
  const char* provider = "cpu";
  std::int32_t debug = 0;
  VadDetector ten;
};

// = Vad.front
struct SpeechSegment {
  std::int32_t start;  // samples
  const float* samples;
  std::int32_t n;
};

// ---- who speaks when ----

// = SherpaOnnxOfflineSpeakerSegmentationPyannoteModelConfig
struct Pyannote {
  const char* model = "";
  float window_shift_ratio = 0.1F;
};

// = SherpaOnnxOfflineSpeakerSegmentationModelConfig
struct Segmentation {
  Pyannote pyannote;
  std::int32_t num_threads = 1;
  std::int32_t debug = 0;
  const char* provider = "cpu";
};

// = SherpaOnnxSpeakerEmbeddingExtractorConfig
struct SpeakerEmbedding {
  const char* model = "";
  std::int32_t num_threads = 1;
  std::int32_t debug = 0;
  const char* provider = "cpu";
};

// = SherpaOnnxFastClusteringConfig
struct Clustering {
  std::int32_t num_clusters = -1;  // -1: as many as the threshold makes
  float threshold = 0.5F;
  std::int32_t compute_confidence = 0;
};

// = SherpaOnnxOfflineSpeakerDiarizationConfig
struct DiarizationConfig {
  Segmentation segmentation;
  SpeakerEmbedding embedding;
  Clustering clustering;
  float min_duration_on = 0.3F;  // s
  float min_duration_off = 0.5F;
};

// = OfflineSpeakerDiarization.process
struct DiarizationSegment {
  float start;  // s
  float end;
  std::int32_t speaker;
  float confidence;
};

struct Tts;
struct Recognizer;
struct Stream;
struct Vad;
struct Diarization;
struct DiarizationResult;

// Return 0 to stop.
using AudioCallback = std::int32_t (*)(const float* samples, std::int32_t n, float progress, void* arg);
using ProgressCallback = std::int32_t (*)(std::int32_t done, std::int32_t total, void* arg);

extern "C" {
const char* SherpaOnnxGetVersionStr();

const Tts* SherpaOnnxCreateOfflineTts(const TtsConfig* config);
void SherpaOnnxDestroyOfflineTts(const Tts* tts);
std::int32_t SherpaOnnxOfflineTtsSampleRate(const Tts* tts);
std::int32_t SherpaOnnxOfflineTtsNumSpeakers(const Tts* tts);
const GeneratedAudio* SherpaOnnxOfflineTtsGenerateWithConfig(const Tts* tts, const char* text, const Generation* generation,
                                                             AudioCallback callback, void* arg);
void SherpaOnnxDestroyOfflineTtsGeneratedAudio(const GeneratedAudio* audio);

const Recognizer* SherpaOnnxCreateOfflineRecognizer(const AsrConfig* config);
void SherpaOnnxOfflineRecognizerSetConfig(const Recognizer* recognizer, const AsrConfig* config);
void SherpaOnnxDestroyOfflineRecognizer(const Recognizer* recognizer);
const Stream* SherpaOnnxCreateOfflineStream(const Recognizer* recognizer);
void SherpaOnnxDestroyOfflineStream(const Stream* stream);
void SherpaOnnxAcceptWaveformOffline(const Stream* stream, std::int32_t sample_rate, const float* samples, std::int32_t n);
void SherpaOnnxDecodeOfflineStream(const Recognizer* recognizer, const Stream* stream);
const AsrResult* SherpaOnnxGetOfflineStreamResult(const Stream* stream);
void SherpaOnnxDestroyOfflineRecognizerResult(const AsrResult* result);

const Vad* SherpaOnnxCreateVoiceActivityDetector(const VadConfig* config, float buffer_s);
void SherpaOnnxDestroyVoiceActivityDetector(const Vad* vad);
void SherpaOnnxVoiceActivityDetectorAcceptWaveform(const Vad* vad, const float* samples, std::int32_t n);
std::int32_t SherpaOnnxVoiceActivityDetectorEmpty(const Vad* vad);
const SpeechSegment* SherpaOnnxVoiceActivityDetectorFront(const Vad* vad);
void SherpaOnnxDestroySpeechSegment(const SpeechSegment* segment);
void SherpaOnnxVoiceActivityDetectorPop(const Vad* vad);
void SherpaOnnxVoiceActivityDetectorFlush(const Vad* vad);
void SherpaOnnxVoiceActivityDetectorReset(const Vad* vad);

const Diarization* SherpaOnnxCreateOfflineSpeakerDiarization(const DiarizationConfig* config);
void SherpaOnnxDestroyOfflineSpeakerDiarization(const Diarization* diarization);
std::int32_t SherpaOnnxOfflineSpeakerDiarizationGetSampleRate(const Diarization* diarization);
// Takes the clustering of `config` alone.
void SherpaOnnxOfflineSpeakerDiarizationSetConfig(const Diarization* diarization, const DiarizationConfig* config);
const DiarizationResult* SherpaOnnxOfflineSpeakerDiarizationProcessWithCallback(const Diarization* diarization,
                                                                                const float* samples, std::int32_t n,
                                                                                ProgressCallback callback, void* arg);
std::int32_t SherpaOnnxOfflineSpeakerDiarizationResultGetNumSegments(const DiarizationResult* result);
const DiarizationSegment* SherpaOnnxOfflineSpeakerDiarizationResultSortByStartTime(const DiarizationResult* result);
void SherpaOnnxOfflineSpeakerDiarizationDestroySegment(const DiarizationSegment* segments);
void SherpaOnnxOfflineSpeakerDiarizationDestroyResult(const DiarizationResult* result);
}

}  // namespace hostler::sherpa::abi
