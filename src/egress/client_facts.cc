#include "egress/client_facts.h"

#include "base/text.h"
#include "wire/proxy_protocol.h"

namespace bz::egress {
namespace {

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

std::string proxy_header(const wire::Handoff& handoff, SendClient form) {
  const wire::ProxyAddresses addresses{handoff.peer_address, handoff.local_address, handoff.peer_port, handoff.local_port};
  if (form == SendClient::Proxy) return wire::proxy_v2_header(addresses);
  if (form == SendClient::ProxyV1) return wire::proxy_v1_header(addresses);
  return {};
}

}  // namespace bz::egress
