// What one session sees: the messages that lay in INBOX when it began, numbered from 1 for as long as it lasts (RFC 1939
// section 5). Other sessions may expunge some of them meanwhile; their numbers stay, and entry() tells that they are gone.
// New messages are the next session's. Lane only; holds the mailbox loaded.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "store/mailbox.h"

namespace bz::pop3d {

class Maildrop {
 public:
  explicit Maildrop(store::MailboxPtr inbox);

  // STAT: what is not marked as deleted.
  uint32_t messages() const { return messages_; }
  uint64_t octets() const { return octets_; }

  uint32_t last() const { return static_cast<uint32_t>(all_.size()); }  // the highest number
  // There is such a message, and it is not marked as deleted.
  bool has(uint32_t number) const { return number >= 1 && number <= last() && !all_[number - 1].deleted; }

  // The following take numbers that has() knows.
  uint32_t size(uint32_t number) const { return all_[number - 1].size; }  // octets
  // UIDL: "UIDVALIDITY.UID", which never names another message and stays for the message's life in INBOX; at most 21 signs.
  void append_unique_id(std::string& out, uint32_t number) const;
  // Valid until the next wait; null: expunged by another session.
  const store::Entry* entry(uint32_t number) const { return inbox_->find(all_[number - 1].uid); }
  void mark_retrieved(uint32_t number) { all_[number - 1].retrieved = true; }
  void mark_deleted(uint32_t number);

  void reset();  // RSET: nothing is marked as deleted any more

  const store::MailboxPtr& inbox() const { return inbox_; }
  UidSet deleted() const;
  UidSet retrieved() const;  // and not deleted

 private:
  struct Message {
    uint32_t uid, size;
    bool deleted = false, retrieved = false;
  };
  store::MailboxPtr inbox_;
  std::string validity_;  // with the dot
  std::vector<Message> all_;
  uint32_t messages_ = 0;
  uint64_t octets_ = 0;
};

}  // namespace bz::pop3d
