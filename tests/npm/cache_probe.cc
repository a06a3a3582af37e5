// hostler's half of tests/npm/hub_cache.test.mjs: fills a cache, or tells what is in one.
//
//   cache_probe fill ROOT REPOSITORY COMMIT REVISION PATH=CONTENT...
//   cache_probe look ROOT REPOSITORY REVISION      prints one JSON object
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "store/doctor.h"
#include "store/scan.h"
#include "store/testing/filled.h"

namespace {

using namespace hostler;

int Fill(const std::vector<std::string>& arguments) {
  store::testing::Contents contents;
  for (std::size_t i = 5; i < arguments.size(); ++i) {
    const auto at = arguments[i].find('=');
    contents[arguments[i].substr(0, at)] = arguments[i].substr(at + 1);
  }
  const store::Cache cache(arguments[1]);
  const auto done = store::testing::Fill(cache, {model::RepoKind::kModel, arguments[2]}, arguments[3], arguments[4], contents);
  if (!done) std::fprintf(stderr, "cache_probe: %s\n", done.error().Text().c_str());
  return done ? 0 : 1;
}

int Look(const std::vector<std::string>& arguments) {
  const store::Cache cache(arguments[1]);
  const model::Repo repo{model::RepoKind::kModel, arguments[2]};
  const auto presence = cache.Look(repo, arguments[3], {});
  store::Scanner scanner(cache);
  const auto scan = scanner.Now();
  const auto verdict = store::Verify(cache, repo, arguments[3], {}, {});
  if (scan->repos.size() != 1 || !verdict) {
    std::fprintf(stderr, "cache_probe: %zu repositories; %s\n", scan->repos.size(),
                 verdict ? "" : verdict.error().Text().c_str());
    return 1;
  }
  fmt::print(
      "{{\"commit\":\"{}\",\"complete\":{},\"bytes\":{},\"size\":{},\"problem\":\"{}\",\"files\":{},\"verified\":{},\"wrong\":{}}"
      "}\n",
      presence.commit, presence.complete, presence.bytes_present, scan->repos[0].size, scan->repos[0].problem,
      scan->repos[0].revisions.empty() ? 0 : scan->repos[0].revisions[0].files, verdict->files, verdict->wrong.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() >= 5 && arguments[0] == "fill") return Fill(arguments);
  if (arguments.size() == 4 && arguments[0] == "look") return Look(arguments);
  std::fprintf(stderr, "cache_probe: see the top of tests/npm/cache_probe.cc\n");
  return 2;
}
