// What the session tells of the selected mailbox: the news of a view as untagged responses (RFC 3501 sections 7.3 and 7.4).
#pragma once
#include <optional>
#include <string>

#include "imap/response.h"
#include "store/mailbox.h"

namespace bz::imapd {

struct FetchForm {
  // Responses of a UID command name the UID (RFC 3501 section 6.4.8), and what nobody asked for does with IMAP4rev2 (RFC
  // 9051 section 7.5.2).
  bool uid = false;
  bool modseq = false;    // CONDSTORE is enabled: UID and MODSEQ always (RFC 7162 section 3.2.4)
  bool vanished = false;  // QRESYNC is enabled: VANISHED instead of EXPUNGE (RFC 7162 section 3.2.10)
  bool uid_only = false;  // UIDONLY is enabled: UIDFETCH, and VANISHED too (RFC 9586 section 3)
  bool recent = true;     // RECENT and \Recent: not with IMAP4rev2
};

// The begin of one FETCH or UIDFETCH response.
inline imap::FetchWriter fetch_writer(std::string& out, store::Msn msn, uint32_t uid, bool uid_only, bool utf8 = false) {
  return uid_only ? imap::FetchWriter(out, Uid(uid), utf8) : imap::FetchWriter(out, msn, utf8);
}

// "* n FETCH (FLAGS ...)" for these messages of the view; those that are gone are left out.
void render_flags(std::string& out, const store::View& view, const UidSet& uids, FetchForm form);
// EXPUNGE or VANISHED, EXISTS, RECENT, then flags.
void render_changes(std::string& out, const store::View& view, const store::Changes& changes, FetchForm form);

}  // namespace bz::imapd
