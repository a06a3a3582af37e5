// What a safetensors file holds: eight bytes with the length of a JSON header, the header, the tensors one after another.
// Format: https://github.com/huggingface/safetensors#format
//
// Pure; any thread.
#pragma once

#include "engines/llama/tensor_file.h"

namespace hostler::llama {

// The header of a file with `data_bytes` of data behind it. kInvalid, with the tensor's name, unless the tensors cover the data
// exactly, without holes and overlaps, and each has the size that its type and shape give.
[[nodiscard]] Result<TensorPlaces> ReadSafetensorsHeader(std::string_view json, std::uint64_t data_bytes);

}  // namespace hostler::llama
