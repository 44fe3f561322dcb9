// SETACL: RFC 4314 section 7. Which letters are rights is the store's business.
#include "imap/parse.h"

namespace bz::imap::detail {

// setacl = "SETACL" SP mailbox SP identifier SP mod-rights
Read read_setacl(Parse& p) {
  if (!p.sp()) return std::nullopt;
  auto mailbox = p.mailbox();
  if (!mailbox || !p.sp()) return std::nullopt;
  auto identifier = p.lex.astring();
  if (!identifier || !p.sp()) return std::nullopt;
  auto rights = p.lex.astring();
  if (!rights) return std::nullopt;
  return SetAcl{std::move(*mailbox), std::move(*identifier), std::move(*rights)};
}

}  // namespace bz::imap::detail
