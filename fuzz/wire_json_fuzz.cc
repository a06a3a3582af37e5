// Every message between hostler and its engines, read from what a stranger could send: what was understood, written down and
// read again, is the same, whatever it was. The first byte chooses the message.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/text.h"
#include "wire/wire.h"

using namespace hostler;

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

// Boost.JSON's reading of a double may be off by the last bits, so two readings are one value if they are that near.
bool Same(const json::Any& a, const json::Any& b) {
  if (a.is_number() && b.is_number()) {
    const auto x = a.to_number<double>();
    const auto y = b.to_number<double>();
    return std::abs(x - y) <= 1e-14 * std::max(std::abs(x), std::abs(y));
  }
  if (a.kind() != b.kind()) return false;
  if (a.is_array()) return std::ranges::equal(a.get_array(), b.get_array(), Same);
  if (!a.is_object()) return a == b;
  const auto same_member = [](const auto& x, const auto& y) { return x.key() == y.key() && Same(x.value(), y.value()); };
  return std::ranges::equal(a.get_object(), b.get_object(), same_member);
}

template <class Message>
void RoundTrip(std::string_view text) {
  for (const json::Unknown unknown : {json::Unknown::kError, json::Unknown::kIgnore}) {
    const auto first = json::Parse<Message>(text, unknown);
    if (!first) {
      Require(!first.error().message.empty() && !first.error().remedy.empty());
      Require(Utf8Length(json::ToJson(wire::ToReply(first.error()))).has_value());
      continue;
    }
    const std::string written = json::ToJson(*first);
    const auto second = json::Parse<Message>(written);
    Require(second.has_value());
    const auto before = json::ParseDom(written);
    const auto after = json::ParseDom(json::ToJson(*second));
    Require(before && after && Same(*before, *after));
  }
}

constexpr std::array kMessages = {
    RoundTrip<wire::Health>,         RoundTrip<wire::ModelList>,         RoundTrip<wire::LoadRequest>,
    RoundTrip<wire::LoadReply>,      RoundTrip<wire::LoadProgress>,      RoundTrip<wire::UnloadRequest>,
    RoundTrip<wire::UnloadReply>,    RoundTrip<wire::VoiceList>,         RoundTrip<wire::Capabilities>,
    RoundTrip<wire::ControlRequest>, RoundTrip<wire::CloneRequest>,      RoundTrip<wire::DesignRequest>,
    RoundTrip<wire::Transcript>,     RoundTrip<wire::TranscribeRequest>, RoundTrip<wire::LogList>,
    RoundTrip<wire::ErrorReply>,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  kMessages[data[0] % kMessages.size()](text);
  // Whatever the bytes are, they can be quoted.
  std::string quoted;
  json::AppendQuoted(quoted, text);
  Require(json::ParseDom(quoted).has_value());
  return 0;
}
