// Messages between roles, one struct each, with encode() and decode(). A record is a version byte (1) and fields in this
// order; unknown versions are refused, bytes after the known fields are skipped (room to grow). Limits: strings 16 KiB
// (56 KiB in ConfigText, NamedBytes, InstallCertificate and
// InstallStaple, 16 MiB in the control records), lists 1,000. Message::type is the value of Type.
// Exact bytes and examples: docs/wire.md.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/handoff.h"

namespace bz::wire {

enum class Type : uint8_t {
  // supervisor -> role (control channel, descriptor 3 of every role)
  Config = 1,      // ConfigText; at start and on reload
  Secret = 2,      // NamedBytes: contents of a *_file setting, a key or certificate file
  ListenerFd = 3,  // NamedBytes{name} + 1 descriptor
  PeerFd = 4,      // Peer + 1 descriptor: channel to another role's process; replaces an older one of the same name
  Start = 5,       // all of the above are there: drop rights, sandbox, run
  Stop = 6,        // end in order
  ControlFd = 7,   // ControlRequest + 1 descriptor: the connection of the command line tool that waits for the answer
  PeerGone = 8,    // Peer
  Drain = 9,       // take nothing new, end when what is there has ended; only a gateway worker that is one too many
  LogFd = 10,      // 1 descriptor: where events go from now on; answered by LogTaken
  HelperFd = 11,   // 1 descriptor, to auth: standard input and output of an NTLM helper that has been started
  // role -> supervisor
  Ready = 16,
  Reloaded = 17,  // Reloaded; answers the Start of a reload
  LogTaken = 18,
  // any peer -> peer, first message after PeerFd
  Hello = 32,  // Hello
  // gateway -> auth
  SaslStart = 40,
  SaslStep = 41,
  SaslAbort = 42,
  // auth -> gateway
  SaslChallenge = 48,
  SaslDone = 49,
  SaslFail = 50,
  // gateway, mta -> mailstore, mta: 1 descriptor, the back leg; the first bytes on it are a Handoff
  Leg = 56,
  // mta, mailstore -> auth and back
  LookupRecipient = 64,
  RecipientVerdict = 65,
  MaySendAs = 66,
  SendAsVerdict = 67,
  LookupAccount = 68,
  AccountInfo = 69,
  // auth -> gateway, mailstore, mta
  EndSessions = 80,
  // auth -> mailstore
  PurgeAccount = 81,
  AccountChanged = 82,  // EndSessions without device: what AccountInfo says of it is not what it was
  // auth -> gateway and back; mailstore -> auth
  AskSessions = 126,
  AccountSessions = 127,
  ClientNamed = 128,
  // auth -> egress, before the SaslDone of the same ticket
  ForeignLogin = 88,
  // admin -> supervisor, admin -> gateway; each is answered by Done
  InstallCertificate = 113,  // to the supervisor: into the files of the configuration, then a reload
  Done = 114,
  InstallStaple = 115,  // to the supervisor
  RunHook = 116,        // to the supervisor: acme.dns_hook
  ShowChallenge = 117,  // to each gateway: TLS-ALPN-01
  // mta -> egress, 1 descriptor: a Sent copy for a mailbox on another server; over the descriptor see FileSent
  FileSent = 130,
  // mailstore -> admin, and back when the device is gone
  ApplePush = 132,
  ApplePushGone = 133,
  // connector -> supervisor and back: Peer{role inside, number of the question}; the answer has a connecting socket, or
  // none
  Connect = 105,
  Connection = 106,
  // peer -> peer: nobody is behind this channel until the next Hello
  Away = 107,
  // both ways on an inner channel (wire/frame.h), every two seconds
  Ping = 108,
  // inside -> node on an inner channel, and there connector -> supervisor: keys of TLS session tickets
  TicketKeys = 111,
  // inner -> supervisor: draw new ticket keys now and forget the old ones; a node that had them is no friend any more
  ForgetTickets = 112,
};

// All structs: std::string encode() const; static Result<T> decode(std::string_view).
#define BZ_WIRE_RECORD(T)     \
  std::string encode() const; \
  static Result<T> decode(std::string_view bytes)

struct ConfigText {
  std::string toml, file_name;
  BZ_WIRE_RECORD(ConfigText);
};
struct NamedBytes {
  std::string name, bytes;
  BZ_WIRE_RECORD(NamedBytes);
};
struct Peer {
  std::string role;
  uint32_t index = 0;
  BZ_WIRE_RECORD(Peer);
};  // index: gateway worker number
struct Reloaded {
  std::string refusal;  // empty: the new settings are in force; else the old ones stay, and why
  BZ_WIRE_RECORD(Reloaded);
};
struct Hello {
  std::string role;
  std::string ticket_public_key;               // from auth: raw Ed25519 key, 32 bytes
  std::vector<std::string> capabilities;       // from mailstore: IMAP capabilities before login; from mta: EHLO keywords
  std::vector<std::string> capabilities_mx;    // from mta: EHLO keywords on port 25
  std::vector<std::string> capabilities_pop3;  // from mailstore: lines of CAPA before login
  BZ_WIRE_RECORD(Hello);
};
struct SaslStart {
  uint64_t id = 0;  // chosen by the gateway, unique per channel
  Service service = Service::Imap;
  std::string mechanism, listener, session_id, client_address, client_name, tls_version, tls_cipher;
  std::string channel_binding;  // tls-exporter (RFC 9266)
  bool has_initial = false;
  std::string initial;                           // decoded bytes
  std::string tls_unique, tls_server_end_point;  // further channel bindings (RFC 5929); empty: this connection has none
  std::vector<std::string> client_certificates;  // DER, the client's first, without the root; empty: none was shown
  std::string client_id;  // what the client said of itself by IMAP's ID (RFC 2971), in one line; may be empty
  BZ_WIRE_RECORD(SaslStart);
};
struct SaslStep {
  uint64_t id = 0;
  std::string data;
  BZ_WIRE_RECORD(SaslStep);
};  // decoded bytes; also SaslChallenge
struct SaslAbort {
  uint64_t id = 0;
  BZ_WIRE_RECORD(SaslAbort);
};
struct SaslDone {
  uint64_t id = 0;
  std::string account, device, ticket,
      final_data;           // final_data: server's last message (SCRAM), sent as a challenge first if set
  std::string verdict;      // plain words for the event log: "embedded directory: account 7, enabled"
  std::string route;        // "mailstore", "mta" or "egress": the role to hand over to
  uint64_t account_id = 0;  // whose session it will be, for EndSessions
  BZ_WIRE_RECORD(SaslDone);
};
struct SaslFail {
  uint64_t id = 0;
  uint8_t kind = 0;    // 0 authentication failed, 1 temporary, 2 malformed exchange, 3 mechanism not offered, 4 the device
                       // is who it says, but has expired or is not for this service
  std::string reason;  // for the log; of kind 4 for the client
  BZ_WIRE_RECORD(SaslFail);
};
struct LookupRecipient {
  uint64_t id = 0;
  std::string address;
  BZ_WIRE_RECORD(LookupRecipient);
};
struct LocalRecipient {
  uint64_t account_id = 0;
  std::string account;
  std::string address;
  std::string server, host;  // where the mailbox is, as in ForeignLogin; empty: our mail store
  BZ_WIRE_RECORD(LocalRecipient);
};
struct RecipientVerdict {
  uint64_t id = 0;
  uint8_t kind = 0;  // 0 not our domain, 1 local, 2 our domain but no such address, 3 temporary, 4 disabled
  std::vector<LocalRecipient> recipients;
  BZ_WIRE_RECORD(RecipientVerdict);
};
struct MaySendAs {
  uint64_t id = 0;
  uint64_t account_id = 0;
  std::string address;
  BZ_WIRE_RECORD(MaySendAs);
};
struct SendAsVerdict {
  uint64_t id = 0;
  uint8_t kind = 0;
  BZ_WIRE_RECORD(SendAsVerdict);
};  // 0 no, 1 yes, 3 temporary
struct LookupAccount {
  uint64_t id = 0;
  uint64_t account_id = 0;
  BZ_WIRE_RECORD(LookupAccount);
};
struct AccountInfo {
  uint64_t id = 0;
  uint8_t kind = 0;
  std::string account;
  uint64_t quota_bytes = 0;
  std::string server;            // that has the mailbox; empty: our mail store
  std::string host{}, user{};    // of that server, and the login name there; host empty: no [[server]] allows it
  bool takes_mail = false;       // that server, from us
  bool takes_sent_copy = false;  // a master user can file one there
  uint64_t quota_messages = 0, quota_mailboxes = 0;
  BZ_WIRE_RECORD(AccountInfo);
};  // 0 unknown, 1 known
struct EndSessions {
  uint64_t account_id = 0;
  std::string device, reason;
  BZ_WIRE_RECORD(EndSessions);
};
struct AskSessions {
  uint64_t id = 0;  // chosen by auth
  uint64_t account_id = 0;
  BZ_WIRE_RECORD(AskSessions);
};
struct AccountSessions {
  uint64_t id = 0;
  std::vector<std::string>
      devices;  // one for each session of the account, the first thousand; "": by the account's password
  BZ_WIRE_RECORD(AccountSessions);
};
struct ClientNamed {
  uint64_t account_id = 0;
  std::string device, client_id;  // what a session of the device called itself by IMAP's ID after login, in one line
  BZ_WIRE_RECORD(ClientNamed);
};

// Where a session with this ticket goes on, and how it logs in there. Holds a password: wipe what was encoded.
struct ForeignLogin {
  std::string ticket_sha256;   // of the ticket's bytes, raw
  std::string server, host;    // name in the configuration; the host to connect to
  std::string user, password;  // there; password empty: by master user
  BZ_WIRE_RECORD(ForeignLogin);
};

// A certificate issued for one of the configuration ("tls", "tls.rsa", "certificate.1"), and its new key.
struct InstallCertificate {
  uint64_t id = 0;  // chosen by admin; Done has it
  std::string certificate, chain_pem, key_pem;
  BZ_WIRE_RECORD(InstallCertificate);
};
struct TicketKeys {
  uint64_t life = 0;  // seconds until the next ones may be expected; 0: nobody knows
  std::string keys;   // a ring (crypto/tls_tickets.h): wipe what was encoded
  BZ_WIRE_RECORD(TicketKeys);
};
struct InstallStaple {
  uint64_t id = 0;
  std::string certificate, response;  // DER
  BZ_WIRE_RECORD(InstallStaple);
};
struct RunHook {
  uint64_t id = 0;
  std::string action, name, value;  // "add" or "remove"; DNS name and text of a TXT record
  BZ_WIRE_RECORD(RunHook);
};
struct ShowChallenge {
  uint64_t id = 0;
  std::string name, chain_pem, key_pem;  // chain_pem empty: no longer
  BZ_WIRE_RECORD(ShowChallenge);
};
struct Done {
  uint64_t id = 0;
  std::string refusal;  // empty: done
  BZ_WIRE_RECORD(Done);
};
// A message for the Sent mailbox of `user` at `server`. Over the descriptor both speak like SMTP behind DATA: egress says
// 354 when the message is wanted, mta sends exactly `size` octets, egress ends with 250 or 451.
struct FileSent {
  std::string server, host, user;  // as in ForeignLogin
  std::string queue_id, session_id, account;
  std::string message_id;   // with angle brackets; empty: none
  std::string body_sha256;  // of what stands behind the header's empty line, raw
  uint64_t size = 0;        // octets
  uint64_t received = 0;    // Unix seconds
  BZ_WIRE_RECORD(FileSent);
};

// New mail that a device wants to hear of by Apple's push. A hint: nothing waits for it.
struct ApplePush {
  uint64_t account_id = 0;
  std::string token;          // of the device, hex
  std::string apple_account;  // what the device calls the account
  BZ_WIRE_RECORD(ApplePush);
};
struct ApplePushGone {
  uint64_t account_id = 0;
  std::string token;
  uint64_t since = 0;  // Unix milliseconds: what registered later stays; 0: not said
  BZ_WIRE_RECORD(ApplePushGone);
};

// The command line tool: request and answer on STATE/run/control, each with a 4-byte big-endian length before it.
struct ControlRequest {
  std::string role;
  std::vector<std::string> arguments;
  std::string input;
  BZ_WIRE_RECORD(ControlRequest);
};
struct ControlAnswer {
  uint32_t exit_status = 0;
  std::string output, error;
  BZ_WIRE_RECORD(ControlAnswer);
};

}  // namespace bz::wire
