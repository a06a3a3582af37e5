#include "engines/llama/safetensors.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"

namespace hostler::llama {
namespace {

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
  if (ElementSize(place.dtype) > 0 && SizeOf(place) != place.end - place.begin) {
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

}  // namespace hostler::llama
