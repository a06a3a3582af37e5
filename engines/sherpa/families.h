// Which of sherpa-onnx's model families lies in a folder, found by the names of its files (as the conversions on the hub have
// them) and by what the ONNX files say of themselves; and whether all that it needs is there and plausible.
//
// Reads names, a few hundred bytes of each ONNX file, and tokens.txt. Any thread.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engines/sherpa/onnx.h"

namespace hostler::sherpa {

enum class Family {
  // speech
  kPocket,
  kSupertonic,
  kZipvoice,
  kMatcha,
  kKitten,
  kKokoro,
  kVits,
  // who speaks when
  kDiarisation,
  // hearing, several graphs
  kMoonshine,
  kMoonshineMerged,
  kFunAsrNano,
  kQwen3Asr,
  kTransducer,
  kNemoTransducer,
  kWhisper,
  kCanary,
  kFireRedAsr,
  kCohere,
  // hearing, one graph
  kSenseVoice,
  kParaformer,
  kNemoCtc,
  kZipformerCtc,
  kWenetCtc,
  kTelespeechCtc,
  kDolphin,
  kOmnilingual,
  kMedAsr,
  kFireRedCtc,
  kTdnn,
};

enum class Purpose { kSpeech, kTurns, kHearing };

// A model that can be given to the library.
struct Plan {
  Family family = Family::kVits;
  std::string name;  // of the family, for people: "kokoro"
  Purpose purpose = Purpose::kSpeech;
  std::filesystem::path folder;
  std::map<std::string, std::string, std::less<>> files;  // what for -> path; of lists, paths joined by commas
  Metadata metadata;                                      // of its first graph

  // The path, or empty: as the library wants it. Stays valid as long as the plan does.
  [[nodiscard]] const char* File(std::string_view what_for) const;
};

// `given`: the folder, or a file in it that decides between several models of one folder. `int8`: of a graph that is there in
// both precisions, the small one is taken.
[[nodiscard]] Result<Plan> Identify(const std::filesystem::path& given, bool int8);

// Could it be one? By names alone, for listings.
[[nodiscard]] bool LooksLikeModel(const std::filesystem::path& path);

// The data of espeak-ng: from the model's folder, else the system's.
[[nodiscard]] Result<std::string> EspeakData(const std::filesystem::path& folder);

// tokens.txt: a symbol and its number in each line. Symbols of one character where the model is fed with what espeak-ng writes
// down.
[[nodiscard]] Result<> CheckTokens(const std::filesystem::path& path, bool characters);

}  // namespace hostler::sherpa
