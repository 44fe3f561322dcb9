#include "queue/envelope.h"

#include <algorithm>

#include "base/coding.h"

namespace bz::queue {
namespace {

using base::put_bytes;
using base::put_u8;
using base::put_varint;
using base::Reader;

constexpr uint8_t kVersion = 1;
constexpr size_t kMaxBcc = 1000;

void put_address(std::string& out, const smtp::Address& address) {
  put_bytes(out, address.local);
  put_bytes(out, address.domain);
}

smtp::Address get_address(Reader& in) {
  smtp::Address address;
  address.local = in.bytes();
  address.domain = in.bytes();
  return address;
}

void put_time(std::string& out, int64_t millis) { put_varint(out, static_cast<uint64_t>(std::max<int64_t>(millis, 0))); }
int64_t get_time(Reader& in) { return static_cast<int64_t>(in.varint() & INT64_MAX); }

Error corrupt(const char* what) { return fail(Errc::Corrupt, what); }

bool known_state(uint8_t state) { return state >= 1 && state <= 5; }

void put_progress(std::string& out, const Recipient& r) {
  put_u8(out, static_cast<uint8_t>(r.state));
  put_u8(out, static_cast<uint8_t>((r.relayed ? 1 : 0) | static_cast<uint8_t>(r.delay) << 1));
  put_varint(out, r.attempts);
  put_time(out, r.next_try);
  put_time(out, r.last_try);
  put_varint(out, r.last_reply.code);
  put_bytes(out, r.last_reply.status);
  put_bytes(out, std::string_view(r.last_reply.text).substr(0, 2000));
  put_bytes(out, r.remote_mta);
}

bool get_progress(Reader& in, Recipient& r) {
  const uint8_t state = in.u8();
  const uint8_t flags = in.u8();
  r.attempts = static_cast<uint32_t>(in.varint());
  r.next_try = get_time(in);
  r.last_try = get_time(in);
  r.last_reply.code = static_cast<uint16_t>(in.varint());
  r.last_reply.status = in.bytes();
  r.last_reply.text = in.bytes();
  r.remote_mta = in.bytes();
  if (!in.ok() || !known_state(state) || flags > 5) return false;
  r.relayed = (flags & 1) != 0;
  r.delay = static_cast<Recipient::Delay>(flags >> 1);
  r.state = static_cast<RecipientState>(state);
  return true;
}

}  // namespace

std::string_view name(RecipientClass cls) {
  switch (cls) {
    case RecipientClass::Local:
      return "local";
    case RecipientClass::Relay:
      return "relay";
    case RecipientClass::SentCopy:
      return "sent-copy";
  }
  return "?";
}

bool Envelope::any_waiting() const {
  return std::any_of(recipients.begin(), recipients.end(), [](const Recipient& r) { return r.waiting(); });
}

std::string encode_head(const Envelope& e) {
  std::string out;
  put_u8(out, kVersion);
  put_bytes(out, e.id);
  put_bytes(out, e.session);
  put_address(out, e.sender);
  put_u8(out, static_cast<uint8_t>((e.smtputf8 ? 1 : 0) | (e.eight_bit ? 2 : 0)));
  put_u8(out, static_cast<uint8_t>(e.ret));
  put_bytes(out, e.envid);
  put_time(out, e.received);
  put_varint(out, e.account.value());
  put_bytes(out, e.account_name);
  put_bytes(out, e.message_id);
  put_varint(out, e.size);
  put_varint(out, e.header_size);
  put_varint(out, e.trace_size);
  put_varint(out, e.bcc.size());
  for (const auto& range : e.bcc) {
    put_varint(out, range.at);
    put_varint(out, range.size);
  }
  put_varint(out, e.recipients.size());
  return out;
}

// `recipients` comes back empty: the caller appends the groups. Their number is checked by whoever has read them all.
Result<Envelope> decode_head(std::string_view bytes) {
  Reader in(bytes);
  if (in.u8() != kVersion) return fail(Errc::Unsupported, "version of a queue record");
  Envelope e;
  e.id = in.bytes();
  e.session = in.bytes();
  e.sender = get_address(in);
  const uint8_t flags = in.u8();
  e.smtputf8 = (flags & 1) != 0;
  e.eight_bit = (flags & 2) != 0;
  const uint8_t ret = in.u8();
  e.envid = in.bytes();
  e.received = get_time(in);
  e.account = AccountId(in.varint());
  e.account_name = in.bytes();
  e.message_id = in.bytes();
  e.size = in.varint();
  e.header_size = in.varint();
  e.trace_size = in.varint();
  const uint64_t ranges = in.varint();
  if (!in.ok() || ranges > kMaxBcc || ret > 2 || e.id.empty()) return corrupt("queue record");
  e.ret = static_cast<smtp::Ret>(ret);
  uint64_t end = e.trace_size;
  for (uint64_t i = 0; i < ranges; ++i) {
    const uint64_t at = in.varint();
    const uint64_t size = in.varint();
    if (at < end || size > e.size || at > e.size - size) return corrupt("Bcc range of a queue record");
    end = at + size;
    e.bcc.push_back({at, size});
  }
  e.recipients.reserve(std::min<uint64_t>(in.varint(), 10'000));
  if (!in.ok() || e.trace_size > e.header_size || e.header_size > e.size) return corrupt("queue record");
  return e;
}

std::string encode_recipients(const std::vector<Recipient>& all, size_t from, size_t to) {
  std::string out;
  put_u8(out, kVersion);
  put_varint(out, to - from);
  for (size_t i = from; i < to; ++i) {
    const auto& r = all[i];
    put_address(out, r.rcpt.recipient);
    put_u8(out, r.rcpt.notify.bits);
    put_bytes(out, r.rcpt.orcpt);
    put_varint(out, r.rcpt.account.value());
    put_u8(out, static_cast<uint8_t>(r.cls));
    put_progress(out, r);
  }
  for (size_t i = from; i < to; ++i) {
    if (all[i].server.empty()) continue;
    put_varint(out, i - from);
    put_bytes(out, all[i].server);
    put_bytes(out, all[i].host);
  }
  return out;
}

Result<void> decode_recipients(std::string_view bytes, std::vector<Recipient>& append_to) {
  Reader in(bytes);
  if (in.u8() != kVersion) return fail(Errc::Unsupported, "version of a recipients record");
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count; ++i) {
    Recipient r;
    r.rcpt.recipient = get_address(in);
    r.rcpt.notify.bits = in.u8();
    r.rcpt.orcpt = in.bytes();
    r.rcpt.account = AccountId(in.varint());
    const uint8_t cls = in.u8();
    if (!get_progress(in, r) || cls < 1 || cls > 3) return corrupt("recipients record");
    r.cls = static_cast<RecipientClass>(cls);
    r.rcpt.sent_copy = r.cls == RecipientClass::SentCopy;
    append_to.push_back(std::move(r));
  }
  while (in.ok() && !in.at_end()) {
    const uint64_t index = in.varint();
    const std::string_view server = in.bytes(), host = in.bytes();
    if (!in.ok() || index >= count || server.empty()) return corrupt("recipients record");
    Recipient& r = append_to[append_to.size() - count + index];
    r.server = server;
    r.host = host;
  }
  if (!in.finished()) return corrupt("recipients record");
  return {};
}

std::string encode_progress(const Recipient& recipient) {
  std::string out;
  put_u8(out, kVersion);
  put_progress(out, recipient);
  return out;
}

Result<void> decode_progress(std::string_view bytes, Recipient& into) {
  Reader in(bytes);
  if (in.u8() != kVersion) return fail(Errc::Unsupported, "version of a progress record");
  if (!get_progress(in, into) || !in.finished()) return corrupt("progress record");
  return {};
}

}  // namespace bz::queue
