// STORE (RFC 3501 section 6.4.6; RFC 7162 section 3.1.3 for UNCHANGEDSINCE).
#include <algorithm>

#include "base/text.h"
#include "imapd/commands/commands.h"
#include "imapd/commands/message_limit.h"
#include "imapd/render.h"

namespace bz::imapd {
namespace {

store::FlagOp operation(imap::Store::Mode mode) {
  switch (mode) {
    case imap::Store::Mode::Add:
      return store::FlagOp::Add;
    case imap::Store::Mode::Remove:
      return store::FlagOp::Remove;
    case imap::Store::Mode::Replace:
      break;
  }
  return store::FlagOp::Set;
}

// What the client must hear of its own change: flags unless .SILENT, and with CONDSTORE the new mod-sequence in any case.
void tell_result(Session& s, const imap::Store& command, const UidSet& uids, const store::StoredFlags& stored) {
  const auto& keywords = s.mailbox().keywords();
  s.announce_keywords();
  uids.for_each([&](uint32_t uid) {
    if (stored.modified.contains(uid)) return;
    bool changed = stored.changed.contains(uid);
    if (command.silent && !(s.condstore() && changed)) return;
    const store::Entry* entry = s.view().entry(uid);
    auto msn = s.view().msn_of(uid);
    if (!entry || !msn) return;
    imap::FetchWriter w = fetch_writer(s.out(), *msn, uid, s.uid_only());
    if ((command.uid || s.condstore()) && !s.uid_only()) w.uid(Uid(uid));
    if (!command.silent) w.flags(entry->flags, keywords, s.shows_recent(uid));
    if (s.condstore()) w.modseq(ModSeq(entry->modseq));
    w.end();
  });
}

// MODIFIED speaks the command's own numbers.
std::string modified_code(Session& s, bool uid, const UidSet& uids) {
  if (uid) return imap::code_modified(uids);
  UidSet numbers;
  uids.for_each([&](uint32_t u) {
    if (auto msn = s.view().msn_of(u)) numbers.add(*msn);
  });
  return imap::code_modified(numbers);
}

constexpr store::Rights kAllFlags = store::right::kKeepSeen | store::right::kWrite | store::right::kDeleteMessages;

// RFC 4314 section 4: STORE goes on with what the user may change; only who may change nothing of it hears NO.
std::optional<Reply> nothing_permitted(const imap::Store& command, store::Rights rights) {
  if (command.mode == imap::Store::Mode::Replace) {
    if (rights & kAllFlags) return std::nullopt;
  } else {
    const FlagList left = only_permitted(command.flags, rights);
    const bool named = command.flags.system != 0 || !command.flags.keywords.empty();
    if (!named || left.system != 0 || !left.keywords.empty()) return std::nullopt;
  }
  return no("Not permitted", "NOPERM");
}

// FLAGS for who may change some flags only: the others stay as they are. Two commands of the store, so that another session
// may see one without the other.
Task<Result<store::StoredFlags>> replace_part(Session& s, UidSet uids, FlagList flags, store::Rights rights,
                                              std::optional<uint64_t> unchanged_since) {
  FlagList others{~flags.system & system_flags_for(rights), {}};
  if (rights & store::right::kWrite)
    for (const std::string& keyword : s.mailbox().keywords()) {
      const auto same = [&](const std::string& kept) { return base::iequals(kept, keyword); };
      if (std::none_of(flags.keywords.begin(), flags.keywords.end(), same)) others.keywords.push_back(keyword);
    }
  store::MailboxPtr mailbox = s.mailbox_ptr();
  auto removing = s.mailbox_account().store_flags(mailbox, uids, store::FlagOp::Remove, std::move(others), unchanged_since);
  auto removed = co_await std::move(removing);
  if (!removed) co_return std::move(removed);
  UidSet rest;
  uids.for_each([&](uint32_t uid) {
    if (!removed->modified.contains(uid)) rest.add(uid);
  });
  auto adding =
      s.mailbox_account().store_flags(mailbox, std::move(rest), store::FlagOp::Add, std::move(flags), std::nullopt);
  auto added = co_await std::move(adding);
  if (!added) co_return std::move(added);
  added->modified = std::move(removed->modified);
  for (const UidSet::Range& r : removed->changed.ranges()) added->changed.add(r.first, r.last);
  added->modseq = std::max(added->modseq, removed->modseq);
  co_return std::move(added);
}

}  // namespace

Task<Reply> handle(Session& s, const imap::Store& command) {
  if (s.read_only()) co_return no("The mailbox is read-only", "READ-ONLY");
  const store::Rights rights = s.rights();
  if (auto none = nothing_permitted(command, rights)) co_return std::move(*none);
  auto uids = resolve(s, command.set, command.uid);
  if (!uids) co_return bad("No such message number");
  if (command.unchanged_since) s.enable_condstore();
  if (uids->empty()) co_return ok("No such messages");
  const auto lowest = take_highest(s, *uids);
  store::MailboxPtr mailbox = s.mailbox_ptr();
  FlagList flags = only_permitted(command.flags, rights);
  UidSet wanted = *uids;
  const bool part = command.mode == imap::Store::Mode::Replace && (rights & kAllFlags) != kAllFlags;
  auto storing = part ? replace_part(s, std::move(wanted), std::move(flags), rights, command.unchanged_since)
                      : s.mailbox_account().store_flags(std::move(mailbox), std::move(wanted), operation(command.mode),
                                                        std::move(flags), command.unchanged_since);
  auto stored = co_await std::move(storing);
  if (!stored) co_return reply_for(stored.error());
  if (s.mailbox().gone()) co_return ok("STORE completed");
  tell_result(s, command, *uids, *stored);
  s.view().mark_told(stored->changed, stored->modseq);
  Reply done = ok("STORE completed");
  if (!stored->modified.empty())
    done = ok("Some messages were changed meanwhile", modified_code(s, command.uid, stored->modified));
  co_return cut_reply(s, std::move(done), lowest);
}

}  // namespace bz::imapd
