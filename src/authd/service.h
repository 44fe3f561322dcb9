// The auth server: SASL exchanges for the gateways, lookups for mta and mailstore, tickets, and the account commands of the
// administrator. It speaks wire records with its peers and never sees their sockets: the role composes it with channels.
//
// Rules of an exchange
//  1. Nothing is judged without TLS (but on a listener that the administrator opened in clear, on a private address), on a
//     mechanism the listener does not offer, or for an address past its budget.
//  2. Unknown users, disabled accounts and wrong passwords take the same course, the same time and give the same answer.
//  3. Argon2id runs on the pool (bounded: a full queue is a temporary failure), never on the loop.
//  4. The guard holds answers back, good and bad alike; the delay is fixed before the attempt is judged. Who is under
//     suspicion waits behind others of his kind for the hashes (turnstile.h), never before the rest. Strangers, too, never
//     take all the places at which a directory checks passwords: who was there before does not wait for them.
//  5. The account is read again before a ticket is signed: what was disabled meanwhile gets none.
//  6. Each exchange ends in one "login" event with sid, mech, verdict and the time it took, without secrets. The name a
//     client gave is logged only if it has the form of an address: people type passwords into the wrong field. A counted
//     failure is an "offence" besides, whose form is promised (docs/administration.md).
//  7. A password that its directory has refused is not sent to it again for a while (directory/stale_passwords.h).
//  8. Who holds a helper (ntlm_helpers.h) waits in no line: where others stand, he is put off.
//
// Peers are told end_sessions at once when an account is disabled, removed, or gets a new password, and for disabled and
// removed ones once more when the last ticket signed before has expired.
// One thread: the loop's. Peers' bytes are refused when they do not decode or are not theirs to send, never CHECKed.
#pragma once
#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "authd/ntlm_helpers.h"
#include "authd/routes.h"
#include "authd/tokens.h"
#include "authd/turnstile.h"
#include "base/env.h"
#include "base/task.h"
#include "crypto/client_certificate.h"
#include "crypto/sign.h"
#include "directory/embedded.h"
#include "directory/guard.h"
#include "directory/stale_passwords.h"
#include "directory/verifier_cache.h"
#include "gss/acceptor.h"
#include "gss/principal.h"
#include "net/loop.h"
#include "sasl/mechanism.h"
#include "sasl/ntlm_names.h"
#include "wire/schema.h"

namespace bz::authd {

struct PeerId {
  std::string role;  // "gateway", "mta", "mailstore", "egress"
  uint32_t index = 0;
  auto operator<=>(const PeerId&) const = default;
};

// EXTERNAL: whose certificates are believed, and what in them is a login name, in this order.
struct CertificateRules {
  enum class Name : uint8_t { Email, Upn, CommonName };
  crypto::ClientAuthorities authorities{};  // none: nobody's
  std::vector<Name> names{};
};

// GSSAPI, GSS-SPNEGO: the keys of our services, and whose login name a principal is.
struct KerberosRules {
  std::shared_ptr<gss::Acceptor> acceptor{};  // shared with a reload's successor for the length of a call; none: not set up
  std::vector<gss::RealmRule> realms{};
  bool bindings = true;            // check what the client sends
  bool bindings_required = false;  // and refuse who sends none
};

// NTLM by a domain that is asked through helpers; no domains: by NT hashes of ours.
struct NtlmRules {
  std::vector<sasl::ntlm::DomainRule> domains{};
  base::Millis client_time{10'000};  // from the challenge to its answer: a helper waits meanwhile
};

struct Options {
  std::string host;                                                    // named in challenges
  std::map<std::string, std::vector<sasl::Kind>, std::less<>> offers;  // listener name -> mechanisms
  std::set<std::string, std::less<>> cleartext{};                      // listeners without TLS by the administrator's word
  directory::SecretsPolicy secrets{};                                  // of new passwords; its realm is DIGEST-MD5's
  CertificateRules certificates{};                                     // EXTERNAL
  std::shared_ptr<Tokens> tokens{};  // OAUTHBEARER, XOAUTH2; shared with logins under way; none: no token is good
  KerberosRules kerberos{};          // GSSAPI, GSS-SPNEGO
  NtlmRules ntlm{};
  directory::GuardOptions guard{};
  base::Millis cache_life{3'600'000};
  base::Millis stale_life{30 * 60'000};  // 0: what a directory refused is sent to it again
  Routes routes{};                       // accounts whose mailbox is on another server
};

// Live sessions of an account by device label; "": by the account's own password.
struct DeviceSessions {
  std::map<std::string, size_t> count{};
  bool complete = true;  // every gateway has answered
};

// What the service reaches the world through. All outlive it.
struct World {
  net::Loop& loop;
  net::BlockingPool& pool;
  const base::Clock& clock;
  base::Random& random;  // also used on pool threads: must be thread-safe
  // Closed or Unavailable: the peer is gone; the service only logs it.
  std::function<Result<void>(const PeerId&, wire::Type, std::string_view payload)> send;
  std::function<Task<void>(base::Millis)> sleep;  // the loop's; tests turn time themselves
  net::BlockingPool* gss_pool = nullptr;          // for calls of the GSS-API; needed where there is an acceptor
  NtlmHelpers* ntlm = nullptr;                    // needed where a domain judges NTLM
};

class Service {
 public:
  // `directory`: for administration. `source`: for logins and mail; it asks `directory` too (directory/chain.h).
  Service(World world, directory::Embedded& directory, directory::Source& source, Options options);
  ~Service();
  void reload(Options options);  // running exchanges keep what they began with

