// Time to the first audio: espeak-ng called directly, and through a running hostler, in turns. Started by first_audio.py.
#include <arpa/inet.h>
#include <espeak-ng/speak_lib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr const char* kText = "The quick brown fox jumps over the lazy dog.";
constexpr int kRounds = 300;

double Milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Clock::time_point first_callback;

int OnAudio(short* samples, int count, espeak_EVENT*) {
  if (samples != nullptr && count > 0 && first_callback == Clock::time_point()) first_callback = Clock::now();
  return 0;
}

double Direct() {
  first_callback = {};
  const auto begin = Clock::now();
  espeak_Synth(kText, std::strlen(kText) + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, nullptr, nullptr);
  return Milliseconds(first_callback - begin);
}

// From sending the request to the first byte behind the answer's head; the rest is read away.
double Through(int socket, const std::string& request) {
  const auto begin = Clock::now();
  if (::send(socket, request.data(), request.size(), 0) < 0) std::exit(1);
  std::string answer;
  double first = 0;
  char buffer[65536];
  while (!answer.ends_with("0\r\n\r\n")) {
    const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
    if (count <= 0) std::exit(1);
    answer.append(buffer, static_cast<std::size_t>(count));
    const std::size_t head = answer.find("\r\n\r\n");
    if (first == 0 && head != std::string::npos && answer.size() > head + 4) first = Milliseconds(Clock::now() - begin);
  }
  return first;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 20, nullptr, espeakINITIALIZE_DONT_EXIT);
  espeak_SetSynthCallback(OnAudio);
  espeak_SetVoiceByName("en-us");

  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  ::inet_pton(AF_INET, argv[1], &address.sin_addr);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 1;
  const std::string body = std::string(R"({"model":"espeak","voice":"en-us","response_format":"wav","input":")") + kText + "\"}";
  const std::string request =
      "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;

  std::vector<double> direct, through;
  for (int round = 0; round < kRounds; ++round) {
    direct.push_back(Direct());
    through.push_back(Through(socket, request));
  }
  const double a = Median(direct), b = Median(through);
  std::printf("first audio, library: %.2f ms; through hostler: %.2f ms; added %.2f ms, ratio %.2f (medians of %d in turns)\n", a,
              b, b - a, b / a, kRounds);
  ::close(socket);
}
