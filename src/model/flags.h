// Message flags: the five system flags as bits 0..4 (\Recent is a session's business, not stored), keywords as bits 5..63
// given out per mailbox. A keyword keeps its bit for the mailbox's life.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bz {

using FlagBits = uint64_t;
inline constexpr FlagBits kSeen = 1, kAnswered = 2, kFlagged = 4, kDeleted = 8, kDraft = 16;
inline constexpr int kFirstKeywordBit = 5, kMaxKeywords = 59;

struct SystemFlag {
  std::string_view name;
  FlagBits bit;
};
inline constexpr SystemFlag kSystemFlags[] = {
    {"\\Answered", kAnswered}, {"\\Flagged", kFlagged}, {"\\Deleted", kDeleted}, {"\\Seen", kSeen}, {"\\Draft", kDraft}};
// Case-insensitive; nullopt: not a system flag (RFC 3501 2.3.2).
std::optional<FlagBits> system_flag(std::string_view name);

// A set of flags by name, as a client sends or reads it.
struct FlagList {
  FlagBits system = 0;
  std::vector<std::string> keywords;  // as written, compared without case
};

}  // namespace bz
