// NOTIFY: RFC 5465 section 8, and the mailboxes that ESEARCH names in the same way.
#include "base/text.h"
#include "imap/parse.h"

namespace bz::imap::detail {
namespace {

using Filter = MailboxFilter::Filter;

// one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"
bool names(Parse& p, std::vector<std::string>& into, size_t& count) {
  const bool many = p.lex.take('(');
  do {
    auto name = p.mailbox();
    if (!name) return false;
    if (++count > kMaxNotifyNames) return p.fail("Too many mailboxes"), false;
    into.push_back(std::move(*name));
  } while (many && p.sp());
  return !many || p.lex.take(')');
}

}  // namespace

bool mailbox_filter(Parse& p, MailboxFilter& into, size_t& names_read) {
  static constexpr struct {
    std::string_view name;
    Filter filter;
  } kFilters[] = {{"SELECTED", Filter::Selected},      {"SELECTED-DELAYED", Filter::SelectedDelayed},
                  {"INBOXES", Filter::Inboxes},        {"PERSONAL", Filter::Personal},
                  {"SUBSCRIBED", Filter::Subscribed},  {"SUBTREE", Filter::Subtree},
                  {"SUBTREE-ONE", Filter::SubtreeOne}, {"MAILBOXES", Filter::Mailboxes}};
  const std::string_view word = p.lex.atom();
  for (const auto& known : kFilters) {
    if (!base::iequals(known.name, word)) continue;
    into.filter = known.filter;
    if (known.filter < Filter::Subtree) return true;
    return p.sp() && names(p, into.names, names_read);
  }
  return p.fail("Unknown kind of mailboxes"), false;
}

namespace {

struct Seen {
  bool message_new = false, message_expunge = false, annotation = false, other = false;
};

// event; what is no event that we know is an atom (event-ext)
bool event(Parse& p, NotifyEvents& events, Seen& seen) {
  const std::string_view word = p.lex.atom();
  if (word.empty()) return p.fail("An event was expected"), false;
  seen.annotation |= base::iequals(word, "AnnotationChange");
  if (base::iequals(word, "MessageExpunge")) {
    seen.message_expunge = true;
  } else if (base::iequals(word, "FlagChange")) {
    events.flags = true;
  } else if (base::iequals(word, "MailboxName")) {
    seen.other = events.mailbox_name = true;
  } else if (base::iequals(word, "SubscriptionChange")) {
    seen.other = events.subscription = true;
  } else if (base::iequals(word, "MailboxMetadataChange")) {
    seen.other = events.metadata = true;
  } else if (base::iequals(word, "ServerMetadataChange")) {
    seen.other = events.server_metadata = true;
  } else if (!base::iequals(word, "MessageNew")) {
    events.unsupported = true;
  } else {
    seen.message_new = true;
    const size_t before = p.lex.position();
    if (!p.sp()) return true;
    if (p.lex.peek() != '(') return p.lex.reset(before), true;
    return fetch_list(p, events.new_message);
  }
  return true;
}

// Section 5: what must stand together; section 6.1: what the selected mailbox has no use for.
bool complete(Parse& p, NotifyGroup& group, const Seen& seen) {
  NotifyEvents& events = group.events;
  if (seen.message_new != seen.message_expunge) return p.fail("MessageNew goes with MessageExpunge"), false;
  events.messages = seen.message_new;
  if ((events.flags || seen.annotation) && !events.messages)
    return p.fail("FlagChange goes with MessageNew and MessageExpunge"), false;
  if (group.selected() && seen.other) return p.fail("The selected mailbox has events of messages only"), false;
  if (!group.selected() && !events.new_message.empty())
    return p.fail("FETCH items are for the selected mailbox only"), false;
  return true;
}

// events = "(" event *(SP event) ")" / "NONE"
bool events(Parse& p, NotifyGroup& group) {
  if (p.lex.take("NONE")) return true;
  if (!p.lex.take('(')) return false;
  Seen seen;
  do {
    if (!event(p, group.events, seen)) return false;
  } while (p.sp());
  return p.lex.take(')') && complete(p, group, seen);
}

// event-group = "(" filter-mailboxes SP events ")"
bool group(Parse& p, Notify& notify) {
  if (notify.groups.size() == kMaxEventGroups) return p.fail("Too many groups of events"), false;
  NotifyGroup one;
  size_t names_read = 0;
  for (const NotifyGroup& other : notify.groups) names_read += other.names.size();
  if (!p.lex.take('(') || !mailbox_filter(p, one, names_read) || one.filter == Filter::SubtreeOne || !p.sp() ||
      !events(p, one) || !p.lex.take(')'))
    return false;
  for (const NotifyGroup& other : notify.groups)
    if (one.selected() && other.selected()) return p.fail("The selected mailbox is named twice"), false;
  notify.groups.push_back(std::move(one));
  return true;
}

}  // namespace

Read read_notify(Parse& p) {
  Notify notify;
  if (!p.sp()) return std::nullopt;
  if (p.lex.take("NONE")) return notify;
  if (!p.lex.take("SET") || !p.sp()) return std::nullopt;
  notify.set = true;
  notify.status = p.lex.take("STATUS");
  if (notify.status && !p.sp()) return std::nullopt;
  do {
    if (!group(p, notify)) return std::nullopt;
  } while (p.sp());
  return notify;
}

}  // namespace bz::imap::detail
