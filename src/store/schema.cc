#include "store/schema.h"

#include <tuple>

#include "base/coding.h"
#include "crypto/digest.h"

namespace bz::store {
namespace {

using base::Reader;
constexpr uint8_t kVersion = 1;
constexpr uint8_t kWithSaved = 2;  // of pages and changes: they say when a message was saved (RFC 8514)

std::string begin(uint8_t version = kVersion) { return std::string(1, static_cast<char>(version)); }

void put_signed(std::string& out, int64_t v) {  // zigzag
  base::put_varint(out, (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63));
}
int64_t signed_of(Reader& in) {
  uint64_t v = in.varint();
  return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
}
uint32_t u32_of(Reader& in) {
  uint64_t v = in.varint();
  if (v > UINT32_MAX) in.fail();
  return static_cast<uint32_t>(v);
}

Result<void> check_version(Reader& in, std::string_view what) {
  uint8_t version = in.u8();
  if (!in.ok()) return fail(Errc::Corrupt, std::string(what) + " record is empty");
  if (version != kVersion)
    return fail(Errc::Unsupported, std::string(what) + " record of version " + std::to_string(version));
  return {};
}
// The version, up to `newest`.
Result<uint8_t> version_of(Reader& in, uint8_t newest, std::string_view what) {
  const uint8_t version = in.u8();
  if (!in.ok()) return fail(Errc::Corrupt, std::string(what) + " record is empty");
  if (version == 0 || version > newest)
    return fail(Errc::Unsupported, std::string(what) + " record of version " + std::to_string(version));
  return version;
}
Error corrupt(std::string_view what) { return fail(Errc::Corrupt, std::string(what) + " record is malformed"); }

void put_ranges(std::string& out, const std::vector<UidSet::Range>& ranges) {
  base::put_varint(out, ranges.size());
  uint32_t last = 0;
  for (const UidSet::Range& r : ranges) {
    base::put_varint(out, r.first - last);
    base::put_varint(out, r.last - r.first);
    last = r.last;
  }
}
std::vector<UidSet::Range> ranges_of(Reader& in) {
  std::vector<UidSet::Range> ranges;
  uint64_t count = in.varint(), last = 0;
  if (count > in.remaining()) in.fail();
  for (uint64_t i = 0; in.ok() && i < count; ++i) {
    uint64_t first = last + u32_of(in);
    last = first + u32_of(in);
    if (first == 0 || last > UINT32_MAX) in.fail();
    ranges.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(last)});
  }
  return ranges;
}

void put_blob(std::string& out, const kv::BlobRef& ref) {
  std::string bytes;
  ref.encode(bytes);
  base::put_bytes(out, bytes);
}
kv::BlobRef blob_of(Reader& in) {
  auto bytes = in.bytes();
  auto ref = in.ok() ? kv::BlobRef::decode(bytes) : std::nullopt;
  if (!ref) in.fail();
  return ref.value_or(kv::BlobRef{});
}

void put_entry(std::string& out, const Entry& e) {  // without the UID
  base::put_varint(out, e.size);
  base::put_varint(out, e.flags);
  base::put_varint(out, e.modseq);
  base::put_varint(out, e.email);
  put_signed(out, e.internal_date());
}
uint64_t counter_of(Reader& in) {
  const uint64_t v = in.varint();
  if (v > kMaxModSeq) in.fail();
  return v & kMaxModSeq;
}
void entry_of(Reader& in, Entry& e) {
  e.size = u32_of(in);
  e.flags = in.varint();
  e.modseq = counter_of(in);
  e.email = counter_of(in);
  const int64_t date = signed_of(in);
  e.set_internal_date(date);
  if (e.internal_date() != date) in.fail();
}

}  // namespace

