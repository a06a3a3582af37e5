#include "engine_sdk/options.h"

#include <charconv>
#include <functional>

#include "base/text.h"

namespace hostler::engine_sdk {
namespace {

Result<int> Number(std::string_view what, std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
    return Fail(Code::kInvalid, fmt::format("{}: \"{}\" is not a number from {} to {}", what, text, least, most));
  }
  return value;
}

using Setter = std::function<Result<>(Options&, std::string_view)>;
struct Flag {
  std::string name;
  Setter set;
};

const std::vector<Flag>& Flags() {
  static const std::vector<Flag> flags = {
      {"--listen-fd",
       [](Options& o, std::string_view v) -> Result<> {
         HOSTLER_TRY(o.listen_fd, Number("--listen-fd", v, 0, 1 << 20));
         return {};
       }},
      {"--socket", [](Options& o, std::string_view v) -> Result<> { return o.socket = v, Result<>{}; }},
      {"--host", [](Options& o, std::string_view v) -> Result<> { return o.host = v, Result<>{}; }},
      {"--port",
       [](Options& o, std::string_view v) -> Result<> {
         HOSTLER_TRY(const int port, Number("--port", v, 0, 65535));
         o.port = static_cast<std::uint16_t>(port);
         return {};
       }},
      {"--base", [](Options& o, std::string_view v) -> Result<> { return o.base = std::filesystem::path(v), Result<>{}; }},
      {"--log-level",
       [](Options& o, std::string_view v) -> Result<> {
         HOSTLER_TRY(o.log_level, log::ParseLevel(v));
         return {};
       }},
      {"--threads",
       [](Options& o, std::string_view v) -> Result<> {
         HOSTLER_TRY(o.threads, Number("--threads", v, 1, 4096));
         return {};
       }},
  };
  return flags;
}

Error UnknownFlag(std::string_view name) {
  std::vector<std::string> names = {"--help", "--version"};
  for (const Flag& flag : Flags()) names.push_back(flag.name);
  const std::string near = Nearest(name, names);
  return Error{Code::kInvalid, fmt::format("unknown option \"{}\"", name),
               near.empty() ? std::string("--help lists the options.") : fmt::format("Did you mean {}?", near)};
}

Result<> ApplyEnvironment(Options& options, const char* port, const char* level) {
  if (port != nullptr && *port != '\0') {
    HOSTLER_TRY(const int number, Number("PORT", port, 0, 65535));
    options.port = static_cast<std::uint16_t>(number);
  }
  if (level != nullptr && *level != '\0') {
    HOSTLER_TRY(options.log_level, log::ParseLevel(level));
  }
  return {};
}

}  // namespace

Result<Options> ParseOptions(const std::vector<std::string>& arguments, const char* environment_port,
                             const char* environment_level) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view name = arguments[i];
    if (name == "--help" || name == "-h") options.help = true;
    if (name == "--version") options.version = true;
    if (options.help || options.version) return options;
  }
  HOSTLER_OK(ApplyEnvironment(options, environment_port, environment_level));
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view name = arguments[i];
    std::optional<std::string_view> value;
    if (const auto equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    const auto flag = std::find_if(Flags().begin(), Flags().end(), [&](const Flag& f) { return f.name == name; });
    if (flag == Flags().end()) return Fail(UnknownFlag(name));
    if (!value) {
      if (++i == arguments.size()) return Fail(Code::kInvalid, fmt::format("{} needs a value", name));
      value = arguments[i];
    }
    HOSTLER_OK(flag->set(options, *value));
  }
  if (options.listen_fd && !options.socket.empty()) {
    return Fail(Code::kInvalid, "--listen-fd and --socket exclude each other", "Give one of them.");
  }
  return options;
}

std::string Usage(std::string_view program) {
  return fmt::format(
      "Usage: {} [options]\n"
      "Serves models over HTTP (hostler's engine protocol, version {}).\n\n"
      "  --host HOST        address to listen on (127.0.0.1)\n"
      "  --port PORT        port to listen on ($PORT or 8766; 0 takes a free one)\n"
      "  --socket PATH      listen on a Unix socket instead\n"
      "  --listen-fd N      serve a listening socket that was handed over\n"
      "  --base DIR         folder of models/, external_models/ and samples/ (/app if the program lies there, else the program's "
      "folder)\n"
      "  --log-level LEVEL  DEBUG, INFO, WARNING, ERROR or CRITICAL ($LOG_LEVEL or INFO)\n"
      "  --threads N        threads of the native library (physical cores)\n"
      "  --help, --version\n",
      program, 1);
}

}  // namespace hostler::engine_sdk
