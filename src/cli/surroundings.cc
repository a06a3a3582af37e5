#include "cli/surroundings.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace hostler::cli {
namespace {

constexpr std::size_t kInputLimit = 16 << 20;  // bytes of text on standard input

void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) std::_Exit(1);  // nobody can be told any more: the disk is full or the reader is gone
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

Result<std::string> ReadInput() {
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(Code::kInvalid, "standard input cannot be read", "Pipe the text into hostler.");
    if (got == 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > kInputLimit)
      return Fail(Code::kTooLarge, "more than 16 MB of text on standard input", "Send less at a time.");
  }
}

// One byte at a time: what comes behind the line is not ours.
Result<std::string> ReadLine() {
  constexpr std::size_t kLongest = 1000;
  std::string line;
  char byte = 0;
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && errno == EINTR) return Fail(Code::kCancelled, "interrupted");
    if (got <= 0 || byte == '\n' || line.size() == kLongest) return line;
    line += byte;
  }
}

Result<std::optional<std::string>> ReadMessage() {
  std::string line;
  char byte = 0;
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
    if (got < 0 && errno == EINTR) return Fail(Code::kCancelled, "interrupted");
    if (got <= 0) return line.empty() ? std::nullopt : std::optional(std::move(line));
    if (byte == '\n') return line;
    if (line.size() == kInputLimit) return Fail(Code::kTooLarge, "the line is longer than 16 MB", "Send less at a time.");
    line += byte;
  }
}

int TerminalWidth() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

Surroundings RealSurroundings() {
  Surroundings real;
  real.environment = config::ProcessEnvironment();
  real.out = [](std::string_view text) { WriteAll(STDOUT_FILENO, text); };
  real.err = [](std::string_view text) { WriteAll(STDERR_FILENO, text); };
  real.read_input = ReadInput;
  real.read_line = ReadLine;
  real.read_message = ReadMessage;
  real.in_is_terminal = ::isatty(STDIN_FILENO) != 0;
  real.out_is_terminal = ::isatty(STDOUT_FILENO) != 0;
  real.err_is_terminal = ::isatty(STDERR_FILENO) != 0;
  real.width = TerminalWidth();
  std::error_code error;
  real.program = std::filesystem::read_symlink("/proc/self/exe", error);
  return real;
}

}  // namespace hostler::cli
