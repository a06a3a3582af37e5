// Voices mixed of others, for families whose voices are vectors in one file (kokoro, kitten). The library reads that file when it
// loads the model and has no other way to be given a vector. So a second model is kept, whose voices are all mixtures: it
// is loaded with the first mixture that is asked for, and again with each further one; those that it has cost nothing more.
// It has as many places as the model has voices; the mixture that was not used for longest makes room.
//
// Owner: the model. Threads: its one call at a time.
#pragma once

#include <functional>
#include <list>
#include <vector>

#include "engines/sherpa/library.h"
#include "engines/sherpa/voices.h"

namespace hostler::sherpa {

class Mixer {
 public:
  // Loads the model with another file of voices.
  using Load = std::function<Result<Tts>(const std::string& voices)>;
  // `file`: float[speakers][numbers]. kInvalid if its size does not fit.
  static Result<Mixer> Create(const std::string& file, int speakers, Load load);

  struct Mixture {
    const abi::Tts* tts = nullptr;  // until the next call
    int speaker = 0;
    bool loaded = false;  // it was not there before
  };
  [[nodiscard]] Result<Mixture> Get(const std::vector<Part>& parts);

 private:
  Mixer(std::vector<float> voices, std::size_t speakers, Load load)
      : voices_(std::move(voices)), speakers_(speakers), load_(std::move(load)) {}
  [[nodiscard]] Result<> Reload();
  [[nodiscard]] std::size_t FreePlace() const;

  struct Place {
    std::vector<Part> parts;
    std::size_t number = 0;
  };
  std::vector<float> voices_;
  std::size_t speakers_;
  Load load_;
  std::list<Place> used_;  // the last one used comes first
  Tts tts_;
};

}  // namespace hostler::sherpa
