// FETCH (RFC 3501 section 6.4.5, RFC 7162 section 3.1.4, RFC 8474, RFC 8970). Messages go out in slices; in between others
// get the lane. A message that another session expunged meanwhile is left out and FETCH is still OK: phones retry a NO for
// ever.
#include <algorithm>

#include "base/log.h"
#include "imapd/commands/commands.h"
#include "imapd/commands/fetch_binary.h"
#include "imapd/commands/fetch_body.h"
#include "imapd/commands/fetch_list.h"
#include "imapd/commands/fetch_plan.h"
#include "imapd/commands/message_limit.h"
#include "imapd/render.h"
#include "mime/preview.h"

namespace bz::imapd {
namespace {

using Kind = imap::FetchItem::Kind;
constexpr size_t kSlice = 256;
constexpr size_t kListSlice = 64;  // their stored records still lie in the processor's cache when they are written
constexpr size_t kListFrom = 8;    // fewer messages are likely to be read next: their records are decoded and kept

bool write_ready(imap::FetchWriter& w, const imap::FetchItem& item, const mime::ParsedMessage& record, bool utf8) {
  const mime::Utf8Text* text = utf8 && record.utf8 ? &*record.utf8 : nullptr;
  switch (item.kind) {
    case Kind::Envelope:
      w.item(item).encoder().raw(text ? text->envelope : record.envelope);
      return true;
    case Kind::Body:
      w.item(item).encoder().raw(text ? text->body : record.body);
      return true;
    case Kind::BodyStructure:
      w.item(item).encoder().raw(text ? text->bodystructure : record.bodystructure);
      return true;
    case Kind::Preview:
      if (!record.preview && !item.lazy) return false;
      w.item(item).encoder().nstring(record.preview);
      return true;
    default:
      return false;
  }
}

// Of a message that was stored before previews were.
Task<Result<void>> make_preview(Session& s, imap::FetchWriter& w, const imap::FetchItem& item, EmailId email,
                                std::shared_ptr<const mime::ParsedMessage> record) {
  std::string text;
  for (const uint32_t i : mime::preview_parts(record->parts)) {
    const mime::RecordPart& part = record->parts[i];
    auto read =
        co_await s.mailbox_account().read(email, part.body.at, std::min<uint64_t>(part.body.size, mime::kPreviewInput));
    if (!read) co_return std::move(read).error();
    text = mime::preview_text(part, *read);
    if (!text.empty()) break;
  }
  w.item(item).encoder().string(text);
  co_return Result<void>();
}

// As write_message(), from the record as it is stored; nullopt: it takes more than that, and nothing was written.
std::optional<bool> write_listed(Session& s, FetchPlan& plan, store::Msn msn, const store::Entry& entry, bool seen_now,
                                 std::string_view stored) {
  FetchList& list = *plan.list;
  if (!list.open(stored)) return std::nullopt;
  const size_t before = s.out().size();
  const bool recent = s.shows_recent(entry.uid);
  imap::FetchWriter w = begin_response(s, plan, msn, entry, seen_now);
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const imap::FetchItem& item = plan.items[i];
    if (write_simple(w, item, entry, s.mailbox().keywords(), recent, plan.owner) || list.write(w, i, item, s.utf8()))
      continue;
    s.out().resize(before);
    return std::nullopt;
  }
  end_response(s, plan, w, entry, seen_now);
  return plan.wants_text && list.differs_in_utf8() && !s.utf8();
}

// One response; true: its headers have UTF-8 that was not shown. `entry` is a copy: the mailbox may change at every wait.
Task<Result<bool>> write_message(Session& s, const FetchPlan& plan, store::Msn msn, store::Entry entry, bool seen_now) {
  std::shared_ptr<const mime::ParsedMessage> record;
  EmailId email(entry.email);
  if (plan.needs_record) {
    auto loaded = co_await s.mailbox_account().record(email);
    if (!loaded) co_return std::move(loaded).error();
    record = std::move(*loaded);
  }
  for (const imap::FetchItem& item : plan.items) {
    if (!item.binary()) continue;
    auto checked = co_await check_binary(s, item, email, record);
    if (!checked) co_return std::move(checked).error();
  }
  const bool recent = s.shows_recent(entry.uid);
  imap::FetchWriter w = begin_response(s, plan, msn, entry, seen_now);
  for (const imap::FetchItem& item : plan.items) {
    if (write_simple(w, item, entry, s.mailbox().keywords(), recent, plan.owner) ||
        (record && write_ready(w, item, *record, s.utf8())))
      continue;
    if (item.kind == Kind::Preview) {
      auto made = co_await make_preview(s, w, item, email, record);
      if (!made) co_return std::move(made).error();
      continue;
    }
    auto writing = item.binary() ? write_binary(s, w, item, email, record) : write_section(s, w, item, email, record);
    auto written = co_await std::move(writing);
    if (!written) co_return std::move(written).error();
  }
  end_response(s, plan, w, entry, seen_now);
  co_return plan.wants_text && record->utf8.has_value() && !s.utf8();
}

// Sets \Seen on what the slice is going to show. Failing to is no reason not to show it.
Task<UidSet> set_seen(Session& s, const std::vector<uint32_t>& slice) {
  UidSet unseen;
  for (uint32_t uid : slice) {
    const store::Entry* entry = s.view().entry(uid);
    if (entry && !(entry->flags & kSeen)) unseen.add(uid);
  }
  if (unseen.empty()) co_return unseen;
  store::MailboxPtr mailbox = s.mailbox_ptr();
  FlagList seen{kSeen, {}};
  auto stored = co_await s.mailbox_account().store_flags(std::move(mailbox), std::move(unseen), store::FlagOp::Add,
                                                         std::move(seen), std::nullopt);
  if (!stored) co_return UidSet();
  s.view().mark_told(stored->changed, stored->modseq);
  co_return std::move(stored->changed);
}

struct Outcome {
  UidSet downgraded;              // shown without their UTF-8 (RFC 6858 section 3)
  bool gone = false;              // some messages were expunged by others
  bool failed = false;            // some could not be read
  bool unknown_encoding = false;  // some have a part that cannot be decoded (RFC 3516 section 4.3)
};

// By the UIDs of `slice`, empty where write_message() has to look.
Task<std::vector<std::string>> stored_records(Session& s, const FetchPlan& plan, const std::vector<uint32_t>& slice) {
  if (!plan.list || slice.size() < kListFrom) co_return std::vector<std::string>(slice.size());
  std::vector<EmailId> emails;
  emails.reserve(slice.size());
  for (uint32_t uid : slice) {
    const store::Entry* entry = s.view().entry(uid);
    emails.emplace_back(entry ? entry->email : 0);
  }
  auto loading = s.mailbox_account().stored_records(std::move(emails));
  auto loaded = co_await std::move(loading);
  if (loaded) co_return std::move(*loaded);
  co_return std::vector<std::string>(slice.size());  // whose record it is that cannot be read is found one by one
}

Task<Outcome> write_slice(Session& s, FetchPlan& plan, const std::vector<uint32_t>& slice) {
  Outcome outcome;
  UidSet seen_now;
  if (plan.sets_seen) seen_now = co_await set_seen(s, slice);
  auto loading = stored_records(s, plan, slice);
  const std::vector<std::string> stored = co_await std::move(loading);
  s.announce_keywords();
  for (size_t i = 0; i < slice.size(); ++i) {
    const uint32_t uid = slice[i];
    const store::Entry* entry = s.view().entry(uid);
    auto msn = s.view().msn_of(uid);
    if (!entry || !msn) {
      outcome.gone = true;
      continue;
    }
    if (!stored[i].empty()) {
      if (const auto listed = write_listed(s, plan, *msn, *entry, seen_now.contains(uid), stored[i])) {
        if (*listed) outcome.downgraded.add(uid);
        if (s.wants_flush() && !co_await s.flush_if_large()) co_return outcome;
        continue;
      }
    }
    size_t before = s.out().size();
    uint64_t flushed = s.flushed();
    auto written = co_await write_message(s, plan, *msn, *entry, seen_now.contains(uid));
    if (s.ended()) co_return outcome;
    if (written && *written) outcome.downgraded.add(uid);
    if (!written) {
      const bool expunged = s.view().entry(uid) == nullptr;
      const bool unknown_encoding = !expunged && written.error().code() == Errc::Unsupported;
      (expunged ? outcome.gone : unknown_encoding ? outcome.unknown_encoding : outcome.failed) = true;
      if (!expunged && !unknown_encoding)
        log::event(log::Err, "imap_fetch_failed").field("sid", s.id()).field("uid", uid).error(written.error());
      if (s.flushed() != flushed) {  // half a response is out, its literal's size is promised
        s.bye("A message could not be read to its end", "UNAVAILABLE");
        co_return outcome;
      }
      s.out().resize(before);
    }
    if (s.wants_flush() && !co_await s.flush_if_large()) co_return outcome;
  }
  co_return outcome;
}

std::vector<uint32_t> wanted(Session& s, const imap::Fetch& command, const UidSet& uids) {
  std::vector<uint32_t> out;
  out.reserve(uids.count());
  uids.for_each([&](uint32_t uid) {
    const store::Entry* entry = s.view().entry(uid);
    if (command.changed_since && entry && entry->modseq <= *command.changed_since) return;
    out.push_back(uid);
  });
  return out;
}

}  // namespace

