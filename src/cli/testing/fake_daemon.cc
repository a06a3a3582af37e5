#include "cli/testing/fake_daemon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/text.h"

namespace hostler::cli {

World::World() : folder(std::filesystem::temp_directory_path() / ("hostler-cli-" + RandomHex(12))) {
  std::filesystem::create_directories(folder / "state");
  surroundings.environment = {{"HOME", folder.string()},
                              {"HOSTLER_HOME", (folder / "state").string()},
                              {"HOSTLER_SERVER", daemon.url()},
                              {"PATH", "/usr/bin:/bin"}};
  surroundings.out = [this](std::string_view text) { out += text; };
  surroundings.err = [this](std::string_view text) { err += text; };
  surroundings.read_input = [] { return std::string("from standard input"); };
}

World::~World() {
  std::filesystem::remove_all(folder);
}

int World::Run(std::vector<std::string> arguments) {
  out.clear();
  err.clear();
  return RunIn(surroundings, std::move(arguments), serve);
}

void World::OnTerminal(int width) {
  surroundings.out_is_terminal = true;
  surroundings.err_is_terminal = true;
  surroundings.width = width;
}

void World::WriteDaemonFile(const std::string& url) const {
  std::filesystem::create_directories(folder / "state/run");
  Write("state/run/daemon.json", R"({"url":")" + url + R"(","pid":)" + std::to_string(::getpid()) + "}");
}

std::string World::Read(const std::string& name) const {
  std::ifstream in(Path(name), std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void World::Write(const std::string& name, std::string_view content) const {
  std::ofstream(Path(name), std::ios::binary) << content;
}

std::string DeadUrl() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) != 0) std::abort();
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(fd);
  return "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

std::string SomeWav(int sample_rate, std::size_t frames, bool streamed) {
  const auto number = [](std::uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFFU);
    return out;
  };
  const std::uint64_t size = streamed ? 0xFFFFFFFF : frames * 2;
  const auto rate = static_cast<std::uint64_t>(sample_rate);
  return "RIFF" + number(streamed ? 0xFFFFFFFF : 36 + frames * 2, 4) + "WAVEfmt " + number(16, 4) + number(1, 2) + number(1, 2) +
         number(rate, 4) + number(rate * 2, 4) + number(2, 2) + number(16, 2) + "data" + number(size, 4) +
         std::string(frames * 2, 'x');
}

}  // namespace hostler::cli
