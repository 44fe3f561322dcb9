#include "gss/keytab.h"

namespace bz::gss {

namespace {

constexpr size_t kMaxComponents = 8, kMaxKey = 64;

// Big-endian numbers and counted texts; what goes over the end makes it bad for good.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  size_t left() const { return rest_.size(); }
  uint32_t number(size_t size) {
    uint32_t value = 0;
    for (char c : take(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view take(size_t size) {
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  std::string counted() { return std::string(take(number(2))); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

Result<KeytabEntry> parse_entry(std::string_view bytes) {
  Reader in(bytes);
  KeytabEntry entry;
  const uint32_t components = in.number(2);
  if (components == 0 || components > kMaxComponents) return fail(Errc::Invalid, "keytab: components of a principal");
  entry.realm = in.counted();
  for (uint32_t i = 0; i < components; ++i) entry.components.push_back(in.counted());
  entry.name_type = in.number(4);
  entry.timestamp = in.number(4);
  entry.version = in.number(1);
  entry.encryption = static_cast<uint16_t>(in.number(2));
  entry.key = Secret(in.counted());
  // The version in full follows where it is more than a byte holds; zero: the byte stays.
  if (in.good() && in.left() >= 4) {
    if (uint32_t version = in.number(4); version != 0) entry.version = version;
  }
  if (!in.good()) return fail(Errc::Invalid, "keytab: an entry is cut off");
  if (entry.key.empty() || entry.key.reveal().size() > kMaxKey) return fail(Errc::Invalid, "keytab: length of a key");
  if (entry.realm.empty()) return fail(Errc::Invalid, "keytab: a principal without realm");
  return entry;
}

}  // namespace

Result<std::vector<KeytabEntry>> parse_keytab(std::string_view bytes) {
  if (bytes.size() > kMaxKeytab) return fail(Errc::TooLarge, "keytab: over 48 KiB");
  if (!bytes.starts_with("\x05\x02")) return fail(Errc::Invalid, "not a keytab (version 0x0502)");
  Reader in(bytes.substr(2));
  std::vector<KeytabEntry> entries;
  while (in.left() > 0) {
    const auto size = static_cast<int32_t>(in.number(4));
    if (size == 0) break;  // the rest is unused
    const bool hole = size < 0;
    const auto length = static_cast<size_t>(hole ? -static_cast<int64_t>(size) : size);
    std::string_view content = in.take(length);
    if (!in.good()) return fail(Errc::Invalid, "keytab: cut off");
    if (hole) continue;
    if (entries.size() == kMaxKeytabEntries) return fail(Errc::Limit, "keytab: more than 500 keys");
    BZ_TRY(KeytabEntry entry, parse_entry(content));
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return fail(Errc::Invalid, "keytab: no keys in it");
  return entries;
}

}  // namespace bz::gss
