#include "egress/client_facts.h"

#include <arpa/inet.h>

#include "base/text.h"

namespace bz::egress {
namespace {

constexpr char kSignature[] = "\r\n\r\n\0\r\nQUIT\n";
constexpr size_t kSignatureSize = 12;

std::string xtext(std::string_view text) {
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '+' && c != '=') {
      out += c;
    } else {
      out += '+' + base::upper(base::hex(std::string_view(&c, 1)));
    }
  }
  return out;
}

void put16(std::string& out, size_t number) {
  out += static_cast<char>(number >> 8);
  out += static_cast<char>(number & 0xff);
}

std::string binary(const std::string& address, bool six) {
  unsigned char bytes[16] = {};
  if (inet_pton(six ? AF_INET6 : AF_INET, address.c_str(), bytes) == 1)
    return {reinterpret_cast<char*>(bytes), six ? 16u : 4u};
  if (six && inet_pton(AF_INET, address.c_str(), bytes + 12) == 1) {  // mixed pairs travel as IPv4-mapped addresses
    bytes[10] = bytes[11] = 0xff;
    return {reinterpret_cast<char*>(bytes), 16};
  }
  return {};
}

}  // namespace

std::vector<std::pair<std::string, std::string>> id_fields(const wire::Handoff& handoff) {
  std::vector<std::pair<std::string, std::string>> out = {
      {"x-originating-ip", handoff.peer_address}, {"x-originating-port", std::to_string(handoff.peer_port)},
      {"x-connected-ip", handoff.local_address},  {"x-connected-port", std::to_string(handoff.local_port)},
      {"x-session-id", handoff.session_id},
  };
  for (const auto& pair : handoff.id_pairs) {
    // A client that says "x-originating-ip" itself would be believed in our name.
    if (out.size() < wire::kMaxHandoffIdPairs && !base::istarts_with(pair.first, "x-")) out.push_back(pair);
  }
  return out;
}

std::string xclient_attributes(const wire::Handoff& handoff, const std::string& account) {
  const bool six = handoff.peer_address.find(':') != std::string::npos;
  const bool smtp = handoff.service == wire::Service::Submission;
  std::string out = "ADDR=" + std::string(six && smtp ? "IPV6:" : "") + xtext(handoff.peer_address);
  out += " PORT=" + std::to_string(handoff.peer_port);
  if (!smtp) return out + " SESSION=" + xtext(handoff.session_id);
  if (!handoff.ehlo.empty()) out += " HELO=" + xtext(handoff.ehlo.substr(0, 255));
  out += std::string(" PROTO=") + (handoff.esmtp ? "ESMTP" : "SMTP");
  return out + " LOGIN=" + xtext(account);
}

std::string proxy_header(const wire::Handoff& handoff) {
  std::string out(kSignature, kSignatureSize);
  const bool six =
      handoff.peer_address.find(':') != std::string::npos || handoff.local_address.find(':') != std::string::npos;
  const std::string from = binary(handoff.peer_address, six), to = binary(handoff.local_address, six);
  if (from.empty() || to.empty()) {
    out += "\x20";  // version 2, LOCAL
    out += '\0';
    put16(out, 0);
    return out;
  }
  out += "\x21";  // version 2, PROXY
  out += six ? "\x21" : "\x11";
  put16(out, from.size() + to.size() + 4);
  out += from + to;
  put16(out, handoff.peer_port);
  put16(out, handoff.local_port);
  return out;
}

}  // namespace bz::egress
