// Time to the first audio of a cloned voice: libmtmd called directly, and through a running hostler, in turns. Started by
// first_audio_llama.py with a tiny model, so that what hostler adds can be seen.
#include <arpa/inet.h>
#include <ggml-backend.h>
#include <mtmd-helper.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRounds = 60;

double Milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// The model as the engine loads it: one thread, the same settings.
class Library {
 public:
  Library(const char* folder, const char* backend) {
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    mtmd_helper_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    ggml_backend_load(backend);
    const std::string files = folder;
    model_ = llama_model_load_from_file((files + "/model.gguf").c_str(), llama_model_default_params());
    llama_context_params context = llama_context_default_params();
    context.n_ctx = 2048;
    context.n_batch = context.n_ubatch = 512;
    context.n_threads = context.n_threads_batch = 1;
    context.embeddings = true;
    context_ = llama_init_from_model(model_, context);
    mtmd_context_params mtmd = mtmd_context_params_default();
    mtmd.use_gpu = mtmd.warmup = false;
    mtmd.n_threads = 1;
    mtmd_ = mtmd_init_from_file((files + "/mmproj.gguf").c_str(), model_, mtmd);
    for (int i = 0; i < 24'000; ++i) voice_.push_back(0.3F * static_cast<float>(std::sin(i * 0.03)));
  }

  double FirstAudio() {
    const auto begin = Clock::now();
    llama_memory_clear(llama_get_memory(context_), true);
    mtmd_bitmap* voice = mtmd_bitmap_init_from_audio(voice_.size(), voice_.data());
    mtmd_helper::gen_audio speech(context_, mtmd_);
    mtmd_helper_gen_audio_inp in{};
    const std::string text = "hello world";
    in.prompt = text.data();
    in.prompt_len = text.size();
    in.speaker_ref = voice;
    in.seed = 7;
    in.out_type = MTMD_HELPER_GEN_AUDIO_OUTTYPE_PCM;
    if (speech.set_input(&in) != 0) std::exit(1);
    while (speech.step_prompt(512) > 0) {
    }
    const float* next = nullptr;
    bool done = false;
    const char* data = nullptr;
    std::size_t bytes = 0;
    int rate = 0;
    if (speech.step_gen(LLAMA_TOKEN_NULL, llama_get_embeddings_ith(context_, -1), &next, &done) != 0) std::exit(1);
    if (speech.get_output(&rate, &data, &bytes) != 0 || bytes == 0) std::exit(1);
    const double first = Milliseconds(Clock::now() - begin);
    mtmd_bitmap_free(voice);
    return first;
  }

 private:
  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  mtmd_context* mtmd_ = nullptr;
  std::vector<float> voice_;
};

// From sending the request to the first byte behind the answer's head; the rest is read away.
double Through(int socket, const std::string& request) {
  const auto begin = Clock::now();
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t count = ::send(socket, request.data() + sent, request.size() - sent, 0);
    if (count < 0) std::exit(1);
    sent += static_cast<std::size_t>(count);
  }
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

// HOST PORT FOLDER BACKEND BODY: where hostler listens, the model's files, ggml's backend, the JSON of the request.
int main(int argc, char** argv) {
  if (argc != 6) return 2;
  Library library(argv[3], argv[4]);
  std::ifstream file(argv[5]);
  const std::string body{std::istreambuf_iterator<char>(file), {}};
  const std::string request =
      "POST /generate/clone HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;

  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
  ::inet_pton(AF_INET, argv[1], &address.sin_addr);
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 1;

  std::vector<double> direct, through;
  for (int round = 0; round < kRounds; ++round) {
    direct.push_back(library.FirstAudio());
    through.push_back(Through(socket, request));
  }
  const double a = Median(direct), b = Median(through);
  std::printf(
      "first audio of a cloned voice, libmtmd: %.2f ms; through hostler: %.2f ms; added %.2f ms (medians of %d in turns)\n", a, b,
      b - a, kRounds);
  ::close(socket);
}
