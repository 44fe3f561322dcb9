// COPY to a mailbox of another account, or to one where not every flag may be set: the octets are copied, with new records
// and without the flags that the user may not set there (RFC 4314 section 4).
#pragma once
#include <string>

#include "imapd/others.h"
#include "imapd/session.h"

namespace bz::imapd {

struct Copying {
  UidValidity uid_validity;  // of the target
  UidSet source, target;     // equally many, in the same order
  std::string code() const;  // COPYUID
};
struct CopyTarget {
  Place place;
  MailboxId id;
  store::Rights rights = 0;
};
// Of messages of the selected mailbox. All that are still there, or none; durable when done. Errors are the target's.
Task<Result<Copying>> copy_across(Session& s, UidSet uids, CopyTarget target);

}  // namespace bz::imapd
