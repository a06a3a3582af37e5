// Time to the first audio of a cloned voice: libmtmd called directly, and through a running hostler, in turns. Started by
// first_audio_llama.py with a tiny model, so that what hostler adds can be seen.
#include <ggml-backend.h>
#include <mtmd-helper.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "bench/first_byte.h"

namespace {

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
    const std::int64_t begin = bench::NowNs();
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
    const double first = bench::MillisecondsSince(begin);
    mtmd_bitmap_free(voice);
    return first;
  }

 private:
  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  mtmd_context* mtmd_ = nullptr;
  std::vector<float> voice_;
};

}  // namespace

// HOST PORT FOLDER BACKEND BODY: where hostler listens, the model's files, ggml's backend, the JSON of the request.
int main(int argc, char** argv) {
  if (argc != 6) return 2;
  Library library(argv[3], argv[4]);
  std::ifstream file(argv[5]);
  const std::string body{std::istreambuf_iterator<char>(file), {}};
  return bench::Compare({"first audio of a cloned voice (libmtmd)", argv[1], argv[2], "/generate/clone", body,
                         [&] { return library.FirstAudio(); }});
}
