// hostler: the daemon and its command line in one program.
#include <signal.h>

#include <cstdio>
#include <system_error>

#include "cli/cli.h"
#include "hostlerd/daemon.h"
#include "os/system_error.h"

namespace hostler {
namespace {

int Complain(const Error& error, int status) {
  std::fprintf(stderr, "hostler: %s\n",
               error.field.empty() ? error.message.c_str() : (error.field + ": " + error.message).c_str());
  if (!error.remedy.empty()) std::fprintf(stderr, "  → %s\n", error.remedy.c_str());
  return status;
}

int Serve(const cli::ServeRequest& request) {
  auto loaded = config::Load(request.config_file, config::ProcessEnvironment(), request.flags);
  if (!loaded) return Complain(loaded.error(), 2);
  auto home = hostlerd::Home::Open(loaded->config.home);
  if (!home) return Complain(home.error(), home.error().name == hostlerd::Home::kInUse ? 5 : 1);
  loaded->config.home = home->folder();
  std::vector<std::string> notes;
  auto catalogue = hostlerd::ReadCatalogue(loaded->config, &notes);
  if (!catalogue) return Complain(catalogue.error(), 2);
  if (const auto words = hostlerd::CheckSpeechFiles(loaded->config); !words) return Complain(words.error(), 2);
  try {
    hostlerd::Daemon daemon(std::move(loaded->config), std::move(*home), std::move(*catalogue), notes);
    return daemon.Run();
  } catch (const std::system_error& error) {  // from a thread that cannot be started
    return Complain(os::SystemError(error.code().value(), "cannot start hostler"), 1);
  }
}

}  // namespace
}  // namespace hostler

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  return hostler::cli::RunCli(argc, argv, hostler::Serve);
}
