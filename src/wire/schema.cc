// The records of schema.h as bytes. One list of members per record serves both directions, so that they cannot disagree.
// Layout: docs/wire.md. Input is hostile: every length is checked against what is left and against its limit.
#include "wire/schema.h"

#include <limits>

#include "base/coding.h"

namespace bz::wire {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kMaxList = 1000;
constexpr size_t kShort = 16 << 10;        // strings of most records
constexpr size_t kSasl = 28 << 10;         // a SASL message: tickets with group lists (sasl::kMaxGssMessage)
constexpr size_t kChannelFile = 56 << 10;  // a file in one channel message (net::Channel::kMaxPayload is 60 KiB)
constexpr size_t kControl = 16 << 20;      // the control socket is a stream: whole queue listings

void put(std::string& out, const std::string& value) { base::put_bytes(out, value); }
void put(std::string& out, bool value) { base::put_u8(out, value ? 1 : 0); }
void put(std::string& out, uint8_t value) { base::put_u8(out, value); }
void put(std::string& out, uint32_t value) { base::put_varint(out, value); }
void put(std::string& out, uint64_t value) { base::put_varint(out, value); }
void put(std::string& out, Service value) { base::put_u8(out, static_cast<uint8_t>(value)); }
void put(std::string& out, const LocalRecipient& value) { put(out, value.encode()); }
template <class T>
void put(std::string& out, const std::vector<T>& list) {
  base::put_varint(out, list.size());
  for (const T& item : list) put(out, item);
}

class Input {
 public:
  Input(std::string_view bytes, size_t max_string) : reader_(bytes), max_string_(max_string) {}
  bool ok() const { return reader_.ok(); }
  uint8_t version() { return reader_.u8(); }

  void get(std::string& value) {
    std::string_view bytes = reader_.bytes();
    if (bytes.size() > max_string_) return reader_.fail();
    value = bytes;
  }
  void get(bool& value) {
    uint8_t byte = reader_.u8();
    if (byte > 1) return reader_.fail();
    value = byte == 1;
  }
  void get(uint8_t& value) { value = reader_.u8(); }
  void get(uint32_t& value) {
    uint64_t wide = reader_.varint();
    if (wide > std::numeric_limits<uint32_t>::max()) return reader_.fail();
    value = static_cast<uint32_t>(wide);
  }
  void get(uint64_t& value) { value = reader_.varint(); }
  void get(Service& value) {
    uint8_t byte = reader_.u8();
    if (byte < static_cast<uint8_t>(Service::Imap) || byte > static_cast<uint8_t>(Service::Lmtp)) return reader_.fail();
    value = static_cast<Service>(byte);
  }
  void get(LocalRecipient& value) {
    Result<LocalRecipient> record = LocalRecipient::decode(reader_.bytes());
    if (!record) return reader_.fail();
    value = std::move(*record);
  }
  template <class T>
  void get(std::vector<T>& list) {
    uint64_t count = reader_.varint();
    // Each item takes a byte at least: a count beyond the rest is a lie, and must not make us reserve memory.
    if (count > kMaxList || count > reader_.remaining()) return reader_.fail();
    list.reserve(count);
    for (uint64_t i = 0; i < count && ok(); ++i) get(list.emplace_back());
  }

 private:
  base::Reader reader_;
  size_t max_string_;
};

template <class T, class... Member>
std::string encode_record(const T& record, Member T::*... member) {
  std::string out;
  base::put_u8(out, kVersion);
  (put(out, record.*member), ...);
  return out;
}

template <class T, class... Member>
Result<T> decode_record(const char* what, size_t max_string, std::string_view bytes, Member T::*... member) {
  T record;
  Input in(bytes, max_string);
  uint8_t version = in.version();
  if (in.ok() && version != kVersion) {
    return fail(Errc::Unsupported, std::string(what) + ": version " + std::to_string(version));
  }
  (in.get(record.*member), ...);
  if (!in.ok()) return fail(Errc::Invalid, std::string(what) + ": malformed record");
  return record;
}

}  // namespace

