#include "app/chapters.h"

#include <limits>

#include "media/cut.h"

namespace hostler::app {
namespace {

constexpr std::size_t kChapter = std::size_t{30} * 60;  // seconds: 55 MB at 16 kHz

}  // namespace

// What the decoding job works on. Jobs own it: the coroutine may be gone before they are.
struct Chapters::Reading {
  media::Codecs& codecs;
  const std::shared_ptr<const std::string> audio;
  const media::DecodeOptions options;
  const std::stop_token stop;
  std::unique_ptr<media::Decoder> decoder;
  media::Audio pending;     // decoded and not given out yet
  std::uint64_t given = 0;  // samples
  bool ended = false;

  Result<Chapter> Next(std::size_t most) {
    HOSTLER_OK(Fill(most));
    const std::size_t cut = media::CutAt(pending.samples, 0, most, options.sample_rate);
    Chapter chapter;
    chapter.start = static_cast<double>(given) / options.sample_rate;
    if (cut == pending.samples.size()) {
      chapter.wav = media::ToWav(pending);
      pending.samples = {};
    } else {
      const auto end = pending.samples.begin() + static_cast<std::ptrdiff_t>(cut);
      chapter.wav = media::ToWav({options.sample_rate, 1, {pending.samples.begin(), end}});
      pending.samples.erase(pending.samples.begin(), end);
    }
    given += cut;
    return chapter;
  }

 private:
  // One sample more than a chapter tells that it is not the last.
  Result<> Fill(std::size_t most) {
    if (!decoder) {
      HOSTLER_TRY(decoder, codecs.OpenDecoder(audio, options, stop));
      pending.sample_rate = options.sample_rate;
    }
    while (!ended && pending.samples.size() <= most) {
      constexpr std::size_t kStep = 1 << 20;
      HOSTLER_TRY(std::vector<std::int16_t> more, decoder->Read(kStep));
      ended = more.size() < kStep;
      if (pending.samples.empty())
        pending.samples = std::move(more);
      else
        pending.samples.insert(pending.samples.end(), more.begin(), more.end());
    }
    return {};
  }
};

Chapters::Chapters(House& house, std::shared_ptr<const std::string> audio, int rate, double most)
    : house_(house),
      reading_(std::make_shared<Reading>(Reading{house.codecs,
                                                 std::move(audio),
                                                 {.sample_rate = rate, .channels = 1, .max_seconds = most},
                                                 stop_.get_token(),
                                                 {},
                                                 {}})) {}

Chapters::~Chapters() {
  stop_.request_stop();
}

// A small file can hold hours of silence. So decoding takes a place, and its result a share of a fixed amount of memory; the
// place is given back only when the share is there.
Task<Result<std::optional<Chapter>>> Chapters::Next() {
  if (reading_->ended && reading_->pending.samples.empty()) co_return std::optional<Chapter>();
  Budget::Hold place = co_await house_.decoding.Take(1);
  const std::size_t most = kChapter * static_cast<std::size_t>(reading_->options.sample_rate);
  auto chapter = co_await house_.media_pool.Run([reading = reading_, most]() -> Result<std::shared_ptr<Chapter>> {
    HOSTLER_TRY(Chapter read, reading->Next(most));
    return std::make_shared<Chapter>(std::move(read));
  });
  if (!chapter) {
    if (chapter.error().field.empty()) chapter.error().field = "file";
    co_return Fail(std::move(chapter).error());
  }
  (*chapter)->share = co_await house_.recordings.Take((*chapter)->wav.size());
  co_return std::optional<Chapter>(std::move(**chapter));
}

Task<Result<Chapter>> WholeRecording(House& house, std::shared_ptr<const std::string> audio, int rate, double most) {
  std::stop_source stop;
  struct StopOnExit {
    std::stop_source& source;
    ~StopOnExit() { source.request_stop(); }
  } const stop_on_exit{stop};
  const Budget::Hold place = co_await house.decoding.Take(1);
  auto wav = co_await house.media_pool.Run(
      [&codecs = house.codecs, audio = std::move(audio), rate, most, token = stop.get_token()]() -> Result<std::string> {
        HOSTLER_TRY(const media::Audio decoded,
                    codecs.Decode(*audio, {.sample_rate = rate, .channels = 1, .max_seconds = most}, token));
        return media::ToWav(decoded);
      });
  if (!wav) {
    if (wav.error().field.empty()) wav.error().field = "file";
    co_return Fail(std::move(wav).error());
  }
  Chapter whole{std::move(*wav), 0, {}};
  whole.share = co_await house.recordings.Take(whole.wav.size());
  co_return whole;
}

}  // namespace hostler::app
