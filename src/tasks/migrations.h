// The tasks' tables, for Database::Open().
//
// Constant; any thread.
#pragma once

#include "db/db.h"

namespace hostler::tasks {
extern const db::Chapter kMigrations;
}  // namespace hostler::tasks
