// Small text helpers that several rooms need.
//
// Threads: any. Nothing here allocates more than its result.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hostler {

[[nodiscard]] std::string_view Trim(std::string_view text);
[[nodiscard]] std::string Lower(std::string_view text);  // ASCII only
[[nodiscard]] bool EqualsIgnoringCase(std::string_view a, std::string_view b);
[[nodiscard]] std::vector<std::string_view> Split(std::string_view text, char separator);
[[nodiscard]] std::string Join(const std::vector<std::string>& parts, std::string_view separator);

// The candidate with the fewest edits from `word`, or empty if none is near enough to be a likely misspelling. A word of more
// than 100 bytes is none: the work grows with its length, and strangers choose it.
[[nodiscard]] std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

// Number of code points, or nullopt if `text` is not valid UTF-8.
[[nodiscard]] std::optional<std::size_t> Utf8Length(std::string_view text);

// Valid UTF-8: each broken sequence becomes U+FFFD.
[[nodiscard]] std::string RepairUtf8(std::string_view text);
// At most `bytes` bytes of it, cut between code points, and " …" where something was cut off.
[[nodiscard]] std::string Clip(std::string_view text, std::size_t bytes);
// What a terminal may be given: control characters (C0 but those in `keep`, DEL, C1), line separators, and characters that turn
// the direction of writing become '?', broken UTF-8 becomes U+FFFD.
[[nodiscard]] std::string Printable(std::string_view text, std::string_view keep = {});

// Percent-decoding as in RFC 3986; nullopt on a broken escape or an encoded NUL. `plus` also turns + into a space.
[[nodiscard]] std::optional<std::string> PercentDecode(std::string_view text, bool plus = false);
[[nodiscard]] std::string PercentEncode(std::string_view text);  // everything but unreserved characters

[[nodiscard]] std::string Base64Encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> Base64Decode(std::string_view text);  // strict; padding optional

// "1.5 GB", "310 MB", "12 KB": MB = 2^20 bytes.
[[nodiscard]] std::string HumanBytes(double bytes);

// Random lower-case hexadecimal digits from the kernel.
[[nodiscard]] std::string RandomHex(std::size_t digits);

}  // namespace hostler