#define BZ_WIRE_FIELDS(T, MAX, ...)                                           \
  std::string T::encode() const { return encode_record(*this, __VA_ARGS__); } \
  Result<T> T::decode(std::string_view bytes) { return decode_record<T>(#T, MAX, bytes, __VA_ARGS__); }

BZ_WIRE_FIELDS(ConfigText, kChannelFile, &ConfigText::toml, &ConfigText::file_name)
BZ_WIRE_FIELDS(NamedBytes, kChannelFile, &NamedBytes::name, &NamedBytes::bytes)
BZ_WIRE_FIELDS(Peer, kShort, &Peer::role, &Peer::index)
BZ_WIRE_FIELDS(Reloaded, kShort, &Reloaded::refusal)
BZ_WIRE_FIELDS(Hello, kShort, &Hello::role, &Hello::ticket_public_key, &Hello::capabilities, &Hello::capabilities_mx,
               &Hello::capabilities_pop3)
BZ_WIRE_FIELDS(SaslStart, kSasl, &SaslStart::id, &SaslStart::service, &SaslStart::mechanism, &SaslStart::listener,
               &SaslStart::session_id, &SaslStart::client_address, &SaslStart::client_name, &SaslStart::tls_version,
               &SaslStart::tls_cipher, &SaslStart::channel_binding, &SaslStart::has_initial, &SaslStart::initial,
               &SaslStart::tls_unique, &SaslStart::tls_server_end_point, &SaslStart::client_certificates,
               &SaslStart::client_id)
BZ_WIRE_FIELDS(SaslStep, kSasl, &SaslStep::id, &SaslStep::data)
BZ_WIRE_FIELDS(SaslAbort, kShort, &SaslAbort::id)
BZ_WIRE_FIELDS(SaslDone, kShort, &SaslDone::id, &SaslDone::account, &SaslDone::device, &SaslDone::ticket,
               &SaslDone::final_data, &SaslDone::verdict, &SaslDone::route, &SaslDone::account_id)
BZ_WIRE_FIELDS(SaslFail, kShort, &SaslFail::id, &SaslFail::kind, &SaslFail::reason)
BZ_WIRE_FIELDS(LookupRecipient, kShort, &LookupRecipient::id, &LookupRecipient::address)
BZ_WIRE_FIELDS(LocalRecipient, kShort, &LocalRecipient::account_id, &LocalRecipient::account, &LocalRecipient::address,
               &LocalRecipient::server, &LocalRecipient::host)
BZ_WIRE_FIELDS(RecipientVerdict, kShort, &RecipientVerdict::id, &RecipientVerdict::kind, &RecipientVerdict::recipients)
BZ_WIRE_FIELDS(MaySendAs, kShort, &MaySendAs::id, &MaySendAs::account_id, &MaySendAs::address)
BZ_WIRE_FIELDS(SendAsVerdict, kShort, &SendAsVerdict::id, &SendAsVerdict::kind)
BZ_WIRE_FIELDS(LookupAccount, kShort, &LookupAccount::id, &LookupAccount::account_id)
BZ_WIRE_FIELDS(AccountInfo, kShort, &AccountInfo::id, &AccountInfo::kind, &AccountInfo::account, &AccountInfo::quota_bytes,
               &AccountInfo::server, &AccountInfo::host, &AccountInfo::user, &AccountInfo::takes_mail,
               &AccountInfo::takes_sent_copy, &AccountInfo::quota_messages, &AccountInfo::quota_mailboxes)
BZ_WIRE_FIELDS(EndSessions, kShort, &EndSessions::account_id, &EndSessions::device, &EndSessions::reason)
BZ_WIRE_FIELDS(AskSessions, kShort, &AskSessions::id, &AskSessions::account_id)
BZ_WIRE_FIELDS(AccountSessions, kShort, &AccountSessions::id, &AccountSessions::devices)
BZ_WIRE_FIELDS(ClientNamed, kShort, &ClientNamed::account_id, &ClientNamed::device, &ClientNamed::client_id)
BZ_WIRE_FIELDS(ForeignLogin, kShort, &ForeignLogin::ticket_sha256, &ForeignLogin::server, &ForeignLogin::host,
               &ForeignLogin::user, &ForeignLogin::password)
BZ_WIRE_FIELDS(InstallCertificate, kChannelFile, &InstallCertificate::id, &InstallCertificate::certificate,
               &InstallCertificate::chain_pem, &InstallCertificate::key_pem)
BZ_WIRE_FIELDS(InstallStaple, kChannelFile, &InstallStaple::id, &InstallStaple::certificate, &InstallStaple::response)
BZ_WIRE_FIELDS(TicketKeys, kShort, &TicketKeys::life, &TicketKeys::keys)
BZ_WIRE_FIELDS(RunHook, kShort, &RunHook::id, &RunHook::action, &RunHook::name, &RunHook::value)
BZ_WIRE_FIELDS(ShowChallenge, kShort, &ShowChallenge::id, &ShowChallenge::name, &ShowChallenge::chain_pem,
               &ShowChallenge::key_pem)
BZ_WIRE_FIELDS(Done, kShort, &Done::id, &Done::refusal)
BZ_WIRE_FIELDS(FileSent, kShort, &FileSent::server, &FileSent::host, &FileSent::user, &FileSent::queue_id,
               &FileSent::session_id, &FileSent::account, &FileSent::message_id, &FileSent::body_sha256, &FileSent::size,
               &FileSent::received)
BZ_WIRE_FIELDS(ApplePush, kShort, &ApplePush::account_id, &ApplePush::token, &ApplePush::apple_account)
BZ_WIRE_FIELDS(ApplePushGone, kShort, &ApplePushGone::account_id, &ApplePushGone::token, &ApplePushGone::since)
BZ_WIRE_FIELDS(ControlRequest, kControl, &ControlRequest::role, &ControlRequest::arguments, &ControlRequest::input)
BZ_WIRE_FIELDS(ControlAnswer, kControl, &ControlAnswer::exit_status, &ControlAnswer::output, &ControlAnswer::error)

}  // namespace bz::wire
