// Any bytes as the beginning of a model's file, under each name that makes hostler look into it: there is an entry, or a sentence
// that says why not. A GGUF header that ends early has to say the same as far as it goes.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "catalog/discover.h"
#include "catalog/gguf.h"

namespace {

using namespace hostler;

[[noreturn]] void Broken(const std::string& what) {
  std::fprintf(stderr, "discover_fuzz: %s\n", what.c_str());
  std::abort();
}

void CheckGuess(const catalog::Facts& facts) {
  const catalog::Guess guess = catalog::Discover(facts);
  if (guess.why.empty() || guess.why.size() > 1000) Broken("no sentence, or a long one: " + guess.why);
  if (!Utf8Length(guess.why) || Printable(guess.why) != guess.why) Broken("a sentence that no terminal should be given");
  if (!guess.entry) return;
  if (guess.entry->id != facts.name || guess.entry->curated) Broken("another model's entry");
  if (!Utf8Length(guess.entry->description)) Broken("a description that is no text");
  if (guess.entry->embedding.has_value() != (guess.entry->type == model::ModelType::kEmbedding))
    Broken("details of another type");
  if (guess.entry->context_window && guess.entry->type != model::ModelType::kLlm) Broken("a context window of no language model");
}

void CheckHeader(std::string_view bytes) {
  const auto whole = catalog::ReadGgufHeader(bytes);
  const auto half = catalog::ReadGgufHeader(bytes.substr(0, bytes.size() / 2));
  if (!whole || !half) return;
  if (half->texts.size() > whole->texts.size() || half->tensors.size() > whole->tensors.size())
    Broken("half knows more than the whole");
  if (half->complete && !whole->complete) Broken("half is complete and the whole is not");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  CheckHeader(bytes);
  CheckGuess({"m.gguf", false, {"m.gguf"}, {{"m.gguf", bytes}}, size});
  CheckGuess({"x.bin", false, {"x.bin"}, {{"x.bin", bytes}}, size});
  CheckGuess({"a/b", true, {"m.gguf", "mmproj-m.gguf"}, {{"m.gguf", bytes}, {"mmproj-m.gguf", bytes}}, size});
  CheckGuess({"a/b", true, {"config.json", "model.safetensors"}, {{"config.json", bytes}}, size});
  CheckGuess({bytes, true, {bytes, "tokens.txt", "a.onnx"}, {}, size});
  static_cast<void>(catalog::HeadsToRead({"a/b", true, {bytes, bytes + ".gguf"}, {}, size}));
  return 0;
}
