#include "directory/devices.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/seal.h"
#include "directory/keys.h"

namespace bz::directory {

namespace {

constexpr uint8_t kPlain = 0, kSealed = 1;
constexpr size_t kMaxSeen = 100'000, kSaltSize = 16;

std::string seal_context(AccountId account) { return "buzon devices " + std::to_string(account.value()); }

Result<void> check_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxDeviceName || !base::is_utf8(name))
    return fail(Errc::Invalid, "a device's name is 1 to 64 bytes of UTF-8");
  for (char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return fail(Errc::Invalid, "a device's name holds no control characters");
  return {};
}

Error no_device(std::string_view name) { return Error(Errc::NotFound, "no device " + std::string(name.substr(0, 254))); }

}  // namespace

Devices::Devices(kv::Partition& partition, Secret seal_key, const base::Clock& clock, base::Random& random)
    : partition_(partition), seal_key_(std::move(seal_key)), clock_(clock), random_(random) {}

// Records --------------------------------------------------------------------------------------------------------------

Result<std::string> Devices::seal(AccountId account, const DeviceBook& book) {
  const Secret plain = book.encode();
  if (seal_key_.empty()) return static_cast<char>(kPlain) + std::string(plain.reveal());
  BZ_TRY(std::string sealed, crypto::seal(seal_key_, seal_context(account), plain.reveal(), random_));
  return static_cast<char>(kSealed) + sealed;
}

Result<DeviceBook> Devices::open(AccountId account, std::string_view bytes) const {
  if (bytes.empty()) return fail(Errc::Corrupt, "device record");
  const auto form = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  if (form == kPlain) return DeviceBook::decode(bytes);
  if (form != kSealed) return fail(Errc::Corrupt, "device record");
  if (seal_key_.empty()) return fail(Errc::Corrupt, "devices are sealed and no key file is set (auth.secrets_key_file)");
  BZ_TRY(Secret plain, crypto::open_sealed(seal_key_, seal_context(account), bytes));
  return DeviceBook::decode(plain.reveal());
}

Task<Result<Devices::Stored>> Devices::load(AccountId account) {
  auto got = partition_.get(devices_key(account));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  Stored stored;
  if (bytes) {
    BZ_CO_TRY(stored.book, open(account, *bytes));
  }
  stored.bytes = std::move(bytes);
  co_return std::move(stored);
}

Task<Result<void>> Devices::save(AccountId account, Stored stored, kv::Batch batch, std::vector<kv::Guard> guards) {
  BZ_CO_TRY(std::string sealed, seal(account, stored.book));
  batch.put(devices_key(account), sealed);
  guards.push_back({devices_key(account), std::move(stored.bytes)});
  auto done = partition_.commit(std::move(batch), std::move(guards));
  BZ_CO_TRY_VOID(co_await done);
  co_return Result<void>();
}

Task<Result<DeviceBook>> Devices::book(AccountId account) {
  auto loading = load(account);
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  co_return std::move(stored.book);
}

// Changes --------------------------------------------------------------------------------------------------------------

Result<std::string> Devices::label_for(const DeviceBook& book, std::string_view name) {
  BZ_TRY_VOID(check_name(name));
  for (const Device& device : book.devices)
    if (base::iequals(device.name, name)) return fail(Errc::Exists, "there is a device \"" + device.name + "\" already");
  if (book.devices.size() >= kMaxDevices)
    return fail(Errc::Limit, "an account has at most " + std::to_string(kMaxDevices) + " devices: revoke one first");
  const std::string label = device_label(name);
  std::string out = label;
  for (size_t i = 2; book.by_label(out) != nullptr; ++i) {
    const std::string tail = "-" + std::to_string(i);
    out = label.substr(0, kMaxDeviceLabel - tail.size()) + tail;
  }
  return out;
}

Task<Result<Device>> Devices::add(AccountId account, std::string account_name, NewDevice wanted) {
  auto loading = load(account);
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  Device device;
  BZ_CO_TRY(device.label, label_for(stored.book, wanted.name));
  if (!wanted.label.empty() && wanted.label != device.label)
    co_return fail(Errc::Conflict, "another device was added meanwhile: try again");
  device.number = stored.book.next_number++;
  device.name = std::move(wanted.name);
  device.protocols = wanted.protocols;
  device.created = clock_.unix_seconds();
  device.expires = wanted.expires;
  if (!wanted.password.empty()) {
    device.salt = random_.bytes(kSaltSize);
    device.hash = crypto::hmac(crypto::Hash::Sha256, device.salt, wanted.password.reveal());
    device.secrets = std::move(wanted.secrets);
  }
  kv::Batch batch;
  std::vector<kv::Guard> guards;
  if (!wanted.certificate.empty()) {
    auto looking = certificate(wanted.certificate);
    BZ_CO_TRY(std::optional<CertificateRow> taken, co_await std::move(looking));
    if (taken && taken->revoked)
      co_return fail(Errc::Denied, "this certificate was revoked and stays so: give the device another one");
    if (taken) co_return fail(Errc::Exists, "this certificate is another device's");
    device.certificate = std::move(wanted.certificate);
    const std::string key = certificate_key(device.certificate);
    batch.put(key, CertificateRow{account, device.number, false}.encode());
    guards.push_back({key, std::nullopt});
  }
  stored.book.account = std::move(account_name);
  stored.book.devices.push_back(device);
  auto saving = save(account, std::move(stored), std::move(batch), std::move(guards));
  BZ_CO_TRY_VOID(co_await std::move(saving));
  co_return std::move(device);
}

