// Anthropic's dialect: messages and their length in tokens. Errors have Anthropic's form, with hostler's remedy beside it.
#pragma once

#include "api/door.h"

namespace hostler::api::anthropic {

void AddMessages(Door& door);

}  // namespace hostler::api::anthropic
