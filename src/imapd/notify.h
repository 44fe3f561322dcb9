// What NOTIFY has asked for (RFC 5465), and what the session was told of it: the mailboxes that are watched with the counts
// that the client knows, and the names of the tree. Everything is a difference: what is published only marks what may have
// changed, so a burst of changes is one STATUS, and the memory is bounded by the number of mailboxes. docs/decisions/0023.
//
// Changes that the session itself made are not told (section 5): they are known by their MODSEQ, which no other session's
// change has. Of the selected mailbox only the wish is kept here; the session reports it.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "imap/notify.h"
#include "imapd/notify_names.h"
#include "store/account.h"

namespace bz::imapd {

class Notifier {
 public:
  // `wake` is called when there may be news, until the Notifier is destroyed.
  Notifier(store::Account& account, imap::Notify wanted, std::function<void()> wake);
  ~Notifier();
  Notifier(const Notifier&) = delete;

  // --- the selected mailbox ---
  enum class Selected : unsigned char { Nothing, Messages, Flags };  // Flags: those of Messages too
  Selected selected() const { return selected_; }
  bool delays_expunges() const { return delays_expunges_; }  // until a command allows them
  const std::vector<imap::FetchItem>& new_message_items() const { return new_message_; }
  void entered(MailboxId id);  // by SELECT: not watched meanwhile
  // What the client was told of it, so that the rest is still told.
  void left(const store::View& view);

  // --- annotations (sections 5.6, 5.7) --- of the mailbox, or (not set) of the server
  bool wants_annotations() const;
  bool wants_annotations_of(MailboxId mailbox) const;

  // --- what the session itself does ---
  void own_messages(MailboxId in, uint64_t first_modseq, uint64_t last_modseq);
  NotifyNames& names() { return names_; }

  // --- telling ---
  struct Form {
    bool condstore = false, utf8 = false;
  };
  size_t watched() const { return watched_.size(); }  // mailboxes whose messages are watched
  bool has_news() const { return tree_changed_ || !dirty_.empty() || selected_changed_; }
  // Appends LIST and STATUS responses.
  void tell(std::string& out, Form form);
  // The STATUS of the STATUS indicator for the first watched mailbox whose name is greater than `after`, which becomes its
  // name; false: there is none (section 3.1).
  bool tell_first(std::string& out, std::string& after, Form form);

 private:
  struct Watched {  // as the client knows it
    MailboxId id;
    uint32_t uid_validity = 0, uid_next = 1, messages = 0, unseen = 0;
    uint64_t modseq = 0;
    bool flags = false;
    bool all_known = true;            // `published` has every change since
    std::vector<uint64_t> published;  // MODSEQs
  };
  using WatchedMap = std::map<std::string, Watched, std::less<>>;

  void published(const store::MailboxInfo& info);
  WatchedMap watch() const;
  void watch_again(const std::set<MailboxId>& unknown);
  void tell_status(std::string& out, const std::string& name, Form form);
  bool is_own(const Watched& watched) const;

  store::Account& account_;
  const std::vector<imap::NotifyGroup> groups_;
  const std::function<void()> wake_;
  Selected selected_ = Selected::Nothing;
  bool delays_expunges_ = false;
  std::vector<imap::FetchItem> new_message_;
  MailboxId selected_id_;
  bool selected_changed_ = false;
  NotifyNames names_;
  WatchedMap watched_;
  std::set<std::string, std::less<>> dirty_;  // of watched_
  std::set<std::string, std::less<>> gone_;   // names that were watched and are not there now
  bool tree_changed_ = false;
  std::multimap<MailboxId, std::pair<uint64_t, uint64_t>> own_;  // MODSEQs, until the next tell()
  store::Mailbox::Subscription messages_subscription_, tree_subscription_;
};

}  // namespace bz::imapd
