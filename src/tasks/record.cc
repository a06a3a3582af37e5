#include <fmt/format.h>

#include "tasks/record_json.h"
#include "tasks/store.h"

namespace hostler::tasks {
namespace {

struct ErrorText {
  std::string code;
  std::string message;
  std::string remedy;
  std::string field;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(ErrorText, (), (code, message, remedy, field, name))

Code CodeOf(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    if (CodeName(static_cast<Code>(i)) == name) return static_cast<Code>(i);
  }
  return Code::kInternal;
}

}  // namespace

std::string ErrorToJson(const Error& error) {
  return json::ToJson(ErrorText{std::string(CodeName(error.code)), error.message, error.remedy, error.field, error.name});
}

Error ErrorFromJson(std::string_view text) {
  const auto read = json::Parse<ErrorText>(text, json::Unknown::kIgnore);
  if (!read) {
    return Error{
        Code::kInternal, "the task's error cannot be read any more: " + read.error().Text(), "Start the task again.", {}, {}};
  }
  return Error{CodeOf(read->code), read->message, read->remedy, read->field, read->name};
}

Progress ProgressFromJson(std::string_view text) {
  auto read = json::Parse<Progress>(text, json::Unknown::kIgnore);
  if (read) return std::move(*read);
  Progress unreadable;
  unreadable.warnings.push_back("the task's progress cannot be read any more: " + read.error().Text());
  return unreadable;
}

Error Superseded(const Record& record) {
  return Error{Code::kConflict,
               fmt::format("the task {} of \"{}\" is not this owner's any more", record.id, record.key),
               "Nothing needs to be done: whoever took it over goes on with it, or it has ended.",
               {},
               "superseded"};
}

Error NoSuchTask(const std::string& id) {
  return Error{Code::kNotFound,
               fmt::format("there is no task \"{}\"", Printable(Clip(id, 100))),
               "List the tasks; finished ones are forgotten after a day.",
               {},
               "task_not_found"};
}

}  // namespace hostler::tasks
