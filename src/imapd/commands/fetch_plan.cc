#include "imapd/commands/fetch_plan.h"

#include "imapd/render.h"

namespace bz::imapd {
namespace {
using Kind = imap::FetchItem::Kind;
}

FetchPlan make_fetch_plan(Session& s, const imap::Fetch& command) {
  FetchPlan plan;
  plan.items = command.items;
  plan.owner = s.foreign_owner();
  for (imap::FetchItem& item : plan.items)
    if (item.kind >= Kind::Envelope) item.label = imap::FetchWriter::label(item, s.utf8());
  plan.wants_modseq = command.has(Kind::ModSeq);
  plan.add_modseq = command.changed_since && !plan.wants_modseq;
  plan.wants_flags = command.has(Kind::Flags);
  for (const imap::FetchItem& item : command.items) {
    plan.needs_record |= item.kind >= Kind::Envelope;
    plan.wants_text |= item.kind == Kind::Envelope || item.kind == Kind::Body || item.kind == Kind::BodyStructure;
    plan.sets_seen |= item.sets_seen() && !s.read_only() && (s.rights() & store::right::kKeepSeen);
  }
  plan.list = FetchList::of(plan.items);
  plan.uid_first = (command.uid || (s.condstore() && plan.sets_seen)) && !command.has(Kind::Uid) && !s.uid_only();
  return plan;
}
static_assert(Kind::SaveDate < Kind::Envelope && Kind::Envelope < Kind::Section && Kind::Section < Kind::Binary,
              "kinds from Envelope on read the record");

bool write_simple(imap::FetchWriter& w, const imap::FetchItem& item, const store::Entry& e,
                  const std::vector<std::string>& keywords, bool recent, AccountId owner) {
  switch (item.kind) {
    case Kind::Flags:
      w.flags(e.flags, keywords, recent);
      return true;
    case Kind::Uid:
      w.uid(Uid(e.uid));
      return true;
    case Kind::ModSeq:
      w.modseq(ModSeq(e.modseq));
      return true;
    case Kind::InternalDate:
      w.internal_date(e.internal_date());
      return true;
    case Kind::Size:
      w.size(e.size);
      return true;
    case Kind::EmailId:
      w.email_id(EmailId(e.email), owner);
      return true;
    case Kind::ThreadId:
      w.no_thread_id();
      return true;
    case Kind::SaveDate:
      w.save_date(e.saved != 0 ? std::optional(int64_t{e.saved}) : std::nullopt);
      return true;
    default:
      return false;
  }
}

imap::FetchWriter begin_response(Session& s, const FetchPlan& plan, store::Msn msn, const store::Entry& entry,
                                 bool seen_now) {
  imap::FetchWriter w = fetch_writer(s.out(), msn, entry.uid, s.uid_only(), s.utf8());
  if (plan.uid_first) w.uid(Uid(entry.uid));
  // Before the literals: Perl's Mail::IMAPClient takes what stands behind one for its end.
  if (seen_now && !plan.wants_flags) w.flags(entry.flags, s.mailbox().keywords(), s.shows_recent(entry.uid));
  return w;
}

void end_response(Session& s, const FetchPlan& plan, imap::FetchWriter& w, const store::Entry& entry, bool seen_now) {
  if (plan.add_modseq || (s.condstore() && seen_now && !plan.wants_modseq)) w.modseq(ModSeq(entry.modseq));
  w.end();
}

}  // namespace bz::imapd
