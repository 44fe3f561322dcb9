#include "directory/entry.h"

#include <algorithm>

#include "base/coding.h"
#include "base/text.h"
#include "intl/idna.h"
#include "intl/saslprep.h"
#include "sasl/ntlm.h"

namespace bz::directory {

namespace {

constexpr uint8_t kVersion = 1;

void put_list(std::string& out, const std::vector<std::string>& list) {
  base::put_varint(out, list.size());
  for (const std::string& item : list) base::put_bytes(out, item);
}

std::vector<std::string> get_list(base::Reader& in, size_t limit) {
  std::vector<std::string> out;
  uint64_t count = in.varint();
  if (count > limit) in.fail();
  for (uint64_t i = 0; i < count && in.ok(); ++i) out.emplace_back(in.bytes());
  return out;
}

bool is_atext(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-/=?^_`{|}~";
  return base::is_alpha(c) || base::is_digit(c) || static_cast<unsigned char>(c) >= 0x80 || kMarks.find(c) != kMarks.npos;
}

bool is_dot_atom(std::string_view text) {
  for (std::string_view part : base::split(text, '.')) {
    if (part.empty()) return false;
    for (char c : part)
      if (!is_atext(c)) return false;
  }
  return true;
}

bool is_domain(std::string_view text) {
  for (std::string_view label : base::split(text, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (char c : label)
      if (!base::is_alpha(c) && !base::is_digit(c) && c != '-' && static_cast<unsigned char>(c) < 0x80) return false;
  }
  return true;
}

}  // namespace

std::string_view name(State state) {
  switch (state) {
    case State::Active:
      return "active";
    case State::Disabled:
      return "disabled";
    case State::Removed:
      return "removed";
    case State::Purged:
      return "purged";
  }
  return "?";
}

std::string Account::encode() const {
  std::string out;
  base::put_u8(out, kVersion);
  base::put_varint(out, id.value());
  base::put_bytes(out, name);
  base::put_bytes(out, display_name);
  base::put_u8(out, static_cast<uint8_t>(state));
  base::put_varint(out, quota.bytes);
  base::put_varint(out, verifier_version);
  base::put_be64(out, static_cast<uint64_t>(created));
  base::put_be64(out, static_cast<uint64_t>(changed));
  put_list(out, send_as);
  put_list(out, secret_kinds);
  base::put_bytes(out, mail_host);
  base::put_bytes(out, server_type);
  base::put_varint(out, quota.messages);
  base::put_varint(out, quota.mailboxes);
  return out;
}

Result<Account> Account::decode(std::string_view bytes) {
  base::Reader in(bytes);
  Account a;
  bool known = in.u8() == kVersion;
  a.id = AccountId(in.varint());
  a.name = in.bytes();
  a.display_name = in.bytes();
  uint8_t state = in.u8();
  a.quota.bytes = in.varint();
  a.verifier_version = in.varint();
  a.created = static_cast<int64_t>(in.be64());
  a.changed = static_cast<int64_t>(in.be64());
  a.send_as = get_list(in, kMaxSendAs);
  a.secret_kinds = get_list(in, 16);
  if (!in.at_end()) {  // records written before accounts had a route end here
    a.mail_host = in.bytes();
    a.server_type = in.bytes();
    if (a.mail_host.size() > kMaxMailHost || a.server_type.size() > kMaxServerType) in.fail();
  }
  if (!in.at_end()) {  // records written before quotas of messages and mailboxes end here
    a.quota.messages = in.varint();
    a.quota.mailboxes = in.varint();
  }
  if (!known || !in.ok() || !a.id.is_set() || state < 1 || state > 4) return fail(Errc::Corrupt, "account record");
  a.state = static_cast<State>(state);
  return a;
}

std::string_view name(SecretKind kind) {
  switch (kind) {
    case SecretKind::ScramSha1:
      return "scram-sha-1";
    case SecretKind::ScramSha512:
      return "scram-sha-512";
    case SecretKind::CramMd5:
      return "cram-md5";
    case SecretKind::DigestMd5:
      return "digest-md5";
    case SecretKind::Ntlm:
      return "ntlm";
    case SecretKind::Apop:
      return "apop";
  }
  return "?";
}

Result<SecretKinds> SecretKinds::parse(std::string_view text) {
  SecretKinds out;
  for (std::string_view word : base::split(text, ',')) {
    word = base::trim(word);
    if (base::iequals(word, "none") || base::iequals(word, "scram-sha-256")) continue;  // every account has the latter
    auto found = std::find_if(std::begin(kSecretKinds), std::end(kSecretKinds),
                              [&](SecretKind kind) { return base::iequals(word, name(kind)); });
    if (found == std::end(kSecretKinds)) {
      std::string all;
      for (SecretKind kind : kSecretKinds) all += std::string(name(kind)) + ", ";
      return fail(Errc::Unsupported, "secrets are " + all + "or none, not \"" + std::string(word.substr(0, 64)) + "\"");
    }
    out.add(*found);
  }
  return out;
}

SecretKinds SecretKinds::of(const std::vector<std::string>& names) {
  SecretKinds out;
  for (SecretKind kind : kSecretKinds)
    if (std::find(names.begin(), names.end(), name(kind)) != names.end()) out.add(kind);
  return out;
}

bool SecretKinds::need_seal() const {
  return std::any_of(std::begin(kSecretKinds), std::end(kSecretKinds),
                     [&](SecretKind kind) { return has(kind) && needs_seal(kind); });
}

std::string SecretKinds::to_string() const {
  std::string out;
  for (SecretKind kind : kSecretKinds)
    if (has(kind)) out += (out.empty() ? "" : ", ") + std::string(name(kind));
  return out;
}

SecretKinds Secrets::optional_kinds() const {
  SecretKinds out;
  if (credentials.scram_sha1) out.add(SecretKind::ScramSha1);
  if (credentials.scram_sha512) out.add(SecretKind::ScramSha512);
  if (credentials.cram) out.add(SecretKind::CramMd5);
  if (credentials.digest) out.add(SecretKind::DigestMd5);
  if (credentials.nt_hash) out.add(SecretKind::Ntlm);
  if (credentials.password) out.add(SecretKind::Apop);
  return out;
}

std::vector<std::string> Secrets::kinds() const {
  std::vector<std::string> out{"argon2id"};
  if (credentials.scram) out.push_back("scram-sha-256");
  const SecretKinds more = optional_kinds();
  for (SecretKind kind : kSecretKinds)
    if (more.has(kind)) out.emplace_back(name(kind));
  return out;
}

Secret Secrets::encode() const {
  const sasl::Credentials& c = credentials;
  auto keys_of = [](const std::optional<sasl::ScramKeys>& keys) {
    std::string bytes;
    if (keys) keys->encode(bytes);
    return bytes;
  };
  std::string out;
  out.reserve(4096);  // no growing: a freed block would keep its bytes
  base::put_u8(out, kVersion);
  base::put_bytes(out, argon2id);
  base::put_bytes(out, keys_of(c.scram));
  base::put_bytes(out, c.cram ? c.cram->encode() : std::string());
  base::put_bytes(out, keys_of(c.scram_sha1));
  base::put_bytes(out, keys_of(c.scram_sha512));
  base::put_bytes(out, c.digest ? c.digest->encode() : std::string());
  base::put_bytes(out, c.nt_hash ? c.nt_hash->reveal() : std::string_view());
  base::put_bytes(out, c.password ? c.password->reveal() : std::string_view());
  return Secret(std::move(out));
}

Result<Secrets> Secrets::decode(std::string_view bytes) {
  base::Reader in(bytes);
  Secrets s;
  sasl::Credentials& c = s.credentials;
  bool known = in.u8() == kVersion;
  s.argon2id = in.bytes();
  std::string_view keys = in.bytes(), states = in.bytes();
  // Records from before SCRAM-SHA-1 end here.
  bool more = in.ok() && !in.at_end();
  std::string_view sha1 = more ? in.bytes() : "", sha512 = more ? in.bytes() : "", digest = more ? in.bytes() : "";
  std::string_view nt_hash = more ? in.bytes() : "", password = more ? in.bytes() : "";
  if (!known || !in.ok() || s.argon2id.empty() || (!nt_hash.empty() && nt_hash.size() != 16))
    return fail(Errc::Corrupt, "secrets record");
  if (!keys.empty()) {
    BZ_TRY(c.scram, sasl::ScramKeys::decode(crypto::Hash::Sha256, keys));
  }
  if (!states.empty()) {
    c.cram.emplace();
    if (!crypto::HmacMd5States::decode(states, *c.cram)) return fail(Errc::Corrupt, "secrets record");
  }
  if (!sha1.empty()) {
    BZ_TRY(c.scram_sha1, sasl::ScramKeys::decode(crypto::Hash::Sha1, sha1));
  }
  if (!sha512.empty()) {
    BZ_TRY(c.scram_sha512, sasl::ScramKeys::decode(crypto::Hash::Sha512, sha512));
  }
  if (!digest.empty()) {
    BZ_TRY(c.digest, sasl::DigestSecret::decode(digest));
  }
  if (!nt_hash.empty()) c.nt_hash = Secret(std::string(nt_hash));
  if (!password.empty()) c.password = Secret(std::string(password));
  return s;
}

Result<Secrets> make_secrets(std::string_view account, const Secret& password, const SecretsPolicy& policy,
                             base::Random& random) {
  std::string_view text = password.reveal();
  if (text.empty()) return fail(Errc::Invalid, "the password is empty");
  if (text.size() > crypto::kMaxPasswordSize) return fail(Errc::Invalid, "the password is longer than 1024 bytes");
  if (!base::is_utf8(text)) return fail(Errc::Invalid, "the password is not UTF-8");
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return fail(Errc::Invalid, "the password holds a control character");
  const Secret prepared = intl::password_text(text);
  if (prepared.reveal().size() > crypto::kMaxPasswordSize)
    return fail(Errc::Invalid, "the password is longer than 1024 bytes");
  using crypto::Hash;
  auto scram = [&](Hash hash) { return sasl::make_scram_keys(hash, prepared, random.bytes(16), policy.scram_iterations); };
  Secrets secrets;
  BZ_TRY(secrets.argon2id, crypto::hash_password(prepared, policy.cost, random));
  sasl::Credentials& c = secrets.credentials;
  c.scram = scram(Hash::Sha256);
  if (policy.kinds.has(SecretKind::ScramSha1)) c.scram_sha1 = scram(Hash::Sha1);
  if (policy.kinds.has(SecretKind::ScramSha512)) c.scram_sha512 = scram(Hash::Sha512);
  if (policy.kinds.has(SecretKind::CramMd5)) c.cram = crypto::hmac_md5_states(text);
  if (policy.kinds.has(SecretKind::DigestMd5)) {
    // Clients hash the name as it was typed: the address, or what stands before the "@".
    const std::string names[] = {std::string(account), std::string(local_part(account))};
    c.digest = sasl::make_digest_secret(names, policy.digest_realm, password);
  }
  if (policy.kinds.has(SecretKind::Ntlm)) c.nt_hash = Secret(sasl::ntlm::nt_hash(password));
  if (policy.kinds.has(SecretKind::Apop)) c.password = password;
  return secrets;
}

Result<bool> password_opens(std::string_view verifier, const Secret& sent) {
  for (const Secret& candidate : intl::password_candidates(sent.reveal())) {
    if (candidate.reveal().size() > crypto::kMaxPasswordSize) continue;
    auto right = crypto::verify_password(verifier, candidate);
    if (right) return true;
    if (right.error().code() != Errc::AuthFailed) return std::move(right).error();
  }
  return false;
}

std::string Name::encode() const {
  std::string out;
  base::put_u8(out, kVersion);
  base::put_u8(out, alias ? 2 : 1);
  base::put_varint(out, accounts.size());
  for (AccountId id : accounts) base::put_varint(out, id.value());
  return out;
}

Result<Name> Name::decode(std::string_view bytes) {
  base::Reader in(bytes);
  Name n;
  bool known = in.u8() == kVersion;
  uint8_t kind = in.u8();
  uint64_t count = in.varint();
  if (count > kMaxAliasTargets) in.fail();
  for (uint64_t i = 0; i < count && in.ok(); ++i) n.accounts.emplace_back(in.varint());
  if (!known || !in.ok() || kind < 1 || kind > 2 || n.accounts.empty()) return fail(Errc::Corrupt, "address record");
  n.alias = kind == 2;
  return n;
}

namespace {
// Small letters may compose with a mark where capitals do not (H + U+0331 stays two signs, h + U+0331 is U+1E96), and
// capitals may come out of a compatible form: hence before and after.
std::string folded(std::string_view name) { return intl::login_text(base::lower(intl::login_text(name))); }
}  // namespace

std::optional<std::string> normal_address(std::string_view text) {
  size_t at = text.rfind('@');
  if (at == text.npos || at > 64 || text.size() > 254 || !base::is_utf8(text)) return std::nullopt;
  // What looks the same is the same person (RFC 6530 section 10.1), in whichever form a phone sends it.
  const std::string local = folded(text.substr(0, at));
  // "@domain" stands for every other address of the domain.
  if (local.size() > 64 || (!local.empty() && !is_dot_atom(local)) || local.empty() != (at == 0)) return std::nullopt;
  if (!is_domain(text.substr(at + 1))) return std::nullopt;
  const auto domain = intl::to_a_labels(text.substr(at + 1));
  if (!domain || local.size() + 1 + domain->size() > 254) return std::nullopt;
  return local + "@" + *domain;
}

std::string normal_login(std::string_view user) {
  const std::string name = folded(user);
  return normal_address(name).value_or(name);
}

std::string_view local_part(std::string_view address) { return address.substr(0, address.rfind('@')); }
std::string_view domain_part(std::string_view address) { return address.substr(address.rfind('@') + 1); }

}  // namespace bz::directory