  const std::string& ticket_public_key() const { return key_.public_key; }

  void peer_up(const PeerId& peer);
  void peer_down(const PeerId& peer);
  void message(const PeerId& from, uint8_t type, std::string_view payload);

  // A command of the administrator: `account ...`, `alias ...` (commands.h).
  Task<wire::ControlAnswer> command(wire::ControlRequest request);

  size_t exchanges() const { return exchanges_.size(); }

 private:
  friend class Commands;
  friend class DeviceCommand;
  struct Exchange;
  using ExchangePtr = std::shared_ptr<Exchange>;  // shared by the table and the task that runs it
  using ExchangeKey = std::pair<PeerId, uint64_t>;

  // exchange.cc
  void sasl_start(const PeerId& from, std::string_view payload);
  void sasl_step(const PeerId& from, std::string_view payload);
  void sasl_abort(const PeerId& from, std::string_view payload);
  Task<void> run_exchange(ExchangePtr exchange);
  Task<Result<std::string>> next_response(ExchangePtr exchange, std::string challenge);
  // admission.cc
  std::optional<sasl::Step> admit(Exchange& exchange, std::string user);
  Task<std::optional<sasl::Step>> wait_turn(ExchangePtr exchange, bool remembered);
  std::optional<sasl::Step> take_turn(Exchange& exchange);
  void end_turn(Exchange& exchange);
  // password.cc
  Task<sasl::Step> judge_password(ExchangePtr exchange, sasl::NeedPassword need);
  Task<Result<directory::PasswordVerdict>> ask_source(ExchangePtr exchange, directory::LoginRecord record, Secret password,
                                                      bool remembered);
  Task<Result<bool>> check_by_source(ExchangePtr exchange, directory::LoginRecord record, Secret password,
                                     std::optional<base::Millis> age);
  Task<sasl::Step> supply_credentials(ExchangePtr exchange, std::string user);
  // identity.cc
  Task<sasl::Step> judge_token(ExchangePtr exchange, sasl::NeedToken need);
  Task<sasl::Step> judge_certificate(ExchangePtr exchange, sasl::NeedCertificate need);
  Task<Result<bool>> find_account(ExchangePtr exchange, std::string user);
  // kerberos.cc
  Task<sasl::Step> call_gss(ExchangePtr exchange, sasl::NeedGss need);
  Task<sasl::Step> judge_principal(ExchangePtr exchange, sasl::NeedPrincipal need);
  // ntlm.cc
  Task<sasl::Step> ask_domain(ExchangePtr exchange, sasl::NeedNtlm need);
  Task<sasl::Step> begin_ntlm(ExchangePtr exchange, std::string negotiate);
  Task<sasl::Step> judge_ntlm(ExchangePtr exchange, sasl::NeedNtlm need);
  Task<sasl::Step> hear_domain(ExchangePtr exchange, std::string authenticate);
  sasl::Step refuse_ntlm(Exchange& exchange, std::string why);
  // outcome.cc
  Task<void> accept(ExchangePtr exchange, sasl::Done done);
  Task<void> refuse(ExchangePtr exchange, uint8_t kind, std::string reason);
  // The role that serves the session, after telling egress what it needs. Errors: SaslFail's kind and reason.
  struct Refusal {
    uint8_t kind;
    std::string reason;
  };
  std::variant<Place, Refusal> place_session(const Exchange& exchange, const directory::Account& account) const;
  Result<void> tell_egress(Exchange& exchange, const Place& place, std::string_view ticket);
  void log_end(const Exchange& exchange, std::string_view verdict, std::string_view reason);
  // offence.cc
  void count_failure(Exchange& exchange);
  void log_closed(const Exchange& exchange);
  void note_wrong(const Exchange& exchange, const Secret& password, bool asked);

