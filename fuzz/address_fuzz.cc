// rooms: mime
// Address lists: groups are opened and closed in turn, the list is bounded; what parse_addr_spec() takes comes back through
// format_addr_spec().
#include <cstdlib>

#include "mime/address.h"

using namespace bz::mime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  bool open = false;
  auto list = parse_address_list(text, 100);
  if (list.size() > 101) std::abort();
  for (const Address& address : list) {
    if (address.kind == Address::Kind::GroupStart) {
      if (open) std::abort();
      open = true;
    } else if (address.kind == Address::Kind::GroupEnd) {
      if (!open) std::abort();
      open = false;
    }
  }
  if (open) std::abort();
  if (auto spec = parse_addr_spec(text)) {
    auto again = parse_addr_spec(format_addr_spec(spec->local, spec->domain));
    if (!again || again->local != spec->local || again->domain != spec->domain) std::abort();
  }
  return 0;
}
