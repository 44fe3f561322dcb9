// Which mailboxes a command means: filter-mailboxes of NOTIFY (RFC 5465 section 6) and of ESEARCH (RFC 7377 section 2.2).
#pragma once
#include <string>
#include <vector>

namespace bz::imap {

struct MailboxFilter {
  enum class Filter : unsigned char {
    Selected,
    SelectedDelayed,  // NOTIFY only
    Inboxes,
    Personal,
    Subscribed,
    Subtree,
    SubtreeOne,  // ESEARCH only: the mailbox and those one level below
    Mailboxes
  };
  Filter filter = Filter::Selected;
  std::vector<std::string> names;  // of Subtree, SubtreeOne and Mailboxes: UTF-8, as written
  bool selected() const { return filter == Filter::Selected || filter == Filter::SelectedDelayed; }
};

}  // namespace bz::imap
