// The names of an account as a NOTIFY client knows them: mailboxes and subscriptions, with what LIST says of them. The
// difference to what is there now becomes LIST responses (RFC 5465 sections 5.4 and 5.5). The session changes it by what it
// did itself, which is not told.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "imap/notify.h"
#include "store/account.h"

namespace bz::imapd {

// Names as the store spells them, sorted.
void prepare(imap::MailboxFilter& filter);
// Of a filter that is prepared: whether it means this mailbox, the selected one as such aside (RFC 5465 section 6, RFC 7377
// section 2.2).
bool covers(const imap::MailboxFilter& filter, std::string_view name, bool subscribed);

// Each prepared.
std::vector<imap::NotifyGroup> prepared(std::vector<imap::NotifyGroup> groups);

// What the groups, which are prepared, ask for of a mailbox that is not selected (section 6: all that cover it count).
struct NameEvents {
  bool messages = false, flags = false, names = false, subscriptions = false, metadata = false;
};
NameEvents events_of(const std::vector<imap::NotifyGroup>& groups, std::string_view name, bool subscribed);

class NotifyNames {
 public:
  // Nothing is kept when no group asks for names or subscriptions.
  NotifyNames(store::Account& account, const std::vector<imap::NotifyGroup>& groups);

  void own_created(std::string_view name, MailboxId id);
  void own_removed(std::string_view name);
  void own_renamed(std::string_view from, std::string_view to);
  void own_subscribed(std::string_view name, bool subscribed);

  // Appends a LIST response for each name that changed; then everything is told. Returns the mailboxes that have other
  // names now without the client's knowing that they are the same.
  std::set<MailboxId> tell(std::string& out, bool utf8);

 private:
  struct Name {
    MailboxId id;  // not set: only subscribed
    bool selectable = false, has_children = false, subscribed = false;
    store::SpecialUse use = store::SpecialUse::None;
    bool operator==(const Name&) const = default;
  };
  using Names = std::map<std::string, Name, std::less<>>;
  struct News {  // of one name
    bool names = false, subscription = false;
    std::string old_name;
  };
  using AllNews = std::map<std::string, News, std::less<>>;

  Names now() const;
  static void count_children(Names& names);
  void move(const std::string& from, const std::string& to);
  std::set<MailboxId> tell_renamed(std::string& out, const Names& now, bool utf8);
  AllNews difference(const Names& now) const;
  static void tell_name(std::string& out, const std::string& name, const News& news, const Names& now, bool utf8);
  bool wanted(const std::string& name, const News& news, const Names& now) const;

  store::Account& account_;
  const std::vector<imap::NotifyGroup>& groups_;
  bool on_ = false;
  Names told_;
};

}  // namespace bz::imapd
