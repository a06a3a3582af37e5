#include "os/system_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace hostler::os {
namespace {

struct Advice {
  Code code;
  const char* remedy;
};

Advice AdviceFor(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return {Code::kNotFound, "Check that the path exists and is spelled right."};
    case EACCES:
    case EPERM: return {Code::kForbidden, "Give the user that runs hostler the rights to it."};
    case EROFS: return {Code::kForbidden, "The file system is read-only; mount it writable or choose another folder."};
    case ELOOP: return {Code::kForbidden, "Symbolic links lead in a circle or too far; mend the links."};
    case ENOSPC:
    case EDQUOT: return {Code::kUnavailable, "The disk is full; free some space."};
    case EMFILE:
    case ENFILE: return {Code::kUnavailable, "Too many files are open; raise the limit (ulimit -n)."};
    case ENOMEM:
    case EAGAIN:
      return {
          Code::kUnavailable,
          "The machine is short of memory, or its user of processes; free some, or raise the limit (ulimit -u), and try again."};
    case EEXIST:
    case EBUSY:
    case EADDRINUSE: return {Code::kConflict, "Something else uses it; remove it or choose another name."};
    case ENAMETOOLONG: return {Code::kInvalid, "Choose a shorter path."};
    case EISDIR: return {Code::kInvalid, "It is a folder; name a file."};
    default: return {Code::kInternal, "Look at the system's log for a failing disk or a missing kernel feature."};
  }
}

}  // namespace

std::string ErrnoText(int error) {
  const char* text = strerrordesc_np(error);
  return text != nullptr ? text : fmt::format("error {}", error);
}

Error SystemError(int error, std::string what) {
  const Advice advice = AdviceFor(error);
  return Error{advice.code, fmt::format("{}: {}", std::move(what), ErrnoText(error)), advice.remedy, {}, {}};
}

}  // namespace hostler::os
