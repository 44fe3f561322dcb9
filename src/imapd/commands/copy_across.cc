#include "imapd/commands/copy_across.h"

#include "base/log.h"

namespace bz::imapd {
namespace {

constexpr uint64_t kPiece = 256 * 1024;                 // = kv::kBlobChunk
constexpr uint64_t kCommitOctets = uint64_t{16} << 20;  // after so many a commit is made; what waits for it is in memory

// NotFound: it was expunged meanwhile.
Task<Result<store::NewMessage>> read_one(Session& s, uint32_t uid, const CopyTarget& target) {
  const store::Entry* found = s.view().entry(uid);
  if (!found) co_return fail(Errc::NotFound, "the message is gone");
  const store::Entry entry = *found;
  store::NewMessage message;
  const FlagBits words = entry.flags & ~((FlagBits{1} << kFirstKeywordBit) - 1);
  message.flags.system = entry.flags & ~words;
  message.flags.keywords = s.mailbox().flag_names(words);
  message.flags = only_permitted(std::move(message.flags), target.rights);
  message.internal_date = entry.internal_date();
  auto appender = target.place.account->begin_append();
  for (uint64_t done = 0; done < entry.size; done += kPiece) {
    auto reading = s.mailbox_account().read(EmailId(entry.email), done, kPiece);
    auto octets = co_await std::move(reading);
    if (!octets && (s.mailbox().gone() || !s.view().entry(uid))) co_return fail(Errc::NotFound, "the message is gone");
    if (!octets && octets.error().code() == Errc::NotFound) co_return fail(Errc::Corrupt, "a message has no octets");
    if (!octets) co_return std::move(octets).error();
    auto writing = appender->write(*octets);
    auto written = co_await std::move(writing);
    if (!written) co_return std::move(written).error();
    base::Yield yield(s.loop());
    co_await yield;
  }
  auto completing = target.place.account->complete(std::move(appender));
  auto completed = co_await std::move(completing);
  if (!completed) co_return std::move(completed).error();
  message.message = std::move(*completed);
  co_return std::move(message);
}

struct Batch {
  UidSet uids;
  std::vector<store::NewMessage> messages;
  uint64_t octets = 0;
};

Task<Result<void>> commit(Session& s, const CopyTarget& target, Batch batch, Copying& done) {
  if (batch.messages.empty()) co_return Result<void>();
  auto appending = target.place.account->append(target.id, std::move(batch.messages));
  auto appended = co_await std::move(appending);
  if (!appended) co_return std::move(appended).error();
  for (const store::Appended& a : *appended) {
    done.uid_validity = a.uid_validity;
    done.target.add(a.uid);
    s.own_new(*target.place.account, target.id, a.uid, a.uid, a.modseq, a.modseq);
  }
  for (const UidSet::Range& r : batch.uids.ranges()) done.source.add(r.first, r.last);
  co_return Result<void>();
}

Task<Result<void>> copy_all(Session& s, const UidSet& uids, const CopyTarget& target, Copying& done) {
  Batch batch;
  std::vector<uint32_t> list;
  uids.for_each([&](uint32_t uid) { list.push_back(uid); });
  for (const uint32_t uid : list) {
    auto reading = read_one(s, uid, target);
    auto read = co_await std::move(reading);
    if (!read && read.error().code() == Errc::NotFound) continue;
    if (!read) co_return std::move(read).error();
    batch.octets += read->message->size();
    batch.uids.add(uid);
    batch.messages.push_back(std::move(*read));
    if (batch.messages.size() < store::kAppendMessages && batch.octets < kCommitOctets) continue;
    auto committing = commit(s, target, std::exchange(batch, {}), done);
    auto committed = co_await std::move(committing);
    if (!committed) co_return std::move(committed).error();
  }
  auto committing = commit(s, target, std::move(batch), done);
  auto committed = co_await std::move(committing);
  co_return std::move(committed);
}

// RFC 3501 section 6.4.7: a COPY that fails leaves the mailbox as it was.
Task<void> take_back(Session& s, const CopyTarget& target, UidSet uids) {
  auto opening = target.place.account->open(target.id);
  auto opened = co_await std::move(opening);
  if (opened) {
    auto erasing = target.place.account->erase(std::move(*opened), std::move(uids));
    auto erased = co_await std::move(erasing);
    if (erased) co_return;
    opened = std::move(erased).error();
  }
  log::event(log::Err, "imap_copy_left").field("sid", s.id()).error(opened.error());
}

}  // namespace

std::string Copying::code() const { return imap::code_copy_uid(uid_validity, source, target); }

Task<Result<Copying>> copy_across(Session& s, UidSet uids, CopyTarget target) {
  Copying done;
  auto copying = copy_all(s, uids, target, done);
  auto copied = co_await std::move(copying);
  if (copied) co_return std::move(done);
  if (!done.target.empty()) {
    auto taking = take_back(s, target, done.target);
    co_await std::move(taking);
  }
  co_return std::move(copied).error();
}

}  // namespace bz::imapd