namespace key {
namespace {
std::string with32(char letter, uint32_t n) {
  std::string out(1, letter);
  base::put_be32(out, n);
  return out;
}
std::string with64(char letter, uint64_t n) {
  std::string out(1, letter);
  base::put_be64(out, n);
  return out;
}
}  // namespace

std::string mailbox(MailboxId id) { return with32('M', id.value()); }
std::string keywords(MailboxId id) { return with32('K', id.value()); }
std::string page(MailboxId id, uint32_t page) {
  std::string out = with32('P', id.value());
  base::put_be32(out, page);
  return out;
}
std::string change(uint64_t modseq, uint16_t piece) {
  std::string out = with64('D', modseq);
  base::put_be16(out, piece);
  return out;
}
std::string record(uint64_t email) { return with64('R', email); }
std::string references(uint64_t email) { return with64('C', email); }
std::string digest(std::string_view a, std::string_view b) {
  std::string both(a);
  both += '\0';
  both += b;
  return crypto::sha256(both);
}
std::string delivered(std::string_view digest) { return "I" + std::string(digest); }
std::string sent_mark(std::string_view digest) { return "S" + std::string(digest); }
std::string staged(uint64_t number) { return with64('T', number); }
std::string subscription(std::string_view name) { return "U" + std::string(name); }
std::string annotations(MailboxId id) { return with32('N', id.value()); }
std::string acl(MailboxId id) { return with32('L', id.value()); }
std::string url_key(MailboxId id) { return with32('Y', id.value()); }
std::string after(std::string_view prefix) {
  std::string out(prefix);
  while (!out.empty() && out.back() == '\xFF') out.pop_back();
  if (!out.empty()) ++out.back();
  return out;
}
std::optional<MailboxId> mailbox_of(std::string_view key) {
  if (key.size() != 5) return std::nullopt;
  return MailboxId(base::get_be32(key.data() + 1));
}
std::optional<uint64_t> email_of(std::string_view key) {
  if (key.size() != 9) return std::nullopt;
  return base::get_be64(key.data() + 1);
}
std::optional<PageKey> page_of(std::string_view key) {
  if (key.size() != 9) return std::nullopt;
  return PageKey{MailboxId(base::get_be32(key.data() + 1)), base::get_be32(key.data() + 5)};
}
std::optional<ChangeKey> change_of(std::string_view key) {
  if (key.size() != 11) return std::nullopt;
  Reader in(key.substr(1));
  uint64_t modseq = in.be64();
  return ChangeKey{modseq, in.be16()};
}
}  // namespace key

std::string AccountRecord::encode() const {
  std::string out = begin();
  base::put_bytes(out, name);
  base::put_varint(out, modseq);
  base::put_varint(out, next_email);
  base::put_varint(out, next_mailbox);
  base::put_varint(out, last_uid_validity);
  put_signed(out, created);
  return out;
}
Result<AccountRecord> AccountRecord::decode(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "account"));
  AccountRecord r;
  r.name = in.bytes();
  r.modseq = in.varint();
  r.next_email = in.varint();
  r.next_mailbox = u32_of(in);
  r.last_uid_validity = u32_of(in);
  r.created = signed_of(in);
  if (!in.finished()) return corrupt("account");
  return r;
}

std::string FoldRecord::encode() const {
  std::string out = begin();
  base::put_varint(out, done.modseq);
  base::put_varint(out, done.piece);
  base::put_varint(out, next_uid);
  base::put_varint(out, next_target);
  base::put_varint(out, log_start);
  return out;
}
Result<FoldRecord> FoldRecord::decode(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "fold"));
  FoldRecord r;
  r.done.modseq = in.varint();
  uint32_t piece = u32_of(in);
  r.next_uid = u32_of(in);
  r.next_target = u32_of(in);
  r.log_start = in.varint();
  if (!in.finished() || piece > UINT16_MAX) return corrupt("fold");
  r.done.piece = static_cast<uint16_t>(piece);
  return r;
}

