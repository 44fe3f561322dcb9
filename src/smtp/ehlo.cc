#include "smtp/ehlo.h"

#include "smtp/lmtp_ext.h"

namespace bz::smtp {

std::vector<std::string> ehlo_keywords(ServerMode mode, const EhloFacts& facts) {
  std::vector<std::string> out{"PIPELINING"};
  out.push_back(facts.max_message == 0 ? "SIZE" : "SIZE " + std::to_string(facts.max_message));
  out.emplace_back("8BITMIME");
  for (const char* keyword : {"SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"})
    if (!facts.any_server) out.emplace_back(keyword);
  if (mode != ServerMode::Lmtp && !facts.any_server) out.emplace_back("DSN");
  if (mode == ServerMode::Lmtp && facts.extension) out.emplace_back(kLmtpExtension);
  if (facts.starttls) out.emplace_back("STARTTLS");
  if (!facts.mechanisms.empty()) {
    std::string auth = "AUTH";
    for (const auto& mechanism : facts.mechanisms) auth += " " + mechanism;
    out.push_back(std::move(auth));
  }
  return out;
}

Reply ehlo_reply(ServerMode mode, const EhloFacts& facts, std::string_view hostname) {
  Reply reply(250, "", hostname);
  for (const auto& keyword : ehlo_keywords(mode, facts)) reply.text += "\n" + keyword;
  return reply;
}

}  // namespace bz::smtp
