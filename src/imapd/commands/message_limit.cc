#include "imapd/commands/message_limit.h"

namespace bz::imapd {

std::optional<uint32_t> message_limit(const Session& s, LimitedBy kind) {
  const MessageLimit& limit = s.config().message_limit;
  if (limit.enforced == 0 || (limit.saves_only && kind != LimitedBy::Save)) return std::nullopt;
  return limit.enforced;
}

std::optional<uint32_t> take_highest(const Session& s, UidSet& uids) {
  const auto limit = message_limit(s);
  const uint64_t count = uids.count();
  if (!limit || count <= *limit) return std::nullopt;
  uids = uids.slice(count - *limit, *limit);
  return uids.min();
}

Reply cut_reply(Session& s, Reply reply, std::optional<uint32_t> lowest) {
  if (!lowest) return reply;
  const uint32_t limit = s.config().message_limit.enforced;
  std::string code = imap::code_message_limit(limit, lowest);
  if (reply.condition == imap::Condition::Ok && reply.code.empty()) {
    reply.code = std::move(code);
    reply.text = "Completed for the last " + std::to_string(limit) + " messages";
  } else {
    s.say(imap::Condition::No, code, "Only the last messages were taken");
  }
  return reply;
}

Reply over_limit(const Session& s, std::string_view text, std::optional<uint32_t> lowest) {
  return no(text, imap::code_message_limit(s.config().message_limit.enforced, lowest));
}

}  // namespace bz::imapd
