#include "http/sse.h"

#include <utility>

namespace hostler::http {
namespace {

// A field that would have become two lines keeps its first one only: better a shorter name than a forged event.
std::string_view FirstLine(std::string_view text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

std::string FormatSse(const SseEvent& event) {
  std::string out;
  out.reserve(event.data.size() + event.event.size() + event.id.size() + 32);
  if (!event.event.empty()) out.append("event: ").append(FirstLine(event.event)).append("\n");
  if (!event.id.empty() && event.id.find('\0') == std::string::npos) out.append("id: ").append(FirstLine(event.id)).append("\n");
  std::string_view rest = event.data;
  for (;;) {
    const std::size_t end = rest.find_first_of("\r\n");
    out.append("data: ").append(rest.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    const bool both = rest.substr(end).starts_with("\r\n");
    rest.remove_prefix(end + (both ? 2 : 1));
  }
  out.append("\n");
  return out;
}

bool SseParser::Feed(std::string_view piece, const std::function<void(const SseEvent&)>& on_event) {
  while (!piece.empty()) {
    if (std::exchange(skip_newline_, false) && piece.front() == '\n') {
      piece.remove_prefix(1);
      continue;
    }
    const std::size_t end = piece.find_first_of("\r\n");
    const std::string_view part = piece.substr(0, end);
    if (pending_.size() + part.size() > limit_) return false;
    if (end == std::string_view::npos) {
      pending_.append(part);
      return true;
    }
    skip_newline_ = piece[end] == '\r';
    if (pending_.empty()) {
      Line(part, on_event);
    } else {
      pending_.append(part);
      const std::string line = std::exchange(pending_, {});
      Line(line, on_event);
    }
    if (event_.data.size() > limit_) return false;
    piece.remove_prefix(end + 1);
  }
  return true;
}

void SseParser::Line(std::string_view line, const std::function<void(const SseEvent&)>& on_event) {
  if (std::exchange(first_, false) && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  if (line.empty()) {
    SseEvent event = std::exchange(event_, {});
    event_.id = event.id;  // the last id stays until another one comes
    if (!std::exchange(has_data_, false)) return;
    event.data.pop_back();
    on_event(event);
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    event_.data.append(value).append("\n");
    has_data_ = true;
  } else if (name == "event") {
    event_.event = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    event_.id = value;
  }
}

}  // namespace hostler::http
