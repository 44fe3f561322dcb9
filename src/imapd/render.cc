#include "imapd/render.h"

namespace bz::imapd {

void render_flags(std::string& out, const store::View& view, const UidSet& uids, FetchForm form) {
  const auto& keywords = view.mailbox().keywords();
  uids.for_each([&](uint32_t uid) {
    const store::Entry* entry = view.entry(uid);
    auto msn = view.msn_of(uid);
    if (!entry || !msn) return;
    imap::FetchWriter w = fetch_writer(out, *msn, uid, form.uid_only);
    if (form.uid && !form.uid_only) w.uid(Uid(uid));
    w.flags(entry->flags, keywords, form.recent && view.is_recent(uid));
    if (form.modseq) w.modseq(ModSeq(entry->modseq));
    w.end();
  });
}

void render_changes(std::string& out, const store::View& view, const store::Changes& changes, FetchForm form) {
  if (form.vanished || form.uid_only)
    imap::vanished(out, changes.vanished, false);
  else
    for (store::Msn msn : changes.expunged) imap::expunge(out, msn);
  if (changes.exists_changed) {
    imap::exists(out, changes.exists);
    if (form.recent) imap::recent(out, changes.recent);
  }
  render_flags(out, view, changes.flags_changed, form);
}

}  // namespace bz::imapd
