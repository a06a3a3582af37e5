// Files that are broken, swapped or something else: each is refused with a reason and a remedy, and the next model loads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "engine_sdk/testing/harness.h"
#include "engines/llama/llama.h"
#include "os/files.h"

namespace hostler::llama {
namespace {

namespace fs = std::filesystem;
using engine_sdk::Model;
using engine_sdk::testing::TempFolder;
using ::testing::AnyOf;
using ::testing::HasSubstr;

const fs::path kModels = HOSTLER_TEST_MODELS;
const fs::path kBase = kModels / "tiny_qwen3tts" / "base";
const fs::path kPocket = kModels / "tiny_pocket";

std::string Read(const fs::path& file) {
  auto bytes = os::ReadFile(file, 1 << 30);
  if (!bytes) throw std::runtime_error(bytes.error().Text());
  return *std::move(bytes);
}
void Write(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

class HostileSpeechTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ::setenv("HOSTLER_GGML_CPU", HOSTLER_TEST_CPU, 1); }

  Result<std::unique_ptr<Model>> Load(const fs::path& path, json::Any options = boost::json::object()) {
    engine_sdk::LoadContext context;
    context.model_id = "m";
    context.path = path;
    context.options = std::move(options);
    context.threads = 1;
    context.log = &log;
    context.progress = [](std::string_view, std::optional<double>) {};
    return engine->Load(context);
  }
  // What is said of the two files in a folder; nothing may be loaded of it.
  Error Refusal(const std::string& main, const std::string& mmproj) {
    Write(folder.path() / "model.gguf", main);
    Write(folder.path() / "mmproj.gguf", mmproj);
    return RefusalOf(folder.path());
  }
  Error RefusalOf(const fs::path& path, json::Any options = boost::json::object()) {
    const auto model = Load(path, std::move(options));
    if (model) return {Code::kInternal, "it was loaded", "", "", ""};
    EXPECT_FALSE(model.error().message.empty());
    EXPECT_FALSE(model.error().remedy.empty()) << model.error().message;
    return model.error();
  }