Task<Reply> handle(Session& s, const imap::Fetch& command) {
  auto uids = resolve(s, command.set, command.uid);
  if (!uids) co_return bad("No such message number");
  if (command.vanished && !s.qresync()) co_return bad("QRESYNC is not enabled");
  if (command.changed_since || command.has(Kind::ModSeq)) s.enable_condstore();
  if (command.vanished) {
    UidSet asked = command.set.saved() ? s.saved_result() : command.set.resolve(s.mailbox().info().uid_next - 1);
    auto told = co_await tell_vanished(s, std::move(asked), *command.changed_since);
    if (!told) co_return reply_for(told.error());
  }
  if (command.partial) {
    uids = command.partial->of(*uids);
    if (auto limit = message_limit(s); limit && uids->count() > *limit) co_return over_limit(s, "FETCH exceeds the limit");
  }
  const auto lowest = take_highest(s, *uids);
  FetchPlan plan = make_fetch_plan(s, command);
  std::vector<uint32_t> all = wanted(s, command, *uids);
  if (lowest) std::reverse(all.begin(), all.end());  // from the highest to the lowest (RFC 9738 section 3.1)
  Outcome total;
  const size_t size = plan.list ? kListSlice : kSlice;
  for (size_t at = 0; at < all.size(); at += size) {
    auto first = all.begin() + static_cast<std::ptrdiff_t>(at);
    std::vector<uint32_t> slice(first, first + static_cast<std::ptrdiff_t>(std::min(size, all.size() - at)));
    Outcome outcome = co_await write_slice(s, plan, slice);
    if (s.ended()) co_return Reply{};
    total.gone |= outcome.gone;
    total.failed |= outcome.failed;
    for (UidSet::Range r : outcome.downgraded.ranges()) total.downgraded.add(r.first, r.last);
    total.unknown_encoding |= outcome.unknown_encoding;
    if (at + size < all.size()) {
      base::Yield yield(s.loop());
      co_await yield;
    }
    if (s.mailbox().gone()) co_return ok("FETCH completed");
  }
  if (total.failed) co_return no("Some messages could not be read; the administrator finds them in the log", "SERVERBUG");
  if (total.unknown_encoding) co_return no("A part has an unknown transfer encoding", "UNKNOWN-CTE");
  Reply done = ok("FETCH completed");
  if (!total.downgraded.empty()) done = ok("FETCH completed", imap::code_downgraded(total.downgraded));
  if (total.gone && !command.uid) done = ok("Some messages are expunged", "EXPUNGEISSUED");
  co_return cut_reply(s, std::move(done), lowest);
}

// UID always, and MODSEQ with CONDSTORE (RFC 7162 section 3.1); nobody read anything, so nothing becomes \Seen. What cannot
// be read is left out: the client asks again.
Task<void> fetch_new(Session& s, std::vector<imap::FetchItem> items, UidSet uids) {
  imap::Fetch command;
  command.uid = true;
  command.items = std::move(items);
  FetchPlan plan = make_fetch_plan(s, command);
  plan.sets_seen = false;
  plan.add_modseq = s.condstore() && !command.has(Kind::ModSeq);
  std::vector<uint32_t> slice;
  slice.reserve(uids.count());
  uids.for_each([&](uint32_t uid) { slice.push_back(uid); });
  (void)co_await write_slice(s, plan, slice);
}

}  // namespace bz::imapd