  // devices.cc: the devices of an account within an exchange.
  std::string choose_device(Exchange& exchange, std::string_view login) const;
  Task<Result<bool>> try_devices(ExchangePtr exchange, directory::LoginRecord& record, const Secret& password);
  Task<Result<void>> take_device_keys(ExchangePtr exchange, directory::LoginRecord& record);
  Task<std::optional<sasl::Step>> find_certificate_device(ExchangePtr exchange, std::string user, std::string sha256_hex);
  Task<std::optional<Refusal>> check_device(ExchangePtr exchange);
  void note_device_use(const Exchange& exchange);
  // And outside of them.
  void end_device_sessions(AccountId account, const std::string& label, const std::string& reason);
  Task<void> end_late_device_sessions(AccountId account, std::string label);
  Task<DeviceSessions> live_sessions(AccountId account);
  Task<void> give_up_counting(uint64_t id);
  void sessions_counted(const PeerId& from, std::string_view payload);
  void client_named(const PeerId& from, std::string_view payload);
  Task<void> write_client_name(wire::ClientNamed named);

  // service.cc
  Task<void> lookup_recipient(PeerId from, wire::LookupRecipient question);
  Task<Result<void>> place_recipient(AccountId account, wire::LocalRecipient& recipient);
  Task<void> may_send_as(PeerId from, wire::MaySendAs question);
  Task<void> lookup_account(PeerId from, wire::LookupAccount question);
  Task<void> repeat_purges(PeerId mailstore);
  Task<void> end_late_sessions(AccountId account, std::string reason);
  void end_sessions(AccountId account, std::string reason);
  void purge_mail(AccountId account);
  void account_changed(AccountId account);
  void send(const PeerId& to, wire::Type type, std::string_view payload);

  World world_;
  directory::Embedded& directory_;
  directory::Source& source_;
  Options options_;
  crypto::SignKeyPair key_;
  directory::Guard guard_;
  directory::VerifierCache cache_;
  directory::StalePasswords stale_;
  directory::Lru<base::MonoTime> closed_logged_;  // addresses past their budget
  Turnstile suspects_;
  // One stranger at a time has a directory asked about an account: what the one before him has cost is known by then.
  std::map<std::string, std::shared_ptr<Turnstile>, std::less<>> lines_;  // shared by those who wait there
  std::map<std::string, Turnstile, std::less<>> strangers_;  // by directory: those it checks a password for, and who waits
  struct Counting;
  std::map<uint64_t, std::shared_ptr<Counting>> counting_;  // shared with the task that waits; by id of the question
  uint64_t last_counting_ = 0;
  std::set<PeerId> peers_;
  std::map<ExchangeKey, ExchangePtr> exchanges_;
  std::map<std::string, size_t, std::less<>> at_work_;  // client address -> exchanges being judged
  net::TaskGroup tasks_;                                // last: its tasks use all of the above
};

}  // namespace bz::authd