  inline static log::Log log{"test", log::Level::kDebug, false};  // the native libraries keep it
  std::unique_ptr<engine_sdk::Engine> engine = MakeLlamaEngine();
  TempFolder folder;
};

TEST_F(HostileSpeechTest, CutFilesAreRefusedWhereverTheyAreCut) {
  for (const fs::path& path : {kBase, kPocket}) {
    const std::string main = Read(path / "model.gguf");
    const std::string mmproj = Read(path / "mmproj.gguf");
    for (int part = 0; part < 48; ++part) {
      // Close together in the header, where there is most to trip over.
      const double share = part < 32 ? part / 32.0 * 0.05 : (part - 31) / 17.0;
      const auto cut = [&](const std::string& bytes) {
        return bytes.substr(0, static_cast<std::size_t>(share * static_cast<double>(bytes.size() - 40)));
      };
      EXPECT_NE(Refusal(cut(main), mmproj).message, "it was loaded") << path << " main at " << share;
      EXPECT_NE(Refusal(main, cut(mmproj)).message, "it was loaded") << path << " mmproj at " << share;
    }
    Write(folder.path() / "model.gguf", main);
    Write(folder.path() / "mmproj.gguf", mmproj);
    EXPECT_TRUE(Load(folder.path())) << "whole again";
  }
}

TEST_F(HostileSpeechTest, WhatIsNoModelIsRefused) {
  const std::string main = Read(kBase / "model.gguf");
  const std::string mmproj = Read(kBase / "mmproj.gguf");
  const std::string html = "<!doctype html><html><body>404</body></html>";
  std::string junk(100'000, '\0');
  for (std::size_t i = 0; i < junk.size(); ++i) junk[i] = static_cast<char>(i * 2654435761U >> 13);
  std::string counts = main;  // a header that promises more than there is
  counts.replace(8, 16, std::string(16, '\x7F'));
  for (const std::string& other : {std::string(), html, junk, "GGUF" + junk, counts}) {
    EXPECT_NE(Refusal(other, mmproj).message, "it was loaded");
    EXPECT_NE(Refusal(main, other).message, "it was loaded");
  }
  EXPECT_NE(RefusalOf(folder.path() / "nothing").message, "it was loaded");
  EXPECT_NE(RefusalOf("/").message, "it was loaded");
}

TEST_F(HostileSpeechTest, AMissingMmprojIsNamed) {
  Write(folder.path() / "model.gguf", Read(kBase / "model.gguf"));
  const Error missing = RefusalOf(folder.path());
  EXPECT_EQ(missing.code, Code::kNotFound);
  EXPECT_THAT(missing.message, HasSubstr("mmproj"));
  EXPECT_THAT(missing.remedy, HasSubstr("Download"));
  EXPECT_EQ(RefusalOf(folder.path() / "model.gguf").message, missing.message) << "by the file's own name";
  EXPECT_EQ(RefusalOf(folder.path(), boost::json::object({{"mmproj", "no.gguf"}})).field, "options.mmproj");
  // Named, it may lie anywhere.
  EXPECT_TRUE(Load(folder.path(), boost::json::object({{"mmproj", (kBase / "mmproj.gguf").string()}})));
  Write(folder.path() / "anything.gguf", Read(kBase / "mmproj.gguf"));
  EXPECT_TRUE(Load(folder.path() / "model.gguf")) << "known by its header";
}

TEST_F(HostileSpeechTest, AnotherModelsMmprojIsRefused) {
  const std::string main = Read(kBase / "model.gguf");
  EXPECT_THAT(Refusal(main, Read(kPocket / "mmproj.gguf")).message, HasSubstr("pockettts_gen"));
  EXPECT_THAT(Refusal(Read(kPocket / "model.gguf"), Read(kBase / "mmproj.gguf")).message, HasSubstr("qwen3tts_gen"));
  EXPECT_THAT(Refusal(main, main).message, HasSubstr("mmproj"));
  std::string wide = Read(kBase / "mmproj.gguf");  // as of a model of another size
  const std::string key = "clip.gen.audio.projection_dim";
  wide[wide.find(key) + key.size() + 4] = 32;
  EXPECT_THAT(Refusal(main, wide).message, HasSubstr("belongs to another model"));
  std::string deaf = Read(kBase / "mmproj.gguf");
  const std::string hears = "clip.has_audio_encoder";
  deaf[deaf.find(hears) + hears.size() + 4] = 0;
  EXPECT_THAT(Refusal(main, deaf).message, HasSubstr("no encoder of voices"));
  // Names the wrong way round do not matter, headers do.
  Write(folder.path() / "mmproj.gguf", main);
  Write(folder.path() / "model.gguf", Read(kBase / "mmproj.gguf"));
  EXPECT_TRUE(Load(folder.path()));
}

TEST_F(HostileSpeechTest, OfSeveralFilesTheFittingOnesAreTaken) {
  fs::create_directory(folder.path() / "cache");
  fs::create_symlink(kBase / "model.gguf", folder.path() / "cache" / "blob1");
  fs::create_symlink(kBase / "mmproj.gguf", folder.path() / "cache" / "blob2");
  // As the hub's cache keeps them: names in one folder, bytes in another.
  fs::create_symlink("cache/blob1", folder.path() / "Tiny-Base-Q8_0.gguf");
  fs::create_symlink("cache/blob2", folder.path() / "mmproj-Tiny-Base-Q8_0.gguf");
  fs::create_symlink(kPocket / "mmproj.gguf", folder.path() / "mmproj-Tiny-Base-F16.gguf");
  Write(folder.path() / "mmproj-Tiny-Base-BF16.gguf", "<html>");
  EXPECT_TRUE(Load(folder.path()));
  EXPECT_TRUE(Load(folder.path() / "Tiny-Base-Q8_0.gguf"));
}

}  // namespace
}  // namespace hostler::llama
