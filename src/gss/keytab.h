// The bytes of a keytab file: keys of service principals, as ktutil, kadmin and Active Directory's tools write them
// (format 0x0502 of the MIT documentation, "The Kerberos V5 keytab file format"). libkrb5 reads keytabs by path only, and
// a role opens no file of the administrator's: so we take the bytes apart and hand the keys to a keytab in memory.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace bz::gss {

struct KeytabEntry {
  std::string realm;
  std::vector<std::string> components;  // "imap", "mail.example.org"
  uint32_t name_type = 0, timestamp = 0, version = 0;
  uint16_t encryption = 0;
  Secret key{};
  bool is_of(std::string_view service) const { return components.size() == 2 && components[0] == service; }
};

inline constexpr size_t kMaxKeytab = 48 << 10, kMaxKeytabEntries = 500;

// Invalid: no keytab of this format, or cut off. Limit: more entries than we take. Holes of removed keys are passed over.
Result<std::vector<KeytabEntry>> parse_keytab(std::string_view bytes);

}  // namespace bz::gss
