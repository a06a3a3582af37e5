#include "engines/llama/speech_files.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::llama {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHeadBytes = 65'536;  // what is asked for stands before the vocabulary
constexpr std::uint32_t kUint32 = 4;        // of GGUF's types of values
constexpr std::uint32_t kBool = 7;
constexpr std::uint32_t kString = 8;

// The first bytes of a GGUF file; empty if it is none.
std::string HeadOf(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string head(kHeadBytes, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return head.starts_with("GGUF") ? head : std::string();
}

// What follows a key and the type of its value: its length (8 bytes), its letters, the type (4 bytes), the value.
std::optional<std::string_view> ValueOf(std::string_view head, std::string_view key, std::uint32_t type) {
  std::string entry(sizeof(std::uint64_t), '\0');
  const std::uint64_t length = key.size();
  std::memcpy(entry.data(), &length, sizeof length);
  entry += key;
  entry.append(reinterpret_cast<const char*>(&type), sizeof type);
  const std::size_t at = head.find(entry);
  if (at == std::string_view::npos) return std::nullopt;
  return head.substr(at + entry.size());
}

std::string TextOf(std::string_view head, std::string_view key) {
  std::uint64_t length = 0;
  const auto value = ValueOf(head, key, kString);
  if (!value || value->size() < sizeof length) return {};
  std::memcpy(&length, value->data(), sizeof length);
  const std::string_view rest = value->substr(sizeof length);
  return length <= rest.size() ? std::string(rest.substr(0, length)) : std::string();
}

std::optional<std::uint32_t> NumberOf(std::string_view head, std::string_view key) {
  std::uint32_t number = 0;
  const auto value = ValueOf(head, key, kUint32);
  if (!value || value->size() < sizeof number) return std::nullopt;
  std::memcpy(&number, value->data(), sizeof number);
  return number;
}

bool IsTrue(std::string_view head, std::string_view key) {
  const auto value = ValueOf(head, key, kBool);
  return value && !value->empty() && value->front() != 0;
}

struct Candidate {
  fs::path path;
  std::string architecture;            // general.architecture
  std::string sound;                   // clip.gen.audio.projector_type: what kind of codes it turns into sound
  std::optional<std::uint32_t> width;  // floats of one embedding
  bool hears = false;                  // has an encoder of recordings too
  [[nodiscard]] bool is_main() const { return architecture == "qwen3tts" || architecture == "pockettts"; }
  [[nodiscard]] std::string name() const { return path.filename().string(); }
};

std::optional<Candidate> LookAt(const fs::path& file) {
  const std::string head = HeadOf(file);
  if (head.empty()) return std::nullopt;
  Candidate found{file, TextOf(head, "general.architecture"), TextOf(head, "clip.gen.audio.projector_type"), std::nullopt};
  found.width = found.is_main() ? NumberOf(head, found.architecture + ".embedding_length")
                                : NumberOf(head, "clip.gen.audio.projection_dim");
  found.hears = IsTrue(head, "clip.has_audio_encoder");
  return found;
}

// The GGUF files of a folder, by name.
std::vector<Candidate> Candidates(const fs::path& folder) {
  std::vector<Candidate> found;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    if (Lower(it->path().extension().string()) != ".gguf") continue;
    if (auto candidate = LookAt(it->path())) found.push_back(*std::move(candidate));
  }
  std::ranges::sort(found, {}, &Candidate::path);
  return found;
}

// Of several quantisations a sensible one, as the catalogue chooses.
std::optional<Candidate> MainOf(const std::vector<Candidate>& candidates) {
  for (const std::string_view wanted : {"q4_k_m", "q8_0", ""}) {
    for (const Candidate& candidate : candidates) {
      if (candidate.is_main() && Lower(candidate.name()).find(wanted) != std::string::npos) return candidate;
    }
  }
  return std::nullopt;
}

// The name without what tells an mmproj from its language model.
std::string Stem(const Candidate& candidate) {
  std::string stem = Lower(candidate.path.stem().string());
  if (const std::size_t at = stem.find("mmproj"); at != std::string::npos) stem.erase(at, std::strlen("mmproj"));
  const auto separator = [](char c) { return c == '-' || c == '_' || c == '.'; };
  while (!stem.empty() && separator(stem.front())) stem.erase(0, 1);
  return stem;
}

