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

Result<wire::EmbedReply> Model::Embed(const wire::EmbedRequest&, std::stop_token) {
  return Cannot("make vectors");
}
Result<wire::RerankReply> Model::Rerank(const wire::RerankRequest&, std::stop_token) {
  return Cannot("rank documents");
}
Result<wire::SparseReply> Model::Sparse(const wire::SparseRequest&, std::stop_token) {
  return Cannot("make sparse vectors");
}

bool Engine::NeedsFiles(const std::string& model_id) const {
  const auto built_in = BuiltInModels();
  return std::find(built_in.begin(), built_in.end(), model_id) == built_in.end();
}

}  // namespace hostler::engine_sdk
