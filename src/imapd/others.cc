#include "imapd/others.h"

#include "base/text.h"
#include "imapd/session.h"

namespace bz::imapd {
namespace {

using namespace store::right;

Error refusal(store::Rights has) {
  if (has & kLookup) return Error(Errc::Denied, "the rights do not suffice");
  return Error(Errc::NotFound, "no such mailbox");
}

}  // namespace

store::Identity identity_of(const store::Account& account) { return {account.id(), account.account_name()}; }

Task<Result<Place>> reach(Session& s, std::string name) {
  // A mailbox of the user's own that was called so before there was this namespace stays what it is.
  if (!s.others() || !name.starts_with(kOthersPrefix) || s.account().find(name))
    co_return Place{s.account_ptr(), std::move(name), {}};
  const size_t end = name.find('/', kOthersPrefix.size());
  const std::string owner = name.substr(kOthersPrefix.size(), end - kOthersPrefix.size());
  Place place{nullptr, end == std::string::npos ? std::string() : name.substr(end + 1), name.substr(0, end) + "/"};
  const std::string known_as = base::lower(owner);
  place.account = s.reached(known_as);
  if (place.account) co_return place;
  auto asking = s.others()->identify(owner);
  auto known = co_await std::move(asking);
  if (!known) co_return std::move(known).error();
  // Under one name only: an alias of it would be another mailbox to the client.
  if (known->id == s.account().id() || !base::iequals(known->name, owner)) co_return fail(Errc::NotFound, "no such owner");
  auto opening = s.others()->open(known->id);
  auto opened = co_await std::move(opening);
  if (!opened) co_return std::move(opened).error();
  place.account = std::move(*opened);
  s.keep_reached(known_as, place.account);
  co_return place;
}

store::Rights rights_in(Session& s, const store::Account& account, const store::MailboxInfo& info) {
  if (account.id() == s.account().id()) return kAll;
  return store::rights_of(info.acl.get(), identity_of(account), identity_of(s.account()));
}

Result<const store::MailboxInfo*> permitted(Session& s, const Place& place, store::Rights needed) {
  const store::MailboxInfo* info = place.account->find(place.name);
  if (!info) return fail(Errc::NotFound, "no such mailbox");
  const store::Rights has = rights_in(s, *place.account, *info);
  if ((has & needed) != needed) return refusal(has);
  return info;
}

Result<const store::MailboxInfo*> permitted_any(Session& s, const Place& place, store::Rights any_of) {
  const store::MailboxInfo* info = place.account->find(place.name);
  if (!info) return fail(Errc::NotFound, "no such mailbox");
  const store::Rights has = rights_in(s, *place.account, *info);
  if ((has & any_of) == 0) return refusal(has);
  return info;
}

Result<void> may_create(Session& s, const Place& place) {
  if (place.own()) return {};
  for (size_t at = place.name.rfind('/'); at != std::string::npos && at > 0; at = place.name.rfind('/', at - 1)) {
    const store::MailboxInfo* parent = place.account->find(place.name.substr(0, at));
    if (!parent) continue;
    const store::Rights has = rights_in(s, *place.account, *parent);
    if (has & kCreate) return {};
    return refusal(has);
  }
  return fail(Errc::NotFound, "no parent that is shared");
}

FlagBits system_flags_for(store::Rights rights) {
  FlagBits flags = 0;
  if (rights & kKeepSeen) flags |= kSeen;
  if (rights & kDeleteMessages) flags |= kDeleted;
  if (rights & kWrite) flags |= kAnswered | kFlagged | kDraft;
  return flags;
}

FlagList only_permitted(FlagList flags, store::Rights rights) {
  flags.system &= system_flags_for(rights);
  if (!(rights & kWrite)) flags.keywords.clear();
  return flags;
}

}  // namespace bz::imapd
