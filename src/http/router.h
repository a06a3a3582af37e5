// Matches method and path to a handler, without regular expressions.
//
// Patterns are segments: literal text, `{name}` for one segment, `{name+}` for one or more (a model id with slashes).
// Paths are matched decoded, so `org%2Fmodel` and `org/model` are the same. A literal beats `{name}` beats `{name+}`; of
// several `{name+}` patterns the one with the longest literal suffix wins: `/api/models/a/b/status` goes to
// `/api/models/{id+}/status`. HEAD goes to GET. Unknown path: 404; known path with another method: 405 with Allow.
//
// Built once at start, then read only; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/server.h"

namespace hostler::http {

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;

  // REQUIRES: the same method and pattern were not added before (the process ends otherwise: it is a bug).
  void Add(Method method, std::string_view pattern, Handler handler);

  struct Match {
    const Handler* handler = nullptr;  // null: not found, or method not allowed if `allowed` is not empty
    std::vector<std::pair<std::string, std::string>> params;
    std::vector<Method> allowed;
  };
  [[nodiscard]] Match Find(Method method, std::string_view decoded_path) const;

  // Finds and runs the handler, or answers 404 / 405 / 204 for OPTIONS through `error_response`.
  // REQUIRES: the router outlives the handler.
  [[nodiscard]] Handler AsHandler(std::function<Response(unsigned, const Error&)> error_response) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

}  // namespace hostler::http
