#include <fmt/format.h>

#include "base/text.h"
#include "cli/api.h"
#include "cli/audio_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/form_writer.h"
#include "cli/table.h"

namespace hostler::cli {
namespace {

struct SampleRow {
  std::string name;
  std::uint64_t size_bytes = 0;
  json::Nullable<std::string> content_type;
  json::Nullable<std::string> created_at;
};
BOOST_DESCRIBE_STRUCT(SampleRow, (), (name, size_bytes, content_type, created_at))

constexpr std::string_view kLibrary = "/api/voices/library";

}  // namespace

Result<int> RunSamplesList(const Context& context) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  HOSTLER_TRY(const std::string body, Api(session, std::move(target)).Get(std::string(kLibrary)));
  HOSTLER_TRY(const auto samples, Read<std::vector<SampleRow>>(body));
  if (context.json()) {
    context.OutLine(body);
    return kExitOk;
  }
  Table table({"SAMPLE", ">SIZE", "TYPE", "SINCE"});
  for (const SampleRow& sample : samples) {
    table.Add({Cell(sample.name, Style::kStrong), HumanBytes(static_cast<double>(sample.size_bytes)),
               sample.content_type.value.value_or("-"), sample.created_at.value.value_or("-")});
  }
  if (table.size() == 0)
    context.OutLine("no samples");
  else
    table.Print(context);
  return kExitOk;
}

Result<int> RunSamplesAdd(const Context& context, const SamplesOptions& options) {
  HOSTLER_TRY(const std::string sound, ReadSound(options.file));
  const std::filesystem::path file = options.file;
  FormWriter form;
  form.Field("name", options.name.empty() ? file.stem().string() : options.name);
  form.File("audio", file.filename().string(), sound);
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  HOSTLER_TRY(const http::Response answer, Api(session, std::move(target)).Call(std::move(form).Finish(std::string(kLibrary))));
  HOSTLER_TRY(const SampleRow sample, Read<SampleRow>(answer.body));
  if (context.json())
    context.OutLine(answer.body);
  else
    context.OutLine(fmt::format("{} is stored: {}", Printable(sample.name), HumanBytes(static_cast<double>(sample.size_bytes))));
  return kExitOk;
}

Result<int> RunSamplesRemove(const Context& context, const SamplesOptions& options) {
  Session session;
  HOSTLER_TRY(Target target, ChooseServer(context));
  http::Request request;
  request.method = http::Method::kDelete;
  request.target = fmt::format("{}/{}", kLibrary, PercentEncode(options.name));
  HOSTLER_OK(Api(session, std::move(target)).Call(std::move(request)));
  if (!context.json()) context.OutLine(Printable(options.name) + " is deleted");
  return kExitOk;
}

}  // namespace hostler::cli
