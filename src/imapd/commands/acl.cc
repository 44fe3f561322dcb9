// SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS: RFC 4314 section 3. Identifiers are addresses of accounts here,
// "anyone", and both with "-" in front. The owner has all rights and keeps them.
#include "base/text.h"
#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

using store::AclOp;
using store::Rights;
using namespace store::right;

constexpr std::string_view kGroups[] = {"l", "r", "s", "w", "i", "p", "k", "x", "t", "e", "c", "d", "a"};

Reply bad_identifier() { return bad("Not an identifier"); }

struct Named {
  store::AclEntry entry;  // without rights
  std::optional<Reply> refusal{};
};

// Whom an identifier means.
Task<Named> who_is(Session& s, std::string identifier) {
  Named named;
  named.entry.negative = identifier.starts_with('-');
  std::string name = identifier.substr(named.entry.negative ? 1 : 0);
  if (name.empty() || name.size() > store::kMaxIdentifier) {
    named.refusal = bad_identifier();
    co_return named;
  }
  if (name == store::kAnyone) co_return named;
  if (!s.others()) {
    named.refusal = no("There are no other users here");
    co_return named;
  }
  auto asking = s.others()->identify(std::move(name));
  auto known = co_await std::move(asking);
  if (!known && known.error().code() != Errc::NotFound && known.error().code() != Errc::Invalid)
    named.refusal = reply_for(known.error());
  else if (!known)
    named.refusal = no("No such user");
  else
    named.entry.who = known->id, named.entry.name = known->name;
  co_return named;
}

std::string identifier_of(const store::AclEntry& entry) {
  return (entry.negative ? "-" : "") + (entry.who.is_set() ? entry.name : std::string(store::kAnyone));
}

Task<Reply> change(Session& s, std::string mailbox, std::string identifier, AclOp op, Rights rights) {
  auto place = co_await reach(s, std::move(mailbox));
  if (!place) co_return reply_for(place.error());
  auto info = permitted(s, *place, kAdminister);
  if (!info) co_return reply_for(info.error());
  const MailboxId id = (*info)->id;
  Named named = co_await who_is(s, std::move(identifier));
  if (named.refusal) co_return std::move(*named.refusal);
  named.entry.rights = rights;
  if (named.entry.who == place->account->id()) {
    const bool keeps = !named.entry.negative && (op == AclOp::Add || (op == AclOp::Replace && rights == kAll));
    co_return keeps ? ok("The owner has all rights") : no("The owner keeps all rights", "CANNOT");
  }
  if (s.others() && op != AclOp::Remove && rights != 0 && !named.entry.negative) {
    auto telling = s.others()->shares(identity_of(*place->account), named.entry.who);
    auto told = co_await std::move(telling);
    if (!told) co_return reply_for(told.error());
  }
  auto changing = place->account->change_acl(id, {std::move(named.entry), op});
  auto changed = co_await std::move(changing);
  if (!changed) co_return reply_for(changed.error());
  co_return ok(op == AclOp::Replace && rights == 0 ? "The entry is gone" : "The rights are changed");
}

}  // namespace

Task<Reply> handle(Session& s, const imap::SetAcl& command) {
  std::string_view letters = command.rights;
  const char first = letters.empty() ? '\0' : letters.front();
  if (first == '+' || first == '-') letters.remove_prefix(1);
  const auto rights = store::parse_rights(letters);
  if (!rights) co_return bad("Unknown right");
  const AclOp op = first == '+' ? AclOp::Add : first == '-' ? AclOp::Remove : AclOp::Replace;
  std::string mailbox = command.mailbox, identifier = command.identifier;
  auto changing = change(s, std::move(mailbox), std::move(identifier), op, *rights);
  co_return co_await std::move(changing);
}

// Of somebody who is no user any more, too: the entry is found by its name.
Task<Reply> handle(Session& s, const imap::DeleteAcl& command) {
  std::string mailbox = command.mailbox, identifier = command.identifier;
  if (identifier.empty() || identifier == "-") co_return bad_identifier();
  auto place = co_await reach(s, mailbox);
  if (!place) co_return reply_for(place.error());
  auto info = permitted(s, *place, kAdminister);
  if (!info) co_return reply_for(info.error());
  if ((*info)->acl)
    for (const store::AclEntry& entry : *(*info)->acl)
      if (base::iequals(identifier_of(entry), identifier)) {
        auto changing = place->account->change_acl((*info)->id, {entry, AclOp::Remove});
        auto changed = co_await std::move(changing);
        if (!changed) co_return reply_for(changed.error());
        co_return ok("DELETEACL completed");
      }
  auto changing = change(s, std::move(mailbox), std::move(identifier), AclOp::Replace, 0);
  co_return co_await std::move(changing);
}

Task<Reply> handle(Session& s, const imap::GetAcl& command) {
  std::string name = command.mailbox;
  auto place = co_await reach(s, std::move(name));
  if (!place) co_return reply_for(place.error());
  auto info = permitted(s, *place, kAdminister);
  if (!info) co_return reply_for(info.error());
  std::vector<std::pair<std::string, std::string>> texts{{place->account->account_name(), store::to_letters(kAll)}};
  if ((*info)->acl)
    for (const store::AclEntry& entry : *(*info)->acl)
      texts.emplace_back(identifier_of(entry), store::to_letters(entry.rights));
  std::vector<imap::AclPair> pairs;
  for (const auto& [identifier, rights] : texts) pairs.push_back({identifier, rights});
  imap::acl_response(s.out(), command.mailbox, pairs, s.utf8());
  co_return ok("GETACL completed");
}

// Section 3.7: no rights are tied to one another; "c" and "d" are shown beside their members (section 2.1.1).
Task<Reply> handle(Session& s, const imap::ListRights& command) {
  std::string name = command.mailbox, identifier = command.identifier;
  auto place = co_await reach(s, std::move(name));
  if (!place) co_return reply_for(place.error());
  auto info = permitted(s, *place, kAdminister);
  if (!info) co_return reply_for(info.error());
  const Named named = co_await who_is(s, std::move(identifier));
  if (named.refusal) co_return *named.refusal;
  if (named.entry.who == place->account->id())
    imap::list_rights_response(s.out(), command.mailbox, command.identifier, store::to_letters(kAll), {}, s.utf8());
  else
    imap::list_rights_response(s.out(), command.mailbox, command.identifier, "", kGroups, s.utf8());
  co_return ok("LISTRIGHTS completed");
}

Task<Reply> handle(Session& s, const imap::MyRights& command) {
  std::string name = command.mailbox;
  auto place = co_await reach(s, std::move(name));
  if (!place) co_return reply_for(place.error());
  // Section 4: any of these suffices.
  auto info = permitted_any(s, *place, kLookup | kRead | kInsert | kCreate | kRemoveMailbox | kAdminister);
  if (!info) co_return reply_for(info.error());
  const std::string rights = store::to_letters(rights_in(s, *place->account, **info));
  imap::my_rights_response(s.out(), command.mailbox, rights, s.utf8());
  co_return ok("MYRIGHTS completed");
}

}  // namespace bz::imapd
