#include "cli/commands.h"

namespace hostler::cli {

Result<int> RunServe(const Context& context, const ServeOptions& options, const Serve& serve) {
  ServeRequest request{options.config, options.flags};
  for (const auto& [key, text] : context.HomeFlags()) request.flags[key] = text;
  return serve(request);
}

}  // namespace hostler::cli
