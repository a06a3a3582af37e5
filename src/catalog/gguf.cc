#include "catalog/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::catalog {
namespace {

constexpr std::uint64_t kLongestKey = 65'535;  // as the format has it
constexpr std::size_t kLongestText = 512;      // that is kept; templates are far longer, and only their presence matters
constexpr std::size_t kMostKept = 4096;        // keys, tensors
constexpr int kDeepestArray = 4;

enum class Type : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

// Bytes of a value, by type; 0: it says so itself.
constexpr std::array<std::uint64_t, 13> kSizes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

// The bytes ended, or they are wrong.
enum class Stop { kNo, kEnd, kBroken };

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  // Each of these returns false when it could not read, and `stop` says why.
  bool Skip(std::uint64_t count) {
    if (count > rest_.size()) return Fails(Stop::kEnd);
    rest_.remove_prefix(static_cast<std::size_t>(count));
    return true;
  }
  template <class T>
  bool Get(T& value) {
    static_assert(std::endian::native == std::endian::little);
    if (rest_.size() < sizeof(T)) return Fails(Stop::kEnd);
    std::memcpy(&value, rest_.data(), sizeof(T));
    return Skip(sizeof(T));
  }
  bool GetText(std::string_view& text) {
    std::uint64_t length = 0;
    if (!Get(length)) return false;
    text = rest_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(length, rest_.size())));
    return Skip(length);
  }
  bool SkipArray(int depth, std::uint64_t* items = nullptr);  // `items`: how many it has
  bool Fails(Stop why) {
    stop_ = why;
    return false;
  }
  [[nodiscard]] Stop stop() const { return stop_; }

 private:
  std::string_view rest_;
  Stop stop_ = Stop::kNo;
};

bool Reader::SkipArray(int depth, std::uint64_t* items) {
  std::uint32_t type = 0;
  std::uint64_t count = 0;
  if (!Get(type) || !Get(count)) return false;
  if (type >= kSizes.size() || depth >= kDeepestArray) return Fails(Stop::kBroken);
  if (items != nullptr) *items = count;
  if (const std::uint64_t size = kSizes[type]; size > 0) {
    if (count > rest_.size() / size) return Fails(Stop::kEnd);  // also keeps the product from wrapping
    return Skip(count * size);
  }
  // Each item takes at least eight bytes, so a lying count ends with the bytes.
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string_view text;
    if (static_cast<Type>(type) == Type::kString ? !GetText(text) : !SkipArray(depth + 1)) return false;
  }
  return true;
}

template <class T>
bool GetNumber(Reader& reader, std::optional<std::int64_t>& number) {
  T value{};
  if (!reader.Get(value)) return false;
  if (std::in_range<std::int64_t>(value)) number = static_cast<std::int64_t>(value);
  return true;
}

bool GetWhole(Reader& reader, Type type, std::optional<std::int64_t>& number) {
  switch (type) {
    case Type::kU8:
    case Type::kBool: return GetNumber<unsigned char>(reader, number);
    case Type::kI8: return GetNumber<signed char>(reader, number);
    case Type::kU16: return GetNumber<std::uint16_t>(reader, number);
    case Type::kI16: return GetNumber<std::int16_t>(reader, number);
    case Type::kU32: return GetNumber<std::uint32_t>(reader, number);
    case Type::kI32: return GetNumber<std::int32_t>(reader, number);
    case Type::kU64: return GetNumber<std::uint64_t>(reader, number);
    case Type::kI64: return GetNumber<std::int64_t>(reader, number);
    default: return reader.Skip(kSizes[static_cast<std::size_t>(type)]);
  }
}

bool ReadPair(Reader& reader, GgufHeader& header) {
  std::string_view name;
  std::uint32_t type = 0;
  if (!reader.GetText(name) || !reader.Get(type)) return false;
  if (name.size() > kLongestKey || type >= kSizes.size()) return reader.Fails(Stop::kBroken);
  std::string key(name);
  const bool keep = header.texts.size() + header.numbers.size() + header.arrays.size() < kMostKept;
  if (static_cast<Type>(type) == Type::kString) {
    std::string_view text;
    if (!reader.GetText(text)) return false;
    if (keep) header.texts[std::move(key)] = text.substr(0, kLongestText);
    return true;
  }
  if (static_cast<Type>(type) == Type::kArray) {
    std::uint64_t count = 0;
    if (!reader.SkipArray(0, &count)) return false;
    if (keep) header.arrays[std::move(key)] = count;
    return true;
  }
  std::optional<std::int64_t> number;
  if (!GetWhole(reader, static_cast<Type>(type), number)) return false;
  if (number && keep) header.numbers[std::move(key)] = *number;
  return true;
}

