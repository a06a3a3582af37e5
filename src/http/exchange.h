// The server's Exchange: one request on a connection. Internal to this room.
//
// Owner: the session's frame. Threads: the connection's loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/connection.h"

namespace hostler::http {

class ServerExchange final : public Exchange {
 public:
  ServerExchange(Connection& connection, RequestHead head);

  Method method() const override { return head_.method; }
  const std::string& path() const override { return head_.path; }
  const std::string& target() const override { return head_.target; }
  const Query& query() const override;
  const Headers& headers() const override { return head_.headers; }
  const std::string& peer() const override { return connection_.peer(); }
  const std::string& param(std::string_view name) const override;
  void SetParam(std::string name, std::string value) override;
  Task<Result<std::string>> ReadBody(std::uint64_t limit) override;
  Task<Result<std::string_view>> ReadSome() override;
  std::optional<std::uint64_t> content_length() const override;
  Task<> Send(Response response) override;
  Task<> Start(unsigned status, Headers headers, std::optional<std::uint64_t> length) override;
  Task<> StartFramed(unsigned status, Headers headers) override;
  bool takes_chunks() const override { return !head_.http_1_0; }
  Task<> Write(std::string_view data) override;
  Task<> Finish() override;
  void Abort() override;
  bool started() const override { return answer_ != Answer::kNone; }
  unsigned status() const override { return status_; }
  void AddHeader(std::string_view name, std::string_view value) override { added_.Add(name, value); }
  std::stop_token stop_token() override { return connection_.stop_token(); }
  Executor executor() const override { return connection_.shard().loop.executor(); }

  // --- for the session ---
  [[nodiscard]] bool finished() const { return answer_ == Answer::kDone; }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  [[nodiscard]] bool body_done() const { return body_ == nullptr || body_->done(); }
  // Nothing of the request's body is left, nor lent to anybody.
  [[nodiscard]] bool body_read() const { return body_done() && lent_ == 0; }
  void ForbidKeepAlive() { keep_alive_ = false; }
  // Drops what is left of the request's body if that is little; false if the connection cannot be used again.
  [[nodiscard]] Task<bool> DropBody();
  [[nodiscard]] std::string Name() const { return head_.method_name + " " + head_.path; }

 private:
  enum class Answer { kNone, kStreaming, kDone };
  enum class BodyKind { kNone, kLength, kChunked, kFramed, kUntilClose };

  [[nodiscard]] Result<std::string_view> Decode();
  [[nodiscard]] Task<> SendContinue();
  void DecideKeepAlive();
  void BeginAnswer();
  void BeginStream(unsigned status, const Headers& headers);
  void BuildHead(unsigned status, const Headers& headers);
  void AppendHeaders(const Headers& headers);

  Connection& connection_;
  RequestHead head_;
  std::unique_ptr<BodyDecoder> body_;  // null: the request has none
  mutable std::optional<Query> query_;
  std::vector<std::pair<std::string, std::string>> params_;

  std::size_t lent_ = 0;  // bytes of the buffer that the caller of ReadSome still looks at
  std::uint64_t received_ = 0;
  std::optional<Error> broken_;  // the body cannot be read on
  bool expects_continue_;
  bool keep_alive_;

  Answer answer_ = Answer::kNone;
  unsigned status_ = 0;
  Headers added_;
  BodyKind kind_ = BodyKind::kNone;
  std::uint64_t declared_ = 0;  // of the answer, if kLength
  std::uint64_t unsent_ = 0;
  std::string out_;  // head that was not sent yet
};

}  // namespace hostler::http
