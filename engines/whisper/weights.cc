#include "engines/whisper/weights.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <whisper.h>

#include "base/text.h"

namespace hostler::whisper {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kMagic = 0x67676d6c;  // "ggml", read as a number
constexpr int kEnglishVocabulary = 51864;     // with its special tokens; many languages: one more, large-v3: two more
constexpr int kLargestVocabulary = 51866;
constexpr int kFourier = 201;  // WHISPER_N_FFT / 2 + 1
constexpr std::int32_t kLongestToken = 1 << 10;
constexpr std::uint64_t kNear = 4 << 10;
constexpr std::int32_t kLongestName = 200;  // of a tensor

// What a file is instead, from its first bytes.
std::string_view KindOf(std::string_view head) {
  const std::string lower = Lower(Trim(head));
  if (head.starts_with("GGUF")) return "a GGUF file, which whisper.cpp does not read";
  if (lower.starts_with("<!doctype") || lower.starts_with("<html") || lower.starts_with("<?xml")) return "a web page";
  if (head.starts_with("version https://git-lfs")) return "a pointer of Git LFS, not the file it stands for";
  if (head.starts_with("PK\x03\x04")) return "a PyTorch or zip archive";
  if (lower.starts_with("{")) return "JSON";
  return "no ggml file";
}

// Reads numbers and skips over what is large. Once something is wrong, it stays wrong.
class Walker {
 public:
  static Result<Walker> Open(const fs::path& path) {
    std::error_code ec;
    const auto shown = path.filename().string();
    if (fs::is_directory(path, ec)) return Fail(Code::kInvalid, fmt::format("{} is a folder", shown), "Name the file in it.");
    const auto size = fs::file_size(path, ec);
    if (ec) return Fail(Code::kNotFound, fmt::format("cannot read {}: {}", shown, ec.message()), "Check the path.");
    std::ifstream stream(path, std::ios::binary);
    if (!stream) return Fail(Code::kInvalid, fmt::format("cannot open {}", shown), "Check its permissions.");
    if (size == 0) return Fail(Code::kInvalid, fmt::format("{} is empty", shown), "Download it again.");
    return Walker(std::move(stream), shown, size);
  }

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool at_end() const { return at_ == size_; }

  Result<> Magic() {
    std::string head(std::min<std::uint64_t>(size_, 64), '\0');
    stream_.read(head.data(), static_cast<std::streamsize>(head.size()));
    std::uint32_t magic = 0;
    if (head.size() >= sizeof magic) std::memcpy(&magic, head.data(), sizeof magic);
    if (magic != kMagic)
      return Fail(Code::kInvalid, fmt::format("{} is {}", name_, KindOf(head)),
                  "Get the model as ggml-*.bin, as whisper.cpp has it.");
    at_ = sizeof magic;
    stream_.seekg(sizeof magic);
    return {};
  }
  Result<std::int32_t> Number() {
    std::int32_t number = 0;
    HOSTLER_OK(Room(sizeof number));
    stream_.read(reinterpret_cast<char*>(&number), sizeof number);
    at_ += sizeof number;
    return number;
  }
  Result<std::int32_t> Number(std::string_view what, std::int32_t least, std::int32_t most) {
    HOSTLER_TRY(const std::int32_t number, Number());
    if (number < least || number > most) return Wrong(fmt::format("{} is {}, not {} to {}", what, number, least, most));
    return number;
  }
  Result<std::string> Text(std::uint64_t bytes) {
    HOSTLER_OK(Room(bytes));
    std::string text(bytes, '\0');
    stream_.read(text.data(), static_cast<std::streamsize>(bytes));
    at_ += bytes;
    return text;
  }
  Result<> Skip(std::uint64_t bytes) {
    HOSTLER_OK(Room(bytes));
    at_ += bytes;
    if (bytes < kNear)
      stream_.ignore(static_cast<std::streamsize>(bytes));  // seeking throws away what was read ahead
    else
      stream_.seekg(static_cast<std::streamoff>(at_));
    return {};
  }
  [[nodiscard]] std::unexpected<Error> Wrong(std::string_view what) const {
    return Fail(Code::kInvalid, fmt::format("{} is damaged: {}", name_, what), "Download it again.");
  }

