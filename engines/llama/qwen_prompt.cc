#include "engines/llama/qwen_prompt.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::llama {
namespace {

constexpr std::string_view kLanguage = "<|codec_language_";
constexpr std::string_view kSpeaker = "<|spk_";
constexpr std::string_view kEnd = "|>";

// "<|spk_vivian|>" -> "vivian"; empty if `token` does not begin so.
std::string NameIn(std::string_view token, std::string_view prefix) {
  if (!token.starts_with(prefix) || !token.ends_with(kEnd)) return {};
  token.remove_prefix(prefix.size());
  token.remove_suffix(std::min(token.size(), kEnd.size()));
  return std::string(token);
}

// Puts positions one after another; sums of rows are positions too.
class Composer {
 public:
  explicit Composer(EmbeddingRows& rows) : rows_(rows) {}

  Result<> Add(llama_token token) {
    HOSTLER_TRY(const Row row, rows_.Get(token));
    return Add(row);
  }
  Result<> Add(llama_token text, llama_token codec) {
    HOSTLER_TRY(const Row row, rows_.Get(codec));
    return Add(text, row);
  }
  Result<> Add(llama_token text, const Row& codec) {
    HOSTLER_TRY(Row row, rows_.Get(text));
    std::ranges::transform(row, codec, row.begin(), std::plus<>());
    return Add(row);
  }
  [[nodiscard]] std::vector<float> Take() && { return std::move(positions_); }

 private:
  Result<> Add(const Row& row) {
    positions_.insert(positions_.end(), row.begin(), row.end());
    return {};
  }

  EmbeddingRows& rows_;
  std::vector<float> positions_;
};

}  // namespace

Result<QwenTokens> QwenTokens::Read(const llama_vocab* vocabulary) {
  QwenTokens tokens{};
  const std::map<std::string_view, llama_token*> wanted = {{"<|codec_0|>", &tokens.first_code},
                                                           {"<|codec_pad|>", &tokens.codec_pad},
                                                           {"<|codec_bos|>", &tokens.codec_bos},
                                                           {"<|codec_eos_token|>", &tokens.codec_eos},
                                                           {"<|codec_think|>", &tokens.think},
                                                           {"<|codec_nothink|>", &tokens.no_think},
                                                           {"<|codec_think_bos|>", &tokens.think_begin},
                                                           {"<|codec_think_eos|>", &tokens.think_end},
                                                           {"<tts_pad>", &tokens.text_pad},
                                                           {"<tts_text_bos>", &tokens.text_begin},
                                                           {"<tts_text_eod>", &tokens.text_end}};
  for (const auto& [name, token] : wanted) *token = LLAMA_TOKEN_NULL;
  for (llama_token token = 0; token < llama_vocab_n_tokens(vocabulary); ++token) {
    const std::string_view name = llama_vocab_get_text(vocabulary, token);
    if (!name.starts_with('<')) continue;
    if (const auto found = wanted.find(name); found != wanted.end()) *found->second = token;
    if (std::string language = NameIn(name, kLanguage); !language.empty()) tokens.languages.emplace(std::move(language), token);
    if (std::string speaker = NameIn(name, kSpeaker); !speaker.empty()) tokens.speakers.emplace(std::move(speaker), token);
  }
  for (const auto& [name, token] : wanted) {
    if (*token == LLAMA_TOKEN_NULL)
      return Fail(Code::kInvalid, fmt::format("its vocabulary has no {}", name), "Take a conversion for llama.cpp's llama-tts.");
  }
  return tokens;
}

std::vector<llama_token> Tokenize(const llama_vocab* vocabulary, std::string_view text, bool special) {
  std::vector<llama_token> tokens(text.size() + 16);
  const auto size = [&] { return static_cast<std::int32_t>(tokens.size()); };
  std::int32_t count =
      llama_tokenize(vocabulary, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(), size(), false, special);
  tokens.resize(static_cast<std::size_t>(std::max(count, 0)));
  return tokens;
}

Result<std::vector<float>> Compose(const QwenPrompt& prompt, const QwenTokens& tokens, const llama_vocab* vocabulary,
                                   EmbeddingRows& rows) {
  Composer composer(rows);
  const auto add_text = [&](std::string_view text, bool special) -> Result<> {
    for (const llama_token token : Tokenize(vocabulary, text, special)) HOSTLER_OK(composer.Add(token));
    return {};
  };
  if (!prompt.instruction.empty()) {
    HOSTLER_OK(add_text("<|im_start|>user\n", true));
    HOSTLER_OK(add_text(Trim(prompt.instruction), false));
    HOSTLER_OK(add_text("<|im_end|>\n", true));
  }
  HOSTLER_OK(add_text("<|im_start|>assistant\n", true));
  std::vector<llama_token> prefix = {tokens.no_think, tokens.think_begin, tokens.think_end};
  if (prompt.language) prefix = {tokens.think, tokens.think_begin, *prompt.language, tokens.think_end};
  for (const llama_token codec : prefix) HOSTLER_OK(composer.Add(tokens.text_pad, codec));
  if (!prompt.speaker.empty()) HOSTLER_OK(composer.Add(tokens.text_pad, prompt.speaker));
  HOSTLER_OK(composer.Add(tokens.text_begin, tokens.codec_pad));
  for (const llama_token text : Tokenize(vocabulary, Trim(prompt.text))) HOSTLER_OK(composer.Add(text, tokens.codec_pad));
  HOSTLER_OK(composer.Add(tokens.text_end, tokens.codec_pad));
  HOSTLER_OK(composer.Add(tokens.text_pad, tokens.codec_bos));
  return std::move(composer).Take();
}

}  // namespace hostler::llama
