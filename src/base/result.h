// Errors as values. A function that can fail returns Result<T>; the error says what was wrong, where, and what to do.
//
// Owner: whoever holds it; these are plain values. Threads: any.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace hostler {

// What kind of failure. `api` maps each to one HTTP status and one default wire name (see api/errors.cc).
enum class Code {
  kInvalid,      // the caller's input is wrong; trying again without a change is useless
  kNotFound,     // no such model, voice, route, file
  kConflict,     // the thing is in a state that forbids this
  kTooLarge,     // over a limit
  kUnsupported,  // understood, but this model or build cannot do it
  kForbidden,    // not allowed from here
  kUnavailable,  // cannot be done now (no room, engine down, shutting down)
  kBusy,         // a bounded queue is full
  kTimeout,      // a deadline passed
  kCancelled,    // whoever asked is gone, or stopped it
  kUpstream,     // an engine or a remote service failed or answered nonsense
  kInternal,     // our own fault
};

struct Error {
  Code code = Code::kInternal;
  std::string message;  // one sentence: what was wrong
  std::string remedy;   // one sentence: what to do about it; shown to people
  std::string field;    // path of the offending field, e.g. `files[1].size`, or empty
  std::string name;     // wire name if it differs from the code's own, e.g. `provider_missing`

  Error&& Remedy(std::string text) && {
    remedy = std::move(text);
    return std::move(*this);
  }
  Error&& At(std::string path) && {
    field = std::move(path);
    return std::move(*this);
  }
  Error&& Named(std::string wire_name) && {
    name = std::move(wire_name);
    return std::move(*this);
  }

  // "voice: unknown voice \"bob\". Remedy text." for logs and the command line.
  [[nodiscard]] std::string Text() const;

  friend bool operator==(const Error&, const Error&) = default;
};

// `bad_request`, `not_found` … : the wire name of a code.
[[nodiscard]] std::string_view CodeName(Code code);

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> Fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}
inline std::unexpected<Error> Fail(Code code, std::string message, std::string remedy = {}) {
  return std::unexpected<Error>(Error{code, std::move(message), std::move(remedy), {}, {}});
}

}  // namespace hostler

#define HOSTLER_CONCAT_(a, b) a##b
#define HOSTLER_CONCAT(a, b) HOSTLER_CONCAT_(a, b)

// HOSTLER_TRY(auto value, Call());  binds the value or returns the error.  HOSTLER_OK(Call()); passes only the error on.
// The CO_ forms are for coroutines; `Call()` may then be `co_await Call()`.
#define HOSTLER_TRY_IMPL_(leave, tmp, lhs, ...)                                \
  auto tmp = (__VA_ARGS__);                                                    \
  if (!tmp) leave ::std::unexpected<::hostler::Error>(std::move(tmp).error()); \
  lhs = std::move(*tmp)
#define HOSTLER_TRY(lhs, ...) HOSTLER_TRY_IMPL_(return, HOSTLER_CONCAT(try_, __LINE__), lhs, __VA_ARGS__)
#define HOSTLER_CO_TRY(lhs, ...) HOSTLER_TRY_IMPL_(co_return, HOSTLER_CONCAT(try_, __LINE__), lhs, __VA_ARGS__)
#define HOSTLER_OK(...) \
  if (auto ok_ = (__VA_ARGS__); !ok_) return ::std::unexpected<::hostler::Error>(std::move(ok_).error())
#define HOSTLER_CO_OK(...) \
  if (auto ok_ = (__VA_ARGS__); !ok_) co_return ::std::unexpected<::hostler::Error>(std::move(ok_).error())