std::string MailboxRecord::encode() const {
  std::string out = begin();
  base::put_bytes(out, info.name);
  base::put_u8(out, static_cast<uint8_t>(info.use));
  base::put_u8(out, info.selectable ? 1 : 0);
  base::put_varint(out, info.uid_validity.value());
  base::put_varint(out, info.uid_next);
  base::put_varint(out, info.highest_modseq);
  base::put_varint(out, info.messages);
  base::put_varint(out, info.unseen);
  base::put_varint(out, info.deleted);
  base::put_varint(out, info.size);
  base::put_varint(out, first_recent);
  return out;
}
Result<MailboxRecord> MailboxRecord::decode(MailboxId id, std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "mailbox"));
  MailboxRecord r;
  r.info.id = id;
  r.info.name = in.bytes();
  uint8_t use = in.u8();
  r.info.selectable = in.u8() != 0;
  r.info.uid_validity = UidValidity(u32_of(in));
  r.info.uid_next = u32_of(in);
  r.info.highest_modseq = in.varint();
  r.info.messages = u32_of(in);
  r.info.unseen = u32_of(in);
  r.info.deleted = u32_of(in);
  r.info.size = in.varint();
  r.first_recent = u32_of(in);
  if (!in.finished() || use > static_cast<uint8_t>(SpecialUse::Flagged)) return corrupt("mailbox");
  r.info.use = static_cast<SpecialUse>(use);
  return r;
}

std::string encode_keywords(const std::vector<std::string>& keywords) {
  std::string out = begin();
  base::put_varint(out, keywords.size());
  for (const auto& keyword : keywords) base::put_bytes(out, keyword);
  return out;
}
Result<std::vector<std::string>> decode_keywords(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "keyword"));
  std::vector<std::string> keywords;
  uint64_t count = in.varint();
  if (count > kMaxKeywords) in.fail();
  for (uint64_t i = 0; in.ok() && i < count; ++i) keywords.emplace_back(in.bytes());
  if (!in.finished()) return corrupt("keyword");
  return keywords;
}

std::string encode_page(const std::vector<Entry>& entries) {
  std::string out = begin(kWithSaved);
  base::put_varint(out, entries.size());
  int64_t last_saved = 0;
  for (const Entry& e : entries) {
    base::put_u8(out, static_cast<uint8_t>(e.uid % kPageUids));
    put_entry(out, e);
    put_signed(out, e.saved - last_saved);
    last_saved = e.saved;
  }
  return out;
}
Result<std::vector<Entry>> decode_page(uint32_t page, std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY(const uint8_t version, version_of(in, kWithSaved, "page"));
  std::vector<Entry> entries;
  uint64_t count = in.varint();
  int64_t saved = 0;
  if (count > kPageUids || page > UINT32_MAX / kPageUids) in.fail();
  for (uint64_t i = 0; in.ok() && i < count; ++i) {
    Entry e{};
    e.uid = page * kPageUids + in.u8();
    entry_of(in, e);
    if (version == kWithSaved) {
      const int64_t step = signed_of(in);
      if (step < -saved || step > int64_t{UINT32_MAX} - saved) in.fail();
      saved = in.ok() ? saved + step : 0;
      e.saved = static_cast<uint32_t>(saved);
    }
    if (e.uid == 0 || (!entries.empty() && entries.back().uid >= e.uid)) in.fail();
    entries.push_back(e);
  }
  if (!in.finished()) return corrupt("page");
  return entries;
}

