// Texts as requests carry them, and how large answers are written.
//
// Threads: any loop of the house.
#pragma once

#include <string>
#include <vector>

#include "api/door.h"

namespace hostler::api::vectors {

// "a text" or ["several", "texts"]. Token ids, which OpenAI takes too, are kUnsupported: every model has its own.
[[nodiscard]] Result<std::vector<std::string>> TextsOf(const json::Any& value, const std::string& field);

// "prompt" counts everything: no model here writes anything back.
struct Usage {
  int prompt_tokens = 0;
  int total_tokens = 0;
};
BOOST_DESCRIBE_STRUCT(Usage, (), (prompt_tokens, total_tokens))

// Sends what `write` makes: here and now if it is short, else on a pool, so that nobody else's request waits for it.
template <class Write>
[[nodiscard]] Task<Result<>> SendWritten(app::House& house, http::Exchange& exchange, std::size_t numbers, Write write) {
  constexpr std::size_t kShort = 10'000;  // numbers: less than a millisecond
  std::string text = numbers <= kShort ? write() : co_await house.media_pool.Run(std::move(write));
  co_await exchange.Send(http::JsonResponse(std::move(text)));
  co_return Result<>{};
}

}  // namespace hostler::api::vectors
