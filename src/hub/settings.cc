#include <cmath>
#include <cstdlib>

#include "base/text.h"
#include "hub/hub.h"

namespace hostler::hub {
namespace {

using Environment = std::map<std::string, std::string>;

std::string Get(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

bool IsTrue(const std::string& value) {
  const std::string lower = Lower(value);
  return lower == "1" || lower == "on" || lower == "yes" || lower == "true";
}

std::string WithoutBreaks(std::string text) {
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  return std::string(Trim(text));
}

std::filesystem::path Expand(std::string path, const Environment& environment) {
  if (path == "~" || path.starts_with("~/")) path = Get(environment, "HOME") + path.substr(1);
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    if (path[at] != '$') {
      out += path[at++];
      continue;
    }
    const bool braces = at + 1 < path.size() && path[at + 1] == '{';
    const std::size_t begin = at + (braces ? 2 : 1);
    std::size_t end = begin;
    while (end < path.size() && (std::isalnum(static_cast<unsigned char>(path[end])) != 0 || path[end] == '_')) ++end;
    const auto found = environment.find(path.substr(begin, end - begin));
    if (found == environment.end() || (braces && (end >= path.size() || path[end] != '}'))) {
      out += path[at++];
      continue;
    }
    out += found->second;
    at = end + (braces ? 1 : 0);
  }
  return out;
}

double SecondsOr(const std::string& text, double otherwise) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && std::isfinite(value) && value > 0 && value <= 86400 ? value : otherwise;
}

}  // namespace

Settings FromEnvironment(const Environment& environment) {
  Settings settings;
  if (std::string endpoint = Get(environment, "HF_ENDPOINT"); !Trim(endpoint).empty()) {
    endpoint = Trim(endpoint);
    while (endpoint.ends_with('/')) endpoint.pop_back();
    settings.endpoint = endpoint;
  }
  for (const char* name : {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}) {
    if (settings.offline || !IsTrue(Get(environment, name))) continue;
    settings.offline = true;
    settings.offline_variable = name;
  }
  if (!IsTrue(Get(environment, "HF_HUB_DISABLE_IMPLICIT_TOKEN"))) {
    settings.token = WithoutBreaks(Get(environment, "HF_TOKEN"));
    if (settings.token.empty()) settings.token = WithoutBreaks(Get(environment, "HUGGING_FACE_HUB_TOKEN"));
    std::string home = Get(environment, "HF_HOME");
    if (home.empty()) {
      const std::string cache = Get(environment, "XDG_CACHE_HOME");
      home = (cache.empty() ? std::string("~/.cache") : cache) + "/huggingface";
    }
    const std::string path = Get(environment, "HF_TOKEN_PATH");
    if (settings.token.empty()) settings.token_file = Expand(path.empty() ? home + "/token" : path, environment);
  }
  settings.metadata_timeout_s = SecondsOr(Get(environment, "HF_HUB_ETAG_TIMEOUT"), settings.metadata_timeout_s);
  settings.download_timeout_s = SecondsOr(Get(environment, "HF_HUB_DOWNLOAD_TIMEOUT"), settings.download_timeout_s);
  return settings;
}

}  // namespace hostler::hub