std::string Change::encode() const {
  std::string out = begin(kWithSaved);
  base::put_u8(out, static_cast<uint8_t>(kind));
  base::put_varint(out, mailbox.value());
  if (kind == Kind::Append) {
    base::put_varint(out, entry.uid);
    put_entry(out, entry);
    base::put_varint(out, entry.saved);
    return out;
  }
  put_ranges(out, ranges);
  if (kind == Kind::Flags) {
    base::put_u8(out, static_cast<uint8_t>(op));
    base::put_varint(out, bits);
  } else if (kind == Kind::Copy || kind == Kind::Move) {
    base::put_varint(out, target.value());
    base::put_varint(out, first_uid);
    base::put_varint(out, keyword_map.size());
    for (auto [from, to] : keyword_map) {
      base::put_u8(out, from);
      base::put_u8(out, to);
    }
    base::put_varint(out, saved);
  }
  return out;
}
Result<Change> Change::decode(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY(const uint8_t version, version_of(in, kWithSaved, "change"));
  Change c;
  uint8_t kind = in.u8();
  if (kind < 1 || kind > static_cast<uint8_t>(Kind::Remove)) return corrupt("change");
  c.kind = static_cast<Kind>(kind);
  c.mailbox = MailboxId(u32_of(in));
  if (c.kind == Kind::Append) {
    c.entry.uid = u32_of(in);
    entry_of(in, c.entry);
    if (version == kWithSaved) c.entry.saved = u32_of(in);
    if (c.entry.uid == 0) in.fail();
  } else {
    c.ranges = ranges_of(in);
  }
  if (c.kind == Kind::Flags) {
    uint8_t op = in.u8();
    if (op > static_cast<uint8_t>(FlagOp::Remove)) in.fail();
    c.op = static_cast<FlagOp>(op);
    c.bits = in.varint();
  } else if (c.kind == Kind::Copy || c.kind == Kind::Move) {
    c.target = MailboxId(u32_of(in));
    c.first_uid = u32_of(in);
    uint64_t count = in.varint();
    if (count > kMaxKeywords || c.first_uid == 0) in.fail();
    for (uint64_t i = 0; in.ok() && i < count; ++i) {
      uint8_t from = in.u8(), to = in.u8();
      if (from > 63 || to > 63) in.fail();
      c.keyword_map.emplace_back(from, to);
    }
    if (version == kWithSaved) c.saved = u32_of(in);
  }
  if (!in.finished()) return corrupt("change");
  return c;
}

std::string MessageRecord::encode() const {
  std::string out = begin();
  put_blob(out, blob);
  base::put_bytes(out, prefix);
  put_signed(out, created);
  base::put_bytes(out, parsed);
  put_blob(out, parsed_blob);
  base::put_bytes(out, head);
  return out;
}
Result<MessageRecord> MessageRecord::decode(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "message"));
  MessageRecord r;
  r.blob = blob_of(in);
  r.prefix = in.bytes();
  r.created = signed_of(in);
  r.parsed = in.bytes();
  r.parsed_blob = blob_of(in);
  r.head = in.bytes();
  if (!in.finished() || r.head.size() > kHeadBytes || r.head.size() > r.blob.length) return corrupt("message");
  return r;
}

std::optional<StoredParts> parts_of(std::string_view stored) {
  Reader in(stored);
  if (!check_version(in, "message")) return std::nullopt;
  StoredParts parts;
  const kv::BlobRef blob = blob_of(in);
  parts.prefix = in.bytes();
  signed_of(in);  // created
  parts.parsed = in.bytes();
  blob_of(in);  // of the parsed form
  parts.head = in.bytes();
  if (!in.finished() || parts.parsed.empty() || parts.head.size() > blob.length) return std::nullopt;
  return parts;
}

std::string encode_references(uint64_t count) {
  std::string out = begin();
  base::put_varint(out, count);
  return out;
}
Result<uint64_t> decode_references(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "reference"));
  uint64_t count = in.varint();
  if (!in.finished() || count < 2) return corrupt("reference");
  return count;
}

std::string encode_url_key(std::string_view key) {
  std::string out = begin();
  base::put_bytes(out, key);
  return out;
}
Result<std::string> decode_url_key(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "URL key"));
  std::string key(in.bytes());
  if (!in.finished() || key.size() != kUrlKeyBytes) return corrupt("URL key");
  return key;
}

