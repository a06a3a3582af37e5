#include "engines/llama/torch_archive.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace hostler::llama {
namespace {

constexpr std::uint64_t kLongestPickle = 16 << 20;     // bytes
constexpr std::uint64_t kLongestDirectory = 16 << 20;  // bytes; a member takes about a hundred
constexpr std::uint64_t kEndRecord = 22;
constexpr std::uint64_t kLongestComment = 65'535;
constexpr std::uint64_t kEntry = 46;
constexpr std::uint64_t kLocal = 30;
constexpr std::string_view kMend = "Download the file again.";

std::unexpected<Error> Broken(std::string what) {
  return Fail(Error{Code::kInvalid, "is no whole archive of PyTorch: " + std::move(what), std::string(kMend)});
}

template <class T>
T At(std::string_view bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);  // the caller has looked that it is there
  return value;
}

Result<std::string> Bytes(const ReadBytes& read, std::uint64_t at, std::uint64_t size) {
  std::string bytes(size, '\0');
  HOSTLER_OK(read(at, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

struct Member {
  std::string name;
  std::uint64_t local = 0;  // where its own header is
  std::uint64_t size = 0;
};

// The directory lies at the end, before the record that says where.
Result<std::string> Directory(std::uint64_t size, const ReadBytes& read) {
  const std::uint64_t length = std::min(size, kEndRecord + kLongestComment);
  HOSTLER_TRY(const std::string end, Bytes(read, size - length, length));
  const std::size_t record = end.rfind("PK\x05\x06");
  if (record == std::string::npos || end.size() - record < kEndRecord) return Broken("it has no directory, it was cut off");
  const std::uint64_t bytes = At<std::uint32_t>(end, record + 12);
  const std::uint64_t begin = At<std::uint32_t>(end, record + 16);
  if (bytes == UINT32_MAX || begin == UINT32_MAX)
    return Fail(Error{Code::kUnsupported, "is an archive of more than 4 GB", "Use a model.safetensors of the same model."});
  if (bytes > kLongestDirectory || begin > size || bytes > size - begin) return Broken("its directory lies outside");
  return Bytes(read, begin, bytes);
}

Result<std::vector<Member>> Members(std::string_view directory) {
  std::vector<Member> members;
  while (!directory.empty()) {
    if (directory.size() < kEntry || !directory.starts_with("PK\x01\x02")) return Broken("its directory is broken");
    const std::uint64_t length =
        kEntry + At<std::uint16_t>(directory, 28) + At<std::uint16_t>(directory, 30) + At<std::uint16_t>(directory, 32);
    if (length > directory.size()) return Broken("its directory is broken");
    const auto packed = At<std::uint32_t>(directory, 20);
    const auto size = At<std::uint32_t>(directory, 24);
    if (At<std::uint16_t>(directory, 10) != 0 || packed != size || size == UINT32_MAX)
      return Fail(Error{Code::kUnsupported, "is a packed archive", "PyTorch packs none: use the authors' own file."});
    members.push_back(
        {std::string(directory.substr(kEntry, At<std::uint16_t>(directory, 28))), At<std::uint32_t>(directory, 42), size});
    directory.remove_prefix(length);
  }
  return members;
}

// Where a member's bytes are: its own header may be longer than the directory tells.
Result<TorchStorage> Locate(const Member& member, std::uint64_t size, const ReadBytes& read) {
  if (member.local > size || size - member.local < kLocal) return Broken("a member lies outside");
  HOSTLER_TRY(const std::string header, Bytes(read, member.local, kLocal));
  if (!header.starts_with("PK\x03\x04")) return Broken("a member is not where it should be");
  const std::uint64_t begin = member.local + kLocal + At<std::uint16_t>(header, 26) + At<std::uint16_t>(header, 28);
  if (begin > size || member.size > size - begin) return Broken("a member lies outside");
  return TorchStorage{begin, member.size};
}

}  // namespace

bool IsTorchArchive(std::span<const std::byte> beginning) {
  constexpr std::string_view kMagic = "PK\x03\x04";
  return beginning.size() >= kMagic.size() && std::memcmp(beginning.data(), kMagic.data(), kMagic.size()) == 0;
}

Result<TensorPlaces> ReadTorchArchive(std::uint64_t size, const ReadBytes& read) {
  HOSTLER_TRY(const std::string directory, Directory(size, read));
  HOSTLER_TRY(const std::vector<Member> members, Members(directory));
  const auto pickle =
      std::find_if(members.begin(), members.end(), [](const Member& member) { return member.name.ends_with("/data.pkl"); });
  if (pickle == members.end()) return Broken("it has no data.pkl");
  const std::string folder = pickle->name.substr(0, pickle->name.size() - std::strlen("data.pkl")) + "data/";
  TorchStorages storages;
  for (const Member& member : members) {
    if (!member.name.starts_with(folder)) continue;
    HOSTLER_TRY(storages[member.name.substr(folder.size())], Locate(member, size, read));
  }
  if (pickle->size > kLongestPickle) return Broken("its data.pkl is too long");
  HOSTLER_TRY(const TorchStorage place, Locate(*pickle, size, read));
  HOSTLER_TRY(const std::string text, Bytes(read, place.begin, place.size));
  return ReadTorchPickle(text, storages);
}

}  // namespace hostler::llama
