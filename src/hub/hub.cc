#include "hub/hub.h"

#include <fmt/format.h>

#include <set>

#include "base/guarded.h"
#include "base/text.h"
#include "hub/headers.h"
#include "hub/listing.h"
#include "hub/problem.h"
#include "os/files.h"
#include "outbound/url.h"

namespace hostler::hub {
namespace {

using outbound::Get;
using outbound::Url;

constexpr int kMostHops = 6;
constexpr std::size_t kMostPages = 2000;
constexpr std::size_t kMostFiles = 200'000;
constexpr std::size_t kMostPageBytes = 16 << 20;
constexpr std::size_t kMostListingBytes = 128 << 20;
constexpr std::size_t kMostErrorBytes = 64 << 10;
constexpr std::size_t kMostWarnings = 20;

std::string_view Prefix(model::RepoKind kind) {
  switch (kind) {
    case model::RepoKind::kModel: return "";
    case model::RepoKind::kDataset: return "datasets/";
    case model::RepoKind::kSpace: return "spaces/";
    case model::RepoKind::kKernel: return "kernels/";
  }
  return "";
}

std::string_view Plural(model::RepoKind kind) {
  return kind == model::RepoKind::kModel ? "models/" : Prefix(kind);
}

// Everything encoded but "/".
std::string EncodePath(std::string_view path) {
  std::string out;
  for (const std::string_view part : Split(path, '/')) {
    if (!out.empty()) out += '/';
    out += PercentEncode(part);
  }
  return out;
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string ShortRead(std::uint64_t at, std::uint64_t to) {
  return fmt::format("the server ended {} bytes early", to - at);
}

Problem Broken(std::string message) {
  return Problem{
      .error = Error{Code::kUpstream, std::move(message), "Try again; a proxy in between may cut long answers.", {}, "network"},
      .transient = true};
}

Problem Corrupt(std::string_view path, std::string what) {
  return Problem{.error = Error{Code::kUpstream,
                                fmt::format("{}: {}", path, what),
                                "The hub or a mirror of it serves a wrong file: try again later.",
                                {},
                                "corrupt"}};
}

// What the hub's own answers say about a file, on the way to its content.
struct Facts {
  std::string commit;
  std::string etag;
  std::optional<std::uint64_t> size;
};

// What is asked for: a JSON document, a file by way of the hub, or content from where the hub said it is.
enum class Purpose { kDocument, kFile, kContent };

struct Followed {
  outbound::Answer answer;
  Url url;  // that answered
  bool at_hub = false;
  Facts facts;
};

}  // namespace

Task<Reply<std::string>> Content::Read(std::size_t most) {
  outbound::Outcome<std::string> piece = co_await answer_.Read(most);
  if (!piece) co_return std::unexpected(FromFailure(std::move(piece).error()));
  at_ += piece->size();
  if (at_ > to_) co_return std::unexpected(Broken("the server sent more than the range asked for"));
  if (piece->empty() && at_ < to_) co_return std::unexpected(Broken(ShortRead(at_, to_)));
  co_return std::move(*piece);
}

struct Hub::State {
  Settings settings;
  outbound::Client& client;
  Pool& pool;
  std::optional<Url> endpoint;
  Guarded<std::map<std::string, std::string>> warnings{};

  std::optional<Problem> Forbidden() const {
    if (settings.offline) {
      return Problem{.error = Error{Code::kUnavailable,
                                    fmt::format("hostler is offline: {} is set", settings.offline_variable),
                                    fmt::format("Unset {} to download.", settings.offline_variable),
                                    {},
                                    "offline"}};
    }
    if (!endpoint) {
      return Problem{.error = Error{Code::kInvalid,
                                    fmt::format("HF_ENDPOINT is no address: \"{}\"", outbound::Shown(settings.endpoint)),
                                    "Set it to http://… or https://…, or unset it.",
                                    {},
                                    "not_a_hub"}};
    }
    return std::nullopt;
  }
  void NoteWarning(const outbound::Fields& fields) {
    const std::string_view text = Get(fields, "X-HF-Warning");
    if (text.empty()) return;
    const std::size_t semicolon = text.find(';');
    std::string topic = semicolon == text.npos ? std::string() : Clip(Printable(Trim(text.substr(0, semicolon))), 100);
    std::string words = Clip(Printable(Trim(semicolon == text.npos ? text : text.substr(semicolon + 1))), 500);
    warnings.With([&](auto& known) {
      if (known.size() < kMostWarnings) known.try_emplace(std::move(topic), std::move(words));
    });
  }
  Asked About(const model::Repo& repo, std::string what, const Url& url, bool with_token) const {
    return {repo, outbound::Shown(settings.endpoint) + "/" + std::string(Prefix(repo.kind)) + repo.id, std::move(what),
            url.Origin(), with_token};
  }
  std::string Api(const model::Repo& repo) const {
    return fmt::format("{}/api/{}{}", settings.endpoint, Plural(repo.kind), repo.id);
  }
  std::string ResolveUrl(const model::Repo& repo, std::string_view commit, std::string_view path) const {
    return fmt::format("{}/{}{}/resolve/{}/{}", settings.endpoint, Prefix(repo.kind), repo.id, commit, EncodePath(path));
  }