bool ReadTensor(Reader& reader, GgufHeader& header) {
  std::string_view name;
  std::uint32_t dimensions = 0;
  if (!reader.GetText(name) || !reader.Get(dimensions)) return false;
  if (dimensions > 8) return reader.Fails(Stop::kBroken);
  if (!reader.Skip(dimensions * 8U + 4U + 8U)) return false;  // extents, type, offset
  if (header.tensors.size() < kMostKept) header.tensors.emplace_back(name.substr(0, kLongestText));
  return true;
}

// llama.cpp's numbers for how the vectors of a text become one.
enum Pooling : std::int64_t { kMean = 1, kCls = 2, kLast = 3, kRank = 4 };

bool IsEncoder(const std::string& architecture) {
  static const std::set<std::string, std::less<>> kEncoders = {"bert",        "nomic-bert",      "nomic-bert-moe", "neo-bert",
                                                               "modern-bert", "jina-bert-v2",    "jina-bert-v3",   "eurobert",
                                                               "t5encoder",   "gemma-embedding", "llama-embed"};
  return kEncoders.contains(architecture);
}

bool IsImage(const std::string& architecture) {
  static const std::set<std::string, std::less<>> kImages = {"flux", "sd1", "sdxl", "sd3", "lumina2", "qwen_image"};
  return kImages.contains(architecture);
}

bool HasScoringHead(const GgufHeader& header) {
  return std::any_of(header.tensors.begin(), header.tensors.end(),
                     [](const std::string& name) { return name == "cls.weight" || name == "cls.output.weight"; });
}

bool ReadAll(Reader& reader, GgufHeader& header, std::uint64_t pairs) {
  for (std::uint64_t i = 0; i < pairs; ++i) {
    if (!ReadPair(reader, header)) return false;
  }
  for (std::uint64_t i = 0; i < header.tensor_count; ++i) {
    if (!ReadTensor(reader, header)) return false;
  }
  return true;
}

}  // namespace

std::string GgufHeader::Text(const std::string& key) const {
  const auto found = texts.find(key);
  return found == texts.end() ? "" : found->second;
}

std::optional<std::int64_t> GgufHeader::Number(const std::string& key) const {
  const auto found = numbers.find(key);
  return found == numbers.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::int64_t> GgufHeader::OfArchitecture(const std::string& key) const {
  return Number(Text("general.architecture") + "." + key);
}

Result<GgufHeader> ReadGgufHeader(std::string_view bytes) {
  constexpr std::string_view kMagic = "GGUF";
  if (!bytes.starts_with(kMagic)) return Fail(Code::kInvalid, "is no GGUF file", "Give a file that begins with \"GGUF\".");
  Reader reader(bytes.substr(kMagic.size()));
  GgufHeader header;
  std::uint64_t pairs = 0;
  if (!reader.Get(header.version)) return header;
  if (header.version == 0 || header.version > 0xFFFF)
    return Fail(Code::kUnsupported, "is a GGUF file of the other byte order", "Convert it on a little-endian machine.");
  if (header.version < 2 || header.version > 3)
    return Fail(Code::kUnsupported, fmt::format("is a GGUF file of version {}; 2 and 3 are read", header.version),
                "Convert the model again with a current llama.cpp.");
  if (!reader.Get(header.tensor_count) || !reader.Get(pairs)) return header;
  header.complete = ReadAll(reader, header, pairs);
  if (reader.stop() == Stop::kBroken)
    return Fail(Code::kInvalid, "is a GGUF file with a broken header", "Download or convert it again.");
  return header;
}

std::string PoolingOf(const GgufHeader& header) {
  const auto pooling = header.OfArchitecture("pooling_type");
  if (pooling == kMean) return "mean";
  if (pooling == kCls) return "cls";
  if (pooling == kLast) return "last_token";
  return "";
}

GgufPurpose PurposeOf(const GgufHeader& header) {
  const std::string architecture = header.Text("general.architecture");
  if (header.Text("general.type") == "adapter") return GgufPurpose::kAdapter;
  if (architecture.empty()) return GgufPurpose::kUnknown;
  if (architecture == "clip") return GgufPurpose::kProjector;
  if (IsImage(architecture)) return GgufPurpose::kImage;
  if (header.OfArchitecture("pooling_type") == kRank || HasScoringHead(header)) return GgufPurpose::kReranker;
  if (!PoolingOf(header).empty() || IsEncoder(architecture)) return GgufPurpose::kEmbedding;
  return GgufPurpose::kLanguage;
}

}  // namespace hostler::catalog
