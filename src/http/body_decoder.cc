// Our own chunk reader rather than Beast's: Beast 1.81 asserts when an empty chunked body arrives in small pieces, sets no
// bound to chunk extensions, and this one hands out content without a copy.
#include <algorithm>

#include "http/codec.h"

namespace hostler::http {
namespace {

class LengthDecoder final : public BodyDecoder {
 public:
  explicit LengthDecoder(std::uint64_t length) : remaining_(length) {}
  bool done() const override { return remaining_ == 0; }
  Result<Piece> Put(std::string_view bytes) override {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), remaining_));
    remaining_ -= n;
    return Piece{n, bytes.substr(0, n)};
  }
  std::optional<std::uint64_t> remaining() const override { return remaining_; }

 private:
  std::uint64_t remaining_;
};

class UntilCloseDecoder final : public BodyDecoder {
 public:
  bool done() const override { return done_; }
  Result<Piece> Put(std::string_view bytes) override { return Piece{bytes.size(), bytes}; }
  bool PutEnd() override { return done_ = true; }

 private:
  bool done_ = false;
};

class ChunkedDecoder final : public BodyDecoder {
 public:
  bool done() const override { return state_ == State::kDone; }

  Result<Piece> Put(std::string_view bytes) override {
    if (state_ == State::kData) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), remaining_));
      remaining_ -= n;
      if (remaining_ == 0) state_ = State::kDataEnd;
      allowance_ = std::min<std::uint64_t>(allowance_ + n * kFramingPerByte, kFramingLimit);
      return Piece{n, bytes.substr(0, n)};
    }
    std::size_t consumed = 0;
    while (consumed < bytes.size() && state_ != State::kData && state_ != State::kDone) {
      if (!Step(bytes[consumed]))
        return Fail(Code::kInvalid, "the chunked body is broken", "Send chunks as RFC 9112 describes them");
      ++consumed;
    }
    return Piece{consumed, {}};
  }

 private:
  //  kSize -> kSpace -> kExtension -> kSizeLf -> kData -> kDataEnd -> kDataLf -> kSize
  //                                     \-> (last chunk) kTrailerStart -> kTrailerName -> kTrailer -> kTrailerLf -> kTrailerStart
  //                                                         \-> kEndLf -> kDone
  enum class State {
    kSize,
    kSpace,
    kExtension,
    kSizeLf,
    kData,
    kDataEnd,
    kDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailer,
    kTrailerLf,
    kEndLf,
    kDone
  };
  // Tiny chunks with large extensions would be much work for little content, and no limit of the content would end it.
  static constexpr std::uint64_t kFramingPerByte = 64;

  // Takes one byte of framing; false if it must not stand there.
  bool Step(char c) {
    if (allowance_-- == 0) return false;
    switch (state_) {
      case State::kSize: return Size(c);
      case State::kSpace:
        if (c == '\r' || c == ';') return AfterSize(c);
        return c == ' ' || c == '\t';
      case State::kExtension:
        if (c == '\r') state_ = State::kSizeLf;
        return c == '\r' || IsText(c);
      case State::kSizeLf: state_ = remaining_ > 0 ? State::kData : State::kTrailerStart; return c == '\n';
      case State::kDataEnd: return Expect(c, '\r', State::kDataLf);
      case State::kDataLf: digits_ = 0; return Expect(c, '\n', State::kSize);
      case State::kTrailerStart:
        state_ = c == '\r' ? State::kEndLf : State::kTrailerName;
        return c == '\r' || IsToken(std::string_view(&c, 1));
      case State::kTrailerName:
        if (c == ':') state_ = State::kTrailer;
        return c == ':' || IsToken(std::string_view(&c, 1));
      case State::kTrailer:
        if (c == '\r') state_ = State::kTrailerLf;
        return c == '\r' || IsText(c);
      case State::kTrailerLf: return Expect(c, '\n', State::kTrailerStart);
      case State::kEndLf: return Expect(c, '\n', State::kDone);
      case State::kData:
      case State::kDone: break;
    }
    return false;
  }

  bool Size(char c) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit >= 0) {
      remaining_ = digits_ == 0 ? static_cast<std::uint64_t>(digit) : remaining_ * 16 + static_cast<std::uint64_t>(digit);
      return ++digits_ <= 15;  // more could not be a real size, and must not wrap around
    }
    if (digits_ == 0) return false;
    if (c != ' ' && c != '\t') return AfterSize(c);
    state_ = State::kSpace;
    return true;
  }

  bool AfterSize(char c) {
    state_ = c == '\r' ? State::kSizeLf : State::kExtension;
    return c == '\r' || c == ';';
  }

  bool Expect(char c, char wanted, State next) {
    state_ = next;
    return c == wanted;
  }

  static bool IsText(char c) { return static_cast<unsigned char>(c) >= 0x20 || c == '\t'; }

  State state_ = State::kSize;
  std::uint64_t remaining_ = 0;  // bytes of this chunk
  int digits_ = 0;
  std::uint64_t allowance_ = kFramingLimit;  // bytes of framing that may come before more content
};

}  // namespace

std::unique_ptr<BodyDecoder> MakeLengthDecoder(std::uint64_t length) {
  return std::make_unique<LengthDecoder>(length);
}
std::unique_ptr<BodyDecoder> MakeChunkedDecoder() {
  return std::make_unique<ChunkedDecoder>();
}
std::unique_ptr<BodyDecoder> MakeUntilCloseDecoder() {
  return std::make_unique<UntilCloseDecoder>();
}

}  // namespace hostler::http