std::string encode_annotations(const Annotations& annotations) {
  std::string out = begin();
  base::put_varint(out, annotations.size());
  for (const auto& [name, value] : annotations) {
    base::put_bytes(out, name);
    base::put_bytes(out, value);
  }
  return out;
}
Result<Annotations> decode_annotations(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "annotations"));
  Annotations annotations;
  const uint64_t count = in.varint();
  if (count > kMaxAnnotations) in.fail();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    std::string name(in.bytes()), value(in.bytes());
    if (!annotations.empty() && name <= annotations.rbegin()->first) in.fail();  // ascending, each once
    annotations.emplace_hint(annotations.end(), std::move(name), std::move(value));
  }
  if (!in.finished() || annotations.empty()) return corrupt("annotations");
  return annotations;
}

std::string encode_acl(const Acl& acl) {
  std::string out = begin();
  base::put_varint(out, acl.size());
  for (const AclEntry& entry : acl) {
    base::put_varint(out, entry.who.value());
    base::put_u8(out, entry.negative ? 1 : 0);
    base::put_bytes(out, entry.name);
    base::put_varint(out, entry.rights);
  }
  return out;
}
Result<Acl> decode_acl(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "access list"));
  Acl acl;
  const uint64_t count = in.varint();
  if (count > kMaxAclEntries) in.fail();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    AclEntry entry;
    entry.who = AccountId(in.varint());
    const uint8_t negative = in.u8();
    entry.negative = negative == 1;
    entry.name = in.bytes();
    const uint64_t rights = in.varint();
    entry.rights = static_cast<Rights>(rights & right::kAll);
    if (negative > 1 || rights == 0 || rights > right::kAll || entry.name.empty() == entry.who.is_set()) in.fail();
    if (!acl.empty() && std::tuple(acl.back().who, acl.back().negative) >= std::tuple(entry.who, entry.negative))
      in.fail();  // ascending, each once
    acl.push_back(std::move(entry));
  }
  if (!in.finished() || acl.empty()) return corrupt("access list");
  return acl;
}

std::string encode_push_devices(const std::vector<PushDevice>& devices) {
  std::string out = begin();
  base::put_varint(out, devices.size());
  for (const PushDevice& device : devices) {
    base::put_bytes(out, device.account_id);
    base::put_bytes(out, device.token);
    base::put_bytes(out, device.subtopic);
    put_signed(out, device.renewed);
    base::put_varint(out, device.mailboxes.size());
    for (MailboxId mailbox : device.mailboxes) base::put_varint(out, mailbox.value());
  }
  return out;
}
Result<std::vector<PushDevice>> decode_push_devices(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "push devices"));
  std::vector<PushDevice> devices;
  const uint64_t count = in.varint();
  if (count > kMaxPushDevices) in.fail();
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    PushDevice device;
    device.account_id = in.bytes();
    device.token = in.bytes();
    device.subtopic = in.bytes();
    device.renewed = signed_of(in);
    const uint64_t mailboxes = in.varint();
    if (mailboxes > kMaxPushMailboxes) in.fail();
    for (uint64_t m = 0; m < mailboxes && in.ok(); ++m) device.mailboxes.push_back(MailboxId(u32_of(in)));
    if (!fits(device)) in.fail();
    devices.push_back(std::move(device));
  }
  if (!in.finished() || devices.empty()) return corrupt("push devices");
  return devices;
}

std::string Mark::encode() const {
  std::string out = begin();
  base::put_u8(out, static_cast<uint8_t>(by));
  put_signed(out, time_ms);
  base::put_varint(out, mailbox.value());
  base::put_varint(out, uid);
  base::put_varint(out, email);
  return out;
}
Result<Mark> Mark::decode(std::string_view bytes) {
  Reader in(bytes);
  BZ_TRY_VOID(check_version(in, "mark"));
  Mark m;
  uint8_t by = in.u8();
  m.time_ms = signed_of(in);
  m.mailbox = MailboxId(u32_of(in));
  m.uid = u32_of(in);
  m.email = in.varint();
  if (!in.finished() || by < 1 || by > 2) return corrupt("mark");
  m.by = static_cast<By>(by);
  return m;
}

}  // namespace bz::store
