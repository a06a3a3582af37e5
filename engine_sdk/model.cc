#include <algorithm>

#include "engine_sdk/engine.h"

namespace hostler::engine_sdk {
namespace {

std::unexpected<Error> Cannot(std::string_view what) {
  return Fail(Code::kUnsupported, fmt::format("this model cannot {}", what), "GET /capabilities says what it can do.");
}

}  // namespace

Result<> Model::Control(const wire::ControlRequest&, AudioSink&, std::stop_token) {
  return Cannot("speak");
}
Result<> Model::Clone(const wire::CloneRequest&, const Recording&, AudioSink&, std::stop_token) {
  return Cannot("clone a voice");
}
Result<> Model::Design(const wire::DesignRequest&, AudioSink&, std::stop_token) {
  return Cannot("design a voice");
}

Result<wire::Transcript> Model::Transcribe(const wire::TranscribeRequest&, const Recording&,
                                           const std::function<void(const wire::Segment&)>&, std::stop_token) {
  return Cannot("transcribe");
}
Result<wire::DiarizeReply> Model::Diarize(const wire::DiarizeRequest&, const Recording&, std::stop_token) {
  return Cannot("tell speakers apart");
}

std::vector<Result<wire::EmbedReply>> Model::Embed(std::span<const Asked<wire::EmbedRequest>> asked) {
  return {asked.size(), Cannot("make vectors")};
}
std::vector<Result<wire::RerankReply>> Model::Rerank(std::span<const Asked<wire::RerankRequest>> asked) {
  return {asked.size(), Cannot("rank documents")};
}
std::vector<Result<wire::SparseReply>> Model::Sparse(std::span<const Asked<wire::SparseRequest>> asked) {
  return {asked.size(), Cannot("make sparse vectors")};
}

bool Engine::NeedsFiles(const std::string& model_id) const {
  const auto built_in = BuiltInModels();
  return std::find(built_in.begin(), built_in.end(), model_id) == built_in.end();
}

}  // namespace hostler::engine_sdk
