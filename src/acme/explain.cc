#include "acme/explain.h"

namespace bz::acme {
namespace {

struct Advice {
  std::string_view type;       // RFC 8555 section 6.7
  std::string_view challenge;  // empty: any
  std::string_view text;       // %: the name
};
constexpr Advice kAdvice[] = {
    {"caa", "", "a CAA record of % or of a domain above it allows other authorities only; add this one to it"},
    {"connection", "http-01",
     "the authority cannot reach http://%/ : is port 80 open in every firewall and router before this server, and do the A "
     "and AAAA records of % lead here?"},
    {"connection", "tls-alpn-01",
     "the authority cannot reach % on port 443: is it open in every firewall and router before this server, and does it "
     "lead to acme.tls_alpn_listener?"},
    {"connection", "", "the authority cannot reach %"},
    {"dns", "dns-01",
     "the authority cannot find _acme-challenge.% in DNS: has the hook put it on all name servers of the domain, and is "
     "acme.dns_wait long enough?"},
    {"dns", "", "the authority finds no address of %: check its A and AAAA records"},
    {"incorrectResponse", "dns-01", "_acme-challenge.% holds something else than what the hook was given"},
    {"incorrectResponse", "", "somebody else answers for %: do its A and AAAA records lead to this server?"},
    {"unauthorized", "http-01",
     "somebody else answers http://%/ : do the A and AAAA records of % lead to this server, and does no other web server "
     "or proxy stand before it?"},
    {"unauthorized", "tls-alpn-01",
     "somebody else answers % on port 443: it must lead to acme.tls_alpn_listener, with no TLS proxy in between"},
    {"unauthorized", "dns-01",
     "_acme-challenge.% is missing or holds something else: has the hook put it on all name servers of the domain, and is "
     "acme.dns_wait long enough?"},
    {"tls", "", "the TLS handshake for % failed: does a proxy stand before this server?"},
    {"rateLimited", "", "a limit of the authority is reached; it is asked again when it allows that"},
    {"rejectedIdentifier", "", "the authority gives no certificate for %"},
    {"unsupportedIdentifier", "", "the authority gives no certificate for a name like %"},
    {"externalAccountRequired", "",
     "the authority wants an account that is known to it: set acme.eab_key_id and acme.eab_key_file"},
    {"userActionRequired", "", "the authority's terms have changed: read them where it says"},
    {"invalidContact", "", "acme.contact holds an address that the authority does not take"},
    {"unsupportedContact", "", "acme.contact holds an address of a kind that the authority does not take"},
    {"badCSR", "", "the authority does not take the request: perhaps not this kind of key, or not so many names"},
    {"serverInternal", "", "the authority is in trouble; it is asked again later"},
};

std::string with_name(std::string_view text, std::string_view name) {
  std::string out;
  for (char c : text) {
    if (c == '%') {
      out += name.empty() ? "the name" : name;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string explain(const Problem& problem, std::string_view name, std::string_view challenge) {
  std::string out;
  for (const Advice& advice : kAdvice) {
    if (advice.type != problem.type || (!advice.challenge.empty() && advice.challenge != challenge)) continue;
    out = with_name(advice.text, name);
    break;
  }
  if (out.empty()) {
    out = name.empty() ? "the authority refuses" : "the authority refuses " + std::string(name);
    if (problem.type.empty() && problem.status != 0) out += " with status " + std::to_string(problem.status);
  }
  // Its own words, which are hostile and have been made plain.
  out += " (it says: ";
  if (!problem.type.empty()) out += problem.type + ", ";
  out += problem.detail.empty() ? "nothing more" : problem.detail;
  for (size_t i = 0; i < problem.parts.size() && i < 3; ++i) {
    const Problem::Part& part = problem.parts[i];
    out += "; " + part.name + ": " + part.type + ", " + part.detail;
  }
  return out + ")";
}

}  // namespace bz::acme
