#include "base/json.h"

#include <set>

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>

namespace hostler::json {
namespace {

// Boost.JSON keeps the last of two equal keys without a word; a request that says two things must not be guessed at.
// The handler builds nothing: it only remembers the keys of the objects that are open.
class DuplicateKeyFinder {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = boost::system::error_code;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    open_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    open_.pop_back();
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(boost::json::string_view part, std::size_t, error_code&) {
    key_ += part;
    return true;
  }
  bool on_key(boost::json::string_view part, std::size_t, error_code& ec) {
    key_ += part;
    if (!open_.back().insert(key_).second) {
      duplicate_ = key_;
      ec = boost::json::error::extra_data;
      return false;
    }
    key_.clear();
    return true;
  }
  bool on_string_part(boost::json::string_view, std::size_t, error_code&) { return true; }
  bool on_string(boost::json::string_view, std::size_t, error_code&) { return true; }
  bool on_number_part(boost::json::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t, boost::json::string_view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, boost::json::string_view, error_code&) { return true; }
  bool on_double(double, boost::json::string_view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(boost::json::string_view, error_code&) { return true; }
  bool on_comment(boost::json::string_view, error_code&) { return true; }

  [[nodiscard]] const std::string& duplicate() const { return duplicate_; }

 private:
  std::vector<std::set<std::string, std::less<>>> open_;
  std::string key_;
  std::string duplicate_;
};

std::optional<std::string> FindDuplicateKey(std::string_view text) {
  boost::json::basic_parser<DuplicateKeyFinder> parser(boost::json::parse_options{});
  boost::system::error_code ec;
  parser.write_some(false, text.data(), text.size(), ec);
  if (parser.handler().duplicate().empty()) return std::nullopt;
  return parser.handler().duplicate();
}

}  // namespace

Result<Any> ParseDom(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 32;
  boost::json::parser parser({}, options);
  boost::system::error_code ec;
  const std::size_t used = parser.write(text.data(), text.size(), ec);
  if (ec) {
    return Fail(Code::kInvalid, fmt::format("not valid JSON: {} at byte {}", ec.message(), used),
                "Send one JSON document in UTF-8.");
  }
  if (const auto key = FindDuplicateKey(text)) {
    return Fail(Error{Code::kInvalid, "the key appears twice in one object", "Send each key once.", *key, {}});
  }
  return parser.release();
}

void AppendQuoted(std::string& out, std::string_view text) {
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
