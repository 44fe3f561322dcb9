// verify_account: reads a whole account partition and says what does not fit. It changes nothing: changes that are not
// folded yet are applied in memory. Takes the partition (a handle open elsewhere is fenced): offline or on a checkpoint.
#include <algorithm>
#include <map>
#include <set>

#include "mime/record.h"
#include "store/mailbox_writer.h"
#include "store/names.h"
#include "store/schema.h"

namespace bz::store {
namespace {

class Verifier {
 public:
  explicit Verifier(kv::Partition& partition) : partition_(partition) {}
  Task<Result<std::vector<Finding>>> run();

 private:
  using Items = std::vector<kv::KeyValue>;
  Task<Result<Items>> scan(char letter);
  Task<Result<void>> read_heads();
  Task<Result<void>> read_pages();
  Task<Result<void>> read_changes();
  Task<Result<void>> check_messages();
  Task<Result<void>> check_blob(std::string where, kv::BlobRef ref);
  Task<Result<void>> check_message(const kv::KeyValue& item);
  Task<Result<void>> check_marks();
  Task<Result<void>> check_url_keys();
  Task<Result<void>> check_annotations();
  Task<Result<void>> check_acls();
  Task<Result<void>> check_push_devices();
  void apply(const Change& change, key::ChangeKey at, bool partly);
  void check_mailboxes();
  void found(std::string where, std::string what) {
    if (findings_.size() < 10'000) findings_.push_back({std::move(where), std::move(what)});
  }
  static std::string n(uint64_t number) { return std::to_string(number); }
  static std::string box(MailboxId id) { return "mailbox " + n(id.value()); }

  kv::Partition& partition_;
  std::vector<Finding> findings_;
  AccountRecord account_;
  FoldRecord fold_;
  std::map<MailboxId, MailboxRecord> mailboxes_;
  std::map<MailboxId, size_t> keywords_;
  std::map<MailboxId, std::vector<Entry>> entries_;
  std::map<MailboxId, uint32_t> last_uid_;  // the highest that the log or the pages name
  std::map<uint64_t, uint64_t> in_pages_;   // email -> how many folded entries
  std::set<uint64_t> appended_;             // by changes that are not folded
  std::map<uint64_t, uint32_t> sizes_;      // of the message records
};

Task<Result<Verifier::Items>> Verifier::scan(char letter) {
  Items items;
  std::string from(1, letter);
  const std::string end = key::after(from);
  for (bool more = true; more;) {
    auto scanning = partition_.scan(from, end);
    auto scanned = co_await scanning;
    BZ_CO_TRY(auto page, std::move(scanned));
    for (auto& item : page.items) items.push_back(std::move(item));
    more = page.more;
    from = std::move(page.next);
  }
  co_return items;
}

Task<Result<void>> Verifier::read_heads() {
  auto getting = partition_.get_many({kv::Bytes(key::kAccount), kv::Bytes(key::kFold)});
  auto got = co_await getting;
  BZ_CO_TRY(auto heads, std::move(got));
  if (!heads[0] || !heads[1]) co_return fail(Errc::Corrupt, "the account record or the fold record is missing");
  BZ_CO_TRY(account_, AccountRecord::decode(*heads[0]));
  BZ_CO_TRY(fold_, FoldRecord::decode(*heads[1]));
  auto scanning = scan('M');
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(Items mailboxes, std::move(scanned));
  std::set<std::string> names;
  for (const auto& item : mailboxes) {
    auto id = key::mailbox_of(item.key);
    auto record = id ? MailboxRecord::decode(*id, item.value) : Result<MailboxRecord>(fail(Errc::Corrupt, "bad key"));
    if (!record) {
      found(id ? box(*id) : "a mailbox", record.error().to_string() + "; the mailbox cannot be opened");
      continue;
    }
    auto normal = normal_name(record->info.name);
    if (!normal || *normal != record->info.name) found(box(*id), "its name is not in normal form");
    if (!names.insert(record->info.name).second) found(box(*id), "two mailboxes have this name");
    if (id->value() >= account_.next_mailbox) found(box(*id), "its id was not given out yet");
    mailboxes_.emplace(*id, std::move(*record));
  }
  if (!names.contains("INBOX")) found("account", "there is no INBOX");
  auto words = scan('K');
  auto keywords = co_await std::move(words);
  BZ_CO_TRY(Items lists, std::move(keywords));
  for (const auto& item : lists) {
    auto id = key::mailbox_of(item.key);
    auto list = decode_keywords(item.value);
    if (!id || !mailboxes_.contains(*id))
      found("keywords", "they belong to no mailbox");
    else if (!list)
      found(box(*id), list.error().to_string());
    else
      keywords_[*id] = list->size();
  }
  co_return Result<void>();
}

Task<Result<void>> Verifier::read_pages() {
  auto scanning = scan('P');
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(Items pages, std::move(scanned));
  for (const auto& item : pages) {
    auto at = key::page_of(item.key);
    if (!at) {
      found("a page", "its key is malformed");
      continue;
    }
    const std::string where = box(at->mailbox) + " page " + n(at->page);
    auto some = decode_page(at->page, item.value);
    if (!some) {
      found(where, some.error().to_string() + "; its messages are lost");
      continue;
    }
    if (some->empty()) found(where, "it is empty and should not be there");
    auto& entries = entries_[at->mailbox];
    for (const Entry& e : *some) {
      entries.push_back(e);
      ++in_pages_[e.email];
    }
    if (!some->empty()) last_uid_[at->mailbox] = some->back().uid;
  }
  co_return Result<void>();
}

Task<Result<void>> Verifier::read_changes() {
  auto scanning = scan('D');
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(Items changes, std::move(scanned));
  bool first = true;
  for (const auto& item : changes) {
    auto at = key::change_of(item.key);
    auto change = Change::decode(item.value);
    if (!at || !change) {
      found("change " + n(at ? at->modseq : 0), "it cannot be read; folding stops here");
      continue;
    }
    if (at->modseq > account_.modseq) found("change " + n(at->modseq), "its MODSEQ was not given out yet");
    if (*at <= fold_.done) continue;
    apply(*change, *at, first && fold_.next_uid != 0);
    first = false;
  }
  if (fold_.done.modseq > account_.modseq) found("fold", "it is ahead of the account");
  co_return Result<void>();
}

// partly: the fold did the UIDs below fold_.next_uid already.
void Verifier::apply(const Change& change, key::ChangeKey at, bool partly) {
  const std::string where = "change " + n(at.modseq);
  auto& entries = entries_[change.mailbox];
  if (change.kind == Change::Kind::Append) {
    Entry e = change.entry;
    e.modseq = at.modseq;
    if (last_uid_[change.mailbox] >= e.uid) found(where, "it gives out a UID again");
    last_uid_[change.mailbox] = e.uid;
    entries.push_back(e);
    appended_.insert(e.email);
    return;
  }
  if (change.kind == Change::Kind::Remove) {
    entries.clear();
    return;
  }
  uint32_t uid = partly ? fold_.next_target : change.first_uid;
  std::vector<Entry> picked;
  for (UidSet::Range range : change.ranges) {
    if (partly && range.last < fold_.next_uid) continue;
    if (partly) range.first = std::max(range.first, fold_.next_uid);
    auto [begin, end] = slice_of(entries, range);
    for (size_t i = begin; i < end; ++i) {
      picked.push_back(entries[i]);
      if (change.kind == Change::Kind::Flags) apply_flags(entries[i], change.op, change.bits, at.modseq);
      if (change.kind == Change::Kind::Expunge || change.kind == Change::Kind::Move) entries[i].email = 0;
    }
  }
  std::erase_if(entries, [](const Entry& e) { return e.email == 0; });
  if (change.kind != Change::Kind::Copy && change.kind != Change::Kind::Move) return;
  for (Entry e : picked) {
    e.uid = uid++;
    e.flags = map_flags(e.flags, change.keyword_map);
    e.saved = change.saved;
    e.modseq = at.modseq;
    if (last_uid_[change.target] >= e.uid) found(where, "it gives out a UID again");
    last_uid_[change.target] = e.uid;
    entries_[change.target].push_back(e);
  }
}

void Verifier::check_mailboxes() {
  for (const auto& [id, entries] : entries_) {
    auto at = mailboxes_.find(id);
    if (at == mailboxes_.end()) {
      if (!entries.empty()) found(box(id), n(entries.size()) + " messages of a mailbox that is not there");
      continue;
    }
    const size_t bits = kFirstKeywordBit + keywords_[id];
    for (const Entry& e : entries) {
      const std::string where = box(id) + " uid " + n(e.uid);
      if (e.uid >= at->second.info.uid_next) found(where, "it is not below UIDNEXT: its UID may be given out again");
      if (e.modseq > at->second.info.highest_modseq) found(where, "its MODSEQ is above HIGHESTMODSEQ");
      if (bits < 64 && e.flags >> bits) found(where, "a keyword bit has no name");
      auto size = sizes_.find(e.email);
      if (size == sizes_.end())
        found(where, "its message record " + n(e.email) + " is missing: the message is lost");
      else if (size->second != e.size)
        found(where, "its size differs from the message record's");
    }
  }
  for (const auto& [id, record] : mailboxes_) {
    const MailboxInfo& info = record.info;
    MailboxInfo counted;
    for (const Entry& e : entries_[id]) {
      ++counted.messages;
      counted.unseen += !(e.flags & kSeen);
      counted.deleted += (e.flags & kDeleted) != 0;
      counted.size += e.size;
    }
    const auto compare = [&](std::string_view what, uint64_t has, uint64_t should) {
      if (has != should) found(box(id), std::string(what) + " is " + n(has) + ", the messages make it " + n(should));
    };
    compare("the count of messages", info.messages, counted.messages);
    compare("the count of unseen messages", info.unseen, counted.unseen);
    compare("the count of deleted messages", info.deleted, counted.deleted);
    compare("the sum of sizes", info.size, counted.size);
    if (info.highest_modseq > account_.modseq) found(box(id), "HIGHESTMODSEQ was not given out yet");
    if (info.uid_validity.value() == 0 || info.uid_validity.value() > account_.last_uid_validity)
      found(box(id), "UIDVALIDITY was not given out");
    if (!info.selectable && counted.messages) found(box(id), "it cannot be selected but has messages");
  }
}

Task<Result<void>> Verifier::check_blob(std::string where, kv::BlobRef ref) {
  if (ref.length == 0) co_return Result<void>();
  auto reading = partition_.read_blob(ref, ref.length - 1, 2);
  auto read = co_await reading;
  if (!read)
    found(where, "its body cannot be read: " + read.error().to_string());
  else if (read->size() != 1)
    found(where, "its body is not " + n(ref.length) + " octets long");
  co_return Result<void>();
}

Task<Result<void>> Verifier::check_message(const kv::KeyValue& item) {
  auto email = key::email_of(item.key);
  auto message = MessageRecord::decode(item.value);
  const std::string where = "message " + n(email.value_or(0));
  if (!email || !message) {
    found(where, "its record cannot be read: the message is lost");
    co_return Result<void>();
  }
  sizes_[*email] = static_cast<uint32_t>(message->size());
  if (*email >= account_.next_email) found(where, "its id was not given out yet");
  auto checking = check_blob(where, message->blob);
  auto checked = co_await std::move(checking);
  BZ_CO_TRY_VOID(std::move(checked));
  if (!message->head.empty()) {
    auto reading = partition_.read_blob(message->blob, 0, message->head.size());
    auto read = co_await reading;
    if (read && *read != message->head) found(where, "its header is not the beginning of its body");
  }
  std::string encoded = std::move(message->parsed);
  if (encoded.empty()) {
    auto reading = partition_.read_blob(message->parsed_blob, 0, message->parsed_blob.length);
    auto read = co_await reading;
    if (read) encoded = std::move(*read);
  }
  auto parsed = mime::ParsedMessage::decode(encoded);
  if (!parsed)
    found(where, "its parsed form cannot be read: " + parsed.error().to_string());
  else if (parsed->size != message->size())
    found(where, "its parsed form is of a message of another size");
  co_return Result<void>();
}

Task<Result<void>> Verifier::check_messages() {
  std::string from = "R";
  for (bool more = true; more;) {
    auto scanning = partition_.scan(from, key::after("R"));
    auto scanned = co_await scanning;
    BZ_CO_TRY(auto page, std::move(scanned));
    for (const auto& item : page.items) {
      auto checking = check_message(item);
      auto checked = co_await std::move(checking);
      BZ_CO_TRY_VOID(std::move(checked));
    }
    more = page.more;
    from = std::move(page.next);
  }
  auto scanning = scan('C');
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(Items counts, std::move(scanned));
  std::map<uint64_t, uint64_t> stored;
  for (const auto& item : counts) {
    auto email = key::email_of(item.key);
    auto count = decode_references(item.value);
    if (!email || !count)
      found("a reference count", "it cannot be read");
    else
      stored[*email] = *count;
  }
  for (const auto& [email, size] : sizes_) {
    const uint64_t folded = in_pages_.contains(email) ? in_pages_[email] : 0;
    const uint64_t count = stored.contains(email) ? stored[email] : folded == 0 ? 0 : 1;
    const std::string where = "message " + n(email);
    if (folded == 0 && !appended_.contains(email)) found(where, "no mailbox holds it: its space is never freed");
    if (count != folded) found(where, "its reference count is " + n(count) + " and should be " + n(folded));
    stored.erase(email);
  }
  for (const auto& [email, count] : stored) found("message " + n(email), "it is counted but has no record");
  co_return Result<void>();
}

Task<Result<void>> Verifier::check_url_keys() {
  auto scanning = scan('Y');
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(Items keys, std::move(scanned));
  for (const auto& item : keys) {
    auto id = key::mailbox_of(item.key);
    auto decoded = decode_url_key(item.value);
    if (!id || !mailboxes_.contains(*id))
      found("a URL key", "it belongs to no mailbox");
    else if (!decoded)
      found(box(*id), decoded.error().to_string() + "; URLs that were signed with it cannot be fetched");
  }
  co_return Result<void>();
}

Task<Result<void>> Verifier::check_annotations() {
  auto scanning = scan('N');
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(Items notes, std::move(scanned));
  for (const auto& item : notes) {
    auto id = key::mailbox_of(item.key);
    auto decoded = decode_annotations(item.value);
    const std::string where = id && !id->is_set() ? "account" : id ? box(*id) : "annotations";
    if (!id || (id->is_set() && !mailboxes_.contains(*id)))
      found(where, "annotations of no mailbox");
    else if (!decoded)
      found(where, decoded.error().to_string() + "; what was noted there is lost");
  }
  co_return Result<void>();
}

Task<Result<void>> Verifier::check_acls() {
  auto scanning = scan('L');
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(Items acls, std::move(scanned));
  for (const auto& item : acls) {
    auto id = key::mailbox_of(item.key);
    auto decoded = decode_acl(item.value);
    if (!id || !mailboxes_.contains(*id))
      found("an access list", "it belongs to no mailbox; the account cannot be opened");
    else if (!decoded)
      found(box(*id), decoded.error().to_string() + "; the account cannot be opened");
  }
  co_return Result<void>();
}

Task<Result<void>> Verifier::check_push_devices() {
  auto scanning = scan('X');
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(Items items, std::move(scanned));
  for (const auto& item : items) {
    auto devices = decode_push_devices(item.value);
    if (item.key != key::kPushDevices || !devices) {
      found("push devices",
            devices ? "their key is malformed"
                    : devices.error().to_string() + "; phones are not told of new mail until they register again");
      continue;
    }
    for (const PushDevice& device : *devices)
      for (MailboxId mailbox : device.mailboxes)
        if (mailbox.value() >= account_.next_mailbox) found("push devices", box(mailbox) + " was not given out yet");
  }
  co_return Result<void>();
}

Task<Result<void>> Verifier::check_marks() {
  for (char letter : {'I', 'S'}) {
    auto scanning = scan(letter);
    auto scanned = co_await std::move(scanning);
    BZ_CO_TRY(Items marks, std::move(scanned));
    for (const auto& item : marks)
      if (item.key.size() != 33 || !Mark::decode(item.value)) found(std::string("mark ") + letter, "it cannot be read");
  }
  co_return Result<void>();
}

Task<Result<std::vector<Finding>>> Verifier::run() {
  auto heads = read_heads();
  auto done = co_await std::move(heads);
  BZ_CO_TRY_VOID(std::move(done));
  auto pages = read_pages();
  done = co_await std::move(pages);
  BZ_CO_TRY_VOID(std::move(done));
  auto changes = read_changes();
  done = co_await std::move(changes);
  BZ_CO_TRY_VOID(std::move(done));
  auto messages = check_messages();
  done = co_await std::move(messages);
  BZ_CO_TRY_VOID(std::move(done));
  auto marks = check_marks();
  done = co_await std::move(marks);
  BZ_CO_TRY_VOID(std::move(done));
  auto url_keys = check_url_keys();
  done = co_await std::move(url_keys);
  BZ_CO_TRY_VOID(std::move(done));
  auto notes = check_annotations();
  done = co_await std::move(notes);
  BZ_CO_TRY_VOID(std::move(done));
  auto acls = check_acls();
  done = co_await std::move(acls);
  BZ_CO_TRY_VOID(std::move(done));
  auto devices = check_push_devices();
  done = co_await std::move(devices);
  BZ_CO_TRY_VOID(std::move(done));
  check_mailboxes();
  co_return std::move(findings_);
}

}  // namespace

Task<Result<std::vector<Finding>>> verify_account(kv::Store& store, AccountId id, base::Executor& executor) {
  auto opening = store.open({kv::kAccountPartition, id.value()}, false, executor);
  auto opened = co_await opening;
  BZ_CO_TRY(auto partition, std::move(opened));
  Verifier verifier(*partition);
  auto running = verifier.run();
  auto findings = co_await std::move(running);
  co_return std::move(findings);
}

}  // namespace bz::store
