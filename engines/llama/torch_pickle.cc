// A machine for the few instructions of a pickle that a dictionary of tensors is made of.
#include <bit>
#include <cstring>
#include <memory>
#include <variant>

#include <fmt/format.h>

#include "base/text.h"
#include "engines/llama/torch_archive.h"

namespace hostler::llama {
namespace {

constexpr int kDeepest = 16;  // tuples in tuples
constexpr std::string_view kMend = "Use a model.safetensors of the same model, or download the file again.";

struct Value;
using Ref = std::shared_ptr<const Value>;

// A name that would be called: here it is a name and nothing else.
struct Global {
  std::string name;  // "torch._utils._rebuild_tensor_v2"
};
struct Storage {
  std::string dtype;
  std::string key;
};
struct Tuple {
  std::vector<Ref> items;
};
struct Mark {};
struct Dictionary {};  // whatever else is built: settings, lists, metadata

struct Value {
  std::variant<std::monostate, std::int64_t, std::string, Global, Storage, Tuple, TensorPlace, Mark, Dictionary> is;
  int depth = 0;
};

std::unexpected<Error> Broken(std::string what) {
  return Fail(Error{Code::kInvalid, "its pickle is broken: " + std::move(what), std::string(kMend)});
}

// What the classes of storages hold.
std::string_view DtypeOf(std::string_view storage) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"torch.FloatStorage", "F32"},  {"torch.HalfStorage", "F16"}, {"torch.BFloat16Storage", "BF16"},
      {"torch.DoubleStorage", "F64"}, {"torch.LongStorage", "I64"}, {"torch.IntStorage", "I32"},
      {"torch.ShortStorage", "I16"},  {"torch.CharStorage", "I8"},  {"torch.ByteStorage", "U8"},
      {"torch.BoolStorage", "BOOL"}};
  for (const auto& [name, dtype] : kTypes) {
    if (name == storage) return dtype;
  }
  return "";
}

template <class T>
const T* As(const Ref& value) {
  return value == nullptr ? nullptr : std::get_if<T>(&value->is);
}

std::optional<std::vector<std::uint64_t>> Extents(const Ref& value) {
  const Tuple* tuple = As<Tuple>(value);
  if (tuple == nullptr || tuple->items.size() > 8) return std::nullopt;
  std::vector<std::uint64_t> extents;
  for (const Ref& item : tuple->items) {
    const auto* number = As<std::int64_t>(item);
    if (number == nullptr || *number < 0) return std::nullopt;
    extents.push_back(static_cast<std::uint64_t>(*number));
  }
  return extents;
}

// Rows one after another, as everything that is saved whole.
bool IsContiguous(const std::vector<std::uint64_t>& shape, const std::vector<std::uint64_t>& strides) {
  if (shape.size() != strides.size()) return false;
  std::uint64_t step = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != step) return false;
    if (__builtin_mul_overflow(step, shape[i], &step)) return false;
  }
  return true;
}

class Machine {
 public:
  Machine(std::string_view pickle, const TorchStorages& storages) : rest_(pickle), storages_(storages) {}
  Result<TensorPlaces> Run();

 private:
  Result<> Step(char instruction);
  Result<> PushText(std::uint64_t length);
  Result<> PushGlobal();
  Result<> PushTuple(std::size_t count);
  Result<> PushStorage();  // BINPERSID
  Result<> Call();         // REDUCE
  Result<> Rebuild(const Tuple& arguments);
  Result<> SetItems();
  Result<> Remember(std::uint64_t slot);
  Result<> Recall(std::uint64_t slot);

