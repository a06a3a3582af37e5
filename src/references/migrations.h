// The references' table, for Database::Open().
//
// Constant; any thread.
#pragma once

#include "db/db.h"

namespace hostler::references {
extern const db::Chapter kMigrations;
}  // namespace hostler::references
