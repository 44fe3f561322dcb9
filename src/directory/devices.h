// Where the devices of all accounts are kept: in the directory's partition, keyed by the account's number, so that accounts
// of other directories have devices too. Runs on the partition's executor; every change is one commit, guarded by the book
// it read and durable when the task ends. Changes of one account at the same time: one gets Conflict.
//
// Errors: NotFound, Exists (a name, a certificate), Invalid, Limit (kMaxDevices), Denied (a revoked certificate), Conflict,
// Corrupt, and what the store says. Texts are for the administrator.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "base/env.h"
#include "base/task.h"
#include "directory/device.h"
#include "kv/partition.h"

namespace bz::directory {

struct NewDevice {
  std::string name;
  std::string label;  // as label_for() said; Conflict: it has been taken since
  uint8_t protocols = kAllProtocols;
  int64_t expires = 0;        // Unix seconds; 0: never
  Secret password{};          // empty: none
  Secret secrets{};           // Secrets record for the mechanisms that cannot do with a hash
  std::string certificate{};  // SHA-256 of the DER, raw; empty: none
};

class Devices {
 public:
  // `partition` outlives it. Empty `seal_key`: books lie unsealed.
  Devices(kv::Partition& partition, Secret seal_key, const base::Clock& clock, base::Random& random);

  // An empty one where no device was ever added; as many reads whoever is meant.
  Task<Result<DeviceBook>> book(AccountId account);
  // The label `name` would get: what secrets that hold the login name are made with.
  static Result<std::string> label_for(const DeviceBook& book, std::string_view name);
  Task<Result<Device>> add(AccountId account, std::string account_name, NewDevice wanted);
  Task<Result<Device>> revoke(AccountId account, std::string name);
  Task<Result<void>> set_devices_only(AccountId account, std::string account_name, bool only);
  Task<Result<std::optional<CertificateRow>>> certificate(std::string sha256);  // raw
  // The account is purged: its devices go, its certificates stay revoked.
  Task<Result<void>> forget(AccountId account);
  // Whose book names this account: for accounts whose own directory does not know them any more, or does not answer.
  Task<Result<AccountId>> account_of(std::string account_name);

  // A device was let in. Known here at once; on disk at most every kWriteUseEvery, without a sync.
  static constexpr base::Millis kWriteUseEvery{15 * 60'000};
  Task<void> used(AccountId account, uint64_t device, DeviceUse use);
  // Of a device that was let in: what it calls itself, when it says so only then.
  Task<void> named(AccountId account, uint64_t device, std::string client);
  Task<Result<std::map<uint64_t, DeviceUse>>> uses(AccountId account);

 private:
  struct Stored {
    DeviceBook book;
    std::optional<kv::Bytes> bytes;  // as read, for the guard
  };
  struct Seen {
    DeviceUse use;
    std::optional<base::MonoTime> written;
  };
  Task<Result<Stored>> load(AccountId account);
  Task<Result<void>> save(AccountId account, Stored stored, kv::Batch batch, std::vector<kv::Guard> guards);
  Task<void> write_use(AccountId account, uint64_t device, DeviceUse use);
  Result<std::string> seal(AccountId account, const DeviceBook& book);
  Result<DeviceBook> open(AccountId account, std::string_view bytes) const;

  kv::Partition& partition_;
  Secret seal_key_;
  const base::Clock& clock_;
  base::Random& random_;
  std::map<std::pair<AccountId, uint64_t>, Seen> seen_;
};

}  // namespace bz::directory
