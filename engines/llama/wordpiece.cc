#include "engines/llama/wordpiece.h"

#include <algorithm>

#include <fmt/format.h>
#include <ggml.h>
#include <gguf.h>

#include "engines/llama/library.h"

namespace hostler::llama {
namespace {

bool IsSpecial(std::string_view token) {
  return token == "[CLS]" || token == "[SEP]" || token == "[UNK]" || token == "[PAD]" || token == "[MASK]";
}

// libllama marks beginnings of words, where the authors mark what is none: "cat" -> "▁cat", "##s" -> "s".
std::string Marked(const std::string& token) {
  if (IsSpecial(token)) return token;
  return token.starts_with("##") ? token.substr(2) : "\u2581" + token;
}

struct FreeGguf {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
using Gguf = std::unique_ptr<gguf_context, FreeGguf>;

Gguf Described(const BertVocabulary& vocabulary, const std::vector<std::string>& marked) {
  constexpr std::int32_t kNormal = 1;
  constexpr std::int32_t kControl = 3;
  Gguf gguf(gguf_init_empty());
  std::vector<const char*> texts;
  std::vector<std::int32_t> types;
  for (const std::string& token : marked) {
    texts.push_back(token.c_str());
    types.push_back(IsSpecial(token) ? kControl : kNormal);
  }
  const auto id = [&](std::string_view token) {
    return static_cast<std::uint32_t>(std::find(marked.begin(), marked.end(), token) - marked.begin());
  };
  gguf_set_val_str(gguf.get(), "general.architecture", "bert");
  gguf_set_val_str(gguf.get(), "tokenizer.ggml.model", "bert");
  gguf_set_val_str(gguf.get(), "tokenizer.ggml.pre", "default");
  gguf_set_arr_str(gguf.get(), "tokenizer.ggml.tokens", texts.data(), texts.size());
  gguf_set_arr_data(gguf.get(), "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types.data(), types.size());
  gguf_set_val_u32(gguf.get(), "tokenizer.ggml.bos_token_id", id("[CLS]"));
  gguf_set_val_u32(gguf.get(), "tokenizer.ggml.seperator_token_id", id("[SEP]"));  // spelt as the format has it
  gguf_set_val_u32(gguf.get(), "tokenizer.ggml.unknown_token_id", id("[UNK]"));
  gguf_set_val_u32(gguf.get(), "tokenizer.ggml.padding_token_id", id("[PAD]"));
  gguf_set_val_u32(gguf.get(), "tokenizer.ggml.mask_token_id", id("[MASK]"));
  gguf_set_val_bool(gguf.get(), "tokenizer.ggml.normalizer.lowercase", vocabulary.lowercase);
  gguf_set_val_bool(gguf.get(), "tokenizer.ggml.normalizer.strip_accents", vocabulary.strip_accents);
  return gguf;
}

}  // namespace

Result<WordPiece> WordPiece::Make(BertVocabulary vocabulary) {
  std::vector<std::string> marked;
  for (const std::string& token : vocabulary.tokens) marked.push_back(Marked(token));
  std::vector<std::string_view> sorted(marked.begin(), marked.end());
  std::sort(sorted.begin(), sorted.end());
  // Two that look the same to libllama, or an empty one, would end the process.
  if (sorted.front().empty() || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return Fail(Code::kInvalid, "the vocabulary has an entry twice", "Download the model again.");
  const Gguf gguf = Described(vocabulary, marked);
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  std::unique_ptr<llama_model, Free> model(llama_model_init_from_user(gguf.get(), nullptr, nullptr, params));
  if (!model) return Fail(Code::kInvalid, "the vocabulary cannot be read: " + LastComplaint(), "Download the model again.");
  return WordPiece(std::move(model), std::move(vocabulary.tokens));
}

Result<std::vector<llama_token>> WordPiece::Tokens(const std::string& text) const {
  const llama_vocab* vocabulary = llama_model_get_vocab(model_.get());
  std::vector<llama_token> tokens(text.size() + 2);  // a token takes a byte at least
  const int count = llama_tokenize(vocabulary, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                                   static_cast<std::int32_t>(tokens.size()), true, true);
  if (count < 0)
    return Fail(Code::kInternal, "the text could not be split into tokens: " + LastComplaint(), "Send another text.");
  tokens.resize(static_cast<std::size_t>(count));
  return tokens;
}

}  // namespace hostler::llama
