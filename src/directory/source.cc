#include "directory/source.h"

#include "base/coding.h"

namespace bz::directory {

namespace {
constexpr uint8_t kVersion = 1;
}

std::string untagged(std::string_view address) {
  std::string_view local = local_part(address);
  size_t plus = local.find('+');
  if (plus == local.npos || plus == 0) return {};
  return std::string(local.substr(0, plus)) + std::string(address.substr(local.size()));
}

std::string Binding::encode() const {
  std::string out;
  base::put_u8(out, kVersion);
  base::put_varint(out, account.value());
  base::put_bytes(out, source);
  base::put_bytes(out, directory_id);
  base::put_bytes(out, name);
  base::put_be64(out, static_cast<uint64_t>(created));
  return out;
}

Result<Binding> Binding::decode(std::string_view bytes) {
  base::Reader in(bytes);
  Binding b;
  bool known = in.u8() == kVersion;
  b.account = AccountId(in.varint());
  b.source = in.bytes();
  b.directory_id = in.bytes();
  b.name = in.bytes();
  b.created = static_cast<int64_t>(in.be64());
  if (!known || !in.ok() || !b.account.is_set() || b.source.empty() || b.directory_id.empty())
    return fail(Errc::Corrupt, "binding record");
  return b;
}

}  // namespace bz::directory
