// multipart/form-data (RFC 7578), incremental: parts go to memory, and large ones to a temporary file.
//
// MultipartParser is sans-I/O and any thread; ReadForm runs on the exchange's loop.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/result.h"
#include "http/server.h"

namespace hostler::http {

struct PartHead {
  std::string name;
  std::string filename;      // as sent; never use it as a path
  std::string content_type;  // empty if not given
  bool has_filename = false;
};

// Pushes pieces in, gets calls out. Any error is final.
class MultipartParser {
 public:
  struct Sink {
    std::function<Result<>(PartHead)> on_part;
    std::function<Result<>(std::string_view)> on_data;  // pieces of the part's content
    std::function<Result<>()> on_part_end;
  };
  struct Limits {
    std::size_t parts = 100;
    std::size_t part_head = 8 << 10;  // bytes
  };
  MultipartParser(std::string boundary, Sink sink, Limits limits);
  ~MultipartParser();

  [[nodiscard]] Result<> Feed(std::string_view piece);
  // REQUIRES to be called at the end of the body: kInvalid if the closing boundary has not come.
  [[nodiscard]] Result<> Finish();

  // The boundary parameter of a Content-Type; kInvalid if it is not multipart/form-data or has none.
  [[nodiscard]] static Result<std::string> BoundaryOf(std::string_view content_type);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One part that was read completely. A large one lies in an unlinked temporary file that goes away with it.
class Part {
 public:
  PartHead head;
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // The content; reads the file if it lies there (blocks: call it on a pool for large parts).
  [[nodiscard]] Result<std::string> Take();

 private:
  friend class FormReader;
  std::string memory_;
  std::shared_ptr<int> file_;  // descriptor, closed by its deleter
  std::uint64_t size_ = 0;
};

struct Form {
  std::vector<Part> parts;
  [[nodiscard]] Part* Find(std::string_view name);                       // first of that name, or null
  [[nodiscard]] std::vector<std::string> Values(std::string_view name);  // of every field of that name without a file name
  [[nodiscard]] std::optional<std::string> Value(std::string_view name);
};

struct FormLimits {
  std::uint64_t total = std::uint64_t{100} << 20;  // bytes of the whole body; more is kTooLarge
  std::uint64_t memory = 1 << 20;                  // bytes of one part kept in memory, the rest goes to a file
  std::size_t parts = 100;
  std::filesystem::path temporary = "/tmp";
};

[[nodiscard]] Task<Result<Form>> ReadForm(Exchange& exchange, FormLimits limits);

}  // namespace hostler::http
