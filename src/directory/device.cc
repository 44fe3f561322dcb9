#include "directory/device.h"

#include <algorithm>
#include <array>

#include "base/coding.h"
#include "base/text.h"
#include "crypto/digest.h"

namespace bz::directory {

namespace {

constexpr uint8_t kVersion = 1, kDevicesOnly = 1, kRevoked = 1;
constexpr size_t kSaltSize = 16, kHashSize = 32;
constexpr std::string_view kLetters = "abcdefghjkmnpqrstuvwxyz";  // no i, l, o
constexpr size_t kPasswordLetters = 20, kGroup = 4;
// A prime number of letters and a weight for each place: any one wrong letter and any two exchanged ones are noticed.
static_assert(kLetters.size() == 23 && kPasswordLetters < kLetters.size());

struct ProtocolName {
  DeviceProtocol protocol;
  std::string_view name;
};
constexpr std::array<ProtocolName, 3> kProtocols{
    {{DeviceProtocol::Imap, "imap"}, {DeviceProtocol::Pop3, "pop3"}, {DeviceProtocol::Submission, "submission"}}};

size_t check_letter(std::string_view letters) {
  size_t sum = 0;
  for (size_t i = 0; i + 1 < kPasswordLetters; ++i) sum += (i + 1) * kLetters.find(letters[i]);
  return sum % kLetters.size();
}

std::string grouped(std::string_view letters) {
  std::string out;
  for (size_t i = 0; i < letters.size(); ++i) {
    if (i > 0 && i % kGroup == 0) out += '-';
    out += letters[i];
  }
  return out;
}

std::string hash_of(std::string_view salt, std::string_view password) {
  return crypto::hmac(crypto::Hash::Sha256, salt, password);
}

void put_device(std::string& out, const Device& d) {
  std::string one;
  one.reserve(4096);
  base::put_varint(one, d.number);
  base::put_bytes(one, d.name);
  base::put_bytes(one, d.label);
  base::put_u8(one, d.protocols);
  base::put_be64(one, static_cast<uint64_t>(d.created));
  base::put_be64(one, static_cast<uint64_t>(d.expires));
  base::put_bytes(one, d.salt);
  base::put_bytes(one, d.hash);
  base::put_bytes(one, d.secrets.reveal());
  base::put_bytes(one, d.certificate);
  base::put_bytes(out, one);
  base::wipe(one.data(), one.size());
}

bool get_device(std::string_view bytes, Device& d) {
  base::Reader in(bytes);  // what stands behind the known fields is of a later version
  d.number = in.varint();
  d.name = in.bytes();
  d.label = in.bytes();
  d.protocols = in.u8();
  d.created = static_cast<int64_t>(in.be64());
  d.expires = static_cast<int64_t>(in.be64());
  d.salt = in.bytes();
  d.hash = in.bytes();
  d.secrets = Secret(std::string(in.bytes()));
  d.certificate = in.bytes();
  const bool password = d.salt.size() == kSaltSize && d.hash.size() == kHashSize;
  const bool none = d.salt.empty() && d.hash.empty();
  return in.ok() && d.number != 0 && !d.name.empty() && d.name.size() <= kMaxDeviceName && !d.label.empty() &&
         d.label.size() <= kMaxDeviceLabel && (password || none) &&
         (d.certificate.empty() || d.certificate.size() == kHashSize) && (d.protocols & ~kAllProtocols) == 0;
}

}  // namespace

Result<uint8_t> parse_protocols(std::string_view text) {
  uint8_t out = 0;
  for (std::string_view word : base::split(text, ',')) {
    word = base::trim(word);
    auto found = std::find_if(kProtocols.begin(), kProtocols.end(),
                              [&](const ProtocolName& p) { return base::iequals(p.name, word); });
    if (found == kProtocols.end())
      return fail(Errc::Invalid,
                  "protocols are imap, pop3 and submission, not \"" + std::string(word.substr(0, 64)) + "\"");
    out |= static_cast<uint8_t>(found->protocol);
  }
  return out;
}

std::string protocols_text(uint8_t protocols) {
  std::string out;
  for (const ProtocolName& p : kProtocols)
    if ((protocols & static_cast<uint8_t>(p.protocol)) != 0) out += (out.empty() ? "" : ", ") + std::string(p.name);
  return out;
}

// The password ---------------------------------------------------------------------------------------------------------

Secret make_device_password(base::Random& random) {
  std::string letters;
  letters.reserve(kPasswordLetters);
  // Rejection: a remainder of 256 would favour some letters.
  constexpr size_t kFair = 256 / kLetters.size() * kLetters.size();
  while (letters.size() + 1 < kPasswordLetters) {
    const auto byte = static_cast<uint8_t>(random.bytes(1)[0]);
    if (byte < kFair) letters += kLetters[byte % kLetters.size()];
  }
  letters += kLetters[check_letter(letters)];
  Secret out(grouped(letters));
  base::wipe(letters.data(), letters.size());
  return out;
}

std::optional<Secret> device_password(std::string_view typed) {
  std::string letters;
  letters.reserve(kPasswordLetters + 1);
  for (char c : typed) {
    if (c == ' ' || c == '-') continue;
    c = base::to_lower(c);
    if (kLetters.find(c) == kLetters.npos || letters.size() == kPasswordLetters) return std::nullopt;
    letters += c;
  }
  if (letters.size() != kPasswordLetters || kLetters[check_letter(letters)] != letters.back()) return std::nullopt;
  Secret out(grouped(letters));
  base::wipe(letters.data(), letters.size());
  return out;
}

bool is_printed_device_password(std::string_view typed) {
  auto printed = device_password(typed);
  return printed && base::iequals(printed->reveal(), typed);
}

// Names ----------------------------------------------------------------------------------------------------------------

std::string device_label(std::string_view name) {
  std::string out;
  for (char c : name) {
    const bool plain = base::is_alpha(c) || base::is_digit(c);
    if (plain) out += base::to_lower(c);
    if (!plain && !out.empty() && out.back() != '-') out += '-';
  }
  if (out.size() > kMaxDeviceLabel) out.resize(kMaxDeviceLabel);
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "device" : out;
}

ChosenDevice chosen_device(std::string_view login) {
  const size_t at = login.rfind('@');
  const size_t slash = at == login.npos ? login.npos : login.find('/', at);
  if (slash == login.npos) return {std::string(login), {}};
  return {std::string(login.substr(0, slash)), base::lower(login.substr(slash + 1))};
}

// The book -------------------------------------------------------------------------------------------------------------

const Device* DeviceBook::by_label(std::string_view label) const {
  auto it = std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return d.label == label; });
  return it == devices.end() ? nullptr : &*it;
}

