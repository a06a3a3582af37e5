#include "engines/sherpa/onnx.h"

#include <charconv>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::sherpa {
namespace {

constexpr std::uint64_t kMostFields = 100'000;    // of the outermost level
constexpr std::uint64_t kMostMetadata = 4 << 20;  // bytes, all together
constexpr std::size_t kLongestName = 200;         // bytes of a key
enum Field : std::uint64_t { kIrVersion = 1, kGraph = 7, kMetadata = 14 };
enum Wire : std::uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::unexpected<Error> Bad(std::string_view name, std::string_view what) {
  return Fail(Code::kInvalid, fmt::format("{} {}", Printable(name), what),
              "Download it again, or see with `hostler verify` what is broken.");
}

// Goes through one protobuf message without ever reading outside of it.
class Reader {
 public:
  Reader(std::uint64_t from, std::uint64_t end, const ReadAt& read) : at_(from), end_(end), read_(read) {}

  [[nodiscard]] bool done() const { return at_ >= end_; }
  [[nodiscard]] std::uint64_t at() const { return at_; }
  [[nodiscard]] std::uint64_t left() const { return end_ - at_; }

  std::optional<std::uint64_t> Varint() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      char byte = 0;
      if (at_ >= end_ || !read_(at_++, &byte, 1)) return std::nullopt;
      number |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return number;
    }
    return std::nullopt;
  }

  // False: it would end outside of the message.
  bool Skip(std::uint64_t bytes) {
    if (bytes > left()) return false;
    at_ += bytes;
    return true;
  }

  std::optional<std::string> String(std::uint64_t bytes) {
    std::string text;
    if (bytes > left()) return std::nullopt;
    text.resize(static_cast<std::size_t>(bytes));
    if (!text.empty() && !read_(at_, text.data(), text.size())) return std::nullopt;
    at_ += bytes;
    return text;
  }

  // Of a field that is neither varint nor bytes, and so of no interest.
  bool SkipFixed(std::uint64_t wire) { return wire == kFixed64 ? Skip(8) : wire == kFixed32 && Skip(4); }

 private:
  std::uint64_t at_;
  const std::uint64_t end_;
  const ReadAt& read_;
};

// A StringStringEntryProto.
bool TakeEntry(Reader entry, Metadata& metadata) {
  std::string key;
  std::string text;
  while (!entry.done()) {
    const auto tag = entry.Varint();
    if (!tag) return false;
    if ((*tag & 7) != kBytes) {
      if ((*tag & 7) == kVarint ? !entry.Varint() : !entry.SkipFixed(*tag & 7)) return false;
      continue;
    }
    const auto size = entry.Varint();
    auto bytes = size ? entry.String(*size) : std::nullopt;
    if (!bytes) return false;
    if (*tag >> 3 == 1)
      key = *std::move(bytes);
    else if (*tag >> 3 == 2)
      text = *std::move(bytes);
  }
  if (key.size() <= kLongestName) metadata[key] = std::move(text);
  return true;
}

// What lies there instead of a model, by its first bytes; empty: it may be one.
std::string SomethingElse(std::string_view head) {
  const std::string start = Lower(Trim(head));
  if (start.starts_with("<!doctype") || start.starts_with("<html") || start.starts_with("<?xml"))
    return "is a web page, not a model";
  if (start.starts_with("version https://git-lfs")) return "is a pointer of Git LFS, not the file itself";
  if (head.starts_with("GGUF")) return "is a GGUF file, not ONNX";
  if (head.starts_with("PK\x03\x04")) return "is a ZIP archive, not ONNX";
  if (head.starts_with("RIFF")) return "is a recording, not ONNX";
  return "";
}

}  // namespace

std::string Text(const Metadata& metadata, std::string_view key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : found->second;
}

std::optional<int> Number(const Metadata& metadata, std::string_view key) {
  const std::string text = Text(metadata, key);
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<Onnx> ReadOnnx(std::string_view name, std::uint64_t size, const ReadAt& read) {
  if (size == 0) return Bad(name, "is empty");
  char head[64] = {};
  const auto seen = static_cast<std::size_t>(std::min<std::uint64_t>(size, sizeof(head)));
  if (!read(0, head, seen)) return Bad(name, "cannot be read");
  if (const std::string else_ = SomethingElse({head, seen}); !else_.empty()) return Bad(name, else_);
  if (seen >= 8 && std::memcmp(head + 4, "ORTM", 4) == 0) return Onnx{};  // onnxruntime's own format, a flatbuffer
  Onnx onnx;
  Reader reader(0, size, read);
  std::uint64_t metadata_bytes = 0;
  for (std::uint64_t fields = 0; !reader.done(); ++fields) {
    const auto tag = reader.Varint();
    const std::uint64_t field = tag.value_or(0) >> 3;
    const std::uint64_t wire = tag.value_or(0) & 7;
    if (!tag || field == 0 || (fields == 0 && field != kIrVersion) || fields > kMostFields)
      return Bad(name, "is not an ONNX model");
    if (wire == kVarint) {
      if (!reader.Varint()) return Bad(name, "is cut off");
    } else if (wire == kBytes) {
      const auto bytes = reader.Varint();
      if (!bytes) return Bad(name, "is cut off");
      if (*bytes > reader.left()) {
        return Bad(name, fmt::format("is cut off: it has {} bytes, and {} more should be there", size, *bytes - reader.left()));
      }
      if (field == kGraph) onnx.graph_bytes += *bytes;
      if (field == kMetadata && (metadata_bytes += *bytes) <= kMostMetadata &&
          !TakeEntry(Reader(reader.at(), reader.at() + *bytes, read), onnx.metadata))
        return Bad(name, "is damaged where it says what it is (metadata_props)");
      if (!reader.Skip(*bytes)) return Bad(name, "is cut off");
    } else if (!reader.SkipFixed(wire)) {
      return Bad(name, "is not an ONNX model");
    }
  }
  if (onnx.graph_bytes == 0) return Bad(name, "is cut off or not an ONNX model: there is no graph in it");
  return onnx;
}

Result<Onnx> ReadOnnxFile(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  std::error_code ec;
  if (!std::filesystem::is_regular_file(path, ec)) {
    return Fail(
        Code::kNotFound,
        fmt::format("{} is {}", Printable(name), std::filesystem::is_directory(path, ec) ? "a folder, not a file" : "not there"),
        "Download the model again.");
  }
  std::ifstream file(path, std::ios::binary);
  const std::uint64_t size = std::filesystem::file_size(path, ec);
  if (!file || ec)
    return Fail(Code::kForbidden, fmt::format("{} cannot be read", Printable(name)), "Let hostler's user read it.");
  return ReadOnnx(name, size, [&file](std::uint64_t offset, char* to, std::size_t bytes) {
    file.seekg(static_cast<std::streamoff>(offset));
    return static_cast<bool>(file.read(to, static_cast<std::streamsize>(bytes)));
  });
}

}  // namespace hostler::sherpa
