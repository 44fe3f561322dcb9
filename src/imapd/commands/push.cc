// XAPPLEPUSHSERVICE: a phone asks to be woken by Apple's push when mail comes (docs/decisions/0027-apple-push.md). Nothing
// in the answer says whether the mailboxes it names are there, or may be seen: else this were a way to ask for names.
#include <algorithm>

#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

constexpr uint32_t kVersion = 2;  // the newest we know; 1 means INBOX alone
constexpr std::string_view kMail = "com.apple.mobilemail";

std::vector<MailboxId> existing(const store::Account& account, const imap::ApplePush& command) {
  static const std::vector<std::string> inbox = {"INBOX"};
  std::vector<MailboxId> ids;
  for (const std::string& name : command.version == 1 ? inbox : command.mailboxes) {
    const store::MailboxInfo* info = account.find(name);
    if (info && ids.size() < store::kMaxPushMailboxes) ids.push_back(info->id);
  }
  return ids;
}

}  // namespace

Task<Reply> handle(Session& s, const imap::ApplePush& command) {
  if (s.config().push_topic.empty()) co_return bad("Unknown command");
  if (command.subtopic != kMail) co_return no("Only mail is pushed from here", "CANNOT");
  store::PushDevice device;
  device.account_id = command.account_id;
  device.token = command.device_token;
  device.subtopic = command.subtopic;
  device.mailboxes = existing(s.account(), command);
  s.pushes_to(device.token);
  auto registered = co_await s.account().register_push(std::move(device));
  if (!registered) co_return reply_for(registered.error());
  imap::apple_push_response(s.out(), std::min(command.version, kVersion), s.config().push_topic);
  co_return ok("XAPPLEPUSHSERVICE completed");
}

}  // namespace bz::imapd
