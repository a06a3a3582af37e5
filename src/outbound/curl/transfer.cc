#include "outbound/curl/transfer.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <new>

#include "base/text.h"

namespace hostler::outbound {
namespace {

constexpr std::size_t kMostHeadBytes = 64 << 10;
constexpr long kReceiveBuffer = 256 << 10;

template <class T>
void Set(CURL* easy, CURLoption option, T value) {
  curl_easy_setopt(easy, option, value);
}

std::string HostOf(std::string_view url) {
  const std::string shown = Shown(url);
  const std::size_t start = shown.find("://");
  if (start == shown.npos) return shown;
  return shown.substr(start + 3, shown.find('/', start + 3) - start - 3);
}

}  // namespace

Transfer::Transfer(std::shared_ptr<Receiver> receiver, Request request, const std::string& user_agent)
    : receiver_(std::move(receiver)), request_(std::move(request)), easy_(curl_easy_init()) {
  if (easy_ == nullptr) throw std::bad_alloc();
  SetUp(user_agent);
}

Transfer::~Transfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(fields_);
}

void Transfer::SetUp(const std::string& user_agent) {
  Set(easy_, CURLOPT_PRIVATE, this);
  Set(easy_, CURLOPT_URL, request_.url.c_str());
  Set(easy_, CURLOPT_PATH_AS_IS, 1L);
  Set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(easy_, CURLOPT_REDIR_PROTOCOLS_STR, request_.url.starts_with("https") ? "https" : "http,https");
  Set(easy_, CURLOPT_FOLLOWLOCATION, request_.follow_redirects ? 1L : 0L);
  Set(easy_, CURLOPT_MAXREDIRS, 10L);
  Set(easy_, CURLOPT_NOSIGNAL, 1L);
  Set(easy_, CURLOPT_ERRORBUFFER, &reason_[0]);
  Set(easy_, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  Set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout_s * 1000));
  Set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  Set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  if (request_.own_connection) Set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (request_.unpack) Set(easy_, CURLOPT_ACCEPT_ENCODING, "");
  // Only the curl program reads these; the library leaves them to whoever uses it.
  if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && *file != '\0') Set(easy_, CURLOPT_CAINFO, file);
  if (const char* folder = std::getenv("SSL_CERT_DIR"); folder != nullptr && *folder != '\0') Set(easy_, CURLOPT_CAPATH, folder);

  if (request_.method == "HEAD") {
    Set(easy_, CURLOPT_NOBODY, 1L);
  } else if (request_.method != "GET" || !request_.body.empty()) {
    if (request_.method == "POST" || request_.method == "PUT" || !request_.body.empty()) {
      Set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      Set(easy_, CURLOPT_POSTFIELDS, request_.body.data());
    }
    Set(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  Set(easy_, CURLOPT_USERAGENT, user_agent.c_str());
  bool encoding = request_.unpack;
  const auto add = [this](const std::string& line) {
    curl_slist* longer = curl_slist_append(fields_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    fields_ = longer;
  };
  for (const Field& field : request_.headers) {
    if (EqualsIgnoringCase(field.name, "Accept-Encoding")) encoding = true;
    if (EqualsIgnoringCase(field.name, "User-Agent")) Set(easy_, CURLOPT_USERAGENT, nullptr);
    add(field.value.empty() ? field.name + ";" : field.name + ": " + field.value);
  }
  if (!encoding) add("Accept-Encoding: identity");
  if (!request_.body.empty()) add("Expect:");
  Set(easy_, CURLOPT_HTTPHEADER, fields_);
  Set(easy_, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  Set(easy_, CURLOPT_HEADERDATA, this);
  Set(easy_, CURLOPT_WRITEFUNCTION, &Transfer::OnBytes);
  Set(easy_, CURLOPT_WRITEDATA, this);
}

void Transfer::Resume() {
  if (!paused_) return;
  paused_ = false;
  last_sign_ = Clock::now();
  curl_easy_pause(easy_, CURLPAUSE_CONT);
}

std::optional<Clock::time_point> Transfer::Deadline() const {
  if (paused_) return std::nullopt;
  const auto idle = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(request_.idle_timeout_s));
  curl_off_t connected = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &connected);
  if (connected != 0 || head_bytes_ != 0) return last_sign_ + idle;
  // libcurl ends a connection attempt by itself; waiting for the answer starts after it.
  const auto connect = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(request_.connect_timeout_s));
  return last_sign_ + connect + idle;
}