  template <class T>
  Result<T> Get() {
    T value{};
    if (rest_.size() < sizeof value) return Broken("it ends too early");
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  Result<> Push(Value value) {
    if (value.depth > kDeepest) return Broken("too deep");
    stack_.push_back(std::make_shared<const Value>(std::move(value)));
    return {};
  }
  Result<Ref> Pop() {
    if (stack_.empty() || As<Mark>(stack_.back()) != nullptr) return Broken("nothing is there to take");
    Ref value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }
  // How many lie on the stack since the last mark, which goes away; they stay.
  Result<std::size_t> SinceMark();

  std::string_view rest_;
  const TorchStorages& storages_;
  std::vector<Ref> stack_;
  std::map<std::uint64_t, Ref> memo_;
  TensorPlaces tensors_;
};

Result<std::size_t> Machine::SinceMark() {
  for (std::size_t i = stack_.size(); i-- > 0;) {
    if (As<Mark>(stack_[i]) == nullptr) continue;
    stack_.erase(stack_.begin() + static_cast<std::ptrdiff_t>(i));
    return stack_.size() - i;
  }
  return Broken("a mark is missing");
}

Result<> Machine::PushText(std::uint64_t length) {
  if (length > rest_.size()) return Broken("a text is longer than the pickle");
  Value value{std::string(rest_.substr(0, length))};
  rest_.remove_prefix(length);
  return Push(std::move(value));
}

Result<> Machine::PushGlobal() {
  const std::size_t module_end = rest_.find('\n');
  const std::size_t name_end = module_end == std::string_view::npos ? module_end : rest_.find('\n', module_end + 1);
  if (name_end == std::string_view::npos || name_end > 300) return Broken("a name does not end");
  const std::string name =
      fmt::format("{}.{}", rest_.substr(0, module_end), rest_.substr(module_end + 1, name_end - module_end - 1));
  rest_.remove_prefix(name_end + 1);
  const bool known = name == "collections.OrderedDict" || name == "torch._utils._rebuild_tensor_v2" ||
                     name == "torch._utils._rebuild_parameter" || !DtypeOf(name).empty();
  if (known) return Push({Global{name}});
  return Fail(Error{Code::kUnsupported,
                    fmt::format("it wants to call \"{}\", which no plain model needs", Clip(Printable(name), 200)),
                    std::string(kMend)});
}

Result<> Machine::PushTuple(std::size_t count) {
  if (count > stack_.size()) return Broken("nothing is there to take");
  Value value{Tuple{{stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end()}}};
  for (const Ref& item : std::get<Tuple>(value.is).items) value.depth = std::max(value.depth, item->depth + 1);
  stack_.resize(stack_.size() - count);
  return Push(std::move(value));
}

// ("storage", torch.FloatStorage, "0", "cpu", 4096)
Result<> Machine::PushStorage() {
  HOSTLER_TRY(const Ref id, Pop());
  const Tuple* tuple = As<Tuple>(id);
  if (tuple == nullptr || tuple->items.size() != 5) return Broken("a storage has no identity");
  const auto* kind = As<Global>(tuple->items[1]);
  const auto* key = As<std::string>(tuple->items[2]);
  if (kind == nullptr || key == nullptr) return Broken("a storage has no identity");
  return Push({Storage{std::string(DtypeOf(kind->name)), *key}});
}

// _rebuild_tensor_v2(storage, offset, size, stride, …)
Result<> Machine::Rebuild(const Tuple& arguments) {
  if (arguments.items.size() < 4) return Broken("a tensor has too few parts");
  const auto* storage = As<Storage>(arguments.items[0]);
  const auto* offset = As<std::int64_t>(arguments.items[1]);
  const auto shape = Extents(arguments.items[2]);
  const auto strides = Extents(arguments.items[3]);
  if (storage == nullptr || offset == nullptr || *offset < 0 || !shape || !strides) return Broken("a tensor has wrong parts");
  const auto found = storages_.find(storage->key);
  if (found == storages_.end()) return Broken(fmt::format("its storage \"{}\" is not there", Clip(Printable(storage->key), 80)));
  TensorPlace place{storage->dtype, *shape, 0, 0};
  const auto size = SizeOf(place);
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  if (!size || !IsContiguous(*shape, *strides)) return Push({Dictionary{}});  // whoever needs it will say that it is missing
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(*offset), ElementSize(place.dtype), &begin) ||
      __builtin_add_overflow(begin, *size, &end) || end > found->second.size)
    return Broken("a tensor reaches beyond its storage");
  place.begin = found->second.begin + begin;
  place.end = found->second.begin + end;
  return Push({std::move(place)});
}

Result<> Machine::Call() {
  HOSTLER_TRY(const Ref arguments, Pop());
  HOSTLER_TRY(const Ref callable, Pop());
  const Tuple* tuple = As<Tuple>(arguments);
  const auto* global = As<Global>(callable);
  if (tuple == nullptr || global == nullptr) return Broken("something is called that is no function");
  if (global->name == "torch._utils._rebuild_tensor_v2") return Rebuild(*tuple);
  if (global->name == "torch._utils._rebuild_parameter" && !tuple->items.empty()) {
    stack_.push_back(tuple->items.front());
    return {};
  }
  return Push({Dictionary{}});
}

// Pairs since the mark belong into the dictionary below it. Where a tensor has a name, that is its name, wherever it is.
Result<> Machine::SetItems() {
  HOSTLER_TRY(const std::size_t count, SinceMark());
  if (count % 2 != 0 || count >= stack_.size()) return Broken("names and values do not pair");
  for (std::size_t i = stack_.size() - count; i < stack_.size(); i += 2) {
    const auto* name = As<std::string>(stack_[i]);
    const auto* place = As<TensorPlace>(stack_[i + 1]);
    if (name != nullptr && place != nullptr) tensors_.insert_or_assign(*name, *place);
  }
  stack_.resize(stack_.size() - count);
  return {};
}

