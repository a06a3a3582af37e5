// Engines that speak hostler's own protocol (wire/wire.h): they are handed a listening socket, greeted, told to load, and keep a
// log that is followed.
//
// As every adapter.
#pragma once

#include "engines/adapter.h"

namespace hostler::engines {

class ProtocolAdapter final : public Adapter {
 public:
  [[nodiscard]] Result<Launch> Plan(const Order& order) const override;
  [[nodiscard]] Task<Result<>> Load(Loading loading) const override;
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

 private:
  [[nodiscard]] static Task<Result<>> Greet(const Loading& loading);
  [[nodiscard]] static Task<Result<>> LoadModel(const Loading& loading);
  [[nodiscard]] static Task<Result<>> AskAbilities(const Loading& loading);
  static Task<> FollowLog(std::shared_ptr<Running> running);
};

}  // namespace hostler::engines
