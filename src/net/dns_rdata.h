// The data of DNS records as a resolver hands them over: uncompressed names, one record at a time. The bytes come from
// strangers. RFC 1035 sections 3.1 and 3.3.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "net/dns.h"

namespace bz::net {

// Lower case, dots between labels, none at the end; the root is "". nullopt: not a whole name, longer than 255 bytes, or
// labels with anything but letters, digits, '-' and '_' (a host of mail has no others; a dot inside a label would lie).
std::optional<std::string> parse_dns_name(std::string_view wire);
std::optional<Dns::Mx> parse_mx(std::string_view rdata);
// The strings of one TXT record, joined (RFC 7208 section 3.3).
std::optional<std::string> parse_txt(std::string_view rdata);
// A or AAAA, by size.
std::optional<std::string> parse_address(std::string_view rdata);

}  // namespace bz::net
