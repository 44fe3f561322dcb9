// What a server's EHLO says it can do.
#include "base/text.h"
#include "smtp/client_fsm.h"
#include "smtp/lmtp_ext.h"

namespace bz::smtp {

ServerOffer read_offer(const Reply& ehlo) {
  ServerOffer offer;
  const auto lines = base::split(ehlo.text, '\n');
  for (size_t i = 1; i < lines.size(); ++i) {
    const auto words = base::split(base::trim(lines[i]), ' ');
    const auto is = [&](std::string_view keyword) { return base::iequals(words[0], keyword); };
    if (is("PIPELINING")) offer.pipelining = true;
    if (is("CHUNKING")) offer.chunking = true;
    if (is("8BITMIME")) offer.eight_bit = true;
    if (is("SMTPUTF8")) offer.smtputf8 = true;
    if (is("DSN")) offer.dsn = true;
    if (is("STARTTLS")) offer.starttls = true;
    if (is("ENHANCEDSTATUSCODES")) offer.enhanced = true;
    if (is(kLmtpExtension)) offer.buzon = true;
    if (is("SIZE")) {
      offer.has_size = true;
      if (words.size() > 1) offer.max_size = base::parse_number<uint64_t>(words[1]).value_or(0);
    }
    if (is("AUTH")) {
      for (size_t w = 1; w < words.size(); ++w) offer.auth.push_back(base::upper(words[w]));
    }
  }
  return offer;
}

}  // namespace bz::smtp
