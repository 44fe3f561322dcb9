// The octets that an IMAP URL names (RFC 5092 section 6): those of BODY.PEEK[section]<range>, as CATENATE (RFC 4469) and
// URLFETCH (RFC 4467) copy them. No flag changes, no mailbox is selected.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "imap/url.h"
#include "mime/record.h"
#include "store/account.h"

namespace bz::imapd {

struct UrlContent {
  EmailId email;
  std::shared_ptr<const mime::ParsedMessage> record;
  mime::Range range;                // of the message
  std::optional<std::string> text;  // instead of it: chosen header fields, which lie nowhere together
  store::MailboxPtr mailbox;        // kept loaded for the next URL
  uint64_t size() const { return text ? text->size() : range.size; }
};

mime::Range cut(mime::Range whole, const std::optional<imap::UrlRange>& range);
// In this account, whatever server the URL names. NotFound: no such mailbox, message or part, or its UIDVALIDITY is
// another.
Task<Result<UrlContent>> resolve_url(store::Account& account, imap::MessageUrl url);
// At most `count` octets from `at` on.
Task<Result<std::string>> read_content(store::Account& account, const UrlContent& content, uint64_t at, uint64_t count);

}  // namespace bz::imapd
