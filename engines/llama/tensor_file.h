// A file of tensors, of either kind that models of PyTorch come in: safetensors, or the archive that torch.save() writes.
//
// The bytes may come from anywhere: nothing is believed that the file's size does not bear out. Places are read with pread(), so
// that a file that shrinks while it is read is an error and not a signal.
//
// Owner: whoever loads a model. Threads: one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/descriptor.h"

namespace hostler::llama {

struct TensorPlace {
  std::string dtype;                 // "F32", "F16", "BF16", "I64" …, as safetensors has it
  std::vector<std::uint64_t> shape;  // outermost first, as PyTorch has it
  std::uint64_t begin = 0;           // of its bytes, from the beginning of the data
  std::uint64_t end = 0;
};
using TensorPlaces = std::map<std::string, TensorPlace, std::less<>>;

// Bytes of one element; 0: a type that is not known.
[[nodiscard]] std::uint64_t ElementSize(std::string_view dtype);
// Bytes that type and shape give; nullopt: more than any file has, or a type that is not known.
[[nodiscard]] std::optional<std::uint64_t> SizeOf(const TensorPlace& tensor);

class TensorFile {
 public:
  // By its first bytes. Errors have the path, and what is wrong.
  [[nodiscard]] static Result<TensorFile> Open(const std::filesystem::path& path);

  // Null if there is none of that name.
  [[nodiscard]] const TensorPlace* Find(std::string_view name) const;
  // Fills `out` with the tensor's bytes from `offset` on. REQUIRES: they are within the tensor.
  [[nodiscard]] Result<> Read(const TensorPlace& tensor, std::uint64_t offset, std::span<std::byte> out) const;

 private:
  TensorFile(std::filesystem::path path, os::Descriptor file, std::uint64_t data, TensorPlaces tensors)
      : path_(std::move(path)), file_(std::move(file)), data_(data), tensors_(std::move(tensors)) {}

  std::filesystem::path path_;
  os::Descriptor file_;
  std::uint64_t data_;  // where it begins in the file
  TensorPlaces tensors_;
};

}  // namespace hostler::llama
