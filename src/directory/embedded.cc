#include "directory/embedded.h"

#include <algorithm>

#include "base/coding.h"
#include "base/text.h"
#include "crypto/seal.h"
#include "directory/keys.h"
#include "intl/idna.h"

namespace bz::directory {

namespace {

constexpr kv::PartitionId kPartition{kv::kDirectoryPartition, 1};
constexpr uint8_t kVersion = 1, kPlain = 0, kSealed = 1;

bool takes_part(const Account& account) { return account.state == State::Active; }

}  // namespace

std::string Embedded::Header::encode() const {
  std::string out;
  base::put_u8(out, kVersion);
  base::put_varint(out, next_id);
  base::put_bytes(out, fake_key);
  return out;
}

Result<Embedded::Header> Embedded::Header::decode(std::string_view bytes) {
  base::Reader in(bytes);
  Header h;
  bool known = in.u8() == kVersion;
  h.next_id = in.varint();
  h.fake_key = in.bytes();
  if (!known || !in.ok() || h.next_id == 0 || h.fake_key.size() != 32) return fail(Errc::Corrupt, "directory header");
  return h;
}

Embedded::Embedded(Options options, const base::Clock& clock, base::Random& random)
    : options_(std::move(options)),
      clock_(clock),
      random_(random),
      decoy_verifier_(crypto::decoy_verifier(options_.cost, random)) {}

Task<Result<std::unique_ptr<Embedded>>> Embedded::open(kv::Store& store, base::Executor& executor, Options options,
                                                       const base::Clock& clock, base::Random& random) {
  if (!options.seal_key.empty() && options.seal_key.reveal().size() != crypto::kSealKeySize)
    co_return fail(Errc::Invalid, "the key file for secrets does not hold 32 bytes");
  std::unique_ptr<Embedded> directory(new Embedded(std::move(options), clock, random));
  auto opened = store.open(kPartition, true, executor);
  BZ_CO_TRY(directory->partition_, co_await opened);
  auto got = directory->partition_->get(kHeaderKey);
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  Header header;
  if (bytes) {
    BZ_CO_TRY(header, Header::decode(*bytes));
  } else {
    header.fake_key = random.bytes(32);
    kv::Batch batch;
    batch.put(kHeaderKey, header.encode());
    auto done = directory->partition_->commit(std::move(batch), {{std::string(kHeaderKey), std::nullopt}});
    BZ_CO_TRY_VOID(co_await done);
  }
  directory->fake_key_ = Secret(header.fake_key);
  directory->devices_ = std::make_unique<Devices>(*directory->partition_, directory->options_.seal_key, clock, random);
  co_return std::move(directory);
}

bool Embedded::is_our_domain(std::string_view domain) const {
  return std::any_of(options_.domains.begin(), options_.domains.end(),
                     [&](const std::string& ours) { return intl::same_domain(ours, domain); });
}

Result<std::string> Embedded::our_address(std::string_view text) const {
  auto address = normal_address(text);
  if (!address) return fail(Errc::Invalid, "not an address: " + std::string(text.substr(0, 254)));
  if (!is_our_domain(domain_part(*address)))
    return fail(Errc::Invalid, std::string(domain_part(*address)) + " is not one of our domains (setting `domains`)");
  return *address;
}

// Secrets ---------------------------------------------------------------------------------------------------------------

Result<std::string> Embedded::seal_secrets(AccountId id, const Secrets& secrets) {
  Secret plain = secrets.encode();
  if (can_seal()) {
    BZ_TRY(std::string sealed,
           crypto::seal(options_.seal_key, "buzon account " + std::to_string(id.value()), plain.reveal(), random_));
    return static_cast<char>(kSealed) + sealed;
  }
  if (SecretKinds kinds = secrets.optional_kinds(); kinds.need_seal())
    return fail(Errc::Invalid, "secrets of " + kinds.to_string() + " need a key file (auth.secrets_key_file)");
  return static_cast<char>(kPlain) + std::string(plain.reveal());
}

Result<Secrets> Embedded::open_secrets(AccountId id, std::string_view bytes) const {
  if (bytes.empty()) return fail(Errc::Corrupt, "secrets record");
  uint8_t form = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  if (form == kPlain) return Secrets::decode(bytes);
  if (form != kSealed) return fail(Errc::Corrupt, "secrets record");
  if (!can_seal()) return fail(Errc::Corrupt, "secrets are sealed and no key file is set (auth.secrets_key_file)");
  BZ_TRY(Secret plain, crypto::open_sealed(options_.seal_key, "buzon account " + std::to_string(id.value()), bytes));
  return Secrets::decode(plain.reveal());
}

Secrets Embedded::decoy(std::string_view name) const {
  return Secrets{decoy_verifier_, sasl::fake_credentials(fake_key_, name)};
}

// Reading ---------------------------------------------------------------------------------------------------------------

std::string Embedded::login_name(std::string_view user) const {
  std::string name = normal_login(user);
  if (name.find('@') == name.npos && !options_.domains.empty()) name += "@" + options_.domains[0];
  return name;
}

Task<Result<std::optional<Name>>> Embedded::find_name(std::string address) {
  auto got = partition_->get(name_key(address));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  if (!bytes) co_return std::optional<Name>();
  BZ_CO_TRY(Name name, Name::decode(*bytes));
  co_return std::optional<Name>(std::move(name));
}

Task<Result<Embedded::Stored>> Embedded::load(AccountId id) {
  auto got = partition_->get(account_key(id));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  if (!bytes) co_return fail(Errc::NotFound, "no account with the number " + std::to_string(id.value()));
  Stored stored;
  BZ_CO_TRY(stored.account, Account::decode(*bytes));
  stored.bytes = std::move(*bytes);
  co_return std::move(stored);
}

Task<Result<Embedded::Stored>> Embedded::load_by_name(std::string name) {
  std::string address = login_name(name);
  Error none(Errc::NotFound, "no account " + address.substr(0, 254));
  if (!normal_address(address)) co_return none;
  auto finding = find_name(address);
  BZ_CO_TRY(std::optional<Name> found, co_await std::move(finding));
  if (!found || found->alias) co_return none;
  auto loading = load(found->accounts[0]);
  auto stored = co_await std::move(loading);
  co_return std::move(stored);
}

Task<Result<LoginRecord>> Embedded::login(std::string user) {
  LoginRecord record;
  record.account.name = login_name(user);
  record.secrets = decoy(record.account.name);
  auto loading = load_by_name(user);
  auto stored = co_await std::move(loading);
  if (!stored && stored.error().code() == Errc::NotFound) {
    // As many reads as for a known user: SCRAM's first answer has no Argon2id to hide the difference behind.
    std::vector<kv::Bytes> keys{account_key(AccountId()), secrets_key(AccountId())};
    for (const kv::Bytes& key : keys) {
      auto missing = partition_->get(key);
      BZ_CO_TRY_VOID(co_await missing);
    }
    co_return std::move(record);
  }
  if (!stored) co_return std::move(stored).error();
  auto got = partition_->get(secrets_key(stored->account.id));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  record.account = stored->account;
  record.source = name();
  if (!bytes) co_return std::move(record);  // an account that has never had a password: nobody opens it
  BZ_CO_TRY(Secrets secrets, open_secrets(stored->account.id, *bytes));
  // What the account lacks stays a decoy, so that the mechanism takes its usual course and fails at its end.
  record.known = true;
  record.secrets.argon2id = std::move(secrets.argon2id);
  record.secrets.credentials.take(std::move(secrets.credentials));
  co_return std::move(record);
}

Task<Result<PasswordVerdict>> Embedded::check_password(LoginRecord, Secret) {
  co_return fail(Errc::Unsupported, "the embedded directory's passwords are checked by their verifiers");
}

Task<Result<std::optional<Name>>> Embedded::find_recipient(std::string address) {
  const std::vector<std::string> candidates{address, untagged(address)};
  for (const std::string& candidate : candidates) {
    if (candidate.empty()) continue;
    auto finding = find_name(candidate);
    BZ_CO_TRY(std::optional<Name> found, co_await std::move(finding));
    if (found) co_return std::move(found);
  }
  co_return std::optional<Name>();
}

Task<Result<RecipientAnswer>> Embedded::recipients(std::string text) {
  RecipientAnswer answer;
  if (!is_our_domain(domain_part(text))) co_return std::move(answer);
  answer.kind = RecipientAnswer::Kind::NoSuchAddress;
  auto address = normal_address(text);
  if (!address || address->starts_with('@')) co_return std::move(answer);
  auto finding = find_recipient(*address);
  BZ_CO_TRY(std::optional<Name> found, co_await std::move(finding));
  if (!found) {
    auto catching = find_name("@" + std::string(domain_part(*address)));
    BZ_CO_TRY(found, co_await std::move(catching));
    answer.catch_all = true;
  }
  if (!found) co_return std::move(answer);
  bool disabled = false;
  for (AccountId id : found->accounts) {
    auto loading = load(id);
    BZ_CO_TRY(Stored stored, co_await std::move(loading));
    if (takes_part(stored.account)) answer.recipients.push_back({id, stored.account.name, *address});
    disabled = disabled || stored.account.state == State::Disabled;
  }
  if (!answer.recipients.empty()) {
    answer.kind = RecipientAnswer::Kind::Local;
  } else if (disabled) {
    answer.kind = RecipientAnswer::Kind::Disabled;
  }
  co_return std::move(answer);
}

Task<Result<bool>> Embedded::may_send_as(AccountId account, std::string text) {
  auto loading = load(account);
  auto stored = co_await std::move(loading);
  if (!stored && stored.error().code() == Errc::NotFound) co_return false;
  if (!stored) co_return std::move(stored).error();
  if (!takes_part(stored->account)) co_return false;
  const auto& listed = stored->account.send_as;
  if (std::find(listed.begin(), listed.end(), kAnybody) != listed.end()) co_return true;
  auto address = normal_address(text);
  if (!address || address->starts_with('@')) co_return false;
  if (std::find(listed.begin(), listed.end(), *address) != listed.end()) co_return true;
  if (!is_our_domain(domain_part(*address))) co_return false;
  const std::vector<std::string> candidates{*address, untagged(*address)};
  for (const std::string& candidate : candidates) {
    if (candidate.empty()) continue;
    auto finding = find_name(candidate);
    BZ_CO_TRY(std::optional<Name> found, co_await std::move(finding));
    if (!found) continue;
    co_return std::find(found->accounts.begin(), found->accounts.end(), account) != found->accounts.end();
  }
  co_return false;
}

Task<Result<Account>> Embedded::by_name(std::string name) {
  auto loading = load_by_name(std::move(name));
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  co_return std::move(stored.account);
}

Task<Result<Account>> Embedded::by_id(AccountId id) {
  auto loading = load(id);
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  co_return std::move(stored.account);
}

Task<std::vector<Finding>> Embedded::explain(std::string user, std::optional<Secret>) {
  std::vector<Finding> out;
  std::string address = login_name(user);
  auto looking = by_name(user);
  auto account = co_await std::move(looking);
  using enum Finding::Kind;
  if (account) {
    out.push_back({Good, "lookup", "account " + account->name + ", number " + std::to_string(account->id.value())});
    bool active = account->state == State::Active;
    out.push_back({active ? Good : Bad, "state", std::string(directory::name(account->state))});
    std::string kinds;
    for (const std::string& kind : account->secret_kinds) kinds += (kinds.empty() ? "" : ", ") + kind;
    out.push_back({Note, "mechanisms", kinds.empty() ? "none: there is no password" : "by the secrets " + kinds});
    out.push_back({Note, "route", account->mail_host.empty() ? "our own mail store" : "the server " + account->mail_host});
  } else if (account.error().code() == Errc::NotFound) {
    out.push_back({Note, "lookup", "no account " + address.substr(0, 254)});
  } else {
    out.push_back({Bad, "lookup", account.error().to_string()});
  }
  co_return std::move(out);
}

}  // namespace bz::directory
