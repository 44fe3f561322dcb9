#include "imap/output_tracker.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "imap/capability.h"

namespace bz::imap {
namespace {

constexpr size_t kHead = 12;  // "* PREAUTH" and to spare
constexpr size_t kTail = 24;  // "~{18446744073709551615}\r"

// "{123}" or "~{123}" at the end. UINT64_MAX: a number too large, or so long that its beginning is not in the tail.
std::optional<uint64_t> announced_literal(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const size_t open = line.rfind('{');
  if (open == std::string_view::npos) {
    const bool digit = line.size() > 1 && line[line.size() - 2] >= '0' && line[line.size() - 2] <= '9';
    return digit ? std::optional(UINT64_MAX) : std::nullopt;
  }
  const std::string_view digits = line.substr(open + 1, line.size() - open - 2);
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (digits.empty() || end != digits.data() + digits.size()) return std::nullopt;
  return error == std::errc() ? size : UINT64_MAX;
}

// Data responses only: a status response is text for humans, tagged lines and "+" are such too.
bool may_hold_literal(std::string_view head) {
  if (!head.starts_with("* ")) return false;
  head.remove_prefix(2);
  for (std::string_view status : {"OK", "NO", "BAD", "BYE", "PREAUTH"}) {
    const size_t size = status.size();
    if (head.size() > size && head[size] == ' ' && base::iequals(head.substr(0, size), status)) return false;
  }
  return true;
}

// "a7 OK DEFLATE active"
bool compression_begins(std::string_view head, std::string_view tail) {
  return !head.starts_with("* ") && !head.starts_with("+ ") && tail.ends_with(kDeflateActive) &&
         tail.substr(0, tail.size() - kDeflateActive.size()).ends_with(" OK ");
}

}  // namespace

void OutputTracker::passing(std::string_view bytes) {
  while (!bytes.empty() && !unsure_) {
    if (literal_ > 0) {
      const size_t taken = static_cast<size_t>(std::min<uint64_t>(literal_, bytes.size()));
      literal_ -= taken;
      bytes.remove_prefix(taken);
      continue;
    }
    const size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    in_response_ = true;
    unsure_ |= part.find('\0') != std::string_view::npos;
    if (head_.size() < kHead) head_ += part.substr(0, kHead - head_.size());
    tail_ += part.substr(part.size() - std::min(part.size(), kTail));
    if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
    if (end == std::string_view::npos) return;
    end_line();
    bytes.remove_prefix(end + 1);
  }
}

void OutputTracker::end_line() {
  if (!tail_.ends_with('\r')) unsure_ = true;  // ours always ends lines with CRLF
  if (tail_.ends_with('\r')) tail_.pop_back();
  unsure_ |= compression_begins(head_, tail_);
  const auto literal = announced_literal(tail_);
  tail_.clear();
  if (literal && may_hold_literal(head_)) {
    literal_ = *literal;
    return;
  }
  if (literal) unsure_ = true;
  said_bye_ |= head_.size() > 5 && base::iequals(std::string_view(head_).substr(0, 5), "* BYE");
  head_.clear();
  in_response_ = false;
}

}  // namespace bz::imap
