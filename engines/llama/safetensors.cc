#include "engines/llama/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"

namespace hostler::llama {
namespace {

constexpr std::uint64_t kLongestHeader = 16 << 20;  // bytes; of a model with ten thousand tensors it is one
constexpr std::size_t kMostDimensions = 8;
constexpr std::string_view kMend = "Download the file again.";

std::unexpected<Error> Broken(std::string what) {
  return Fail(Error{Code::kInvalid, std::move(what), std::string(kMend)});
}

std::string Shown(std::string_view name) {
  return Clip(Printable(name), 120);
}

std::optional<std::uint64_t> Whole(const json::Any& value) {
  boost::system::error_code ec;
  if (!value.is_number()) return std::nullopt;
  const auto number = value.to_number<std::uint64_t>(ec);
  return ec ? std::nullopt : std::optional(number);
}

// All of an array of whole numbers, or nothing.
std::optional<std::vector<std::uint64_t>> Numbers(const boost::json::object& object, std::string_view key) {
  const auto* member = object.if_contains(key);
  const auto* array = member == nullptr ? nullptr : member->if_array();
  if (array == nullptr || array->size() > kMostDimensions) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (const auto& item : *array) {
    const auto number = Whole(item);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

// Bytes that type and shape give; nullopt if that is more than any file has.
std::optional<std::uint64_t> SizeOf(const TensorPlace& tensor, std::uint64_t element) {
  std::uint64_t size = element;
  for (const std::uint64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(size, extent, &size)) return std::nullopt;
  }
  return size;
}

Result<TensorPlace> PlaceOf(std::string_view name, const json::Any& value) {
  const auto* object = value.if_object();
  const auto* dtype = object == nullptr ? nullptr : object->if_contains("dtype");
  if (dtype == nullptr || !dtype->is_string()) return Broken(fmt::format("tensor \"{}\" has no dtype", Shown(name)));
  const auto shape = Numbers(*object, "shape");
  if (!shape) return Broken(fmt::format("tensor \"{}\" has no shape", Shown(name)));
  const auto offsets = Numbers(*object, "data_offsets");
  if (!offsets || offsets->size() != 2) return Broken(fmt::format("tensor \"{}\" has no data_offsets", Shown(name)));
  TensorPlace place{std::string(dtype->get_string()), *shape, (*offsets)[0], (*offsets)[1]};
  if (place.begin > place.end) return Broken(fmt::format("tensor \"{}\" ends before it begins", Shown(name)));
  const std::uint64_t element = ElementSize(place.dtype);
  if (element > 0 && SizeOf(place, element) != place.end - place.begin) {
    return Broken(fmt::format("tensor \"{}\" of type {} and shape [{}] has {} bytes", Shown(name), place.dtype,
                              fmt::join(place.shape, ", "), place.end - place.begin));
  }
  return place;
}

// One after another, from the first byte to the last.
Result<> CheckCover(const TensorPlaces& tensors, std::uint64_t data_bytes) {
  std::vector<TensorPlaces::const_iterator> order;
  for (auto tensor = tensors.begin(); tensor != tensors.end(); ++tensor) order.push_back(tensor);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  std::uint64_t at = 0;
  for (const auto& tensor : order) {
    if (tensor->second.begin != at) {
      return Broken(fmt::format("tensor \"{}\" begins at byte {} of the data, where {} was expected", Shown(tensor->first),
                                tensor->second.begin, at));
    }
    at = tensor->second.end;
  }
  if (at == data_bytes) return {};
  return Broken(fmt::format("the tensors take {} bytes, and the file has {}", at, data_bytes));
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

Result<TensorPlaces> ReadSafetensorsHeader(std::string_view text, std::uint64_t data_bytes) {
  const auto dom = json::ParseDom(text);
  if (!dom) return Broken("its header is no JSON: " + dom.error().message);
  const auto* object = dom->if_object();
  if (object == nullptr) return Broken("its header is no JSON object");
  TensorPlaces tensors;
  for (const auto& member : *object) {
    if (member.key() == "__metadata__") continue;
    HOSTLER_TRY(TensorPlace place, PlaceOf(member.key(), member.value()));
    tensors.emplace(member.key(), std::move(place));
  }
  HOSTLER_OK(CheckCover(tensors, data_bytes));
  return tensors;
}

Result<Safetensors> Safetensors::Open(const std::filesystem::path& path) {
  const auto failed = [&](std::string what, Code code = Code::kInvalid) {
    return Fail(Error{code, fmt::format("{}: {}", path.string(), what), std::string(kMend)});
  };
  os::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts{};
  if (!file || ::fstat(file.get(), &facts) != 0) return failed(std::strerror(errno), Code::kNotFound);
  if (!S_ISREG(facts.st_mode)) return failed("is no file");
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t length = 0;
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (::pread(file.get(), &length, sizeof length, 0) != sizeof length) return failed("is too short for a safetensors file");
  if (length > kLongestHeader || length > size - sizeof length)
    return failed(fmt::format("is no safetensors file, or cut off: its header would take {} bytes of {}", length, size));
  std::string text(length, '\0');
  if (::pread(file.get(), text.data(), length, sizeof length) != static_cast<ssize_t>(length)) return failed("cannot be read");
  const std::uint64_t data = sizeof length + length;
  auto tensors = ReadSafetensorsHeader(text, size - data);
  if (!tensors) return failed(tensors.error().message);
  return Safetensors(path, std::move(file), data, *std::move(tensors));
}

const TensorPlace* Safetensors::Find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

Result<> Safetensors::Read(const TensorPlace& tensor, std::uint64_t offset, std::span<std::byte> out) const {
  std::uint64_t at = data_ + tensor.begin + offset;
  while (!out.empty()) {
    const ssize_t got = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return Fail(Code::kInvalid,
                  fmt::format("{}: {}", path_.string(), got == 0 ? "became shorter while it was read" : std::strerror(errno)),
                  std::string(kMend));
    }
    out = out.subspan(static_cast<std::size_t>(got));
    at += static_cast<std::uint64_t>(got);
  }
  return {};
}

}  // namespace hostler::llama
