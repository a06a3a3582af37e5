#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "http/multipart.h"

namespace hostler::http {

namespace {

Error FileError(std::string_view what, int error) {
  return Error{Code::kUnavailable,
               fmt::format("cannot {} a temporary file: {}", what, std::strerror(error)),
               "Free some space, or set another temporary folder",
               {},
               {}};
}

// A file without a name: nothing is left behind, however the process ends.
Result<std::shared_ptr<int>> OpenTemporary(const std::filesystem::path& folder) {
  int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0) {  // not every file system has O_TMPFILE
    std::string path = (folder / "hostler-XXXXXX").string();
    descriptor = ::mkostemp(path.data(), O_CLOEXEC);
    if (descriptor < 0) {
      const int reason = errno;
      Error error = FileError("make", reason);
      error.message += fmt::format(" (in {})", folder.string());
      if (reason == EACCES || reason == EPERM || reason == EROFS)
        error.remedy = "Give the user that runs hostler the rights to that folder.";
      return Fail(std::move(error));
    }
    ::unlink(path.c_str());
  }
  return std::shared_ptr<int>(new int(descriptor), [](int* fd) {
    ::close(*fd);
    delete fd;
  });
}

Result<> WriteAll(int descriptor, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(descriptor, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(FileError("write to", errno));
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

// Fills a Form from a parser's calls.
class FormReader {
 public:
  FormReader(Form& form, const FormLimits& limits) : form_(form), limits_(limits) {}

  MultipartParser::Sink Sink() {
    return {[this](PartHead head) { return Begin(std::move(head)); }, [this](std::string_view data) { return Add(data); },
            [this] { return End(); }};
  }

 private:
  Result<> Begin(PartHead head) {
    form_.parts.emplace_back().head = std::move(head);
    return {};
  }

  Result<> Add(std::string_view data) {
    Part& part = form_.parts.back();
    part.size_ += data.size();
    if (!part.file_ && part.size_ > limits_.memory) {
      HOSTLER_TRY(part.file_, OpenTemporary(limits_.temporary));
      HOSTLER_OK(WriteAll(*part.file_, part.memory_));
      part.memory_ = std::string();
    }
    if (part.file_) return WriteAll(*part.file_, data);
    part.memory_.append(data);
    return {};
  }

  Result<> End() { return {}; }

  Form& form_;
  const FormLimits& limits_;
};

Result<std::string> Part::Take() {
  if (!file_) return std::move(memory_);
  std::string content(size_, '\0');
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t n = ::pread(*file_, content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Fail(FileError("read", n < 0 ? errno : EIO));
    done += static_cast<std::size_t>(n);
  }
  return content;
}

Part* Form::Find(std::string_view name) {
  const auto part = std::ranges::find_if(parts, [&](const Part& p) { return p.head.name == name; });
  return part == parts.end() ? nullptr : &*part;
}

std::vector<std::string> Form::Values(std::string_view name) {
  std::vector<std::string> values;
  for (Part& part : parts) {
    if (part.head.name != name || part.head.has_filename) continue;
    Part copy = part;  // Take() may empty it
    if (auto value = copy.Take()) values.push_back(*std::move(value));
  }
  return values;
}

std::optional<std::string> Form::Value(std::string_view name) {
  std::vector<std::string> values = Values(name);
  if (values.empty()) return std::nullopt;
  return std::move(values.front());
}

Task<Result<Form>> ReadForm(Exchange& exchange, FormLimits limits) {
  const auto too_large = [&limits] {
    return Error{Code::kTooLarge,
                 fmt::format("the form is larger than {}", HumanBytes(static_cast<double>(limits.total))),
                 "Send less",
                 {},
                 {}};
  };
  HOSTLER_CO_OK(CheckBodyEncoding(exchange.headers()));
  HOSTLER_CO_TRY(std::string boundary, MultipartParser::BoundaryOf(exchange.headers().Get("Content-Type")));
  if (exchange.content_length().value_or(0) > limits.total) co_return Fail(too_large());
  Form form;
  FormReader reader(form, limits);
  MultipartParser::Limits parser_limits;
  parser_limits.parts = limits.parts;
  MultipartParser parser(std::move(boundary), reader.Sink(), parser_limits);
  for (std::uint64_t total = 0;;) {
    HOSTLER_CO_TRY(const std::string_view piece, co_await exchange.ReadSome());
    if (piece.empty()) break;
    total += piece.size();
    if (total > limits.total) co_return Fail(too_large());
    HOSTLER_CO_OK(parser.Feed(piece));
  }
  HOSTLER_CO_OK(parser.Finish());
  co_return form;
}

}  // namespace hostler::http
