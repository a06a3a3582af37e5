// hostler-llama-fit: takes the arguments of llama-server and prints, as one line of JSON, the memory in bytes that it would take
// on each device: weights, context (the KV cache) and compute buffers. Reads the file's header only. Exit 1 with the reason on
// standard error for a file that cannot be read.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include "arg.h"
#include "common.h"
#include "fit.h"
#include "ggml-backend.h"
#include "llama.h"
#include "log.h"
#include "speculative.h"

namespace {

// As llama_server() prepares its parameters.
void Prepare(common_params& params) {
  if (params.embedding && params.n_batch > params.n_ubatch) params.n_batch = params.n_ubatch;
  if (params.n_parallel < 0) {
    params.n_parallel = 4;
    params.kv_unified = true;
  }
  const bool pooled = params.pooling_type != LLAMA_POOLING_TYPE_UNSPECIFIED && params.pooling_type != LLAMA_POOLING_TYPE_NONE;
  if (params.embedding || pooled) {
    params.n_outputs_max = params.n_batch;
    params.n_outputs_max_per_seq = 1;
  } else {
    const auto limits =
        common_speculative_get_output_limits(params.n_batch, params.n_parallel, common_speculative_n_max(&params.speculative));
    params.n_outputs_max = std::max<int32_t>(1, limits.total);
    params.n_outputs_max_per_seq = std::max<int32_t>(1, limits.per_seq);
  }
}

void Print(common_params& params) {
  auto model = common_model_params_to_llama(params);
  auto context = common_context_params_to_llama(params);
  std::vector<ggml_backend_dev_t> devices;
  uint32_t layers = 0;
  uint32_t trained = 0;
  uint32_t experts = 0;
  const auto memory = common_get_device_memory_data(params.model.path.c_str(), &model, &context, devices, layers, trained,
                                                    experts, GGML_LOG_LEVEL_ERROR);
  common_log_flush(common_log_main());
  std::printf("{\"n_layer\":%u,\"n_ctx_train\":%u,\"n_expert\":%u,\"devices\":[", layers, trained, experts);
  for (std::size_t i = 0; i < memory.size(); ++i) {
    std::printf(R"(%s{"name":"%s","model":%zu,"context":%zu,"compute":%zu,"free":%lld,"total":%lld})", i > 0 ? "," : "",
                i < devices.size() ? ggml_backend_dev_name(devices[i]) : "Host", memory[i].model, memory[i].context,
                memory[i].compute, static_cast<long long>(memory[i].free), static_cast<long long>(memory[i].total));
  }
  std::puts("]}");
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* library = std::getenv("HOSTLER_GGML_CPU"); library != nullptr && *library != '\0') ggml_backend_load(library);
  common_init();
  common_params params;
  if (!common_params_parse(argc, argv, params, LLAMA_EXAMPLE_SERVER)) return 2;
  llama_backend_init();
  Prepare(params);
  try {
    Print(params);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
