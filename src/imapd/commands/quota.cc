// GETQUOTA, GETQUOTAROOT, SETQUOTA: RFC 9208. One quota root, "", for the whole account. The limits are the administrator's
// (decision 0021): no session may set them, so none is offered QUOTASET.
#include <algorithm>

#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

constexpr std::string_view kRoot;

// Section 5.1 counts in units of 1024 octets. Both are rounded up, so that what is within its limit looks so.
uint64_t kibibytes(uint64_t octets) { return octets / 1024 + (octets % 1024 != 0); }

// Section 4.2.1: what has no limit is not named. Mailboxes always have one, if only the store's own (section 3.2).
void write_quota(Session& s) {
  const store::AccountConfig& limits = s.account().config();
  const store::Usage used = s.account().usage();
  std::vector<imap::QuotaResource> resources;
  if (limits.quota_bytes != 0) resources.push_back({"STORAGE", kibibytes(used.bytes), kibibytes(limits.quota_bytes)});
  if (limits.quota_messages != 0) resources.push_back({"MESSAGE", used.messages, limits.quota_messages});
  const uint64_t most = limits.max_mailboxes;
  resources.push_back(
      {"MAILBOX", used.mailboxes, limits.quota_mailboxes == 0 ? most : std::min(most, limits.quota_mailboxes)});
  imap::quota_response(s.out(), kRoot, resources);
}

Reply no_such_root() { return no("No such quota root", "NONEXISTENT"); }

}  // namespace

Task<Reply> handle(Session& s, const imap::GetQuota& command) {
  if (command.root != kRoot) co_return no_such_root();
  write_quota(s);
  co_return ok("GETQUOTA completed");
}

// Section 4.1.2: the mailbox need not be there; then it is told what would hold for it.
Task<Reply> handle(Session& s, const imap::GetQuotaRoot& command) {
  std::string name = command.mailbox;
  auto place = co_await reach(s, std::move(name));
  // What others use is none of the user's business: their mailboxes have no root here.
  if (!place || !place->own()) {
    if (!place) co_return reply_for(place.error());
    if (auto info = permitted(s, *place, store::right::kRead); !info) co_return reply_for(info.error());
    s.out().append("* QUOTAROOT ");
    imap::Encoder(s.out(), s.utf8()).mailbox(command.mailbox).crlf();
    co_return ok("GETQUOTAROOT completed");
  }
  imap::quota_root_response(s.out(), command.mailbox, kRoot, s.utf8());
  write_quota(s);
  co_return ok("GETQUOTAROOT completed");
}

Task<Reply> handle(Session&, const imap::SetQuota& command) {
  if (command.root != kRoot) co_return no_such_root();
  co_return no("Only the administrator sets quotas", "NOPERM");
}

}  // namespace bz::imapd
