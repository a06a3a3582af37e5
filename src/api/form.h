// Fields of a multipart form, checked before anybody believes them: of two models, or a model that came as a file, none may be
// picked in silence.
//
// Blocks where a part lies in a file: call it on a pool.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/multipart.h"

namespace hostler::api {

struct FormRules {
  std::vector<std::string> texts;  // each at most once, UTF-8 without NUL, up to 1 MB
  std::vector<std::string> files;  // each at most once
};

// Errors (422) at the field. `ignored`: the names of parts that no rule knows.
[[nodiscard]] Result<> CheckForm(const http::Form& form, const FormRules& rules, std::vector<std::string>* ignored);

// kInvalid (422) if there is something that is no finite number.
[[nodiscard]] Result<std::optional<double>> NumberIn(http::Form& form, const std::string& field);

}  // namespace hostler::api
