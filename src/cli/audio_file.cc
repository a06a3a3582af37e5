#include "cli/audio_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <map>

#include <fmt/format.h>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "base/text.h"
#include "cli/exit_code.h"
#include "os/descriptor.h"
#include "os/files.h"
#include "os/process.h"

namespace hostler::cli {
namespace {

std::uint32_t Little32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

void PutLittle32(std::string& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>((value >> (8 * i)) & 0xFFU);
}

struct WavShape {
  std::size_t data_at = 0;  // of the first sample
  std::uint32_t bytes_per_second = 0;
};

// Walks the chunks of RIFF/WAVE (Microsoft, "Multimedia Programming Interface", 1991).
std::optional<WavShape> ShapeOf(std::string_view wav) {
  if (wav.size() < 12 || !wav.starts_with("RIFF") || wav.substr(8, 4) != "WAVE") return std::nullopt;
  WavShape shape;
  std::uint64_t at = 12;
  while (at + 8 <= wav.size()) {
    const std::string_view name = wav.substr(at, 4);
    const std::uint64_t size = Little32(wav, at + 4);
    if (name == "fmt " && at + 24 <= wav.size()) shape.bytes_per_second = Little32(wav, at + 16);
    if (name == "data") {
      shape.data_at = at + 8;
      return shape;
    }
    at += 8 + size + (size & 1U);
  }
  return std::nullopt;
}

// Waits until a child has ended. The descriptor stays the child's.
Task<Result<bool>> Ended(int pidfd) {
  boost::asio::posix::basic_stream_descriptor<Executor> watch(co_await boost::asio::this_coro::executor,
                                                              ::fcntl(pidfd, F_DUPFD_CLOEXEC, 0));
  co_await watch.async_wait(boost::asio::posix::descriptor_base::wait_read, kAsTuple);
  co_return true;
}

}  // namespace

const std::vector<std::string>& AudioFormats() {
  static const std::vector<std::string> formats = {"mp3", "opus", "aac", "flac", "wav", "pcm", "m4a"};
  return formats;
}

std::string FormatOfName(const std::filesystem::path& name) {
  static const std::map<std::string, std::string> endings = {
      {".mp3", "mp3"}, {".opus", "opus"}, {".ogg", "opus"}, {".aac", "aac"}, {".flac", "flac"},
      {".wav", "wav"}, {".pcm", "pcm"},   {".raw", "pcm"},  {".m4a", "m4a"}, {".mp4", "m4a"}};
  const auto found = endings.find(Lower(name.extension().string()));
  return found == endings.end() ? "" : found->second;
}

void MakeWavWhole(std::string& wav) {
  const auto shape = ShapeOf(wav);
  if (!shape || wav.size() > UINT32_MAX) return;
  const std::uint32_t claimed = Little32(wav, shape->data_at - 4);
  const auto there = static_cast<std::uint32_t>(wav.size() - shape->data_at);
  if (claimed <= there && claimed != 0) return;  // a real size, perhaps with further chunks behind
  PutLittle32(wav, shape->data_at - 4, there);
  PutLittle32(wav, 4, static_cast<std::uint32_t>(wav.size() - 8));
}

std::optional<double> SecondsOf(std::string_view bytes, std::string_view format) {
  if (format == "pcm") return static_cast<double>(bytes.size()) / (24000 * 2);
  if (format != "wav") return std::nullopt;
  const auto shape = ShapeOf(bytes);
  if (!shape || shape->bytes_per_second == 0) return std::nullopt;
  const std::size_t there = bytes.size() - shape->data_at;
  return static_cast<double>(std::min<std::size_t>(there, Little32(bytes, shape->data_at - 4))) / shape->bytes_per_second;
}

std::optional<Player> FindPlayer(const Context& context) {
  const std::vector<Player> known = {
      {"pw-play", {}}, {"paplay", {}}, {"aplay", {"-q"}}, {"ffplay", {"-nodisp", "-autoexit", "-loglevel", "error"}}};
  const std::string path = context.Variable("PATH");
  for (const Player& player : known) {
    for (const std::string_view folder : Split(path, ':')) {
      if (folder.empty()) continue;
      const std::filesystem::path program = std::filesystem::path(folder) / player.program;
      if (::access(program.c_str(), X_OK) == 0) return Player{program, player.arguments};
    }
  }
  return std::nullopt;
}

Result<> Play(const Player& player, const Context& context, Session& session, std::string_view wav) {
  // In memory and as standard input: nothing to clean up, and players that seek can.
  const os::Descriptor sound(::memfd_create("hostler-speech", MFD_CLOEXEC));
  for (std::string_view left = wav; !left.empty();) {
    const ssize_t written = ::write(sound.get(), left.data(), left.size());
    if (written <= 0) return Fail(Code::kInternal, "no memory for the sound to be played", "Write it into a file with -o.");
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  ::lseek(sound.get(), 0, SEEK_SET);
  os::SpawnOptions options;
  options.program = player.program;
  options.arguments = player.arguments;
  options.arguments.emplace_back("/proc/self/fd/0");
  for (const auto& [name, value] : context.surroundings().environment) options.environment.push_back(name + "=" + value);
  options.descriptors = {{sound.get(), 0}, {STDERR_FILENO, 1}, {STDERR_FILENO, 2}};
  HOSTLER_TRY(os::Child child, os::Spawn(options));
  HOSTLER_OK(session.Wait(Ended(child.pidfd())));
  const auto exit = child.TryReap();
  if (exit && (exit->signalled || exit->status != 0)) {
    return Fail(Code::kUpstream, fmt::format("{} could not play: {}", player.program.string(), exit->Text()),
                "Write the sound into a file with -o.");
  }
  return {};
}

Result<std::string> ReadSound(const std::string& file) {
  constexpr std::uint64_t kLimit = std::uint64_t{4} << 30;  // bytes
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return Fail(Code::kNotFound, file + ": there is no such file", "Look at the name.");
  if (!std::filesystem::is_regular_file(file, error)) return UsageError(file + ": is no file", "Give a sound file.");
  return os::ReadFile(file, kLimit);
}

}  // namespace hostler::cli
