#include "cli/session.h"

#include <csignal>

namespace hostler::cli {

Session::Session() : signals_(loop_.executor(), SIGINT, SIGTERM), client_(std::make_unique<http::Client>(loop_.executor())) {
  Listen();
}

Session::~Session() = default;

void Session::Listen() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    interrupted_ = true;
    cancel_.emit(boost::asio::cancellation_type::terminal);
    Listen();
  });
}

void Session::Run() {
  loop_.io().restart();
  loop_.RunHere();
}

}  // namespace hostler::cli
