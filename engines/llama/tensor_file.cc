#include "engines/llama/tensor_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "engines/llama/safetensors.h"
#include "engines/llama/torch_archive.h"

namespace hostler::llama {
namespace {

constexpr std::uint64_t kLongestHeader = 16 << 20;  // bytes; of a model with ten thousand tensors it is one
constexpr std::string_view kMend = "Download the file again.";

std::string WhyNot(ssize_t got) {
  return got == 0 ? "became shorter while it was read" : std::strerror(errno);
}

Result<> ReadAt(int file, std::uint64_t at, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::pread(file, out.data(), out.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Fail(Code::kInvalid, WhyNot(got), std::string(kMend));
    out = out.subspan(static_cast<std::size_t>(got));
    at += static_cast<std::uint64_t>(got);
  }
  return {};
}

struct Contents {
  std::uint64_t data = 0;
  TensorPlaces tensors;
};

Result<Contents> ReadSafetensors(int file, std::uint64_t size, std::uint64_t length) {
  if (length > kLongestHeader || length > size - sizeof length) {
    return Fail(Code::kInvalid,
                fmt::format("is no safetensors file, or cut off: its header would take {} bytes of {}", length, size),
                std::string(kMend));
  }
  std::string text(length, '\0');
  HOSTLER_OK(ReadAt(file, sizeof length, std::as_writable_bytes(std::span(text))));
  Contents contents{sizeof length + length, {}};
  HOSTLER_TRY(contents.tensors, ReadSafetensorsHeader(text, size - contents.data));
  return contents;
}

Result<Contents> ReadContents(int file, std::uint64_t size) {
  static_assert(std::endian::native == std::endian::little);
  std::array<std::byte, sizeof(std::uint64_t)> beginning{};
  if (size < beginning.size()) return Fail(Code::kInvalid, "is too short for a file of tensors", std::string(kMend));
  HOSTLER_OK(ReadAt(file, 0, beginning));
  if (!IsTorchArchive(beginning)) return ReadSafetensors(file, size, std::bit_cast<std::uint64_t>(beginning));
  Contents contents;
  HOSTLER_TRY(contents.tensors,
              ReadTorchArchive(size, [file](std::uint64_t at, std::span<std::byte> out) { return ReadAt(file, at, out); }));
  return contents;
}

}  // namespace

std::uint64_t ElementSize(std::string_view dtype) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 15> kSizes = {{{"BOOL", 1},
                                                                                  {"U8", 1},
                                                                                  {"I8", 1},
                                                                                  {"F8_E5M2", 1},
                                                                                  {"F8_E4M3", 1},
                                                                                  {"U16", 2},
                                                                                  {"I16", 2},
                                                                                  {"F16", 2},
                                                                                  {"BF16", 2},
                                                                                  {"U32", 4},
                                                                                  {"I32", 4},
                                                                                  {"F32", 4},
                                                                                  {"U64", 8},
                                                                                  {"I64", 8},
                                                                                  {"F64", 8}}};
  for (const auto& [name, size] : kSizes) {
    if (name == dtype) return size;
  }
  return 0;
}

std::optional<std::uint64_t> SizeOf(const TensorPlace& tensor) {
  std::uint64_t size = ElementSize(tensor.dtype);
  if (size == 0) return std::nullopt;
  for (const std::uint64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(size, extent, &size)) return std::nullopt;
  }
  return size;
}

Result<TensorFile> TensorFile::Open(const std::filesystem::path& path) {
  const auto failed = [&](const std::string& what, Code code = Code::kInvalid, std::string remedy = std::string(kMend)) {
    return Fail(Error{code, fmt::format("{}: {}", path.string(), what), std::move(remedy)});
  };
  os::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0) return failed(std::strerror(errno), Code::kNotFound);
  if (!S_ISREG(facts.st_mode)) return failed("is no file");
  auto contents = ReadContents(file.get(), static_cast<std::uint64_t>(facts.st_size));
  if (!contents) return failed(contents.error().message, contents.error().code, contents.error().remedy);
  return TensorFile(path, std::move(file), contents->data, std::move(contents->tensors));
}

const TensorPlace* TensorFile::Find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

Result<> TensorFile::Read(const TensorPlace& tensor, std::uint64_t offset, std::span<std::byte> out) const {
  auto read = ReadAt(file_.get(), data_ + tensor.begin + offset, out);
  if (!read) read.error().message = fmt::format("{}: {}", path_.string(), read.error().message);
  return read;
}

}  // namespace hostler::llama
