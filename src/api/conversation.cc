#include "api/conversation.h"

namespace hostler::api {
namespace {

constexpr std::size_t kLong = 1 << 20;  // bytes of JSON, usually of pictures, that take a loop too long to read

Task<Result<app::Conversation>> Read(app::House& house, std::shared_ptr<const std::string> body, app::Shape shape) {
  auto read = [body, shape]() -> Result<app::Conversation> {
    HOSTLER_TRY(const json::Any request, json::ParseDom(*body));
    return app::ReadConversation(request, shape);
  };
  co_return body->size() > kLong ? co_await house.media_pool.Run(read) : read();
}

}  // namespace

Task<Result<>> Converse(app::House& house, http::Exchange& exchange, Passage passage) {
  const auto limit = static_cast<std::uint64_t>(house.config.max_upload_mb) << 20;
  HOSTLER_CO_TRY(std::string text, co_await ReadJsonText(exchange, limit));
  auto body = std::make_shared<std::string>(std::move(text));
  HOSTLER_CO_TRY(app::Conversation conversation, co_await Read(house, body, passage.shape));
  HOSTLER_CO_TRY(const lifecycle::Lease lease,
                 co_await (passage.tokens_only ? app::LeaseForTokens(house, std::move(conversation))
                                               : app::LeaseForConversation(house, std::move(conversation))));
  co_return co_await house.switchboard.Converse(lease.handle(), exchange, std::move(passage.route), std::move(*body));
}

}  // namespace hostler::api
