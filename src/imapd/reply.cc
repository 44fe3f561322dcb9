#include "imapd/reply.h"

namespace bz::imapd {

Reply reply_for(const Error& error) {
  switch (error.code()) {
    case Errc::NotFound:
      return no("No such mailbox", "NONEXISTENT");
    case Errc::Exists:
      return no("Mailbox exists already", "ALREADYEXISTS");
    case Errc::Invalid:
    case Errc::Unsupported:
      return no("That cannot be done", "CANNOT");
    case Errc::Denied:
    case Errc::AuthFailed:
      return no("Not permitted", "NOPERM");
    case Errc::OverQuota:
      return no("Over quota", "OVERQUOTA");
    case Errc::TooLarge:
      return no("Too large", "TOOBIG");
    case Errc::Limit:
      return no("A limit is reached", "LIMIT");
    case Errc::Conflict:
      return no("In use, try again", "INUSE");
    case Errc::Corrupt:
      return no("Stored data is damaged; the administrator finds it in the log", "CORRUPTION");
    case Errc::Unavailable:
    case Errc::Timeout:
    case Errc::Cancelled:
    case Errc::Closed:
      return no("Temporarily unavailable, try again", "UNAVAILABLE");
    case Errc::Internal:
      break;
  }
  return no("Internal error", "SERVERBUG");
}

}  // namespace bz::imapd
