#include "engines/llama/embedding_rows.h"

#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <ggml.h>
#include <gguf.h>

namespace hostler::llama {
namespace {

constexpr const char* kTable = "token_embd.weight";

std::unexpected<Error> Broken(const std::string& what) {
  return Fail(Code::kInvalid, what, "Download the model again; a file in several parts has to be merged first.");
}

}  // namespace

Result<EmbeddingRows> EmbeddingRows::Open(const std::filesystem::path& model, int width) {
  ggml_context* meta = nullptr;
  const std::unique_ptr<gguf_context, decltype(&gguf_free)> file(
      gguf_init_from_file(model.c_str(), {.no_alloc = true, .ctx = &meta}), &gguf_free);
  const std::unique_ptr<ggml_context, decltype(&ggml_free)> tensors(meta, &ggml_free);
  const std::int64_t index = file ? gguf_find_tensor(file.get(), kTable) : -1;
  const ggml_tensor* table = index >= 0 ? ggml_get_tensor(tensors.get(), kTable) : nullptr;
  if (table == nullptr) return Broken(fmt::format("{} has no {}", model.filename().string(), kTable));
  if (table->ne[0] != width || (table->type != GGML_TYPE_F32 && ggml_get_type_traits(table->type)->to_float == nullptr)) {
    return Broken(fmt::format("{} of {} cannot be read: rows of {} numbers of type {}", kTable, model.filename().string(),
                              table->ne[0], ggml_type_name(table->type)));
  }
  EmbeddingRows rows;
  rows.offset_ = gguf_get_data_offset(file.get()) + gguf_get_tensor_offset(file.get(), index);
  rows.row_bytes_ = ggml_row_size(table->type, width);
  rows.rows_ = table->ne[1];
  rows.type_ = table->type;
  rows.width_ = width;
  rows.file_.open(model, std::ios::binary);
  return rows;
}

Result<Row> EmbeddingRows::Get(llama_token token) {
  if (token < 0 || token >= rows_) return Broken(fmt::format("{} has no row {}", kTable, token));
  std::vector<char> stored(row_bytes_);
  file_.clear();
  file_.seekg(static_cast<std::streamoff>(offset_ + static_cast<std::uint64_t>(token) * row_bytes_));
  if (!file_.read(stored.data(), static_cast<std::streamsize>(stored.size())))
    return Broken(fmt::format("the model's file ends before row {} of {}", token, kTable));
  Row row(static_cast<std::size_t>(width_));
  if (type_ == GGML_TYPE_F32)
    std::memcpy(row.data(), stored.data(), stored.size());
  else
    ggml_get_type_traits(static_cast<ggml_type>(type_))->to_float(stored.data(), row.data(), width_);
  return row;
}

}  // namespace hostler::llama
