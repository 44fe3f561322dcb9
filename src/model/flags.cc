#include "model/flags.h"

#include "base/text.h"

namespace bz {
std::optional<FlagBits> system_flag(std::string_view name) {
  for (const SystemFlag& f : kSystemFlags)
    if (base::iequals(f.name, name)) return f.bit;
  return std::nullopt;
}
}  // namespace bz