 private:
  Walker(std::ifstream stream, std::string name, std::uint64_t size)
      : stream_(std::move(stream)), name_(std::move(name)), size_(size) {}
  Result<> Room(std::uint64_t bytes) const {
    if (bytes <= size_ - at_) return {};
    return Fail(Code::kInvalid, fmt::format("{} is cut off: it ends after {} bytes, in the middle of a part", name_, size_),
                "Download it again.");
  }

  std::ifstream stream_;
  std::string name_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
};

struct Numbers {
  std::int32_t vocabulary, audio_context, audio_state, audio_heads, audio_layers, text_context, text_state, text_heads,
      text_layers, mels, type;
};

// What whisper.cpp's own programs write; of others it would abort.
bool IsType(std::int32_t type) {
  return (type >= WSP_GGML_FTYPE_ALL_F32 && type <= WSP_GGML_FTYPE_MOSTLY_Q4_1) ||
         (type >= WSP_GGML_FTYPE_MOSTLY_Q8_0 && type <= WSP_GGML_FTYPE_MOSTLY_Q6_K);
}

Result<Numbers> ReadNumbers(Walker& walker) {
  Numbers n{};
  HOSTLER_TRY(n.vocabulary, walker.Number("the size of the vocabulary", kEnglishVocabulary, kLargestVocabulary));
  HOSTLER_TRY(n.audio_context, walker.Number("the audio context", 1, 1500));
  HOSTLER_TRY(n.audio_state, walker.Number("the width of the encoder", 1, 8192));
  HOSTLER_TRY(n.audio_heads, walker.Number("the number of heads", 1, 256));
  HOSTLER_TRY(n.audio_layers, walker.Number("the number of layers", 1, 128));
  HOSTLER_TRY(n.text_context, walker.Number("the text context", 32, 4096));
  HOSTLER_TRY(n.text_state, walker.Number("the width of the decoder", 1, 8192));
  HOSTLER_TRY(n.text_heads, walker.Number("the number of heads", 1, 256));
  HOSTLER_TRY(n.text_layers, walker.Number("the number of layers", 1, 128));
  HOSTLER_TRY(n.mels, walker.Number("the number of mel bands", 80, 128));
  HOSTLER_TRY(n.type, walker.Number("the type of the weights", 0, 99'999));
  if (!IsType(n.type % WSP_GGML_QNT_VERSION_FACTOR)) return walker.Wrong(fmt::format("weights of the unknown type {}", n.type));
  const auto type = wsp_ggml_ftype_to_wsp_ggml_type(static_cast<wsp_ggml_ftype>(n.type % WSP_GGML_QNT_VERSION_FACTOR));
  if (n.text_state % wsp_ggml_blck_size(type) != 0)
    return walker.Wrong(
        fmt::format("its width of {} is too small for weights of type {}", n.text_state, wsp_ggml_type_name(type)));
  if (n.audio_state != n.text_state || n.audio_state % n.audio_heads != 0 || n.text_state % n.text_heads != 0)
    return walker.Wrong("its widths and heads do not fit each other");
  return n;
}

Result<> WalkVocabulary(Walker& walker, std::int32_t most) {
  HOSTLER_TRY(const std::int32_t count, walker.Number("the number of words", 1, most));
  for (std::int32_t i = 0; i < count; ++i) {
    HOSTLER_TRY(const std::int32_t length, walker.Number("the length of a word", 0, kLongestToken));
    HOSTLER_OK(walker.Skip(static_cast<std::uint64_t>(length)));
  }
  return {};
}

// One tensor; whether its name and shape are right is whisper.cpp's to say, which does.
Result<> WalkTensor(Walker& walker) {
  HOSTLER_TRY(const std::int32_t dimensions, walker.Number("the number of a tensor's dimensions", 1, 4));
  HOSTLER_TRY(const std::int32_t length, walker.Number("the length of a tensor's name", 1, kLongestName));
  HOSTLER_TRY(const std::int32_t type, walker.Number("the type of a tensor", 0, WSP_GGML_TYPE_COUNT - 1));
  std::uint64_t elements = 1;
  for (std::int32_t i = 0; i < dimensions; ++i) {
    HOSTLER_TRY(const std::int32_t extent, walker.Number("a tensor's size", 1, std::numeric_limits<std::int32_t>::max()));
    elements *= static_cast<std::uint64_t>(extent);
    if (elements > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max()))
      return walker.Wrong("a tensor is too large");
  }
  HOSTLER_OK(walker.Text(static_cast<std::uint64_t>(length)));
  const auto kind = static_cast<wsp_ggml_type>(type);
  const auto block = static_cast<std::uint64_t>(wsp_ggml_blck_size(kind));
  if (block == 0 || elements % block != 0) return walker.Wrong(fmt::format("a tensor has the unknown type {}", type));
  return walker.Skip(elements / block * wsp_ggml_type_size(kind));
}

Result<int> WalkTensors(Walker& walker) {
  int count = 0;
  for (; !walker.at_end(); ++count) HOSTLER_OK(WalkTensor(walker));
  return count;
}

}  // namespace

Result<Weights> InspectWhisper(const fs::path& file) {
  HOSTLER_TRY(Walker walker, Walker::Open(file));
  HOSTLER_OK(walker.Magic());
  HOSTLER_TRY(const Numbers numbers, ReadNumbers(walker));
  HOSTLER_OK(walker.Number("the number of mel filters", numbers.mels, numbers.mels));
  HOSTLER_OK(walker.Number("the width of a mel filter", kFourier, kFourier));
  HOSTLER_OK(walker.Skip(sizeof(float) * kFourier * static_cast<std::uint64_t>(numbers.mels)));
  HOSTLER_OK(WalkVocabulary(walker, numbers.vocabulary));
  HOSTLER_TRY(const int tensors, WalkTensors(walker));
  const int expected = 11 + 15 * numbers.audio_layers + 24 * numbers.text_layers;
  if (tensors != expected) {
    return walker.Wrong(fmt::format("it has {} tensors, a model of {} and {} layers has {}", tensors, numbers.audio_layers,
                                    numbers.text_layers, expected));
  }
  return Weights{walker.size(), numbers.vocabulary > kEnglishVocabulary, numbers.audio_layers, numbers.text_layers};
}

Result<> InspectVoiceActivity(const fs::path& file) {
  // Numbers that whisper.cpp's graph takes for granted: samples of a window and of its context, each layer's inputs, outputs and
  // width, then the recurrent part.
  constexpr std::array<std::int32_t, 19> kSilero = {512, 64, 4, 129, 128, 3, 128, 64, 3, 64, 64, 3, 64, 128, 3, 128, 128, 128, 1};
  HOSTLER_TRY(Walker walker, Walker::Open(file));
  HOSTLER_OK(walker.Magic());
  HOSTLER_TRY(const std::int32_t length, walker.Number("the length of its kind", 0, kLongestName));
  HOSTLER_OK(walker.Text(static_cast<std::uint64_t>(length)));
  for (int i = 0; i < 3; ++i) HOSTLER_OK(walker.Number());  // its version
  for (const std::int32_t expected : kSilero) HOSTLER_OK(walker.Number("a size of its network", expected, expected));
  HOSTLER_TRY(const int tensors, WalkTensors(walker));
  constexpr int kTensors = 15;
  if (tensors != kTensors)
    return walker.Wrong(fmt::format("it has {} tensors, a voice activity model has {}", tensors, kTensors));
  return {};
}

bool LooksLikeWhisper(const fs::path& file) {
  auto walker = Walker::Open(file);
  return walker && walker->Magic() && ReadNumbers(*walker).has_value();
}

}  // namespace hostler::whisper
