// GETMETADATA and SETMETADATA: RFC 5464, and METADATA in LIST: RFC 9590. The server's /shared entries are the
// administrator's (decision 0022); its /private ones, and all of a mailbox, are the user's.
#include <algorithm>

#include "base/text.h"
#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

using Depth = imap::GetMetadata::Depth;
constexpr std::string_view kComment = "/shared/comment", kAdmin = "/shared/admin", kShared = "/shared/";

// What the mailbox, or the server, has. NotFound: no such mailbox.
Task<Result<store::Annotations>> read_annotations(Session& s, std::string name) {
  MailboxId id;
  if (!name.empty()) {
    const store::MailboxInfo* info = s.account().find(name);
    if (!info) co_return fail(Errc::NotFound, "no such mailbox");
    id = info->id;
  }
  auto noted = co_await s.account().annotations(id);
  if (!noted || !name.empty()) co_return std::move(noted);
  if (!s.config().server_comment.empty()) noted->emplace(kComment, s.config().server_comment);
  if (!s.config().server_admin.empty()) noted->emplace(kAdmin, s.config().server_admin);
  co_return std::move(noted);
}

// Whether `name` lies below `asked`, not deeper than told (section 4.2.2).
bool is_within(std::string_view name, std::string_view asked, Depth depth) {
  if (depth == Depth::Zero || name.size() <= asked.size() + 1) return false;
  if (!name.starts_with(asked) || name[asked.size()] != '/') return false;
  return depth == Depth::Infinity || name.find('/', asked.size() + 1) == std::string_view::npos;
}

struct Answer {
  std::vector<imap::MetadataValue> values;
  std::optional<size_t> longest;  // of those that are longer than allowed
};

// Views into `command` and `noted`.
Answer answer_of(const imap::GetMetadata& command, const store::Annotations& noted) {
  Answer answer;
  const auto add = [&](std::string_view name, std::optional<std::string_view> value) {
    const auto same = [&](const imap::MetadataValue& v) { return base::iequals(v.entry, name); };
    if (std::any_of(answer.values.begin(), answer.values.end(), same)) return;
    if (!value || !command.max_size || value->size() <= *command.max_size)
      answer.values.push_back({name, value});
    else
      answer.longest = std::max(answer.longest.value_or(0), value->size());
  };
  for (const std::string& entry : command.entries) {
    const std::string asked = base::lower(entry);
    const auto found = noted.find(asked);
    if (found != noted.end())
      add(entry, found->second);
    else if (command.depth == Depth::Zero && entry.find('/', 1) != std::string::npos)
      add(entry, std::nullopt);
    if (command.depth == Depth::Zero) continue;
    for (auto at = noted.upper_bound(asked); at != noted.end() && at->first.starts_with(asked); ++at)
      if (is_within(at->first, asked, command.depth)) add(at->first, at->second);
  }
  return answer;
}

Reply store_error(const Error& error) {
  if (error.code() == Errc::TooLarge)
    return no("The value is too large", imap::code_number("METADATA MAXSIZE", store::kMaxAnnotationValue));
  if (error.code() == Errc::Limit) return no("Too many annotations", "METADATA TOOMANY");
  return reply_for(error);
}

}  // namespace

Task<Reply> handle(Session& s, const imap::GetMetadata& command) {
  auto noted = co_await read_annotations(s, command.mailbox);
  if (!noted) co_return reply_for(noted.error());
  const Answer answer = answer_of(command, *noted);
  if (!answer.values.empty()) imap::metadata_response(s.out(), command.mailbox, answer.values, s.utf8());
  if (answer.longest) co_return ok("GETMETADATA completed", imap::code_number("METADATA LONGENTRIES", *answer.longest));
  co_return ok("GETMETADATA completed");
}

Task<Result<void>> write_metadata(Session& s, std::string name, const std::vector<std::string>& entries) {
  imap::GetMetadata command;
  command.mailbox = std::move(name);
  command.entries = entries;
  auto noted = co_await read_annotations(s, command.mailbox);
  if (!noted) co_return std::move(noted).error();
  const Answer answer = answer_of(command, *noted);
  if (!answer.values.empty()) imap::metadata_response(s.out(), command.mailbox, answer.values, s.utf8());
  co_return Result<void>();
}

// What is set twice in one command has the last value.
Task<Reply> handle(Session& s, const imap::SetMetadata& command) {
  MailboxId id;
  if (!command.mailbox.empty()) {
    const store::MailboxInfo* info = s.account().find(command.mailbox);
    if (!info) co_return no("No such mailbox", "NONEXISTENT");
    id = info->id;
  }
  store::AnnotationChanges changes;
  for (const auto& [name, value] : command.entries) {
    if (!id.is_set() && name.starts_with(kShared)) co_return no("Only the administrator sets this", "NOPERM");
    changes[name] = value;
  }
  store::Mailbox::Subscription self = s.annotation_news();
  auto done = co_await s.account().annotate(id, std::move(changes), std::move(self));
  if (!done) co_return store_error(done.error());
  co_return ok("SETMETADATA completed");
}

}  // namespace bz::imapd
