// GETQUOTA and SETQUOTA: RFC 9208 section 7. A quota root is any string; what it names is the server's business.
#include "imap/parse.h"

namespace bz::imap::detail {

// getquota = "GETQUOTA" SP quota-root-name
Read read_getquota(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto root = p.lex.astring();
  if (!root) return std::nullopt;
  return GetQuota{std::move(*root)};
}

// setquota = "SETQUOTA" SP quota-root-name SP "(" [resource-name SP number64 *(SP resource-name SP number64)] ")"
Read read_setquota(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto root = p.lex.astring();
  if (!root || !p.sp() || !p.lex.take('(')) return std::nullopt;
  if (p.lex.take(')')) return SetQuota{std::move(*root)};
  size_t resources = 0;
  do {
    if (p.lex.atom().empty() || !p.sp() || !p.lex.number64()) return std::nullopt;
    if (++resources > kMaxResources) return p.fail("Too many resources");
  } while (p.sp());
  if (!p.lex.take(')')) return std::nullopt;
  return SetQuota{std::move(*root)};
}

}  // namespace bz::imap::detail
