// Who owns a task, written so that another process on the same machine can see at once that the owner has died:
// "HOST/PID/START/NONCE". HOST names machine, boot and process-id namespace (a pid means nothing elsewhere); START tells a pid
// from the next process that gets it.
//
// Threads: any; IsDead reads /proc.
#pragma once

#include <string>

namespace hostler::tasks {

// This process; every call gives another nonce.
[[nodiscard]] std::string NewOwner();
// Known to be dead. False for what cannot be told from here: then only its lease tells.
[[nodiscard]] bool IsDead(const std::string& owner);

}  // namespace hostler::tasks
