#include "engines/adapter.h"

#include "engines/llama_adapter.h"
#include "engines/protocol_adapter.h"

namespace hostler::engines {

void Adapter::OnErrorLine(Running&, std::string_view) const {}

std::optional<Error> Adapter::Refusal(const Running&) const {
  return std::nullopt;
}

const Adapter& AdapterOf(const model::Entry& entry) {
  static const LlamaAdapter llama;
  static const ProtocolAdapter protocol;
  if (std::filesystem::path(entry.engine).filename() == kLlamaServer) return llama;
  return protocol;
}

}  // namespace hostler::engines
