// Credentials of single devices: a password of its own, or a client certificate, each with a name, a scope and an end. The
// account may be of any directory; the devices are ours (decision 0014).
//
// A device password is drawn here and never chosen: 19 letters of 23 are 85 bits, so a salted SHA-256 keeps it as well as
// Argon2id would, and a login tries all devices of an account in microseconds. The 20th letter is a check letter.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"
#include "directory/entry.h"

namespace bz::directory {

inline constexpr size_t kMaxDevices = 20;  // of one account: bounds what a login has to try
inline constexpr size_t kMaxDeviceName = 64, kMaxDeviceLabel = 40, kMaxDeviceText = 200;  // bytes

enum class DeviceProtocol : uint8_t { Imap = 1, Pop3 = 2, Submission = 4 };
inline constexpr uint8_t kAllProtocols = 7;
Result<uint8_t> parse_protocols(std::string_view text);  // "imap,submission"; Invalid, with the list of what there is
std::string protocols_text(uint8_t protocols);           // "imap, submission"

struct Device {
  uint64_t number = 0;  // never used twice in one account
  std::string name;     // as the administrator calls it: "iPhone de Ana"
  std::string label;    // as logins, tickets and logs call it: "iphone-de-ana"; unique in the account
  uint8_t protocols = kAllProtocols;
  int64_t created = 0, expires = 0;  // Unix seconds; expires 0: never
  std::string salt{}, hash{};        // of the password; both empty: there is none
  Secret secrets{};                  // Secrets record of the mechanisms that need more; empty: none
  std::string certificate{};         // SHA-256 of the DER, raw; empty: none

  bool allows(DeviceProtocol protocol) const { return (protocols & static_cast<uint8_t>(protocol)) != 0; }
  bool expired(int64_t now) const { return expires != 0 && now >= expires; }
};

// All devices of one account: one record, read by every login.
struct DeviceBook {
  std::string account;        // its name when the record was last written
  bool devices_only = false;  // the account's own password opens no mail protocol
  uint64_t next_number = 1;
  std::vector<Device> devices{};

  const Device* by_label(std::string_view label) const;
  const Device* by_number(uint64_t number) const;
  const Device* by_name(std::string_view name_or_label) const;  // ASCII case does not count
  // The device whose password this is. Tries as many hashes as an account may have devices, whoever has how many; label not
  // empty: only that one may be found.
  const Device* open(const Secret& password, std::string_view label) const;

  Secret encode() const;
  static Result<DeviceBook> decode(std::string_view bytes);
};

// A certificate's row: whose device it stands for. Revoked rows stay, so that the certificate is not believed by the names
// in it either.
struct CertificateRow {
  AccountId account;
  uint64_t device = 0;
  bool revoked = false;
  bool operator==(const CertificateRow&) const = default;
  std::string encode() const;
  static Result<CertificateRow> decode(std::string_view bytes);
};

// When and from where a device was last let in. Written lazily: a login waits for no disk.
struct DeviceUse {
  int64_t at = 0;       // Unix seconds
  std::string address;  // the client's
  std::string client;   // what it calls itself (IMAP ID); printable
  bool operator==(const DeviceUse&) const = default;
  std::string encode() const;
  static Result<DeviceUse> decode(std::string_view bytes);
};

// "abcd-efgh-jkmn-pqrs-tuvw": letters that are not taken for another, without those that look like a digit.
Secret make_device_password(base::Random& random);
// What was typed, as it was printed: blanks and dashes anywhere, capitals. nullopt: no device password, or mistyped.
std::optional<Secret> device_password(std::string_view typed);
// Printed form letter by letter, with its dashes and a right check letter: what no directory need be asked about.
bool is_printed_device_password(std::string_view typed);

// "iphone-de-ana" of "iPhone de Ana"; "device" where no ASCII letter or digit is left.
std::string device_label(std::string_view name);

// A login name may choose a device: "ana@example.test/iphone-de-ana". SCRAM and the other challenges need it, for a server
// shows a salt before it has seen a proof; PLAIN and LOGIN may leave it out. Only names with "@" choose, and only behind
// the domain, where no address has a "/".
struct ChosenDevice {
  std::string user;   // without the choice
  std::string label;  // lower case; empty: none chosen
};
ChosenDevice chosen_device(std::string_view login);

}  // namespace bz::directory
