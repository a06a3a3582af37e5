// One download from a hub into a cache, with figures: bench/download.py's other half, and handy by hand.
//
//     HF_ENDPOINT=http://127.0.0.1:8888 build/dev/bin/download CACHE ORG/NAME [REVISION] [--limit BYTES_PER_SECOND]
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <map>
#include <string>

#include <boost/asio/use_future.hpp>

#include "download/download.h"

using namespace hostler;

namespace {

Task<Result<download::Done>> Run(download::Tools tools, download::Job job) {
  co_return co_await download::Fetch(tools, std::move(job));
}

Task<> Pause(double seconds, const Error& why) {
  fmt::print(stderr, "waits {:.1f} s: {}\n", seconds, why.Text());
  co_await Sleep(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
}

// Of this program alone; getrusage() would count what it was forked from.
double PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  download::Governor::Options limits;
  if (const auto at = std::ranges::find(words, "--limit"); at != words.end() && at + 1 != words.end()) {
    limits.bytes_per_second = std::strtoull((at + 1)->c_str(), nullptr, 10);
    words.erase(at, at + 2);
  }
  if (words.size() < 2) {
    fmt::print(stderr, "usage: download CACHE ORG/NAME [REVISION] [--limit BYTES_PER_SECOND]\n");
    return 2;
  }
  std::map<std::string, std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    environment.emplace(text.substr(0, text.find('=')), text.substr(std::min(text.find('=') + 1, text.size())));
  }
  Pool pool("work", 2);
  outbound::Client client;
  hub::Hub hub(hub::FromEnvironment(environment), client, pool);
  const store::Cache cache(words[0]);
  download::Governor governor(limits);
  Loop loop("fetch");
  loop.Start();
  const auto repo = model::ParseRepo(words[1]);
  if (!repo) {
    fmt::print(stderr, "{}\n", repo.error().Text());
    return 1;
  }
  download::Job job;
  job.repo = *repo;
  if (words.size() > 2) job.revision = words[2];
  job.show = [](const download::Snapshot& now) {
    if (std::getenv("SHOW") == nullptr) return;
    fmt::print(stderr, "{} {}/{} bytes {:.0f} B/s eta {:.1f} files {}/{}\n", now.phase, now.bytes_done, now.bytes_total,
               now.speed_bytes_per_s.value_or(0), now.eta_s.value_or(-1), now.files_done, now.files_total);
  };
  job.pause = Pause;
  const Clock::time_point start = Clock::now();
  const Result<download::Done> done =
      boost::asio::co_spawn(loop.executor(), Run({hub, cache, pool, governor}, std::move(job)), boost::asio::use_future).get();
  const double seconds = Seconds(Clock::now() - start);
  if (!done) {
    fmt::print(stderr, "{} [{}]\n", done.error().Text(), done.error().name);
    return 1;
  }
  fmt::print("{} bytes in {:.3f} s, {:.0f} MB/s, peak {:.0f} MB, {}\n", done->bytes_fetched, seconds,
             static_cast<double>(done->bytes_fetched) / seconds / (1 << 20), PeakMegabytes(), done->snapshot.string());
  return 0;
}
