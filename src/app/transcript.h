// Transcripts put together: chapters to a whole, segments to a text, and who said what.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "wire/wire.h"

namespace hostler::app {

// What belongs between a text and what goes on with it: a blank, or nothing where one is there already, where nothing was said
// yet, or where the script has none between words.
[[nodiscard]] std::string_view Between(std::string_view text, std::string_view next);

// `segment` as a part of a recording in which it starts `start` seconds later.
[[nodiscard]] wire::Segment Shifted(wire::Segment segment, double start, int first_id);

// Adds what was heard of a chapter that starts at `start`.
void Append(wire::Transcript& whole, wire::Transcript chapter, double start);

struct SpokenSegment {
  int speaker = 0;  // from 0, in order of appearance; -1: nobody was found there
  double start = 0;
  double end = 0;
  std::string text;
};

// The segments, cut where another person goes on. Words are given to who speaks the longest while they are said; where the model
// has no times of words, they are taken to be as long as their letters.
[[nodiscard]] std::vector<SpokenSegment> WhoSaidWhat(const wire::Transcript& transcript, const std::vector<wire::Turn>& turns);

}  // namespace hostler::app
