// What a scan of the cache costs, and what downloading into it costs beside the network.
//
//   scan [--repositories 300] [--links 12000] [--megabytes 1024] [FOLDER]
//
// Makes a cache below FOLDER (default: the temporary folder), scans it, and removes it. Prints one JSON line per figure: the
// median and the slowest of several runs, in milliseconds, or GB/s (10^9 bytes).
#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "store/cache.h"
#include "store/hash.h"
#include "store/scan.h"

namespace hostler::bench {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "scan: %s\n", why.c_str());
  std::exit(1);
}

template <class T>
T Must(Result<T> result) {
  if (!result) Die(result.error().Text());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double Milliseconds(const std::function<void()>& work) {
  const auto begin = SteadyClock::now();
  work();
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count();
}

void Report(const std::string& what, int runs, const std::function<double()>& measure) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) times.push_back(measure());
  std::ranges::sort(times);
  fmt::print("{{\"what\":\"{}\",\"median_ms\":{:.3f},\"slowest_ms\":{:.3f},\"runs\":{}}}\n", what, times[times.size() / 2],
             times.back(), runs);
}

// Links as they are in life: each repository has one snapshot, each file a blob of its own.
void MakeCache(const store::Cache& cache, int repositories, int links) {
  for (int r = 0; r < repositories; ++r) {
    const model::Repo repo{model::RepoKind::kModel, fmt::format("lab/model-{}", r)};
    const std::string commit = fmt::format("{:040x}", r);
    Must(cache.Prepare(repo, commit, {}));
    for (int i = 0; i < links / repositories; ++i) {
      const std::string etag = fmt::format("{:064x}", i);
      const std::string path = fmt::format("{}file-{}.bin", i % 4 == 0 ? "part/" : "", i);
      std::ofstream(cache.FolderOf(repo) / "blobs" / etag) << path;
      const fs::path link = cache.SnapshotOf(repo, commit) / path;
      fs::create_directories(link.parent_path());
      fs::create_symlink(fmt::format("{}../../blobs/{}", i % 4 == 0 ? "../" : "", etag), link);
    }
    Must(cache.WriteRef(repo, "main", commit));
  }
}

void Scans(const fs::path& folder, int repositories, int links) {
  const store::Cache cache(folder / "hub");
  MakeCache(cache, repositories, links);
  store::Scanner scanner(cache);
  const std::string size = fmt::format("{} repositories, {} links", repositories, links);
  Report("first scan, " + size, 1, [&] { return Milliseconds([&] { (void)scanner.Now(); }); });
  Report("forced scan, " + size, 15, [&] { return Milliseconds([&] { (void)scanner.Now(true); }); });
  Report("scan when nothing changed", 201, [&] { return Milliseconds([&] { (void)scanner.Now(); }); });
  const fs::path growing = folder / "hub/models--lab--model-0/blobs" / (std::string(64, 'f') + ".hostler.incomplete");
  Report("scan when one file grew", 51, [&] {
    std::ofstream(growing, std::ios::app) << "more";
    return Milliseconds([&] { (void)scanner.Now(); });
  });
}

// Hashing behind writing, a few pieces apart.
void WriteAndHash(store::Partial& partial, const std::string& piece, std::uint64_t pieces) {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t written = 0;
  std::thread hashing([&] {
    for (std::uint64_t i = 0; i < pieces; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return written > i; });
      lock.unlock();
      partial.Hash(piece);
    }
  });
  for (std::uint64_t i = 0; i < pieces; ++i) {
    Must(partial.Write(piece));
    const std::lock_guard lock(mutex);
    ++written;
    changed.notify_one();
  }
  hashing.join();
}

void Writes(const fs::path& folder, std::uint64_t megabytes) {
  const store::Cache cache(folder / "writes");
  const model::Repo repo{model::RepoKind::kModel, "lab/large"};
  const std::string commit(40, 'a');
  Must(cache.Prepare(repo, commit, {}));
  const std::string piece(1 << 20, 'x');
  const std::uint64_t size = megabytes << 20;
  auto hasher = store::Hasher::Sha256();
  const double hashing = Milliseconds([&] {
    for (std::uint64_t i = 0; i < megabytes; ++i) hasher.Update(piece);
  });
  const std::string etag = hasher.Finish();
  const auto rate = [&](const char* what, double ms) {
    fmt::print("{{\"what\":\"{}\",\"gb_per_s\":{:.2f},\"bytes\":{}}}\n", what, static_cast<double>(size) / ms * 1e-6, size);
  };
  rate("hash alone", hashing);
  for (int round = 0; round < 3; ++round) {
    const fs::path plain = folder / "plain";
    rate("plain write", Milliseconds([&] {
           std::ofstream stream(plain, std::ios::binary);
           for (std::uint64_t i = 0; i < megabytes; ++i) stream.write(piece.data(), static_cast<std::streamsize>(piece.size()));
         }));
    fs::remove(plain);
    auto one = Must(cache.OpenPartial(repo, etag, size));
    rate("Append", Milliseconds([&] {
           for (std::uint64_t i = 0; i < megabytes; ++i) Must(one.Append(piece));
         }));
    Must(one.Restart());
    rate("Write and Hash on two threads", Milliseconds([&] { WriteAndHash(one, piece, megabytes); }));
    rate("Finish (flush, rename)", Milliseconds([&] { Must(one.Finish()); }));
    fs::remove(cache.FolderOf(repo) / "blobs" / etag);
  }
}

int Main(const std::vector<std::string>& arguments) {
  int repositories = 300;
  int links = 12'000;
  int megabytes = 1024;
  fs::path base = fs::temp_directory_path();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    int* number = arguments[i] == "--repositories" ? &repositories
                  : arguments[i] == "--links"      ? &links
                  : arguments[i] == "--megabytes"  ? &megabytes
                                                   : nullptr;
    if (number == nullptr) {
      base = arguments[i];
      continue;
    }
    if (++i == arguments.size()) Die("a number is missing");
    const char* end = arguments[i].data() + arguments[i].size();
    if (std::from_chars(arguments[i].data(), end, *number).ptr != end || *number < 1)
      Die("\"" + arguments[i] + "\" is no number above 0");
  }
  const fs::path folder = base / ("hostler-bench-" + RandomHex(12));
  fs::create_directories(folder);
  Scans(folder, repositories, links);
  Writes(folder, static_cast<std::uint64_t>(megabytes));
  fs::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace hostler::bench

int main(int argc, char** argv) {
  return hostler::bench::Main({argv + 1, argv + argc});
}
