// STATUS: RFC 3501 section 6.3.10, RFC 7162 (HIGHESTMODSEQ), RFC 7889 (APPENDLIMIT), RFC 8438 (SIZE), RFC 8474 (MAILBOXID),
// RFC 9051 (DELETED), RFC 9208 (DELETED-STORAGE).
#include <algorithm>

#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

imap::StatusValues values_of(const store::MailboxInfo& info, uint64_t append_limit) {
  imap::StatusValues v;
  v.messages = info.messages;
  v.unseen = info.unseen;
  v.deleted = info.deleted;
  v.size = info.size;
  v.uid_next = info.uid_next;
  v.uid_validity = info.uid_validity.value();
  v.highest_modseq = info.highest_modseq;
  v.append_limit = append_limit;
  v.mailbox_id = info.id;
  return v;
}

// Messages that no session was told of as \Recent.
uint32_t count_recent(const store::Mailbox& mailbox) {
  const auto& entries = mailbox.entries();
  auto first = std::lower_bound(entries.begin(), entries.end(), mailbox.first_recent(),
                                [](const store::Entry& e, uint32_t uid) { return e.uid < uid; });
  return static_cast<uint32_t>(entries.end() - first);
}

// What an EXPUNGE would give back to the quota (RFC 9208 section 4.1.4).
uint64_t deleted_storage(const store::Mailbox& mailbox) {
  uint64_t octets = 0;
  for (const store::Entry& e : mailbox.entries())
    if (e.flags & kDeleted) octets += e.size;
  return octets;
}

}  // namespace

Task<Result<void>> write_status(Session& s, std::string name, imap::StatusItems items) {
  auto reaching = reach(s, name);
  auto place = co_await std::move(reaching);
  if (!place) co_return std::move(place).error();
  BZ_CO_TRY(const store::MailboxInfo* info, permitted(s, *place, store::right::kRead));
  if (!info->selectable) co_return fail(Errc::NotFound, "no such mailbox");
  imap::StatusValues values = values_of(*info, place->account->config().append_limit);
  if (!place->own()) values.owner = place->account->id();
  values.utf8 = s.utf8();
  if (items.recent || (items.deleted_storage && info->deleted > 0)) {  // the values that are not in the tree
    auto mailbox = co_await place->account->open(info->id);
    if (!mailbox) co_return std::move(mailbox).error();
    if (items.recent) values.recent = count_recent(**mailbox);
    if (items.deleted_storage) values.deleted_storage = deleted_storage(**mailbox);
  }
  if (items.highest_modseq) s.enable_condstore();
  imap::status_response(s.out(), name, items, values);
  co_return Result<void>();
}

Task<Reply> handle(Session& s, const imap::Status& command) {
  std::string name = command.mailbox;
  auto written = co_await write_status(s, std::move(name), command.items);
  if (!written) co_return reply_for(written.error());
  co_return ok("STATUS completed");
}

}  // namespace bz::imapd