std::size_t Likeness(const Candidate& a, const Candidate& b) {
  const std::string left = Stem(a);
  const std::string right = Stem(b);
  return static_cast<std::size_t>(std::ranges::mismatch(left, right).in1 - left.begin());
}

Result<> CheckPair(const Candidate& main, const Candidate& mmproj) {
  constexpr const char* kRemedy = "Put the mmproj of the same repository beside the model, or name it with the option mmproj.";
  if (mmproj.sound.empty()) {
    return Fail(Error{Code::kInvalid, fmt::format("{} is no mmproj that makes sound", mmproj.name()), kRemedy});
  }
  if (mmproj.sound != main.architecture + "_gen") {
    return Fail(Error{Code::kInvalid,
                      fmt::format("{} makes sound of the codes of {}, and {} is a model of {}", mmproj.name(),
                                  Clip(Printable(mmproj.sound), 50), main.name(), main.architecture),
                      kRemedy});
  }
  if (!mmproj.hears) {
    return Fail(Error{Code::kInvalid,
                      fmt::format("{} has no encoder of voices, and libmtmd loads no mmproj without one", mmproj.name()),
                      "Convert it with the speaker encoder of the Base model of the same size: it is loaded and not used."});
  }
  if (main.width && mmproj.width && *main.width != *mmproj.width) {
    return Fail(Error{Code::kInvalid,
                      fmt::format("{} belongs to another model: it takes embeddings of {} numbers, {} makes {}", mmproj.name(),
                                  *mmproj.width, main.name(), *main.width),
                      kRemedy});
  }
  return {};
}

Result<Candidate> Chosen(const fs::path& folder, const std::string& name) {
  const fs::path file = folder / name;  // an absolute name stands for itself
  std::error_code ec;
  auto found = fs::is_regular_file(file, ec) ? LookAt(file) : std::nullopt;
  if (found) return *std::move(found);
  return Fail(Error{Code::kNotFound, fmt::format("there is no GGUF file {}", file.string()), "Name the model's mmproj*.gguf."}.At(
      "options.mmproj"));
}

// The fitting one with the most similar name; if none fits, why the likeliest does not.
Result<Candidate> Beside(const Candidate& main, const std::vector<Candidate>& candidates) {
  const Candidate* best = nullptr;
  std::optional<Error> misfit;
  for (const Candidate& candidate : candidates) {
    if (candidate.sound.empty()) continue;
    if (auto fits = CheckPair(main, candidate); !fits) {
      misfit = std::move(fits).error();
    } else if (best == nullptr || Likeness(main, candidate) > Likeness(main, *best)) {
      best = &candidate;
    }
  }
  if (best != nullptr) return *best;
  if (misfit) return Fail(*std::move(misfit));
  return Fail(Code::kNotFound,
              fmt::format("{} needs an mmproj that turns its codes into sound, and there is none beside it", main.name()),
              "Download mmproj*.gguf of the same repository into the same folder, or name it with the option mmproj.");
}

}  // namespace

bool IsSpeech(const fs::path& path) {
  std::error_code ec;
  if (fs::is_directory(path, ec)) return MainOf(Candidates(path)).has_value();
  const auto candidate = fs::is_regular_file(path, ec) ? LookAt(path) : std::nullopt;
  return candidate && candidate->is_main();
}

Result<SpeechFiles> FindSpeechFiles(const fs::path& path, const std::optional<std::string>& chosen) {
  std::error_code ec;
  const bool is_folder = fs::is_directory(path, ec);
  const fs::path folder =
      is_folder ? path : path.parent_path();  // not of the link's target: the hub's cache keeps names in links
  const std::vector<Candidate> candidates = Candidates(folder);
  const std::optional<Candidate> main = is_folder ? MainOf(candidates) : LookAt(path);
  if (!main || !main->is_main()) {
    return Fail(Code::kInvalid, fmt::format("{} is no GGUF file of Qwen3-TTS or Pocket TTS", path.string()),
                "Name the language model, or a folder with it and its mmproj.");
  }
  Result<Candidate> mmproj = chosen ? Chosen(folder, *chosen) : Beside(*main, candidates);
  HOSTLER_TRY(const Candidate projector, std::move(mmproj));
  HOSTLER_OK(CheckPair(*main, projector));
  return SpeechFiles{main->architecture == "qwen3tts" ? SpeechFamily::kQwen : SpeechFamily::kPocket, main->path, projector.path};
}

}  // namespace hostler::llama
