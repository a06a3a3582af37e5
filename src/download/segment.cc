#include <algorithm>

#include "download/fetching.h"

namespace hostler::download {
namespace {

constexpr std::uint64_t kMostQueued = 2 << 20;  // of the first segment: its bytes wait for the disk only
constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kSmallestPiece = 8 << 10;

// Under a limit pieces are small, so that many connections share it evenly and little comes too early.
std::size_t PieceUnder(std::uint64_t limit) {
  return limit == 0 ? kPiece : std::clamp<std::size_t>(limit / 16, kSmallestPiece, kPiece);
}

hub::Wanted Want(const Fetching& fetching, const FileJob& file, const Segment& segment) {
  hub::Wanted wanted;
  wanted.repo = fetching.job.repo;
  wanted.commit = fetching.commit;
  wanted.file = file.links.front();
  wanted.from = segment.at;
  wanted.to = segment.end;
  wanted.address = file.address;
  // Part of what was reserved for the segment.
  const std::uint64_t share = std::max<std::uint64_t>((segment.end - segment.at) / 4, 256 << 10);
  wanted.window = std::min<std::size_t>(PieceUnder(fetching.tools.governor.LimitNow()), share);
  return wanted;
}

bool IsFirst(const FileJob& file, const Segment& segment) {
  return !file.segments.empty() && file.segments.front().get() == &segment;
}

// The server gives the whole file to whoever asks for a part: only the first segment makes sense then, and reaches to the end.
bool TakeWhole(Fetching& fetching, FileJob& file, Segment& segment) {
  file.no_ranges = true;
  if (!IsFirst(file, segment)) {
    segment.dropped = true;
    std::erase_if(file.segments, [&](const auto& other) { return other.get() == &segment; });
    file.next = file.segments.empty() ? file.frontier : file.segments.back()->end;
    return false;
  }
  fetching.Drop(file, &segment);
  segment.end = file.size;
  file.next = file.size;
  return true;
}

void Keep(Fetching& fetching, FileJob& file, Segment& segment, std::string piece) {
  segment.at += piece.size();
  segment.queued += piece.size();
  fetching.bytes_fetched += piece.size();
  file.failures = 0;
  file.why.reset();
  segment.pieces.push_back(std::move(piece));
  file.bell.Ring();
}

// Cuts what is not wanted from a piece that begins at `at` in the file: what is there already, and what another segment gets.
void Trim(std::string& piece, std::uint64_t at, const Segment& segment) {
  if (at < segment.at) piece.erase(0, std::min<std::uint64_t>(segment.at - at, piece.size()));
  const std::uint64_t room = segment.end - std::min(segment.at, segment.end);
  if (piece.size() > room) piece.resize(room);
}

struct Running {
  Running(FileJob& file, Segment& segment) : file(file), segment(segment) { segment.running = true; }
  ~Running() {
    segment.running = false;
    segment.share.GiveConnection();
    file.bell.Ring();
  }
  FileJob& file;
  Segment& segment;
};

}  // namespace

Task<> RunSegment(std::shared_ptr<Fetching> fetching, FileJob& file, std::shared_ptr<Segment> segment) {
  const Busy busy(*fetching);
  const Running running(file, *segment);
  const std::shared_ptr<Governor::State> governor = fetching->tools.governor.state();
  hub::Wanted wanted = Want(*fetching, file, *segment);
  hub::Reply<hub::Content> content = co_await fetching->tools.hub.Open(std::move(wanted));
  if (segment->dropped) co_return;
  if (!content) {
    fetching->Failed(file, content.error());
    co_return;
  }
  file.address = content->address();
  std::uint64_t at = content->from();
  if (at < segment->at && !TakeWhole(*fetching, file, *segment)) co_return;
  while (segment->at < segment->end) {
    hub::Reply<std::string> piece = co_await content->Read(PieceUnder(fetching->tools.governor.LimitNow()));
    if (segment->dropped) co_return;
    if (!piece) {
      fetching->Failed(file, piece.error());
      co_return;
    }
    if (piece->empty()) break;  // a part of the part, which is allowed: the rest is asked for again
    const std::uint64_t came = piece->size();
    co_await Pay(governor, came);
    if (segment->dropped) co_return;
    Trim(*piece, at, *segment);
    at += came;
    if (!piece->empty()) Keep(*fetching, file, *segment, std::move(*piece));
    while (IsFirst(file, *segment) && segment->queued > kMostQueued && !segment->dropped) {
      co_await file.bell.WaitUntil(Clock::time_point::max());
    }
    if (segment->dropped) co_return;
  }
}

}  // namespace hostler::download
