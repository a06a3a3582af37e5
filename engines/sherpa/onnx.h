// What an ONNX file says about itself, read without loading it: onnxruntime and sherpa-onnx end the process for much that can be
// seen beforehand. Only the outermost level of the file is read, a few hundred bytes of however many there are.
//
// The format is a protobuf message, ModelProto of onnx.proto: ir_version is field 1, graph 7, metadata_props 14 (key 1, value 2).
// Pure but for the file; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hostler::sherpa {

using Metadata = std::map<std::string, std::string, std::less<>>;

// The value, or empty.
[[nodiscard]] std::string Text(const Metadata& metadata, std::string_view key);
[[nodiscard]] std::optional<int> Number(const Metadata& metadata, std::string_view key);

struct Onnx {
  Metadata metadata;              // what exporters wrote down; onnxruntime's own format has it elsewhere, and none here
  std::uint64_t graph_bytes = 0;  // 0: onnxruntime's own format
};

// Reads `size` bytes at `offset`; false if that fails.
using ReadAt = std::function<bool(std::uint64_t offset, char* to, std::size_t size)>;

// `name` is for errors. A file that is cut off, empty, or something else is kInvalid with the reason.
[[nodiscard]] Result<Onnx> ReadOnnx(std::string_view name, std::uint64_t size, const ReadAt& read);
[[nodiscard]] Result<Onnx> ReadOnnxFile(const std::filesystem::path& path);

}  // namespace hostler::sherpa
