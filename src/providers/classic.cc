#include "providers/classic.h"

#include <algorithm>

#include "base/text.h"

namespace hostler::providers {
namespace {

Provider Single(const std::string& key, model::ModelType type, std::string description,
                std::map<std::string, std::string> voice_aliases) {
  model::Entry entry;
  entry.id = key;
  entry.type = type;
  entry.provider = key;
  entry.description = std::move(description);
  entry.engine = "hostler-engine-classic";
  entry.built_in = true;
  entry.disk = model::DiskState::kDownloaded;
  entry.voice_aliases = std::move(voice_aliases);
  return Provider{key, IsBuilt(key), {std::move(entry)}};
}

}  // namespace

std::vector<Provider> ClassicProviders() {
  std::vector<Provider> providers;
  providers.push_back(Single("espeak", model::ModelType::kTts,
                             "eSpeak NG: formant synthesis, over a hundred languages, speaks at once",
                             {{"alloy", "en-us"},
                              {"ash", "en-gb"},
                              {"ballad", "en-gb-x-rp"},
                              {"coral", "en-us+f3"},
                              {"echo", "en-us+m3"},
                              {"fable", "en-gb-scotland"},
                              {"onyx", "en-us+m7"},
                              {"nova", "en-us+f2"},
                              {"sage", "en-us+f4"},
                              {"shimmer", "en-us+f5"},
                              {"verse", "en-us+m2"}}));
  providers.push_back(Single("flite", model::ModelType::kTts, "Flite: small recorded voices of American and Scottish English",
                             {{"alloy", "slt"},
                              {"ash", "rms"},
                              {"ballad", "awb"},
                              {"coral", "slt"},
                              {"echo", "rms"},
                              {"fable", "awb"},
                              {"onyx", "rms"},
                              {"nova", "slt"},
                              {"sage", "slt"},
                              {"shimmer", "slt"},
                              {"verse", "kal16"}}));
  providers.push_back(Single("pocketsphinx", model::ModelType::kStt,
                             "PocketSphinx: American English; exact on short phrases with a grammar, rough on free speech", {}));
  return providers;
}

}  // namespace hostler::providers
