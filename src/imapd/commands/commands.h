// One handler per command. The session calls them one at a time with the parsed command, which lives until the handler
// ends; untagged responses go to session.out(), the tagged one is the value. State (selected or not) was checked before.
#pragma once
#include "imap/command.h"
#include "imapd/reply.h"
#include "imapd/session.h"
#include "store/search.h"

namespace bz::imapd {

// commands/session.cc
Task<Reply> handle(Session& s, const imap::Capability& command);
Task<Reply> handle(Session& s, const imap::Noop& command);
Task<Reply> handle(Session& s, const imap::Logout& command);
Task<Reply> handle(Session& s, const imap::Id& command);
Task<Reply> handle(Session& s, const imap::StartTls& command);
Task<Reply> handle(Session& s, const imap::Authenticate& command);
Task<Reply> handle(Session& s, const imap::Login& command);
Task<Reply> handle(Session& s, const imap::Enable& command);
Task<Reply> handle(Session& s, const imap::Compress& command);
Task<Reply> handle(Session& s, const imap::Namespace& command);
Task<Reply> handle(Session& s, const imap::SetLanguage& command);
Task<Reply> handle(Session& s, const imap::Check& command);
Task<Reply> handle(Session& s, const imap::Done& command);
// commands/select.cc
Task<Reply> handle(Session& s, const imap::Select& command);
Task<Reply> handle(Session& s, const imap::Close& command);
Task<Reply> handle(Session& s, const imap::Unselect& command);
// commands/resync.cc
// What changed in the selected mailbox since the client saw it: VANISHED (EARLIER), then FETCH (RFC 7162 section 3.2.5).
Task<Result<void>> resynchronize(Session& s, imap::QResync known);
// Those of `asked` that were expunged after `since`, told as VANISHED (EARLIER) (section 3.2.6).
Task<Result<void>> tell_vanished(Session& s, UidSet asked, uint64_t since);
// commands/mailboxes.cc
Task<Reply> handle(Session& s, const imap::Create& command);
Task<Reply> handle(Session& s, const imap::Delete& command);
Task<Reply> handle(Session& s, const imap::Rename& command);
Task<Reply> handle(Session& s, const imap::Subscribe& command);
Task<Reply> handle(Session& s, const imap::Unsubscribe& command);
// commands/status.cc
Task<Reply> handle(Session& s, const imap::Status& command);
// The untagged STATUS of one mailbox; nothing when it cannot be read.
Task<Result<void>> write_status(Session& s, std::string name, imap::StatusItems items);
// commands/quota.cc
Task<Reply> handle(Session& s, const imap::GetQuota& command);
Task<Reply> handle(Session& s, const imap::GetQuotaRoot& command);
Task<Reply> handle(Session& s, const imap::SetQuota& command);
// commands/metadata.cc
Task<Reply> handle(Session& s, const imap::GetMetadata& command);
Task<Reply> handle(Session& s, const imap::SetMetadata& command);
// The untagged METADATA of one mailbox with NIL for what is not there (RFC 9590); nothing when it cannot be read.
Task<Result<void>> write_metadata(Session& s, std::string name, const std::vector<std::string>& entries);
// commands/acl.cc
Task<Reply> handle(Session& s, const imap::SetAcl& command);
Task<Reply> handle(Session& s, const imap::DeleteAcl& command);
Task<Reply> handle(Session& s, const imap::GetAcl& command);
Task<Reply> handle(Session& s, const imap::ListRights& command);
Task<Reply> handle(Session& s, const imap::MyRights& command);
// commands/push.cc
Task<Reply> handle(Session& s, const imap::ApplePush& command);
// commands/list.cc
Task<Reply> handle(Session& s, const imap::List& command);
Task<Reply> handle(Session& s, const imap::Lsub& command);
// The LIST response of one mailbox, which no LIST asked for. `old_name`: OLDNAME (RFC 9051 section 6.3.9.7); empty: none.
void tell_mailbox(Session& s, const Place& place, const store::MailboxInfo& info, std::string_view old_name);
// commands/append.cc
// From the first event of the command (its first literal, or all of it) to its tagged response.
Task<void> run_append(Session& s, imap::Framer::Event event);
// idle.cc
Task<Reply> handle(Session& s, const imap::Idle& command);
// commands/expunge.cc
Task<Reply> handle(Session& s, const imap::Expunge& command);
// commands/search.cc
Task<Reply> handle(Session& s, const imap::Search& command);
// The UIDs a SEARCH, SORT or THREAD finds. A Reply instead: why not.
struct Found {
  store::SearchOutcome outcome;
  std::optional<Reply> refusal;
  std::optional<uint32_t> lowest;  // RFC 9738: only messages from this UID on were searched
  imap::SearchKey key;             // with UPDATE: what was asked, in UTF-8 and without "$"
};
Task<Found> find(Session& s, const imap::Search& command, store::SearchAids aids);
// The key as the store takes it: UTF-8, UIDs instead of "$". Set: why it cannot be searched.
std::optional<Reply> prepare(Session& s, const imap::Search& command, imap::SearchKey& key);
// Of an ESEARCH response with MODSEQ: `found` in `view` (RFC 4731 section 3.2).
uint64_t modseq_of(const store::View& view, const imap::Search& command, const store::SearchOutcome& found);
// What "$" stands for after it (RFC 5182 section 2.4, RFC 9394 section 3.2).
void save_result(Session& s, const imap::Search& command, const UidSet& uids);
// Keeps the result up to date as its RETURN (UPDATE) asks (RFC 5267 section 4.3): `uids` in their order, found by `key`;
// what changed after MODSEQ `since` is judged again. names_mailbox: as responses to ESEARCH do.
void keep_context(Session& s, const imap::Search& command, imap::SearchKey key, std::vector<imap::SortKey> order,
                  std::vector<uint32_t> uids, uint64_t since, bool names_mailbox = false);
// NOUPDATE: this search is not kept up to date.
void refuse_updates(Session& s);
// Set: the tag is one of a context already, which is BAD.
std::optional<Reply> tag_refused(Session& s, const imap::Search& command);
Task<Reply> handle(Session& s, const imap::CancelUpdate& command);
// commands/multisearch.cc
Task<Reply> handle(Session& s, const imap::MultiSearch& command);
// commands/sort.cc
Task<Reply> handle(Session& s, const imap::Sort& command);
Task<Reply> handle(Session& s, const imap::Thread& command);
// commands/fetch.cc
Task<Reply> handle(Session& s, const imap::Fetch& command);
// FETCH responses that NOTIFY or UPDATE asked for, of these messages as far as they are still there (RFC 5465 sections 5.2
// and 7).
Task<void> fetch_new(Session& s, std::vector<imap::FetchItem> items, UidSet uids);
// commands/notify.cc
Task<Reply> handle(Session& s, const imap::Notify& command);
// commands/batches.cc
Task<Reply> handle(Session& s, const imap::UidBatches& command);
// commands/store.cc
Task<Reply> handle(Session& s, const imap::Store& command);
// commands/urlauth.cc
Task<Reply> handle(Session& s, const imap::ResetKey& command);
Task<Reply> handle(Session& s, const imap::GenUrlAuth& command);
Task<Reply> handle(Session& s, const imap::UrlFetch& command);
// commands/copy.cc
Task<Reply> handle(Session& s, const imap::Copy& command);
Task<Reply> handle(Session& s, const imap::Move& command);

// The messages a set names, as UIDs of the view; nullopt: a sequence number that does not exist (BAD). Numbers of messages
// that another session expunged are valid until the session was told, UIDs that do not exist name nothing.
std::optional<UidSet> resolve(Session& s, const imap::SequenceSet& set, bool uid);

}  // namespace bz::imapd
