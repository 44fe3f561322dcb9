// What NOTIFY asks for (RFC 5465 section 8).
#pragma once
#include <string>
#include <vector>

#include "imap/fetch.h"
#include "imap/mailbox_filter.h"

namespace bz::imap {

inline constexpr size_t kMaxEventGroups = 64, kMaxNotifyNames = 1000;  // of one command

struct NotifyEvents {
  bool messages = false;               // MessageNew and MessageExpunge, which go together (section 5)
  bool flags = false;                  // FlagChange; only with messages
  bool mailbox_name = false;           // MailboxName
  bool subscription = false;           // SubscriptionChange
  bool metadata = false;               // MailboxMetadataChange
  bool server_metadata = false;        // ServerMetadataChange
  bool unsupported = false;            // an event that we cannot tell of
  std::vector<FetchItem> new_message;  // attributes to be sent of new messages; only of the selected mailbox
};

struct NotifyGroup : MailboxFilter {
  NotifyEvents events;  // none: NONE
};

struct Notify {
  bool set = false;     // else NONE
  bool status = false;  // STATUS of every mailbox that is watched
  std::vector<NotifyGroup> groups;
};

// What BADEVENT lists (section 3.1).
inline constexpr std::string_view kBadEvent =
    "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "
    "ServerMetadataChange)";

}  // namespace bz::imap
