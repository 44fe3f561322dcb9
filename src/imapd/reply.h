// How a command ends: the tagged response. Errors of the store become NO with a code of RFC 5530; their text goes to the
// log, the client gets words of ours.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "imap/response.h"

namespace bz::imapd {

inline constexpr std::string_view kUrlMechanisms = "URLMECH INTERNAL";  // RFC 4467: the ones there are

struct Reply {
  imap::Condition condition = imap::Condition::Ok;
  std::string code;  // without brackets; empty: none
  std::string text;
};

inline Reply ok(std::string_view text, std::string code = {}) {
  return {imap::Condition::Ok, std::move(code), std::string(text)};
}
inline Reply no(std::string_view text, std::string code = {}) {
  return {imap::Condition::No, std::move(code), std::string(text)};
}
inline Reply bad(std::string_view text) { return {imap::Condition::Bad, {}, std::string(text)}; }
Reply reply_for(const Error& error);

}  // namespace bz::imapd
