// What the archive of torch.save() holds (pytorch_model.bin): a zip whose data.pkl is a pickle, a program that builds the
// tensors, and whose other members are their bytes. Only the few instructions that a plain dictionary of tensors needs are
// followed, nothing is ever called, and everything else is an error. Formats: PKWARE's APPNOTE 6.3; the opcodes of Python's
// pickletools; torch/_utils.py (_rebuild_tensor_v2).
//
// Pure but for `read`; any thread. The bytes may come from anywhere: work and memory are bounded by the size of the archive.
#pragma once

#include <functional>

#include "engines/llama/tensor_file.h"

namespace hostler::llama {

[[nodiscard]] bool IsTorchArchive(std::span<const std::byte> beginning);

using ReadBytes = std::function<Result<>(std::uint64_t at, std::span<std::byte> out)>;

// Places are in the file. kInvalid for what is broken, kUnsupported for what is more than a dictionary of tensors.
[[nodiscard]] Result<TensorPlaces> ReadTorchArchive(std::uint64_t size, const ReadBytes& read);

// --- its parts, for tests ---

struct TorchStorage {
  std::uint64_t begin = 0;  // in the file
  std::uint64_t size = 0;   // bytes
};
// By key: "0" for the member NAME/data/0.
using TorchStorages = std::map<std::string, TorchStorage, std::less<>>;
[[nodiscard]] Result<TensorPlaces> ReadTorchPickle(std::string_view pickle, const TorchStorages& storages);

}  // namespace hostler::llama
