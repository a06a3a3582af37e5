#include "http/router.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "base/text.h"

namespace hostler::http {

// One segment of the patterns that were added. The tree is walked depth first with the better kind of branch first, so the
// first hit is the right one.
struct Router::Node {
  struct Leaf {
    std::vector<std::string> names;  // of the parameters, in the order of the path
    std::map<Method, Handler> handlers;
  };
  struct Tail {                       // `{name+}` and what follows it
    std::vector<std::string> suffix;  // segments; only literals
    Leaf leaf;
  };
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> any;
  std::vector<Tail> tails;  // longest suffix first
  Leaf leaf;
};

namespace {

[[noreturn]] void Bug(std::string_view what, std::string_view pattern) {
  std::fprintf(stderr, "hostler: bug: route %.*s: %.*s\n", static_cast<int>(pattern.size()), pattern.data(),
               static_cast<int>(what.size()), what.data());
  std::abort();
}

// "/a/b" is {"a", "b"} and "/a/" is {"a", ""}: a trailing slash is another path.
std::vector<std::string_view> Segments(std::string_view path) {
  if (!path.starts_with('/')) return {};
  return Split(path.substr(1), '/');
}

enum class Kind { kLiteral, kOne, kMany };

Kind KindOf(std::string_view segment) {
  if (!segment.starts_with('{') || !segment.ends_with('}')) return Kind::kLiteral;
  return segment.ends_with("+}") ? Kind::kMany : Kind::kOne;
}

std::string NameOf(std::string_view segment) {
  return std::string(segment.substr(1, segment.size() - (KindOf(segment) == Kind::kMany ? 3 : 2)));
}

bool IsDots(std::string_view segment) {
  return segment == "." || segment == "..";
}

}  // namespace

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;

void Router::Add(Method method, std::string_view pattern, Handler handler) {
  Node* node = root_.get();
  std::vector<std::string> names;
  Node::Leaf* leaf = nullptr;
  const std::vector<std::string_view> segments = Segments(pattern);
  if (segments.empty()) Bug("a pattern begins with a slash", pattern);
  for (std::size_t i = 0; i < segments.size() && leaf == nullptr; ++i) {
    const Kind kind = KindOf(segments[i]);
    if (kind != Kind::kLiteral) names.push_back(NameOf(segments[i]));
    if (kind == Kind::kLiteral) {
      auto& next = node->literals[std::string(segments[i])];
      if (!next) next = std::make_unique<Node>();
      node = next.get();
    } else if (kind == Kind::kOne) {
      if (!node->any) node->any = std::make_unique<Node>();
      node = node->any.get();
    } else {
      std::vector<std::string> suffix(segments.begin() + static_cast<std::ptrdiff_t>(i) + 1, segments.end());
      if (std::ranges::any_of(suffix, [](const std::string& s) { return KindOf(s) != Kind::kLiteral; })) {
        Bug("only literal segments may follow {name+}", pattern);
      }
      auto tail = std::ranges::find(node->tails, suffix, &Node::Tail::suffix);
      if (tail == node->tails.end()) {
        const auto longer = [&](const Node::Tail& other) { return other.suffix.size() >= suffix.size(); };
        tail = node->tails.insert(std::ranges::find_if_not(node->tails, longer), Node::Tail{std::move(suffix), {}});
      }
      leaf = &tail->leaf;
    }
  }
  if (leaf == nullptr) leaf = &node->leaf;
  if (!leaf->names.empty() && leaf->names != names) Bug("the same path was added with other parameter names", pattern);
  leaf->names = std::move(names);
  if (!leaf->handlers.emplace(method, std::move(handler)).second) Bug("added twice", pattern);
}

namespace {

using Path = std::vector<std::string_view>;

std::string JoinRange(const Path& path, std::size_t begin, std::size_t end) {
  std::string out;
  for (std::size_t i = begin; i < end; ++i) {
    if (i > begin) out += '/';
    out.append(path[i]);
  }
  return out;
}

// Collects what fits, best first, until `visit` says that it has enough.
template <class Node, class Visit>
bool Walk(const Node& node, const Path& path, std::size_t at, std::vector<std::string>& values, const Visit& visit) {
  if (at == path.size()) return !node.leaf.handlers.empty() && visit(node.leaf, values);
  if (const auto next = node.literals.find(path[at]); next != node.literals.end()) {
    if (Walk(*next->second, path, at + 1, values, visit)) return true;
  }
  if (node.any && !path[at].empty()) {
    values.emplace_back(path[at]);
    if (Walk(*node.any, path, at + 1, values, visit)) return true;
    values.pop_back();
  }
  for (const auto& tail : node.tails) {
    if (path.size() < at + 1 + tail.suffix.size()) continue;
    const std::size_t end = path.size() - tail.suffix.size();
    if (!std::equal(tail.suffix.begin(), tail.suffix.end(), path.begin() + static_cast<std::ptrdiff_t>(end))) continue;
    if (std::any_of(path.begin() + static_cast<std::ptrdiff_t>(at), path.begin() + static_cast<std::ptrdiff_t>(end),
                    [](std::string_view segment) { return segment.empty(); })) {
      continue;
    }
    values.push_back(JoinRange(path, at, end));
    if (visit(tail.leaf, values)) return true;
    values.pop_back();
  }
  return false;
}

template <class Leaf>
const Handler* HandlerFor(const Leaf& leaf, Method method) {
  auto found = leaf.handlers.find(method);
  if (found == leaf.handlers.end() && method == Method::kHead) found = leaf.handlers.find(Method::kGet);
  return found == leaf.handlers.end() ? nullptr : &found->second;
}

}  // namespace

Router::Match Router::Find(Method method, std::string_view decoded_path) const {
  Match match;
  const Path path = Segments(decoded_path);
  if (path.empty() || std::ranges::any_of(path, IsDots)) return match;
  std::vector<std::string> values;
  const auto visit = [&](const Node::Leaf& leaf, const std::vector<std::string>& found) {
    if (const Handler* handler = HandlerFor(leaf, method)) {
      match.handler = handler;
      for (std::size_t i = 0; i < found.size(); ++i) match.params.emplace_back(leaf.names[i], found[i]);
      match.allowed.clear();
      return true;
    }
    const auto allow = [&](Method allowed) {
      if (std::ranges::find(match.allowed, allowed) == match.allowed.end()) match.allowed.push_back(allowed);
    };
    for (const auto& [allowed, unused] : leaf.handlers) {
      allow(allowed);
      if (allowed == Method::kGet) allow(Method::kHead);
    }
    return false;
  };
  Walk(*root_, path, 0, values, visit);
  return match;
}

namespace {

std::string AllowValue(const std::vector<Method>& methods) {
  std::string text;
  for (const Method method : methods) text.append(MethodName(method)).append(", ");
  return text + "OPTIONS";
}

Response NoRoute(const Router::Match& match, Exchange& exchange,
                 const std::function<Response(unsigned, const Error&)>& error_response) {
  if (match.allowed.empty()) {
    return error_response(404, Error{Code::kNotFound,
                                     fmt::format("there is nothing at {}", exchange.path()),
                                     "See /openapi.json for what is there",
                                     {},
                                     {}});
  }
  const std::string allow = AllowValue(match.allowed);
  Response response;
  if (exchange.method() == Method::kOptions) {
    response.status = 204;
  } else {
    response = error_response(405, Error{Code::kUnsupported,
                                         fmt::format("{} does not take {}", exchange.path(), MethodName(exchange.method())),
                                         "Use one of " + allow,
                                         {},
                                         "method_not_allowed"});
  }
  response.headers.Set("Allow", allow);
  return response;
}

// A free coroutine, so that nothing lives in a lambda object that may go away.
Task<> Route(const Router& router, const std::function<Response(unsigned, const Error&)>& error_response, Exchange& exchange) {
  Router::Match match = router.Find(exchange.method(), exchange.path());
  if (match.handler != nullptr) {
    for (auto& [name, value] : match.params) exchange.SetParam(std::move(name), std::move(value));
    co_await (*match.handler)(exchange);
    co_return;
  }
  Response response = NoRoute(match, exchange, error_response);
  co_await exchange.Send(std::move(response));
}

}  // namespace

Handler Router::AsHandler(std::function<Response(unsigned, const Error&)> error_response) const {
  return
      [this, error_response = std::move(error_response)](Exchange& exchange) { return Route(*this, error_response, exchange); };
}

}  // namespace hostler::http
