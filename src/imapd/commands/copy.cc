// COPY (RFC 3501 section 6.4.7, RFC 4315) and MOVE (RFC 6851). Messages that are gone already are no error: a phone that
// got NO would show messages for ever that nobody can delete.
#include "imapd/commands/commands.h"
#include "imapd/commands/copy_across.h"
#include "imapd/commands/message_limit.h"

namespace bz::imapd {
namespace {

uint32_t last_uid(const store::Copied& copied) {
  return static_cast<uint32_t>(copied.first_uid + copied.source.count() - 1);
}

Copying result_of(const store::Copied& copied) {
  Copying result{copied.uid_validity, copied.source, {}};
  if (!copied.source.empty()) result.target.add(copied.first_uid, last_uid(copied));
  return result;
}

struct Target : CopyTarget {
  std::optional<Reply> refusal;
};
Task<Target> find_target(Session& s, std::string name) {
  Target target;
  auto reaching = reach(s, std::move(name));
  auto place = co_await std::move(reaching);
  if (!place) {
    const bool missing = place.error().code() == Errc::NotFound;
    target.refusal = missing ? no("No such mailbox", "TRYCREATE") : reply_for(place.error());
    co_return target;
  }
  target.place = std::move(*place);
  auto info = permitted(s, target.place, store::right::kInsert);
  if (!info && info.error().code() == Errc::Denied)
    target.refusal = reply_for(info.error());
  else if (!info || !(*info)->selectable)
    target.refusal = no("No such mailbox", "TRYCREATE");
  else
    target.id = (*info)->id, target.rights = rights_in(s, *target.place.account, **info);
  co_return target;
}

// The store's own copy takes every flag along, within one account.
constexpr store::Rights kAllFlags = store::right::kKeepSeen | store::right::kWrite | store::right::kDeleteMessages;
bool is_across(Session& s, const Target& target) {
  return target.place.account->id() != s.mailbox_account().id() || (target.rights & kAllFlags) != kAllFlags;
}

Reply destination_error(const Error& error) {
  if (error.code() == Errc::NotFound) return no("The mailbox is gone", "TRYCREATE");
  return reply_for(error);
}

}  // namespace

Task<Reply> handle(Session& s, const imap::Copy& command) {
  auto uids = resolve(s, command.set, command.uid);
  if (!uids) co_return bad("No such message number");
  std::string name = command.mailbox;
  Target target = co_await find_target(s, std::move(name));
  if (target.refusal) co_return *target.refusal;
  if (uids->empty()) co_return ok("Nothing to copy");
  if (auto limit = message_limit(s, LimitedBy::Save); limit && uids->count() > *limit)
    co_return over_limit(s, "Too many messages to copy, try a smaller subset",
                         uids->slice(uids->count() - *limit, 1).min());
  store::MailboxPtr from = s.mailbox_ptr();
  if (is_across(s, target)) {
    auto copying = copy_across(s, std::move(*uids), target);
    auto copied = co_await std::move(copying);
    if (!copied) co_return destination_error(copied.error());
    if (copied->source.empty()) co_return ok("The messages are gone already");
    co_return ok("COPY completed", copied->code());
  }
  auto copied = co_await s.mailbox_account().copy(std::move(from), std::move(*uids), target.id);
  if (!copied) co_return destination_error(copied.error());
  if (copied->source.empty()) co_return ok("The messages are gone already");
  s.own_new(s.mailbox_account(), target.id, copied->first_uid, last_uid(*copied), copied->first_modseq,
            copied->last_modseq);
  co_return ok("COPY completed", result_of(*copied).code());
}

// COPYUID goes in an untagged OK before the EXPUNGE responses (RFC 6851 section 4.3).
Task<Reply> handle(Session& s, const imap::Move& command) {
  if (s.read_only()) co_return no("The mailbox is read-only", "READ-ONLY");
  constexpr store::Rights kTakeAway = store::right::kDeleteMessages | store::right::kExpunge;
  if ((s.rights() & kTakeAway) != kTakeAway) co_return no("Not permitted", "NOPERM");
  auto uids = resolve(s, command.set, command.uid);
  if (!uids) co_return bad("No such message number");
  std::string name = command.mailbox;
  Target target = co_await find_target(s, std::move(name));
  if (target.refusal) co_return *target.refusal;
  if (uids->empty()) co_return ok("Nothing to move");
  const auto lowest = take_highest(s, *uids);
  store::MailboxPtr from = s.mailbox_ptr();
  if (is_across(s, target)) {
    auto copying = copy_across(s, std::move(*uids), target);
    auto copied = co_await std::move(copying);
    if (!copied) co_return destination_error(copied.error());
    if (copied->source.empty()) co_return cut_reply(s, ok("The messages are gone already"), lowest);
    // They are there durably. Should the next step fail, they are in both, which RFC 6851 section 3.3 allows.
    UidSet gone = copied->source;
    auto erasing = s.mailbox_account().erase(std::move(from), std::move(gone));
    auto erased = co_await std::move(erasing);
    s.say(imap::Condition::Ok, copied->code(), "Moved");
    if (!erased) co_return reply_for(erased.error());
    co_return cut_reply(s, ok("MOVE completed"), lowest);
  }
  auto moved = co_await s.mailbox_account().move(std::move(from), std::move(*uids), target.id);
  if (!moved) co_return destination_error(moved.error());
  if (moved->source.empty()) co_return cut_reply(s, ok("The messages are gone already"), lowest);
  s.own_new(s.mailbox_account(), target.id, moved->first_uid, last_uid(*moved), moved->first_modseq, moved->last_modseq);
  s.say(imap::Condition::Ok, result_of(*moved).code(), "Moved");
  co_return cut_reply(s, ok("MOVE completed"), lowest);
}

}  // namespace bz::imapd
