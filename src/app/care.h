// Keeping the cache sound: hashing models again, and the doctor.
//
// Threads: any loop of the house; RunVerify on the tasks' loop.
#pragma once

#include <string>
#include <vector>

#include "app/orders.h"
#include "store/doctor.h"

namespace hostler::app {

struct VerifyRequest {
  std::string id;
  std::string revision;  // empty: the catalogue's, else main
  bool unmanaged = false;
  bool repair = false;
};
// A task that hashes every file. It fails as `corrupt` and names the files; with `repair` these are fetched again instead.
[[nodiscard]] Task<Result<Begun>> StartVerify(House& house, VerifyRequest request);
[[nodiscard]] Task<Result<tasks::Ending>> RunVerify(House& house, tasks::Handle& handle);

[[nodiscard]] Task<Result<std::vector<store::Finding>>> Examine(House& house);

struct Mended {
  store::Finding finding;
  std::string error;  // empty: done
};
// Mends what Examine() finds at these paths (empty: everything that can be mended).
[[nodiscard]] Task<Result<std::vector<Mended>>> Mend(House& house, std::vector<std::string> paths);

}  // namespace hostler::app