const Device* DeviceBook::by_number(uint64_t number) const {
  auto it = std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return d.number == number; });
  return it == devices.end() ? nullptr : &*it;
}

const Device* DeviceBook::by_name(std::string_view text) const {
  auto it = std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return base::iequals(d.name, text); });
  return it == devices.end() ? by_label(base::lower(text)) : &*it;
}

const Device* DeviceBook::open(const Secret& typed, std::string_view label) const {
  static const std::string kNobodysSalt(kSaltSize, '\0'), kNobodysHash(kHashSize, '\0');
  const auto normal = device_password(typed.reveal());
  const std::string_view password = normal ? normal->reveal() : std::string_view("-");
  const Device* found = nullptr;
  for (size_t i = 0; i < kMaxDevices; ++i) {
    const Device* d = i < devices.size() && !devices[i].hash.empty() ? &devices[i] : nullptr;
    const std::string made = hash_of(d ? d->salt : kNobodysSalt, password);
    const bool equal = base::equal_constant_time(made, d ? d->hash : kNobodysHash);
    if (equal && d && normal && (label.empty() || d->label == label)) found = d;
  }
  return found;
}

Secret DeviceBook::encode() const {
  std::string out;
  out.reserve(32768);  // no growing: a freed block would keep its bytes
  base::put_u8(out, kVersion);
  base::put_bytes(out, account);
  base::put_u8(out, devices_only ? kDevicesOnly : 0);
  base::put_varint(out, next_number);
  base::put_varint(out, devices.size());
  for (const Device& device : devices) put_device(out, device);
  return Secret(std::move(out));
}

Result<DeviceBook> DeviceBook::decode(std::string_view bytes) {
  base::Reader in(bytes);
  DeviceBook book;
  bool good = in.u8() == kVersion;
  book.account = in.bytes();
  book.devices_only = (in.u8() & kDevicesOnly) != 0;
  book.next_number = in.varint();
  const uint64_t count = in.varint();
  good = good && in.ok() && count <= kMaxDevices && book.next_number != 0;
  for (uint64_t i = 0; good && i < count; ++i) {
    good = get_device(in.bytes(), book.devices.emplace_back()) && book.devices.back().number < book.next_number;
    for (uint64_t j = 0; good && j < i; ++j)
      good = book.devices[j].number != book.devices[i].number && book.devices[j].label != book.devices[i].label;
  }
  if (!good || !in.ok()) return fail(Errc::Corrupt, "device record");
  return book;
}

// Rows beside it -------------------------------------------------------------------------------------------------------

std::string CertificateRow::encode() const {
  std::string out;
  base::put_u8(out, kVersion);
  base::put_varint(out, account.value());
  base::put_varint(out, device);
  base::put_u8(out, revoked ? kRevoked : 0);
  return out;
}

Result<CertificateRow> CertificateRow::decode(std::string_view bytes) {
  base::Reader in(bytes);
  CertificateRow row;
  const bool known = in.u8() == kVersion;
  row.account = AccountId(in.varint());
  row.device = in.varint();
  row.revoked = (in.u8() & kRevoked) != 0;
  if (!known || !in.ok() || !row.account.is_set() || row.device == 0) return fail(Errc::Corrupt, "certificate record");
  return row;
}

std::string DeviceUse::encode() const {
  std::string out;
  base::put_u8(out, kVersion);
  base::put_be64(out, static_cast<uint64_t>(at));
  base::put_bytes(out, address);
  base::put_bytes(out, client);
  return out;
}

Result<DeviceUse> DeviceUse::decode(std::string_view bytes) {
  base::Reader in(bytes);
  DeviceUse use;
  const bool known = in.u8() == kVersion;
  use.at = static_cast<int64_t>(in.be64());
  use.address = in.bytes();
  use.client = in.bytes();
  if (!known || !in.ok() || use.address.size() > kMaxDeviceText || use.client.size() > kMaxDeviceText)
    return fail(Errc::Corrupt, "device use record");
  return use;
}

}  // namespace bz::directory