Task<Result<Device>> Devices::revoke(AccountId account, std::string name) {
  auto loading = load(account);
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  const Device* found = stored.book.by_name(name);
  if (found == nullptr) co_return no_device(name);
  Device device = *found;
  std::erase_if(stored.book.devices, [&](const Device& d) { return d.number == device.number; });
  kv::Batch batch;
  batch.del(device_use_key(account, device.number));
  if (!device.certificate.empty())
    batch.put(certificate_key(device.certificate), CertificateRow{account, device.number, true}.encode());
  auto saving = save(account, std::move(stored), std::move(batch), {});
  BZ_CO_TRY_VOID(co_await std::move(saving));
  seen_.erase({account, device.number});
  co_return std::move(device);
}

Task<Result<void>> Devices::set_devices_only(AccountId account, std::string account_name, bool only) {
  auto loading = load(account);
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  stored.book.devices_only = only;
  stored.book.account = std::move(account_name);
  auto saving = save(account, std::move(stored), kv::Batch(), {});
  auto done = co_await std::move(saving);
  co_return std::move(done);
}

Task<Result<void>> Devices::forget(AccountId account) {
  auto loading = load(account);
  BZ_CO_TRY(Stored stored, co_await std::move(loading));
  if (!stored.bytes) co_return Result<void>();
  kv::Batch batch;
  for (const Device& device : stored.book.devices) {
    batch.del(device_use_key(account, device.number));
    if (!device.certificate.empty())
      batch.put(certificate_key(device.certificate), CertificateRow{account, device.number, true}.encode());
    seen_.erase({account, device.number});
  }
  batch.del(devices_key(account));
  auto done = partition_.commit(std::move(batch), {{devices_key(account), std::move(stored.bytes)}});
  BZ_CO_TRY_VOID(co_await done);
  co_return Result<void>();
}

// Questions ------------------------------------------------------------------------------------------------------------

Task<Result<std::optional<CertificateRow>>> Devices::certificate(std::string sha256) {
  auto got = partition_.get(certificate_key(sha256));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  if (!bytes) co_return std::optional<CertificateRow>();
  BZ_CO_TRY(CertificateRow row, CertificateRow::decode(*bytes));
  co_return std::optional<CertificateRow>(row);
}

Task<Result<AccountId>> Devices::account_of(std::string account_name) {
  std::string begin = "D/";
  const std::string end = after("D/");
  for (;;) {
    auto scanning = partition_.scan(begin, end);
    BZ_CO_TRY(kv::Page page, co_await scanning);
    for (const kv::KeyValue& item : page.items) {
      if (item.key.size() != 2 + 8) co_return fail(Errc::Corrupt, "device record");
      const AccountId account(base::get_be64(item.key.data() + 2));
      BZ_CO_TRY(DeviceBook book, open(account, item.value));
      if (book.account == account_name) co_return account;
    }
    if (!page.more) break;
    begin = page.next;
  }
  co_return fail(Errc::NotFound, "no account " + account_name.substr(0, 254));
}

// Last use -------------------------------------------------------------------------------------------------------------

Task<void> Devices::used(AccountId account, uint64_t device, DeviceUse use) {
  use.address.resize(std::min(use.address.size(), kMaxDeviceText));
  use.client.resize(std::min(use.client.size(), kMaxDeviceText));
  if (seen_.size() >= kMaxSeen) seen_.clear();  // costs the next logins a write each
  Seen& seen = seen_[{account, device}];
  if (use.client.empty()) use.client = seen.use.client;
  seen.use = use;
  const base::MonoTime now = clock_.mono();
  if (seen.written && now - *seen.written < kWriteUseEvery) co_return;
  seen.written = now;
  auto writing = write_use(account, device, std::move(use));
  co_await std::move(writing);
}

Task<void> Devices::named(AccountId account, uint64_t device, std::string client) {
  auto it = seen_.find({account, device});
  if (it == seen_.end() || client.empty() || client == it->second.use.client) co_return;
  const bool first = it->second.use.client.empty();
  it->second.use.client = client.substr(0, kMaxDeviceText);
  const base::MonoTime now = clock_.mono();
  if (!first && it->second.written && now - *it->second.written < kWriteUseEvery) co_return;
  it->second.written = now;
  auto writing = write_use(account, device, it->second.use);
  co_await std::move(writing);
}

Task<void> Devices::write_use(AccountId account, uint64_t device, DeviceUse use) {
  kv::Batch batch;
  batch.put(device_use_key(account, device), use.encode());
  auto done = partition_.commit(std::move(batch), {}, kv::Durability::Lazy);
  auto written = co_await done;
  if (!written) log::event(log::Warn, "device_use_not_written").field("id", account.value()).error(written.error());
}

Task<Result<std::map<uint64_t, DeviceUse>>> Devices::uses(AccountId account) {
  std::map<uint64_t, DeviceUse> out;
  const std::string prefix = device_uses_prefix(account);
  std::string begin = prefix;
  for (;;) {
    auto scanning = partition_.scan(begin, after(prefix));
    BZ_CO_TRY(kv::Page page, co_await scanning);
    for (const kv::KeyValue& item : page.items) {
      if (item.key.size() != prefix.size() + 8) co_return fail(Errc::Corrupt, "device use record");
      BZ_CO_TRY(DeviceUse use, DeviceUse::decode(item.value));
      out[base::get_be64(item.key.data() + prefix.size())] = std::move(use);
    }
    if (!page.more) break;
    begin = page.next;
  }
  for (const auto& [key, seen] : seen_)
    if (key.first == account) out[key.second] = seen.use;
  co_return std::move(out);
}

}  // namespace bz::directory