  Task<std::string> Token();
  Task<Reply<Followed>> Ask(outbound::Request request, model::Repo repo, std::string what, Purpose purpose);
  Task<Reply<std::pair<std::string, std::string>>> Document(std::string url, model::Repo repo, std::string what);
};

Task<std::string> Hub::State::Token() {
  if (!settings.token.empty() || settings.token_file.empty()) co_return settings.token;
  const std::filesystem::path path = settings.token_file;
  Result<std::string> text = co_await pool.Run([path] { return os::ReadFile(path, 64 << 10); });
  if (!text) co_return std::string();
  std::erase_if(*text, [](char c) { return c == '\r' || c == '\n'; });
  co_return std::string(Trim(*text));
}

namespace {

void AddFacts(Facts& facts, const outbound::Fields& fields, bool redirect) {
  if (const auto commit = Get(fields, "X-Repo-Commit"); !commit.empty()) facts.commit = commit;
  std::string_view etag = Get(fields, "X-Linked-ETag");
  if (etag.empty()) etag = Get(fields, "ETag");
  if (!etag.empty()) facts.etag = BareEtag(etag);
  if (const auto size = ParseSize(Get(fields, "X-Linked-Size"))) {
    facts.size = size;
  } else if (const auto length = ParseSize(Get(fields, "Content-Length")); length && !redirect && !facts.size) {
    facts.size = length;
  }
}

}  // namespace

// Follows redirects by our own rules: the token stays with the endpoint's origin, and nothing secure becomes plain.
Task<Reply<Followed>> Hub::State::Ask(outbound::Request request, model::Repo repo, std::string what, Purpose purpose) {
  const std::string token = co_await Token();
  const outbound::Fields plain = request.headers;
  std::optional<Url> url = outbound::ParseUrl(request.url);
  Facts facts;
  for (int hop = 0; url && hop < kMostHops; ++hop) {
    const bool at_hub = url->SameOrigin(*endpoint);
    outbound::Request next = request;
    next.url = url->Text();
    next.headers = plain;
    if (at_hub && !token.empty()) next.headers.push_back({"Authorization", "Bearer " + token});
    outbound::Outcome<outbound::Answer> answer = co_await client.Open(std::move(next));
    if (!answer) co_return std::unexpected(FromFailure(std::move(answer).error()));
    const outbound::Head& head = answer->head();
    if (at_hub) {
      NoteWarning(head.headers);
      if (purpose == Purpose::kFile) AddFacts(facts, head.headers, IsRedirect(head.status) || head.status == 206);
    }
    if (!IsRedirect(head.status)) {
      if (head.status == 200 || head.status == 206) co_return Followed{std::move(*answer), *url, at_hub, std::move(facts)};
      const Asked asked = About(repo, what, *url, at_hub && !token.empty());
      if (!at_hub && purpose != Purpose::kDocument) co_return std::unexpected(FromContentServer(asked, head));
      outbound::Outcome<std::string> body = co_await answer->ReadAll(kMostErrorBytes);
      Problem problem = FromAnswer(asked, head, body ? *body : std::string());
      // No token went there, and none would help: what is wrong is that the hub sends us there.
      if (!at_hub && !problem.transient)
        problem = NotAHub(fmt::format("{} sends us on to {}, which answered {}", endpoint->Origin(), url->Origin(), head.status));
      co_return std::unexpected(std::move(problem));
    }
    const std::optional<Url> to = outbound::Follow(*url, Get(head.headers, "Location"));
    if (!to) co_return std::unexpected(NotAHub(fmt::format("{} redirects to what is no address", url->Origin())));
    if (url->scheme == "https" && to->scheme != "https")
      co_return std::unexpected(NotAHub(fmt::format("{} redirects to {} without encryption", url->Origin(), to->Origin())));
    url = to;
  }
  co_return std::unexpected(NotAHub(fmt::format("{} redirects too often", endpoint->Origin())));
}

// A small document and the address of the next page, if there is one.
Task<Reply<std::pair<std::string, std::string>>> Hub::State::Document(std::string url, model::Repo repo, std::string what) {
  outbound::Request request;
  request.url = std::move(url);
  request.headers = {{"Accept", "application/json"}};
  request.idle_timeout_s = settings.metadata_timeout_s;
  Reply<Followed> followed = co_await Ask(std::move(request), std::move(repo), std::move(what), Purpose::kDocument);
  if (!followed) co_return std::unexpected(std::move(followed).error());
  std::string next;
  if (const auto link = NextLink(Get(followed->answer.head().headers, "Link"))) {
    const auto target = outbound::Follow(followed->url, *link);
    if (!target) co_return std::unexpected(NotAHub("the hub's listing goes on at what is no address"));
    if (followed->url.scheme == "https" && target->scheme != "https")
      co_return std::unexpected(NotAHub("the hub's listing goes on without encryption"));
    next = target->Text();
  }
  outbound::Outcome<std::string> body = co_await followed->answer.ReadAll(kMostPageBytes);
  if (!body) co_return std::unexpected(FromFailure(std::move(body).error()));
  co_return std::pair{std::move(*body), std::move(next)};
}

Hub::Hub(Settings settings, outbound::Client& client, Pool& pool)
    : state_(new State{.settings = std::move(settings), .client = client, .pool = pool}) {
  while (state_->settings.endpoint.ends_with('/')) state_->settings.endpoint.pop_back();
  state_->endpoint = outbound::ParseUrl(state_->settings.endpoint);
}

Hub::~Hub() = default;

const Settings& Hub::settings() const {
  return state_->settings;
}

std::string Hub::PageOf(const model::Repo& repo) const {
  return outbound::Shown(state_->settings.endpoint) + "/" + std::string(Prefix(repo.kind)) + repo.id;
}

std::vector<std::string> Hub::Warnings() const {
  return state_->warnings.With([](const auto& known) {
    std::vector<std::string> all;
    for (const auto& [topic, words] : known) all.push_back(words);
    return all;
  });
}

Task<Reply<std::string>> Hub::Resolve(model::Repo repo, std::string revision) {
  if (model::IsCommit(revision)) co_return revision;
  if (auto forbidden = state_->Forbidden()) co_return std::unexpected(std::move(*forbidden));
  if (!model::IsRevision(revision)) {
    co_return std::unexpected(Problem{.error = Error{Code::kInvalid,
                                                     fmt::format("\"{}\" is no revision", Clip(Printable(revision), 100)),
                                                     "Give a branch, a tag or a commit.",
                                                     "revision",
                                                     {}}});
  }
  auto document = co_await state_->Document(state_->Api(repo) + "/revision/" + PercentEncode(revision), repo, revision);
  if (!document) co_return std::unexpected(std::move(document).error());
  Result<std::string> commit = co_await state_->pool.Run([text = std::move(document->first)] { return ParseInfo(text); });
  if (!commit) co_return std::unexpected(Problem{.error = std::move(commit).error()});
  co_return std::move(*commit);
}

Task<Reply<Listing>> Hub::Tree(model::Repo repo, std::string commit) {
  if (auto forbidden = state_->Forbidden()) co_return std::unexpected(std::move(*forbidden));
  const auto pages = std::make_shared<ListingOfPages>(repo.id);  // the pool's too, should this be cancelled
  std::string url = state_->Api(repo) + "/tree/" + commit + "?recursive=true&expand=false";
  std::set<std::string> asked;
  std::size_t bytes = 0;
  while (!url.empty()) {
    if (asked.size() == kMostPages || bytes > kMostListingBytes || pages->count() > kMostFiles) {
      co_return std::unexpected(
          NotAHub(fmt::format("the listing of {} does not end ({} files so far)", repo.id, pages->count())));
    }
    if (!asked.insert(url).second) co_return std::unexpected(NotAHub(fmt::format("the listing of {} runs in a circle", repo.id)));
    auto document = co_await state_->Document(url, repo, commit);
    if (!document) co_return std::unexpected(std::move(document).error());
    bytes += document->first.size();
    url = std::move(document->second);
    Result<> added = co_await state_->pool.Run([pages, text = std::move(document->first)]() -> Result<> {
      HOSTLER_TRY(std::vector<model::RepoFile> files, ParseTree(text));
      return pages->Add(std::move(files));
    });
    if (!added) co_return std::unexpected(Problem{.error = std::move(added).error()});
  }
  Listing listing;
  listing.files = std::move(*pages).Take();
  co_return listing;
}

Task<Reply<model::RepoFile>> Hub::Probe(model::Repo repo, std::string commit, std::string path) {
  if (auto forbidden = state_->Forbidden()) co_return std::unexpected(std::move(*forbidden));
  outbound::Request request;
  request.method = "HEAD";
  request.url = state_->ResolveUrl(repo, commit, path);
  request.idle_timeout_s = state_->settings.metadata_timeout_s;
  Reply<Followed> followed = co_await state_->Ask(std::move(request), repo, path, Purpose::kFile);
  if (!followed) co_return std::unexpected(std::move(followed).error());
  const Facts& facts = followed->facts;
  if (facts.commit != commit || !model::IsEtag(facts.etag) || !facts.size) {
    co_return std::unexpected(NotAHub(fmt::format("the hub did not say which version of {} it has", Clip(Printable(path), 200))));
  }
  model::RepoFile file;
  file.path = std::move(path);
  file.size = *facts.size;
  if (facts.etag.size() == 64) {
    file.sha256 = facts.etag;
  } else {
    file.blob_id = facts.etag;
  }
  co_return file;
}

namespace {

// The hub's own words about the file against what is wanted.
std::optional<Problem> CheckFacts(const Facts& facts, const Wanted& wanted) {
  const std::string& path = wanted.file.path;
  if (facts.commit.empty() || facts.etag.empty())
    return NotAHub(fmt::format("the hub did not say which version of {} it gives", Clip(Printable(path), 200)));
  if (facts.commit != wanted.commit) return Corrupt(path, "the hub gives another commit than was asked for");
  if (facts.etag != wanted.file.etag()) return Corrupt(path, "the hub gives another version than it lists");
  if (facts.size && *facts.size != wanted.file.size)
    return Corrupt(path, fmt::format("the hub lists {} bytes and gives {}", wanted.file.size, *facts.size));
  return std::nullopt;
}

// Where the body begins and ends, by its own head.
Reply<std::pair<std::uint64_t, std::uint64_t>> Extent(const outbound::Head& head, const Wanted& wanted) {
  const std::string& path = wanted.file.path;
  const std::uint64_t size = wanted.file.size;
  const std::string_view encoding = Get(head.headers, "Content-Encoding");
  if (!encoding.empty() && !EqualsIgnoringCase(encoding, "identity"))
    return std::unexpected(Corrupt(path, "the server sends it compressed, which was not asked for"));
  const auto length = ParseSize(Get(head.headers, "Content-Length"));
  if (head.status == 200) {
    if (length && *length != size)
      return std::unexpected(Corrupt(path, fmt::format("the server has {} bytes of {}", *length, size)));
    return std::pair{std::uint64_t{0}, size};
  }
  const auto range = ParseContentRange(Get(head.headers, "Content-Range"));
  if (!range || range->from != wanted.from || range->to > wanted.to || range->to <= range->from)
    return std::unexpected(Broken(fmt::format("the server gave another part of {} than was asked for", path)));
  if (range->total && *range->total != size)
    return std::unexpected(Corrupt(path, fmt::format("the server has {} bytes of {}", *range->total, size)));
  return std::pair{range->from, range->to};
}

}  // namespace

Task<Reply<Content>> Hub::Open(Wanted wanted) {
  if (auto forbidden = state_->Forbidden()) co_return std::unexpected(std::move(*forbidden));
  outbound::Request request;
  const bool direct = !wanted.address.url.empty();
  request.url = direct ? wanted.address.url : state_->ResolveUrl(wanted.repo, wanted.commit, wanted.file.path);
  request.idle_timeout_s = state_->settings.download_timeout_s;
  request.own_connection = true;
  request.window = wanted.window;
  if (wanted.from > 0 || wanted.to < wanted.file.size) {
    request.headers.push_back({"Range", fmt::format("bytes={}-{}", wanted.from, wanted.to - 1)});
    if (direct && !wanted.address.validator.empty()) request.headers.push_back({"If-Range", wanted.address.validator});
  }
  const Purpose purpose = direct ? Purpose::kContent : Purpose::kFile;
  Reply<Followed> followed = co_await state_->Ask(std::move(request), wanted.repo, wanted.file.path, purpose);
  if (!followed) {
    followed.error().expired &= direct || followed.error().transient;
    co_return std::unexpected(std::move(followed).error());
  }
  if (!direct) {
    if (auto wrong = CheckFacts(followed->facts, wanted)) co_return std::unexpected(std::move(*wrong));
  }
  const auto extent = Extent(followed->answer.head(), wanted);
  if (!extent) co_return std::unexpected(extent.error());
  const std::string_view etag = Get(followed->answer.head().headers, "ETag");
  Address address{followed->url.Text(), etag.starts_with('"') ? std::string(etag) : std::string()};
  co_return Content(std::move(followed->answer), extent->first, extent->second, std::move(address));
}

}  // namespace hostler::hub