std::size_t Transfer::OnHeader(char* bytes, std::size_t size, std::size_t count, void* self) {
  return static_cast<Transfer*>(self)->Header({bytes, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

bool Transfer::Header(std::string_view line) {
  last_sign_ = Clock::now();
  if (head_given_) return true;  // trailers
  if (line.starts_with("HTTP/")) {
    head_ = {};
    head_bytes_ = 0;
  }
  head_bytes_ += line.size();
  if (head_bytes_ > kMostHeadBytes) {
    head_too_large_ = true;
    return false;
  }
  line = Trim(line);
  if (line.empty()) {
    HeadIsThere();
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon == line.npos || line.starts_with("HTTP/")) return true;
  head_.headers.push_back({std::string(Trim(line.substr(0, colon))), std::string(Trim(line.substr(colon + 1)))});
  return true;
}

void Transfer::HeadIsThere() {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return;  // 100 Continue and the like: another head follows
  const bool onward =
      request_.follow_redirects && status >= 300 && status < 400 && status != 304 && !Get(head_.headers, "Location").empty();
  if (onward) return;
  char* url = nullptr;
  curl_easy_getinfo(easy_, CURLINFO_EFFECTIVE_URL, &url);
  head_.status = static_cast<int>(status);
  head_.url = url != nullptr ? url : request_.url;
  head_given_ = true;
  receiver_->OnHead(std::move(head_));
}

std::size_t Transfer::OnBytes(char* bytes, std::size_t size, std::size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  transfer->last_sign_ = Clock::now();
  if (!transfer->head_given_) return size * count;  // of a redirect that is followed
  transfer->fresh = true;
  if (transfer->receiver_->OnBody({bytes, size * count})) return size * count;
  transfer->paused_ = true;
  return CURL_WRITEFUNC_PAUSE;
}

Failure Transfer::Make(Trouble trouble, Code code, std::string_view what, std::string_view remedy) const {
  const std::string host = HostOf(request_.url);
  return {trouble,
          Error{code,
                fmt::format(fmt::runtime(what), fmt::arg("host", host), fmt::arg("reason", Clip(Printable(reason_), 200))),
                std::string(remedy),
                {},
                "network"}};
}

Failure Transfer::TimedOut() const {
  return Make(Trouble::kTimeout, Code::kTimeout,
              head_given_ ? fmt::format("{{host}} stopped sending: nothing came for {:g} s", request_.idle_timeout_s)
                          : fmt::format("{{host}} did not answer within {:g} s", request_.idle_timeout_s),
              "Look at the connection to it; it may also be overloaded: try again later.");
}

std::optional<Failure> Transfer::Explain(CURLcode code) const {
  switch (code) {
    case CURLE_OK:
      if (head_given_) return std::nullopt;
      return Make(Trouble::kProtocol, Code::kUpstream, "{host} gave no answer", "Try again later.");
    case CURLE_COULDNT_RESOLVE_HOST:
      return Make(Trouble::kResolve, Code::kUpstream, "the name {host} cannot be resolved",
                  "Look whether it is spelled right, and whether this machine has a connection and a name server.");
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
      return Make(Trouble::kProxy, Code::kUpstream, "the proxy on the way to {host} cannot be used: {reason}",
                  "Correct http_proxy, HTTPS_PROXY or NO_PROXY in the daemon's environment.");
    case CURLE_COULDNT_CONNECT:
      return Make(Trouble::kConnect, Code::kUpstream, "{host} cannot be reached: {reason}",
                  "Look whether the address is right and the service runs; a firewall or a proxy may be in between.");
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CIPHER:
      return Make(
          Trouble::kTls, Code::kUpstream, "no secure connection to {host}: {reason}",
          "Look whether the address should begin with http:, and at this machine's clock; if the certificate is one of your "
          "own, name its authority in SSL_CERT_FILE.");
    case CURLE_OPERATION_TIMEDOUT:
      return Make(Trouble::kTimeout, Code::kTimeout,
                  fmt::format("{{host}} could not be connected within {:g} s", request_.connect_timeout_s),
                  "Look at the connection to it; a firewall may drop what is sent there.");
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2_STREAM:
      return Make(Trouble::kTruncated, Code::kUpstream, "{host} ended its answer early",
                  "Try again; a proxy in between may cut long answers.");
    case CURLE_TOO_MANY_REDIRECTS:
      return Make(Trouble::kProtocol, Code::kUpstream, "{host} redirects in a circle",
                  "Look whether that is the server you meant.");
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
      return Make(Trouble::kReset, Code::kUpstream, "the connection to {host} broke",
                  "Try again; look at the network in between.");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Make(Trouble::kInvalid, Code::kInvalid, "the address of {host} cannot be asked: {reason}",
                  "Use http://… or https://….");
    default: break;
  }
  if (head_too_large_)
    return Make(Trouble::kTooLarge, Code::kUpstream, "the head of {host}'s answer is too large",
                "Look whether that is the server you meant.");
  return Make(Trouble::kProtocol, Code::kUpstream, "{host} answered what is no HTTP: {reason}",
              "Look whether that is the server you meant.");
}

}  // namespace hostler::outbound
