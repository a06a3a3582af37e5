#include "base/json.h"

#include <set>

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>

namespace hostler::json {
namespace {

// What Boost.JSON passes without a word. It keeps the last of two equal keys: a request that says two things must not be guessed
// at. And it reads 1e999 as infinity, which JSON cannot say. The handler builds nothing: it only remembers the keys of the
// objects that are open, and where it is.
class Censor {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = boost::system::error_code;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    open_.push_back({.array = false, .index = 0, .keys = {}, .key = {}});
    return true;
  }
  bool on_object_end(std::size_t, error_code&) { return Close(); }
  bool on_array_begin(error_code&) {
    open_.push_back({.array = true, .index = 0, .keys = {}, .key = {}});
    return true;
  }
  bool on_array_end(std::size_t, error_code&) { return Close(); }
  bool on_key_part(boost::json::string_view part, std::size_t, error_code&) {
    key_ += part;
    return true;
  }
  bool on_key(boost::json::string_view part, std::size_t, error_code& ec) {
    key_ += part;
    Place& place = open_.back();
    place.key = std::exchange(key_, {});
    if (place.keys.insert(place.key).second) return true;
    return Refuse("the key appears twice in one object", "Send each key once.", ec);
  }
  bool on_string_part(boost::json::string_view, std::size_t, error_code&) { return true; }
  bool on_string(boost::json::string_view, std::size_t, error_code&) { return Next(); }
  bool on_number_part(boost::json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, boost::json::string_view, error_code&) { return Next(); }
  bool on_uint64(std::uint64_t, boost::json::string_view, error_code&) { return Next(); }
  bool on_double(double number, boost::json::string_view, error_code& ec) {
    if (!std::isfinite(number)) return Refuse("the number is too large", "Send one that fits into a double.", ec);
    return Next();
  }
  bool on_bool(bool, error_code&) { return Next(); }
  bool on_null(error_code&) { return Next(); }
  bool on_comment_part(boost::json::string_view, error_code&) { return true; }
  bool on_comment(boost::json::string_view, error_code&) { return true; }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  struct Place {
    bool array;
    std::size_t index;                        // of the value that is read, in an array
    std::set<std::string, std::less<>> keys;  // of an object
    std::string key;                          // the last of them
  };

  bool Refuse(std::string message, std::string remedy, error_code& ec) {
    error_ = Error{Code::kInvalid, std::move(message), std::move(remedy), Path(), {}};
    ec = boost::json::error::extra_data;
    return false;
  }
  bool Next() {
    if (!open_.empty()) ++open_.back().index;
    return true;
  }
  bool Close() {
    open_.pop_back();
    return Next();
  }
  [[nodiscard]] std::string Path() const {
    std::string path;
    for (const Place& place : open_) {
      if (place.array)
        path += fmt::format("[{}]", place.index);
      else
        path += (path.empty() ? "" : ".") + place.key;
    }
    return path;
  }

  std::vector<Place> open_;
  std::string key_;
  std::optional<Error> error_;
};

std::optional<Error> ErrorIn(std::string_view text) {
  boost::json::basic_parser<Censor> parser(boost::json::parse_options{});
  boost::system::error_code ec;
  parser.write_some(false, text.data(), text.size(), ec);
  return parser.handler().error();
}

}  // namespace

Result<Any> ParseDom(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF"))
    return Fail(Code::kInvalid, "not valid JSON: it begins with a byte order mark", "Send UTF-8 without one.");
  boost::json::parse_options options;
  options.max_depth = 32;
  boost::json::parser parser({}, options);
  boost::system::error_code ec;
  const std::size_t used = parser.write(text.data(), text.size(), ec);
  if (ec) {
    return Fail(Code::kInvalid, fmt::format("not valid JSON: {} at byte {}", ec.message(), used),
                "Send one JSON document in UTF-8.");
  }
  if (auto error = ErrorIn(text)) return Fail(*std::move(error));
  return parser.release();
}

void AppendQuoted(std::string& out, std::string_view text) {
  std::string repaired;
  if (!Utf8Length(text)) text = repaired = RepairUtf8(text);
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20)
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else
          out += c;
    }
  }
  out += '"';
}

std::string WireName(std::string_view enumerator) {
  std::string name;
  if (enumerator.size() > 1 && enumerator[0] == 'k') enumerator.remove_prefix(1);
  for (const char c : enumerator) {
    if (c >= 'A' && c <= 'Z') {
      if (!name.empty()) name += '_';
      name += static_cast<char>(c - 'A' + 'a');
    } else {
      name += c;
    }
  }
  return name;
}

namespace detail {

Error Mismatch(std::string_view wanted, const Any& got) {
  std::string_view kind = boost::json::to_string(got.kind());
  if (got.is_bool())
    kind = "boolean";
  else if (got.is_double())
    kind = "number";
  else if (got.is_int64() || got.is_uint64())
    kind = "integer";
  const std::string_view article = std::string_view("aeio").find(wanted[0]) == std::string_view::npos ? "a" : "an";
  return Error{
      Code::kInvalid, fmt::format("expected {}, got {}", wanted, kind), fmt::format("Send {} {}.", article, wanted), {}, {}};
}

Error UnknownField(std::string_view name, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(name, known);
  std::string remedy = nearest.empty() ? "Known fields: " + Join(known, ", ") + "." : "Did you mean \"" + nearest + "\"?";
  return Error{Code::kInvalid, "unknown field", std::move(remedy), std::string(name), {}};
}

void Prefix(Error& error, const std::string& part) {
  if (error.field.empty() || error.field[0] == '[')
    error.field = part + error.field;
  else
    error.field = part + "." + error.field;
}

}  // namespace detail
}  // namespace hostler::json
