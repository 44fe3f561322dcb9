// IMAP URLs that name a message or a part of one (RFC 5092 section 6), with what URLAUTH adds (RFC 4467, RFC 5092 section
// 6.1). Strict: only characters that the grammar knows, mailbox and user are UTF-8 behind their percent signs. URLs of
// servers, mailboxes and searches are none of ours. Pure functions.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "imap/fetch.h"

namespace bz::imap {

inline constexpr size_t kMaxUrl = 4096;

struct UrlServer {
  std::string user;  // decoded; empty: none
  std::string host;  // as written
  std::optional<uint16_t> port;
  bool operator==(const UrlServer&) const = default;
};
struct UrlRange {
  uint32_t offset = 0;
  std::optional<uint32_t> count;  // unset: to the end
  bool operator==(const UrlRange&) const = default;
};
struct UrlAuth {
  enum class Access : unsigned char { Submit, User, AuthUser, Anonymous };
  Access access = Access::Anonymous;
  std::string user;               // of Submit and User, decoded
  std::optional<int64_t> expire;  // seconds since 1970: the last one in which it is valid
  std::string mechanism, token;   // lower case; both empty: a rump (RFC 4467 section 6)
  size_t rump = 0;                // octets of the URL in front of ":mechanism:token"
  bool operator==(const UrlAuth&) const = default;
};
struct MessageUrl {
  std::optional<UrlServer> server;  // unset: the URL begins with "/" and means the server and user of the session
  std::string mailbox;              // UTF-8, "INBOX" in any case is "INBOX"
  std::optional<uint32_t> uid_validity;
  uint32_t uid = 0;
  BodySection section;  // of BODY.PEEK[...]
  std::optional<UrlRange> range;
  std::optional<UrlAuth> auth;
  bool operator==(const MessageUrl&) const = default;
};

std::optional<MessageUrl> parse_message_url(std::string_view url);

}  // namespace bz::imap
