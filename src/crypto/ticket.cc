#include "crypto/ticket.h"

#include "base/coding.h"
#include "crypto/sign.h"

namespace bz::crypto {

namespace {

constexpr std::string_view kMagic = "BZT1";
constexpr std::string_view kSigned("buzon ticket 1\0", 15);
constexpr size_t kMaxField = 255, kNonceSize = 16;

std::string encode(const Ticket& t) {
  std::string out;
  base::put_bytes(out, t.audience);
  base::put_bytes(out, t.service);
  base::put_varint(out, t.account.value());
  for (const std::string* field : {&t.account_name, &t.device, &t.mechanism, &t.session, &t.client_address})
    base::put_bytes(out, *field);
  base::put_be64(out, static_cast<uint64_t>(t.issued_ms));
  base::put_be64(out, static_cast<uint64_t>(t.expires_ms));
  base::put_bytes(out, t.nonce);
  return out;
}

bool decode(std::string_view body, Ticket& t) {
  base::Reader in(body);
  t.audience = in.bytes();
  t.service = in.bytes();
  t.account = AccountId(in.varint());
  for (std::string* field : {&t.account_name, &t.device, &t.mechanism, &t.session, &t.client_address}) *field = in.bytes();
  t.issued_ms = static_cast<int64_t>(in.be64());
  t.expires_ms = static_cast<int64_t>(in.be64());
  t.nonce = in.bytes();
  return in.finished();
}

}  // namespace

Result<std::string> issue_ticket(const Secret& private_key, Ticket ticket, const base::Clock& clock, base::Random& random) {
  for (const std::string* field : {&ticket.audience, &ticket.service, &ticket.account_name, &ticket.device,
                                   &ticket.mechanism, &ticket.session, &ticket.client_address})
    if (field->size() > kMaxField) return fail(Errc::Invalid, "ticket field over 255 bytes");
  ticket.issued_ms = clock.unix_millis();
  ticket.expires_ms = ticket.issued_ms + kTicketLifeMs;
  ticket.nonce = random.bytes(kNonceSize);
  std::string body = encode(ticket);
  BZ_TRY(std::string signature, sign(private_key, std::string(kSigned) + body));
  return std::string(kMagic) + signature + body;
}

TicketVerifier::TicketVerifier(std::string public_key, std::string audience, const base::Clock& clock)
    : public_key_(std::move(public_key)), audience_(std::move(audience)), clock_(clock), started_ms_(clock.unix_millis()) {}

Result<Ticket> TicketVerifier::verify(std::string_view bytes, std::string_view session, std::string_view client_address) {
  const int64_t now = clock_.unix_millis();
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    seen_.erase(by_expiry_.begin()->second);
    by_expiry_.erase(by_expiry_.begin());
  }
  constexpr size_t kHead = kMagic.size() + kSignatureSize;
  if (bytes.size() < kHead || bytes.size() > kMaxTicketSize || !bytes.starts_with(kMagic))
    return fail(Errc::Denied, "not a ticket");
  std::string_view body = bytes.substr(kHead);
  if (!crypto::verify(public_key_, std::string(kSigned) + std::string(body), bytes.substr(kMagic.size(), kSignatureSize)))
    return fail(Errc::Denied, "bad ticket signature");
  Ticket t;
  if (!decode(body, t) || t.nonce.size() != kNonceSize || !t.account.is_set())
    return fail(Errc::Denied, "malformed ticket");
  if (t.audience != audience_) return fail(Errc::Denied, "ticket for " + t.audience);
  if (t.session != session) return fail(Errc::Denied, "ticket of session " + t.session);
  if (t.client_address != client_address) return fail(Errc::Denied, "ticket for the client " + t.client_address);
  if (t.issued_ms < started_ms_) return fail(Errc::Denied, "ticket older than this process");
  // A ticket far in the future or with a longer life would make us remember its nonce for as long: auth's clock is ours,
  // or nearly.
  if (t.expires_ms <= now || t.expires_ms > now + 2 * kTicketLifeMs || t.expires_ms - t.issued_ms > kTicketLifeMs)
    return fail(Errc::Denied, "ticket expired, or clocks differ");
  if (!seen_.insert(t.nonce).second) return fail(Errc::Denied, "ticket used before");
  by_expiry_.emplace(t.expires_ms, t.nonce);
  return t;
}

}  // namespace bz::crypto
