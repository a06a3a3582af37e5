// How one kind of engine is started, loaded, watched, stopped and asked. Nothing outside this room knows which kind it talks to:
// AdapterOf() chooses by the program's name.
//
// Adapters hold no state; there is one of each kind. Threads: the control loop, but Plan (blocks on the disk, so on a pool) and
// what requests call (any loop of the house; `client` is that loop's).
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/server.h"
#include "log/log.h"
#include "model/model.h"
#include "wire/wire.h"

namespace hostler::engines {

struct Handle;
struct Running;
struct Workshop;

// Under this number a child finds its listening socket, or the folder in which it makes one.
inline constexpr int kInheritedFd = 3;

// What a start is planned from.
struct Order {
  model::Entry entry;
  std::filesystem::path files;  // the model's file or folder; empty: it needs none
  std::string socket_name;
  int threads = 1;
  log::Level log_level = log::Level::kInfo;
};

struct Launch {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // changes to ours, as os::Environment takes them
  bool makes_its_socket = false;         // `socket_name` in the folder under kInheritedFd; else it is given one that listens
  bool reports_on_output = false;        // standard output is read, and standard input stays open
};

// A load as Adapter::Load is to do it.
struct Loading {
  std::shared_ptr<Running> running;
  const Workshop& workshop;
  const model::Entry& entry;
  const std::string& files;
  http::Client& client;
};

class Adapter {
 public:
  Adapter() = default;
  Adapter(const Adapter&) = delete;
  Adapter& operator=(const Adapter&) = delete;
  virtual ~Adapter() = default;

  // --- its life ---
  // Errors: what can be known to be wrong before anything is started.
  [[nodiscard]] virtual Result<Launch> Plan(const Order& order) const = 0;
  // From a process that was just spawned to a loaded model; fills the handle's capabilities and voices. An error of the
  // connection is kUpstream or kUnavailable without a name: then the end of the process may say more.
  [[nodiscard]] virtual Task<Result<>> Load(Loading loading) const = 0;
  // A line of its standard error.
  virtual void OnErrorLine(Running& running, std::string_view line) const;
  // Why a load failed, if the process ended by itself in good order and said it; nullopt: it crashed.
  [[nodiscard]] virtual std::optional<Error> Refusal(const Running& running) const;
  [[nodiscard]] virtual Task<Result<>> AskHealth(http::Client& client, http::Endpoint endpoint,
                                                 Clock::duration deadline) const = 0;
  // Asks it to end in good order.
  virtual void AskToStop(Running& running) const = 0;

  // --- requests; the caller holds a lease ---
  // Is this route of the engine's own work that a client may ask for? Loading, unloading and logs are the daemon's.
  [[nodiscard]] virtual bool IsWork(http::Method method, std::string_view path) const = 0;
  [[nodiscard]] virtual Task<Result<wire::EmbedReply>> Embed(http::Client& client, const Handle& handle,
                                                             wire::EmbedRequest request) const = 0;
  [[nodiscard]] virtual Task<Result<wire::RerankReply>> Rerank(http::Client& client, const Handle& handle,
                                                               wire::RerankRequest request) const = 0;
  [[nodiscard]] virtual Task<Result<wire::SparseReply>> Sparse(http::Client& client, const Handle& handle,
                                                               wire::SparseRequest request) const = 0;
  // A route of OpenAI's or Anthropic's, answered by the engine: `body` goes there as it is, and the answer to `exchange` as it
  // comes. The engine's errors are returned, unless the answer has begun.
  [[nodiscard]] virtual Task<Result<>> Converse(http::Client& client, const Handle& handle, http::Exchange& exchange,
                                                std::string route, std::string body) const = 0;
};

// By the name of the program: `llama-server`, or hostler's own protocol.
[[nodiscard]] const Adapter& AdapterOf(const model::Entry& entry);

}  // namespace hostler::engines
