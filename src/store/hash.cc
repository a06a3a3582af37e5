#include "store/hash.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>

#include <new>

namespace hostler::store {
namespace {

template <class Context>
Context* In(std::array<std::byte, 256>& memory) {
  static_assert(sizeof(Context) <= 256 && alignof(Context) <= 16);
  return std::launder(reinterpret_cast<Context*>(memory.data()));
}

std::string Hex(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

Hasher::Hasher(bool git) : git_(git) {
  if (git_)
    ::nettle_sha1_init(new (context_.data()) sha1_ctx);
  else
    ::nettle_sha256_init(new (context_.data()) sha256_ctx);
}

Hasher Hasher::Git(std::uint64_t size) {
  Hasher hasher(true);
  const std::string head = "blob " + std::to_string(size);
  hasher.Update(std::string_view(head.c_str(), head.size() + 1));
  return hasher;
}

Hasher Hasher::For(std::string_view etag, std::uint64_t size) {
  return etag.size() == 40 ? Git(size) : Sha256();
}

void Hasher::Update(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  if (git_)
    ::nettle_sha1_update(In<sha1_ctx>(context_), bytes.size(), data);
  else
    ::nettle_sha256_update(In<sha256_ctx>(context_), bytes.size(), data);
}

std::string Hasher::Finish() {
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest{};
  if (git_)
    ::nettle_sha1_digest(In<sha1_ctx>(context_), SHA1_DIGEST_SIZE, digest.data());
  else
    ::nettle_sha256_digest(In<sha256_ctx>(context_), SHA256_DIGEST_SIZE, digest.data());
  return Hex(digest.data(), git_ ? SHA1_DIGEST_SIZE : SHA256_DIGEST_SIZE);
}

}  // namespace hostler::store
