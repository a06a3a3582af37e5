// The parts of a record that stores keep as JSON. What cannot be read any more becomes a warning, never a lost task.
//
// Pure functions; any thread. Internal to this room.
#pragma once

#include <string>
#include <string_view>

#include "tasks/record.h"

namespace hostler::tasks {

[[nodiscard]] std::string ErrorToJson(const Error& error);
[[nodiscard]] Error ErrorFromJson(std::string_view text);
[[nodiscard]] Progress ProgressFromJson(std::string_view text);

}  // namespace hostler::tasks
