// What hostler-outbound.so offers to Client. Internal to this room.
//
// Owner: Client and the answers that are being read. Threads: calls from any; a Receiver is called on the transport's own thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "outbound/outbound.h"

namespace hostler::outbound {

class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void OnHead(Head head) = 0;
  // False: no room; the bytes come again after Transport::Resume().
  [[nodiscard]] virtual bool OnBody(std::string_view bytes) = 0;
  // Everything that came at once has been handed over. True: some of it waits for more, call OnLull() in a moment.
  [[nodiscard]] virtual bool OnRound() = 0;
  virtual void OnLull() = 0;
  virtual void OnEnd(std::optional<Failure> failure) = 0;  // the last call
};

class Transport {
 public:
  virtual ~Transport() = default;
  // REQUIRES: each receiver is started once.
  virtual void Start(std::shared_ptr<Receiver> receiver, Request request) = 0;
  virtual void Resume(const std::shared_ptr<Receiver>& receiver) = 0;
  virtual void Cancel(const std::shared_ptr<Receiver>& receiver) = 0;  // no OnEnd follows
};

// Raise it with every change of these classes or of a type in their calls.
inline constexpr int kTransportAbi = 1;
inline constexpr const char* kTransportEntry = "hostler_outbound_module";
// A transport with its thread, or nullptr if the module was built for another ABI; `delete` ends it.
using TransportEntry = Transport* (*)(int abi, const char* user_agent, std::size_t kept_connections);

}  // namespace hostler::outbound
