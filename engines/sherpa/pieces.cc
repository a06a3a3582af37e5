#include "engines/sherpa/pieces.h"

#include <algorithm>
#include <cmath>

namespace hostler::sherpa {
namespace {

constexpr std::size_t kLongest = static_cast<std::size_t>(kLongestPiece * kHearingRate);
constexpr std::size_t kCutFrom = kLongest * 2 / 3;  // earliest cut of a longer recording
constexpr std::size_t kWindow = kHearingRate / 10;  // over which loudness is measured
constexpr std::size_t kBreath = kHearingRate * 15 / 100;
constexpr std::size_t kFeed = 512;  // what the detector takes at once
constexpr double kAudible = 0.001;  // RMS, of full scale

double Loudness(std::span<const float> samples) {
  double sum = 0;
  for (const float sample : samples) sum += static_cast<double>(sample) * sample;
  return samples.empty() ? 0 : std::sqrt(sum / static_cast<double>(samples.size()));
}

bool IsAudible(std::span<const float> samples) {
  for (std::size_t at = 0; at < samples.size(); at += kWindow) {
    if (Loudness(samples.subspan(at, std::min(kWindow, samples.size() - at))) > kAudible) return true;
  }
  return false;
}

// The middle of the quietest window.
std::size_t Quietest(std::span<const float> samples, std::size_t from, std::size_t to) {
  std::size_t best = from;
  double least = -1;
  for (std::size_t at = from; at + kWindow <= to; at += kWindow / 2) {
    const double loudness = Loudness(samples.subspan(at, kWindow));
    if (least >= 0 && loudness >= least) continue;
    least = loudness;
    best = at + kWindow / 2;
  }
  return best;
}

void Add(std::vector<Piece>& pieces, std::span<const float> samples, Piece piece) {
  while (piece.end - piece.begin > kLongest) {
    const std::size_t cut = Quietest(samples, piece.begin + kCutFrom, piece.begin + kLongest);
    pieces.push_back({piece.begin, cut});
    piece.begin = cut;
  }
  if (piece.end > piece.begin) pieces.push_back(piece);
}

}  // namespace

std::vector<Piece> CutByLoudness(std::span<const float> samples) {
  std::vector<Piece> pieces;
  Add(pieces, samples, {0, samples.size()});
  std::erase_if(pieces, [&](const Piece& piece) { return !IsAudible(samples.subspan(piece.begin, piece.end - piece.begin)); });
  return pieces;
}

Result<std::vector<Piece>> CutBySpeech(const abi::Vad* vad, std::span<const float> samples, const std::stop_token& stop) {
  std::vector<Piece> pieces;
  const auto take = [&] {
    while (abi::SherpaOnnxVoiceActivityDetectorEmpty(vad) == 0) {
      const SpeechSegment segment(abi::SherpaOnnxVoiceActivityDetectorFront(vad));
      abi::SherpaOnnxVoiceActivityDetectorPop(vad);
      const auto start = static_cast<std::size_t>(std::max(segment->start, 0));
      const std::size_t end = std::min(start + static_cast<std::size_t>(std::max(segment->n, 0)) + kBreath, samples.size());
      const std::size_t earliest = pieces.empty() ? 0 : pieces.back().end;
      const std::size_t begin = std::max(start > kBreath ? start - kBreath : 0, earliest);
      if (end > begin) Add(pieces, samples, {begin, end});
    }
  };
  HOSTLER_OK(Guarded("look for speech", [&] {
    abi::SherpaOnnxVoiceActivityDetectorReset(vad);
    for (std::size_t at = 0; at < samples.size() && !stop.stop_requested(); at += kFeed) {
      abi::SherpaOnnxVoiceActivityDetectorAcceptWaveform(vad, samples.data() + at,
                                                         static_cast<std::int32_t>(std::min(kFeed, samples.size() - at)));
      take();
    }
    abi::SherpaOnnxVoiceActivityDetectorFlush(vad);
    take();
    return true;
  }));
  return pieces;
}

}  // namespace hostler::sherpa
