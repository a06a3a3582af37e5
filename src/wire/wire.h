// The engine protocol, version 1: every JSON message of spec/engines.md as a typed struct, shared by both sides.
// Golden files of each message lie in src/wire/golden/; changing one means a new protocol version or a new feature name.
//
// Plain values; any thread. MB = 2^20 bytes; times in seconds; audio is PCM s16le.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/model.h"

namespace hostler::wire {

inline constexpr int kProtocolVersion = 1;

// Headers of an audio stream.
inline constexpr std::string_view kSampleRateHeader = "X-Sample-Rate";
inline constexpr std::string_view kChannelsHeader = "X-Channels";

struct Health {
  std::string status;  // "ok"
  std::string engine;
  std::string version;
  int protocol = kProtocolVersion;
  std::vector<std::string> features;  // "generate.control", "generate.clone", "generate.design", "transcribe",
                                      // "transcribe.stream", "diarize", "embed", "rerank", "sparse", "load.progress" …
  double uptime_s = 0;
  int models_loaded = 0;
};
BOOST_DESCRIBE_STRUCT(Health, (), (status, engine, version, protocol, features, uptime_s, models_loaded))

struct ModelRow {
  std::string id;
  std::string name;
  model::MemoryState state = model::MemoryState::kUnloaded;
  json::Nullable<std::string> path;
  json::Nullable<double> memory_mb;
  json::Nullable<std::string> error;
  json::Nullable<double> loaded_at;  // seconds since the epoch
  json::Nullable<double> last_used_at;
};
BOOST_DESCRIBE_STRUCT(ModelRow, (), (id, name, state, path, memory_mb, error, loaded_at, last_used_at))

struct ModelList {
  std::vector<ModelRow> models;
};
BOOST_DESCRIBE_STRUCT(ModelList, (), (models))

struct LoadRequest {
  std::string model_id;
  std::optional<std::string> path;   // folder or file; default: models/<model_id>
  std::optional<json::Any> options;  // the engine's own; unknown ones are an error
};
BOOST_DESCRIBE_STRUCT(LoadRequest, (), (model_id, path, options))

struct LoadReply {
  std::string model_id;
  model::MemoryState state = model::MemoryState::kLoaded;
  double memory_before_mb = 0;
  double memory_after_mb = 0;
  double memory_delta_mb = 0;
  double load_time_s = 0;
};
BOOST_DESCRIBE_STRUCT(LoadReply, (), (model_id, state, memory_before_mb, memory_after_mb, memory_delta_mb, load_time_s))

// With `Accept: text/event-stream`, a load answers events `progress` with this, then `loaded` with LoadReply or `error`.
struct LoadProgress {
  std::string stage;                // "opening", "reading weights", "warming up"
  json::Nullable<double> fraction;  // 0..1, null if unknown
};
BOOST_DESCRIBE_STRUCT(LoadProgress, (), (stage, fraction))

struct UnloadRequest {
  std::string model_id;
};
BOOST_DESCRIBE_STRUCT(UnloadRequest, (), (model_id))

struct UnloadReply {
  std::string model_id;
  model::MemoryState state = model::MemoryState::kUnloaded;
  double memory_before_mb = 0;
  double memory_after_mb = 0;
  double memory_freed_mb = 0;
  double unload_time_s = 0;
};
BOOST_DESCRIBE_STRUCT(UnloadReply, (), (model_id, state, memory_before_mb, memory_after_mb, memory_freed_mb, unload_time_s))

struct Voice {
  std::string id;
  std::string name;
  std::string language;  // BCP 47, lower case: "en-us"
  std::string gender;    // "female", "male", "neutral" or "unknown"
};
BOOST_DESCRIBE_STRUCT(Voice, (), (id, name, language, gender))

struct VoiceList {
  std::vector<Voice> voices;
};
BOOST_DESCRIBE_STRUCT(VoiceList, (), (voices))

struct Speaker {
  std::string name;
  std::string description;
  std::string language;
};
BOOST_DESCRIBE_STRUCT(Speaker, (), (name, description, language))

// What a model of texts can do.
struct TextAbilities {
  bool chat = false;                  // answers as a language model does: OpenAI's routes
  bool vision = false;                // … and looks at images
  bool embed = false;                 // POST /embed
  bool rerank = false;                // POST /rerank
  bool sparse = false;                // POST /sparse
  int dimension = 0;                  // of its vectors; of sparse ones, the size of the vocabulary; 0: makes none
  int context_length = 0;             // tokens of one text, or of a conversation; 0: unknown
  std::optional<bool> probabilities;  // the scores of POST /rerank are from 0 to 1 already; default: they are logits
};
BOOST_DESCRIBE_STRUCT(TextAbilities, (), (chat, vision, embed, rerank, sparse, dimension, context_length, probabilities))

// Keys of spec/voice.md section 2.2, and what the daemon needs to know of the audio.
struct Capabilities {
  bool voice_blend = false;
  bool voice_design = false;
  bool voice_clone = false;
  bool streaming = false;
  bool instructions = false;
  std::vector<Speaker> speakers;
  std::vector<std::string> languages;
  bool speed_control = false;
  bool ssml = false;
  bool batch = false;
  bool transcribe = false;
  bool word_times = false;
  bool grammar = false;
  int sample_rate = 0;        // Hz of what it speaks; 0: does not speak
  int input_sample_rate = 0;  // Hz of what it hears; 0: does not hear
  std::string default_voice;
  std::optional<bool> translate;  // hears one language, writes English
  std::optional<bool> diarize;    // POST /diarize: who speaks when
  std::optional<TextAbilities> text;
};
BOOST_DESCRIBE_STRUCT(Capabilities, (),
                      (voice_blend, voice_design, voice_clone, streaming, instructions, speakers, languages, speed_control, ssml,
                       batch, transcribe, word_times, grammar, sample_rate, input_sample_rate, default_voice, translate, diarize,
                       text))

// The model may be left out of a request if exactly one is loaded.
struct ControlRequest {
  std::optional<std::string> model_id;
  std::string text;
  std::optional<std::string> voice;         // default: the model's own
  std::optional<std::string> instructions;  // style, for models that take it
  std::optional<double> speed;              // 0.25 to 4, 1 is normal
  std::optional<double> pitch;              // -1 to 1, 0 is normal
  std::optional<double> volume;             // 0 to 2, 1 is normal
  std::optional<std::string> language;
};
BOOST_DESCRIBE_STRUCT(ControlRequest, (), (model_id, text, voice, instructions, speed, pitch, volume, language))

struct CloneRequest {
  std::optional<std::string> model_id;
  std::string text;
  std::optional<std::string> reference_audio;  // WAV, base64; or:
  std::optional<std::string> sample;           // name of a file in samples/
  std::optional<std::string> transcript;       // what is said in the reference
  std::optional<double> speed;
  std::optional<std::string> language;
};
BOOST_DESCRIBE_STRUCT(CloneRequest, (), (model_id, text, reference_audio, sample, transcript, speed, language))

struct DesignRequest {
  std::optional<std::string> model_id;
  std::string text;
  std::string description;  // of the voice
  std::optional<double> speed;
  std::optional<std::string> language;
};
BOOST_DESCRIBE_STRUCT(DesignRequest, (), (model_id, text, description, speed, language))

// POST /transcribe: multipart with `request` (this, JSON) and `audio` (WAV s16le, any rate the model takes), or the WAV
// alone with these fields in the query.
struct TranscribeRequest {
  std::optional<std::string> model_id;
  std::optional<std::string> language;
  std::optional<std::string> prompt;
  std::optional<std::string> grammar;  // JSGF
  std::optional<double> temperature;
  std::optional<bool> translate;
  std::optional<bool> words;  // also word times
  std::optional<bool> vad;    // leave silence out before listening; default: the engine's own
};
BOOST_DESCRIBE_STRUCT(TranscribeRequest, (), (model_id, language, prompt, grammar, temperature, translate, words, vad))

struct Word {
  std::string word;
  double start = 0;
  double end = 0;
  json::Nullable<double> probability;
};
BOOST_DESCRIBE_STRUCT(Word, (), (word, start, end, probability))

struct Segment {
  int id = 0;
  double start = 0;
  double end = 0;
  std::string text;
  json::Nullable<double> avg_logprob;
  json::Nullable<double> no_speech_prob;
};
BOOST_DESCRIBE_STRUCT(Segment, (), (id, start, end, text, avg_logprob, no_speech_prob))

// As one document, or, with `Accept: text/event-stream`, events `segment` (Segment) … then `done` (this) or `error`.
struct Transcript {
  std::string text;
  std::string language;  // BCP 47
  double duration = 0;   // of the audio
  std::vector<Segment> segments;
  std::vector<Word> words;
};
BOOST_DESCRIBE_STRUCT(Transcript, (), (text, language, duration, segments, words))

// POST /diarize: multipart with `request` (this) and `audio`, or the WAV alone, as POST /transcribe.
struct DiarizeRequest {
  std::optional<std::string> model_id;
  std::optional<int> speakers;      // how many there are; default: found out
  std::optional<double> threshold;  // 0 to 1, larger: fewer speakers; used where `speakers` is not given
};
BOOST_DESCRIBE_STRUCT(DiarizeRequest, (), (model_id, speakers, threshold))

struct Turn {
  double start = 0;
  double end = 0;
  int speaker = 0;  // from 0, in order of appearance
};
BOOST_DESCRIBE_STRUCT(Turn, (), (start, end, speaker))

struct DiarizeReply {
  double duration = 0;  // of the audio
  int speakers = 0;
  std::vector<Turn> turns;  // by start
};
BOOST_DESCRIBE_STRUCT(DiarizeReply, (), (duration, speakers, turns))

// POST /embed: one dense vector for each text, of length 1 unless `normalize` is false.
struct EmbedRequest {
  std::optional<std::string> model_id;
  std::vector<std::string> inputs;
  std::optional<bool> normalize;
  std::optional<bool> truncate;  // a text that is too long is cut; default: it is an error
};
BOOST_DESCRIBE_STRUCT(EmbedRequest, (), (model_id, inputs, normalize, truncate))

struct EmbedReply {
  std::vector<std::vector<float>> embeddings;  // in the order of the inputs
  int tokens = 0;                              // read, of all inputs together
};
BOOST_DESCRIBE_STRUCT(EmbedReply, (), (embeddings, tokens))

// POST /rerank: how well each document answers the query.
struct RerankRequest {
  std::optional<std::string> model_id;
  std::string query;
  std::vector<std::string> documents;
  std::optional<bool> truncate;
};
BOOST_DESCRIBE_STRUCT(RerankRequest, (), (model_id, query, documents, truncate))

struct RerankReply {
  std::vector<double> scores;  // in the order of the documents; the model's own numbers (logits)
  int tokens = 0;
};
BOOST_DESCRIBE_STRUCT(RerankReply, (), (scores, tokens))

// POST /sparse: one sparse vector (SPLADE) for each text: weights of entries of the vocabulary.
struct SparseRequest {
  std::optional<std::string> model_id;
  std::vector<std::string> inputs;
  std::optional<int> top_k;  // keep the largest weights only
  std::optional<bool> truncate;
};
BOOST_DESCRIBE_STRUCT(SparseRequest, (), (model_id, inputs, top_k, truncate))

struct SparseVector {
  std::vector<int> indices;         // of the vocabulary, ascending
  std::vector<float> values;        // larger than 0
  std::vector<std::string> tokens;  // what stands there
};
BOOST_DESCRIBE_STRUCT(SparseVector, (), (indices, values, tokens))

struct SparseReply {
  std::vector<SparseVector> vectors;
  int tokens = 0;
};
BOOST_DESCRIBE_STRUCT(SparseReply, (), (vectors, tokens))

struct LogEntry {
  std::uint64_t id = 0;
  std::string timestamp;  // "2026-01-15 10:30:45,123"
  std::string level;      // "INFO"
  std::string message;
  std::string source;
};
BOOST_DESCRIBE_STRUCT(LogEntry, (), (id, timestamp, level, message, source))

struct LogList {
  std::vector<LogEntry> logs;
};
BOOST_DESCRIBE_STRUCT(LogList, (), (logs))

struct ErrorBody {
  std::string code;  // not_found, not_loaded, bad_request, unsupported, out_of_memory, load_failed, busy, internal …
  std::string message;
  std::optional<std::string> remedy;
  std::optional<std::string> field;
};
BOOST_DESCRIBE_STRUCT(ErrorBody, (), (code, message, remedy, field))

struct ErrorReply {
  ErrorBody error;
};
BOOST_DESCRIBE_STRUCT(ErrorReply, (), (error))

// Between an Error and its body. FromBody keeps the engine's code as the error's name.
[[nodiscard]] ErrorReply ToReply(const Error& error);
[[nodiscard]] Error FromReply(unsigned status, const ErrorReply& reply);
[[nodiscard]] unsigned StatusOf(Code code);

}  // namespace hostler::wire
