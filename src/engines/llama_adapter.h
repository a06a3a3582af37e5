// llama-server of llama.cpp: chat, completions, embeddings and reranking of GGUF models. It loads its model when it starts, makes
// its own Unix socket, and speaks to whoever started it as its own router would: states on standard output, an order to end on
// standard input. Its log is on standard error.
//
// As every adapter.
#pragma once

#include "engines/adapter.h"

namespace hostler::engines {

inline constexpr std::string_view kLlamaServer = "llama-server";

class LlamaAdapter final : public Adapter {
 public:
  [[nodiscard]] Result<Launch> Plan(const Order& order) const override;
  [[nodiscard]] Task<Result<>> Load(Loading loading) const override;
  void OnErrorLine(Running& running, std::string_view line) const override;
  [[nodiscard]] std::optional<Error> Refusal(const Running& running) const override;
  [[nodiscard]] Task<Result<>> AskHealth(http::Client& client, http::Endpoint endpoint, Clock::duration deadline) const override;
  void AskToStop(Running& running) const override;
  [[nodiscard]] bool IsWork(http::Method method, std::string_view path) const override;
  [[nodiscard]] Task<Result<wire::EmbedReply>> Embed(http::Client& client, const Handle& handle,
                                                     wire::EmbedRequest request) const override;
  [[nodiscard]] Task<Result<wire::RerankReply>> Rerank(http::Client& client, const Handle& handle,
                                                       wire::RerankRequest request) const override;
  [[nodiscard]] Task<Result<wire::SparseReply>> Sparse(http::Client& client, const Handle& handle,
                                                       wire::SparseRequest request) const override;
  [[nodiscard]] Task<Result<>> Converse(http::Client& client, const Handle& handle, http::Exchange& exchange, std::string route,
                                        std::string body) const override;
};

}  // namespace hostler::engines