Result<> Machine::Remember(std::uint64_t slot) {
  if (stack_.empty()) return Broken("nothing is there to remember");
  memo_[slot] = stack_.back();
  return {};
}

Result<> Machine::Recall(std::uint64_t slot) {
  const auto found = memo_.find(slot);
  if (found == memo_.end()) return Broken("it recalls what it never knew");
  stack_.push_back(found->second);
  return {};
}

Result<> Machine::Step(char instruction) {
  switch (instruction) {
    case '}':
    case ']': return Push({Dictionary{}});
    case '(': return Push({Mark{}});
    case ')': return Push({Tuple{}});
    case 'N': return Push({std::monostate{}});
    case '\x88': return Push({std::int64_t{1}});
    case '\x89': return Push({std::int64_t{0}});
    case '\x85': return PushTuple(1);
    case '\x86': return PushTuple(2);
    case '\x87': return PushTuple(3);
    case 'c': return PushGlobal();
    case 'Q': return PushStorage();
    case 'R': return Call();
    case 'u': return SetItems();
    default: break;
  }
  if (instruction == '\x80') {  // PROTO
    HOSTLER_TRY(const auto version, Get<std::uint8_t>());
    return version <= 5 ? Result<>() : Broken("it is of a newer version");
  }
  if (instruction == 't') {
    HOSTLER_TRY(const std::size_t count, SinceMark());
    return PushTuple(count);
  }
  if (instruction == 'e') {  // a list's items, of no interest
    HOSTLER_TRY(const std::size_t count, SinceMark());
    stack_.resize(stack_.size() - count);
    return {};
  }
  if (instruction == 's' || instruction == 'b' || instruction == 'a') {  // one item; a state; one of a list
    HOSTLER_TRY(const Ref value, Pop());
    if (instruction != 's') return {};
    HOSTLER_TRY(const Ref key, Pop());
    const auto* name = As<std::string>(key);
    const auto* place = As<TensorPlace>(value);
    if (name != nullptr && place != nullptr) tensors_.insert_or_assign(*name, *place);
    return {};
  }
  if (instruction == 'q' || instruction == 'h') {
    HOSTLER_TRY(const auto slot, Get<std::uint8_t>());
    return instruction == 'q' ? Remember(slot) : Recall(slot);
  }
  if (instruction == 'r' || instruction == 'j') {
    HOSTLER_TRY(const auto slot, Get<std::uint32_t>());
    return instruction == 'r' ? Remember(slot) : Recall(slot);
  }
  if (instruction == 'X') {
    HOSTLER_TRY(const auto length, Get<std::uint32_t>());
    return PushText(length);
  }
  if (instruction == 'K') {
    HOSTLER_TRY(const auto number, Get<std::uint8_t>());
    return Push({std::int64_t{number}});
  }
  if (instruction == 'M') {
    HOSTLER_TRY(const auto number, Get<std::uint16_t>());
    return Push({std::int64_t{number}});
  }
  if (instruction == 'J') {
    HOSTLER_TRY(const auto number, Get<std::int32_t>());
    return Push({std::int64_t{number}});
  }
  if (instruction == 'G') {
    HOSTLER_TRY(const auto ignored, Get<double>());
    (void)ignored;
    return Push({Dictionary{}});
  }
  if (instruction == '\x8a') {  // LONG1
    HOSTLER_TRY(const auto length, Get<std::uint8_t>());
    if (length > 8 || length > rest_.size()) return Broken("a number is too long");
    std::int64_t number = 0;
    std::memcpy(&number, rest_.data(), length);
    if (length > 0 && length < 8 && (static_cast<unsigned char>(rest_[length - 1U]) & 0x80) != 0)
      number -= std::int64_t{1} << (8 * length);
    rest_.remove_prefix(length);
    return Push({number});
  }
  return Fail(Error{
      Code::kUnsupported,
      fmt::format("its pickle does more than build tensors (instruction 0x{:02x})", static_cast<unsigned char>(instruction)),
      std::string(kMend)});
}

Result<TensorPlaces> Machine::Run() {
  while (true) {
    HOSTLER_TRY(const char instruction, Get<char>());
    if (instruction == '.') return std::move(tensors_);
    HOSTLER_OK(Step(instruction));
  }
}

}  // namespace

Result<TensorPlaces> ReadTorchPickle(std::string_view pickle, const TorchStorages& storages) {
  static_assert(std::endian::native == std::endian::little);
  return Machine(pickle, storages).Run();
}

}  // namespace hostler::llama
