#include "login/admission.h"

#include <arpa/inet.h>

#include <cstring>

#include "base/text.h"

namespace bz::login {
namespace {

using Bytes = std::array<unsigned char, 16>;

std::optional<Bytes> parse_address(std::string_view text, bool& v4) {
  std::string copy(text);
  Bytes bytes{};
  v4 = inet_pton(AF_INET, copy.c_str(), bytes.data() + 12) == 1;
  if (v4) {
    bytes[10] = bytes[11] = 0xff;
    return bytes;
  }
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool same_prefix(const Bytes& a, const Bytes& b, int bits) {
  int whole = bits / 8, rest = bits % 8;
  if (std::memcmp(a.data(), b.data(), static_cast<size_t>(whole)) != 0) return false;
  return rest == 0 || ((a[static_cast<size_t>(whole)] ^ b[static_cast<size_t>(whole)]) >> (8 - rest)) == 0;
}

std::string key_of(std::string_view address) {
  bool v4 = false;
  auto bytes = parse_address(address, v4);
  if (!bytes) return std::string(address);
  return std::string(reinterpret_cast<const char*>(bytes->data()), v4 ? 16 : 8);
}

}  // namespace

Result<Networks> Networks::parse(const std::vector<std::string>& texts) {
  Networks out;
  for (const std::string& text : texts) {
    size_t slash = text.find('/');
    bool v4 = false;
    auto base = parse_address(std::string_view(text).substr(0, slash), v4);
    int width = v4 ? 32 : 128, bits = width;
    if (slash != std::string::npos) {
      auto number = base::parse_number<int>(std::string_view(text).substr(slash + 1));
      bits = number && *number <= width ? *number : -1;
    }
    if (!base || bits < 0) return fail(Errc::Invalid, "\"" + text + "\" is no network");
    out.list_.push_back({*base, bits + 128 - width});
  }
  return out;
}

bool Networks::contains(std::string_view address) const {
  bool v4 = false;
  auto bytes = parse_address(address, v4);
  if (!bytes) return false;
  for (const Network& network : list_) {
    if (same_prefix(*bytes, network.base, network.bits)) return true;
  }
  return false;
}

Result<std::unique_ptr<Admission::Place>> Admission::enter(std::string_view address, std::function<void()> shed) {
  std::string key;
  if (!limits_.trusted.contains(address)) {
    key = key_of(address);
    size_t& count = by_address_[key];
    if (count >= limits_.per_address) return fail(Errc::Limit, "too many connections of this address before login");
    ++count;
  }
  if (guests_.size() >= limits_.total) {
    // Called once; the place itself is given back when the connection has ended.
    for (Guest& guest : guests_) {
      if (!guest.shed) continue;
      auto go = std::exchange(guest.shed, nullptr);
      ++shed_count_;
      go();
      break;
    }
  }
  guests_.push_back({std::move(key), std::move(shed)});
  return std::unique_ptr<Place>(new Place(*this, std::prev(guests_.end())));
}

void Admission::leave(std::list<Guest>::iterator where) {
  if (!where->key.empty()) {
    auto it = by_address_.find(where->key);
    if (--it->second == 0) by_address_.erase(it);
  }
  guests_.erase(where);
}

}  // namespace bz::login
