// What the directory keeps: accounts, their secrets, addresses. Records carry a version byte; unknown versions are Corrupt.
//
// Keys of the directory partition (docs/keyspace-directory.md), numbers big-endian:
//   H               header: next account id, the key of the fakes for unknown users
//   A/<id>          Account; stays as a tombstone after a purge, so that no id is used twice and a purge can be repeated
//   S/<id>          Secrets, sealed when there is a key file
//   N/<address>     Name: the login name of one account, or an alias of several
//   R/<id>/<address> the aliases of an account
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/password.h"
#include "model/ids.h"
#include "sasl/credentials.h"

namespace bz::directory {

enum class State : uint8_t {
  Active = 1,
  Disabled = 2,  // no login, no mail taken; everything is kept
  Removed = 3,   // as Disabled, and on its way out: the name stays reserved until the purge
  Purged = 4,    // a tombstone; the mail store drops the mail
};
std::string_view name(State state);  // "active"

// Of one account; each 0: the default of the mail store.
struct Quota {
  uint64_t bytes = 0, messages = 0, mailboxes = 0;
  bool operator==(const Quota&) const = default;
};

struct Account {
  AccountId id;
  std::string name;          // login name and first address, lower case: "ana@example.org"
  std::string display_name;  // UTF-8; may be empty
  State state = State::Active;
  Quota quota{};
  uint64_t verifier_version = 0;            // grows with every change that must end cached logins
  int64_t created = 0, changed = 0;         // Unix seconds
  std::vector<std::string> send_as{};       // further addresses it may write in the From of; "*": any (kAnybody)
  std::vector<std::string> secret_kinds{};  // what S/ holds: "argon2id", "scram-sha-256" and names of SecretKind
  std::string mail_host{};                  // name of the server that holds the mailbox; empty: our own mail store
  std::string server_type{};                // what that server is, a name of the route table; empty: not told
  // What the [[route]]s ask about and another directory says, by the names they use; looked up each time, never stored.
  std::vector<std::pair<std::string, std::string>> attributes{};
  std::vector<std::string> groups{};
  bool operator==(const Account&) const = default;
  std::string encode() const;
  static Result<Account> decode(std::string_view bytes);
};

// What an account may store beside Argon2id and SCRAM-SHA-256, which every account has: each only when asked for, because
// each is one more thing to guess the password from, and those that need_seal() are as good as it.
enum class SecretKind : uint8_t { ScramSha1, ScramSha512, CramMd5, DigestMd5, Ntlm, Apop };
inline constexpr SecretKind kSecretKinds[] = {SecretKind::ScramSha1, SecretKind::ScramSha512, SecretKind::CramMd5,
                                              SecretKind::DigestMd5, SecretKind::Ntlm,        SecretKind::Apop};
std::string_view name(SecretKind kind);  // "scram-sha-1", "cram-md5", ...
// Kept only under a key file outside the database (Options::seal_key).
constexpr bool needs_seal(SecretKind kind) { return kind != SecretKind::ScramSha1 && kind != SecretKind::ScramSha512; }

class SecretKinds {
 public:
  // "cram-md5", "scram-sha-1,ntlm", "none"; case-insensitive. Invalid, with the list of what there is.
  static Result<SecretKinds> parse(std::string_view text);
  static SecretKinds of(const std::vector<std::string>& names);  // Account::secret_kinds; other names are not looked at
  void add(SecretKind kind) { bits_ |= bit(kind); }
  void add(SecretKinds others) { bits_ |= others.bits_; }
  bool has(SecretKind kind) const { return (bits_ & bit(kind)) != 0; }
  bool need_seal() const;
  std::string to_string() const;  // "cram-md5, ntlm"
  bool operator==(const SecretKinds&) const = default;

 private:
  static constexpr uint32_t bit(SecretKind kind) { return 1u << static_cast<unsigned>(kind); }
  uint32_t bits_ = 0;
};

// The secrets of one account. Whoever reads these can guess passwords offline (Argon2id, SCRAM), or answer the mechanism
// they are for without guessing (all that need a seal).
struct Secrets {
  std::string argon2id;             // PHC string
  sasl::Credentials credentials{};  // `known` is not stored
  SecretKinds optional_kinds() const;
  std::vector<std::string> kinds() const;  // for Account::secret_kinds
  Secret encode() const;
  static Result<Secrets> decode(std::string_view bytes);  // older records have fewer fields
};

struct SecretsPolicy {
  crypto::PasswordCost cost{};
  uint32_t scram_iterations = sasl::kScramIterations;
  SecretKinds kinds{};         // stored beside Argon2id and SCRAM-SHA-256
  std::string digest_realm{};  // what DIGEST-MD5 hashes are made with
};
// `account`: the login name as addresses are written; DIGEST-MD5's hash holds it.
// BLOCKING (Argon2id, PBKDF2): pool only. Argon2id and SCRAM take the password as intl::password_text() prepares it, the
// others as it is (RFC 2195, RFC 2831). Invalid, with a text for the administrator: empty, over 1024 bytes (prepared too),
// not UTF-8, or control characters in it (RFC 4013 section 2.3).
Result<Secrets> make_secrets(std::string_view account, const Secret& password, const SecretsPolicy& policy,
                             base::Random& random);

// BLOCKING (Argon2id): pool only. Does the password open the verifier, prepared or as the client sent it? A second check is
// made only where the two differ, for unknown users' decoys as well. Errors: the verifier is none of ours.
Result<bool> password_opens(std::string_view verifier, const Secret& sent);

struct Name {
  bool alias = false;
  std::vector<AccountId> accounts;  // one for a login name
  std::string encode() const;
  static Result<Name> decode(std::string_view bytes);
};
inline constexpr std::string_view kAnybody = "*";  // in send_as: a host that relays other people's mail through us
inline constexpr size_t kMaxAliasTargets = 1000, kMaxSendAs = 100;
inline constexpr size_t kMaxMailHost = 253, kMaxServerType = 32;  // bytes

// An address as keys and records have it: ASCII lower case in both halves, the domain in A-labels. nullopt: not
// local@domain as SMTP would take it without quotes (RFC 5321 4.1.2, RFC 6531 for UTF-8), or longer than 254 bytes (local
// part 64).
std::optional<std::string> normal_address(std::string_view text);
// A login name as the client wrote it, prepared (RFC 4013) and, if it is an address, as above.
std::string normal_login(std::string_view user);
std::string_view local_part(std::string_view address);
std::string_view domain_part(std::string_view address);

}  // namespace bz::directory
