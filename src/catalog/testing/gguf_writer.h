// Writes headers of GGUF files for tests: keys, values and names of tensors, no weights.
//
// A value; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hostler::catalog::testing {

class GgufWriter {
 public:
  GgufWriter& Text(std::string_view key, std::string_view value) { return Pair(key, 8).String(value); }
  GgufWriter& U32(std::string_view key, std::uint32_t value) { return Pair(key, 4).Number(value); }
  GgufWriter& F32(std::string_view key, float value) { return Pair(key, 6).Number(value); }
  GgufWriter& Bool(std::string_view key, bool value) { return Pair(key, 7).Number(static_cast<std::uint8_t>(value)); }
  GgufWriter& Texts(std::string_view key, std::size_t count, std::string_view each) {
    Pair(key, 9).Number(std::uint32_t{8}).Number(static_cast<std::uint64_t>(count));
    for (std::size_t i = 0; i < count; ++i) String(each);
    return *this;
  }
  // An array that claims `count` items of `type`, with `bytes` after it.
  GgufWriter& RawArray(std::string_view key, std::uint32_t type, std::uint64_t count, std::string_view bytes) {
    Pair(key, 9).Number(type).Number(count);
    body_ += bytes;
    return *this;
  }
  GgufWriter& RawPair(std::string_view key, std::uint32_t type, std::string_view bytes) {
    Pair(key, type);
    body_ += bytes;
    return *this;
  }
  GgufWriter& Tensor(std::string_view name) {
    ++tensors_;
    String(name, infos_);
    Number(std::uint32_t{1}, infos_);
    Number(std::uint64_t{32}, infos_);
    Number(std::uint32_t{0}, infos_);
    Number(std::uint64_t{0}, infos_);
    return *this;
  }
  GgufWriter& Version(std::uint32_t version) {
    version_ = version;
    return *this;
  }
  [[nodiscard]] std::string Bytes() const {
    std::string bytes = "GGUF";
    Number(version_, bytes);
    Number(tensors_, bytes);
    Number(pairs_, bytes);
    return bytes + body_ + infos_;
  }

 private:
  template <class T>
  static void Number(T value, std::string& into) {
    into.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static void String(std::string_view text, std::string& into) {
    Number(static_cast<std::uint64_t>(text.size()), into);
    into += text;
  }
  GgufWriter& Pair(std::string_view key, std::uint32_t type) {
    ++pairs_;
    String(key, body_);
    return Number(type);
  }
  GgufWriter& String(std::string_view text) {
    String(text, body_);
    return *this;
  }
  template <class T>
  GgufWriter& Number(T value) {
    Number(value, body_);
    return *this;
  }

  std::uint32_t version_ = 3;
  std::uint64_t tensors_ = 0;
  std::uint64_t pairs_ = 0;
  std::string body_;
  std::string infos_;
};

}  // namespace hostler::catalog::testing
