// What a FETCH asks for, made ready once for all its messages, and what of a response needs no record: its begin, its end
// and the items that the mailbox's entry answers.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "imap/response.h"
#include "imapd/commands/fetch_list.h"
#include "imapd/session.h"

namespace bz::imapd {

struct FetchPlan {
  std::vector<imap::FetchItem> items;  // with their labels
  bool uid_first = false;              // UID FETCH, or with CONDSTORE one that sets \Seen, without UID among the items
  bool add_modseq = false;             // CHANGEDSINCE implies MODSEQ
  bool wants_modseq = false;
  bool needs_record = false;
  bool sets_seen = false;
  bool wants_flags = false;
  bool wants_text = false;  // ENVELOPE, BODY or BODYSTRUCTURE
  AccountId owner{};        // of object_id()
  std::optional<FetchList> list;
};

FetchPlan make_fetch_plan(Session& s, const imap::Fetch& command);

// The items that an index entry answers; false: `item` is not one of them.
bool write_simple(imap::FetchWriter& w, const imap::FetchItem& item, const store::Entry& e,
                  const std::vector<std::string>& keywords, bool recent, AccountId owner);

imap::FetchWriter begin_response(Session& s, const FetchPlan& plan, store::Msn msn, const store::Entry& entry,
                                 bool seen_now);
void end_response(Session& s, const FetchPlan& plan, imap::FetchWriter& w, const store::Entry& entry, bool seen_now);

}  // namespace bz::imapd
