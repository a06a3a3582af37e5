// What a store keeps of a task as JSON may have been written by anybody who can write the file.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tasks/record_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hostler;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const tasks::Progress progress = tasks::ProgressFromJson(text);
  if (tasks::ProgressFromJson(json::ToJson(progress)) != progress) std::abort();
  const Error error = tasks::ErrorFromJson(text);
  if (tasks::ErrorFromJson(tasks::ErrorToJson(error)) != error) std::abort();
  return 0;
}
