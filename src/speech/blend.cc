#include "speech/blend.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::speech {
namespace {

constexpr std::size_t kMostShares = 10;
constexpr double kLargestWeight = 1000;

std::unexpected<Error> Wrong(std::string message) {
  return Fail(
      Error{Code::kInvalid, std::move(message), "Write it like af_heart(0.7)+am_adam(0.3).", "voice", "validation_error"});
}

bool IsVoice(std::string_view text) {
  return !text.empty() && text.size() <= 100 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

Result<double> WeightIn(std::string_view text) {
  double weight = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (error != std::errc() || end != text.data() + text.size() || !(weight > 0 && weight <= kLargestWeight))
    return Wrong(fmt::format("the weight \"{}\" is no number above 0 and up to {}", Clip(text, 40), kLargestWeight));
  return weight;
}

Result<Share> ShareIn(std::string_view text) {
  Share share;
  const std::size_t open = text.find('(');
  const std::string_view voice = Trim(text.substr(0, open));
  if (!IsVoice(voice)) return Wrong(fmt::format("\"{}\" is no voice that can be blended", Clip(text, 100)));
  share.voice = voice;
  if (open == std::string_view::npos) return share;
  if (!text.ends_with(')')) return Wrong(fmt::format("\"{}\" has no closing bracket at its end", Clip(text, 100)));
  HOSTLER_TRY(share.weight, WeightIn(Trim(text.substr(open + 1, text.size() - open - 2))));
  return share;
}

}  // namespace

bool LooksLikeBlend(std::string_view text) {
  return text.find_first_of("+()") != std::string_view::npos;
}

Result<std::vector<Share>> ParseBlend(std::string_view text) {
  std::vector<Share> shares;
  for (const std::string_view part : Split(text, '+')) {
    if (shares.size() == kMostShares) return Wrong(fmt::format("more than {} voices are blended", kMostShares));
    HOSTLER_TRY(Share share, ShareIn(Trim(part)));
    shares.push_back(std::move(share));
  }
  return shares;
}

std::string FormatBlend(const std::vector<Share>& shares) {
  std::vector<std::string> parts;
  for (const Share& share : shares) parts.push_back(fmt::format("{}({})", share.voice, share.weight));
  return Join(parts, "+");
}

}  // namespace hostler::speech
