// Every model there is, with both of its states: in memory and on disk.
//
// Threads: any loop of the house.
#pragma once

#include <vector>

#include "app/house.h"

namespace hostler::app {

enum class Of { kServable, kAll };  // what engines that are here can run; or the catalogue's others as provider_missing, too

// The life cycle's list, with the state on disk as it is now. The disk is looked at only if one of the models has files there.
[[nodiscard]] Task<std::vector<lifecycle::Status>> Roster(House& house, Of of);
[[nodiscard]] Task<Result<lifecycle::Status>> OnRoster(House& house, model::ModelId id);

// What an entry of the catalogue is to the life cycle.
[[nodiscard]] model::Entry EntryOf(const catalog::Entry& entry);

}  // namespace hostler::app
