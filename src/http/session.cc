#include <utility>

#include <fmt/format.h>

#include "http/connection.h"
#include "http/exchange.h"

namespace hostler::http {

using boost::system::error_code;

namespace {

constexpr std::size_t kHeadRoom = 8 << 10;

// The size of the next head, or 0 if the client has closed instead of asking for more.
Task<std::expected<std::size_t, HeadFault>> ReadHead(Connection& connection) {
  const ServerOptions& options = connection.state().options;
  HeadScanner scanner;
  InBuffer& in = connection.in();
  connection.BeginWait();
  Clock::time_point deadline = CoarseNow() + options.idle_deadline;
  for (;;) {
    if (!in.empty()) {
      auto size = scanner.Scan(in.view(), options.header_limit);
      if (!size || *size > 0) co_return size;
      if (connection.phase() == Connection::Phase::kIdle) deadline = CoarseNow() + options.header_deadline;
      connection.set_phase(Connection::Phase::kHead);
    } else {
      in.Shrink();
      if (connection.shard().draining) co_return 0;
    }
    const error_code ec = co_await connection.Fill(kHeadRoom, deadline);
    if (ec) co_return 0;
  }
}

// Answers what could not become an Exchange, and gives the connection up: nobody knows where the next request begins.
Task<> Refuse(Connection& connection, HeadFault fault) {
  const std::string answer = connection.state().Refusal(fault.status, fault.error);
  connection.set_phase(Connection::Phase::kClosing);
  Gather gather;
  gather.Add(answer);
  co_await connection.Write(gather);
  co_await connection.Linger();
}

// What left the handler, if it was a bug.
std::string Describe(const std::exception_ptr& thrown, bool& cancelled) {
  try {
    std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& error) {
    cancelled = error.code() == boost::asio::error::operation_aborted;
    return error.what();
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

Task<> AnswerForHandler(Connection& connection, ServerExchange& exchange, unsigned status, Error error) {
  exchange.ForbidKeepAlive();
  Response response = connection.state().ErrorResponse(status, error);
  co_await exchange.Send(std::move(response));
}

// Makes good what the handler left undone. False if the connection was cut.
Task<bool> Complete(Connection& connection, ServerExchange& exchange, std::exception_ptr thrown) {
  bool cancelled = false;
  std::string bug;
  if (thrown) {
    bug = Describe(thrown, cancelled);
  } else if (!exchange.started()) {
    bug = "the handler returned without an answer";
  } else if (!exchange.finished()) {
    bug = "the handler returned without Finish";
  }
  if (!bug.empty() && !cancelled) connection.state().Bug(exchange.Name(), bug);
  if (exchange.finished()) co_return true;
  if (exchange.started()) {
    connection.Reset();
    co_return false;
  }
  if (cancelled) {
    Error error{Code::kUnavailable, "the work was stopped before it was finished", "Try again", {}, {}};
    co_await AnswerForHandler(connection, exchange, 503, std::move(error));
  } else {
    Error error{Code::kInternal, "hostler made a mistake while it answered this", "See the log for what happened", {}, {}};
    co_await AnswerForHandler(connection, exchange, 500, std::move(error));
  }
  co_return true;
}

Task<bool> ServeHead(Connection& connection, RequestHead head) {
  connection.BeginRequest();
  ServerExchange exchange(connection, std::move(head));
  std::exception_ptr thrown;
  try {
    co_await connection.state().handler(exchange);
  } catch (...) {
    thrown = std::current_exception();
  }
  if (connection.gone()) co_return false;
  if (thrown || !exchange.finished()) {
    if (!co_await Complete(connection, exchange, thrown)) co_return false;
  }
  connection.EndRequest();
  if (exchange.keep_alive() && (exchange.body_read() || co_await exchange.DropBody())) co_return true;
  co_await connection.Linger();
  co_return false;
}

// One request; true if another one may follow on the connection.
Task<bool> ServeOne(Connection& connection) {
  auto size = co_await ReadHead(connection);
  if (size && *size == 0) co_return false;
  if (!size) {
    co_await Refuse(connection, std::move(size).error());
    co_return false;
  }
  auto head = ParseRequestHead(connection.in().view().substr(0, *size));
  connection.in().Consume(*size);
  const std::uint64_t limit = connection.state().options.body_limit;
  if (head && head->length.value_or(0) > limit) {
    Error error{Code::kTooLarge,
                fmt::format("the request body is larger than {} bytes", limit),
                "Send less, or in several requests",
                {},
                {}};
    head = std::unexpected(HeadFault{413, std::move(error)});
  }
  if (!head) {
    co_await Refuse(connection, std::move(head).error());
    co_return false;
  }
  co_return co_await ServeHead(connection, *std::move(head));
}

}  // namespace

std::string ServerState::Refusal(unsigned status, const Error& error) const {
  const Response response = ErrorResponse(status, error);
  std::string out;
  AppendStatusLine(out, status);
  for (const auto& [name, value] : response.headers) {
    if (!IsFramingField(name) && IsToken(name) && IsFieldValue(value)) AppendField(out, name, value);
  }
  out += fmt::format("Content-Length: {}\r\nConnection: close\r\n\r\n", response.body.size());
  out += response.body;
  return out;
}

Task<> RunRefusal(std::shared_ptr<Connection> connection) {
  Error full{Code::kUnavailable, "all connections are taken", "Try again in a moment, or raise server.max_connections", {}, {}};
  co_await Refuse(*connection, HeadFault{503, std::move(full)});
}

Task<> RunSession(std::shared_ptr<Connection> connection) {
  while (co_await ServeOne(*connection)) {
  }
}

}  // namespace hostler::http
