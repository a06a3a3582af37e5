// Sound as files: which format a name asks for, WAV headers of streams made whole, and programs that play.
//
// Internal to this room. Play and FindPlayer on the main thread; the rest is pure.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/context.h"
#include "cli/session.h"

namespace hostler::cli {

// "speech.mp3" -> "mp3"; empty if the ending says nothing.
[[nodiscard]] std::string FormatOfName(const std::filesystem::path& name);
[[nodiscard]] const std::vector<std::string>& AudioFormats();

// A WAV that was streamed has no sizes in its header; this puts the right ones in. Anything else stays as it is.
void MakeWavWhole(std::string& wav);
// Length of the sound, for formats that tell without decoding: WAV, and pcm (24 kHz mono s16le).
[[nodiscard]] std::optional<double> SecondsOf(std::string_view bytes, std::string_view format);

// A file to send. kNotFound if it is not there; the server's own limit of size is lower than ours, and says so.
[[nodiscard]] Result<std::string> ReadSound(const std::string& file);

// A program that plays a file, with its arguments before the file's name.
struct Player {
  std::filesystem::path program;
  std::vector<std::string> arguments;
};
[[nodiscard]] std::optional<Player> FindPlayer(const Context& context);
// Plays a WAV to its end, or until Ctrl-C.
[[nodiscard]] Result<> Play(const Player& player, const Context& context, Session& session, std::string_view wav);

}  // namespace hostler::cli
