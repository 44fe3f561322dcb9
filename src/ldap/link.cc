#include "ldap/link.h"

#include <ldap.h>

#include <algorithm>

namespace bz::ldap {

namespace {

constexpr size_t kMaxAnswerBytes = 8 << 20;  // all entries of one search

struct MessageDeleter {
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
};
using Message = std::unique_ptr<LDAPMessage, MessageDeleter>;

int descriptor_of(::ldap* session) {
  int fd = -1;
  return ldap_get_option(session, LDAP_OPT_DESC, &fd) == LDAP_OPT_SUCCESS ? fd : -1;
}

// TooLarge: an entry past the limits of one.
Result<Entry> entry_of(::ldap* session, LDAPMessage* message, size_t& bytes) {
  Entry entry;
  if (char* dn = ldap_get_dn(session, message)) {
    entry.dn = dn;
    ldap_memfree(dn);
  }
  size_t values = 0, here = entry.dn.size();
  BerElement* cursor = nullptr;
  char* name = ldap_first_attribute(session, message, &cursor);
  while (name) {
    auto& list = entry.attributes[std::string(name)];
    if (berval** found = ldap_get_values_len(session, message, name)) {
      for (berval** v = found; *v && values <= kMaxValues && here <= kMaxEntryBytes; ++v, ++values) {
        list.emplace_back((*v)->bv_val, (*v)->bv_len);
        here += (*v)->bv_len;
      }
      ldap_value_free_len(found);
    }
    ldap_memfree(name);
    name = ldap_next_attribute(session, message, cursor);
  }
  if (cursor) ber_free(cursor, 0);
  bytes += here;
  if (values > kMaxValues || here > kMaxEntryBytes) return fail(Errc::TooLarge, "an entry of over a mebibyte: " + entry.dn);
  return entry;
}

}  // namespace

Link::Link(net::Loop& loop, Session session)
    : loop_(loop), session_(std::move(session)), timer_(loop, [this] { expire(); }) {
  watch_ = std::make_unique<net::Loop::Watch>(loop, descriptor_of(session_.get()), net::Loop::Watch::Interest::Both);
  watch_->on_ready([this](bool, bool) { pump(); });
}

Link::~Link() {
  Settled settled;
  die(Error(Errc::Closed, "the connection is given up"), settled);
  settle(std::move(settled));
}

Task<Result<Answer>> Link::wait_for(int id, size_t max_entries, net::Deadline deadline) {
  base::Completion<Answer> done;
  pending_.emplace(id, Pending{done.promise(), deadline.at(), {}, 0, max_entries});
  if (deadline.at() < armed_) timer_.arm(net::Deadline(armed_ = deadline.at()));
  pump();  // the library may hold the answer already, and then the socket stays silent
  auto answer = co_await done;
  co_return std::move(answer);
}

Task<Result<Answer>> Link::search(Search search, net::Deadline deadline) {
  if (!alive()) co_return fail(Errc::Closed, "the connection is closed");
  std::vector<char*> attributes;
  for (std::string& name : search.attributes) attributes.push_back(name.data());
  attributes.push_back(nullptr);
  int scope = search.scope == Search::Scope::Base ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE, id = 0;
  int limit = static_cast<int>(std::min<size_t>(search.max_entries + 1, 1'000'000));
  int rc = ldap_search_ext(session_.get(), search.base.c_str(), scope, search.filter.c_str(), attributes.data(), 0, nullptr,
                           nullptr, nullptr, limit, &id);
  if (rc == LDAP_FILTER_ERROR || rc == LDAP_PARAM_ERROR || rc == LDAP_ENCODING_ERROR)
    co_return fail(Errc::Internal, "search " + search.filter + ": " + error_text(nullptr, rc));
  if (rc != LDAP_SUCCESS) {
    Error why(Errc::Closed, "search: " + error_text(session_.get(), rc));
    Settled settled;
    die(why, settled);
    settle(std::move(settled));
    co_return why;
  }
  auto waiting = wait_for(id, search.max_entries, deadline);
  auto answer = co_await std::move(waiting);
  co_return std::move(answer);
}

Task<Result<Answer>> Link::bind(std::string dn, Secret password, net::Deadline deadline) {
  if (!alive()) co_return fail(Errc::Closed, "the connection is closed");
  std::string text(password.reveal());
  berval credentials{text.size(), text.data()};
  int id = 0;
  int rc = ldap_sasl_bind(session_.get(), dn.c_str(), LDAP_SASL_SIMPLE, &credentials, nullptr, nullptr, &id);
  base::wipe(text.data(), text.size());
  Error why(Errc::Closed, "bind: " + error_text(session_.get(), rc));
  if (rc == LDAP_SUCCESS) {
    auto waiting = wait_for(id, 0, deadline);
    auto answer = co_await std::move(waiting);
    if (answer) co_return std::move(answer);
    why = answer.error();
  }
  Settled settled;
  die(why, settled);
  settle(std::move(settled));
  co_return why;
}

void Link::pump() {
  Settled settled;
  timeval now{0, 0};
  while (session_) {
    LDAPMessage* raw = nullptr;
    int rc = ldap_result(session_.get(), LDAP_RES_ANY, LDAP_MSG_ONE, &now, &raw);
    if (rc == 0) break;
    if (rc < 0) {
      int code = LDAP_SERVER_DOWN;
      ldap_get_option(session_.get(), LDAP_OPT_RESULT_CODE, &code);
      die(Error(Errc::Closed, error_text(session_.get(), code)), settled);
      break;
    }
    Message message(raw);
    take(raw, settled);
  }
  settle(std::move(settled));
}

void Link::take(LDAPMessage* message, Settled& settled) {
  int id = ldap_msgid(message);
  auto it = pending_.find(id);
  switch (ldap_msgtype(message)) {
    case LDAP_RES_SEARCH_ENTRY:
      if (it != pending_.end()) take_entry(it->second, id, message, settled);
      return;
    case LDAP_RES_SEARCH_REFERENCE:
    case LDAP_RES_INTERMEDIATE:
      return;
    case LDAP_RES_SEARCH_RESULT:
    case LDAP_RES_BIND:
      if (it != pending_.end()) take_result(id, message, settled);
      return;
    case LDAP_RES_EXTENDED:
      if (id == 0) die(Error(Errc::Closed, "the server says good-bye"), settled);  // RFC 4511 4.4.1
      return;
    default:
      return;
  }
}

void Link::take_entry(Pending& pending, int id, LDAPMessage* message, Settled& settled) {
  auto entry = entry_of(session_.get(), message, pending.bytes);
  if (entry && pending.bytes > kMaxAnswerBytes) entry = fail(Errc::TooLarge, "an answer of over eight mebibytes");
  if (entry && pending.answer.entries.size() < pending.max_entries) {
    pending.answer.entries.push_back(std::move(*entry));
    return;
  }
  // One too many: the server does not keep to the limit we gave, and need not go on.
  Result<Answer> end = Answer{kSizeLimit, "more entries than allowed", std::move(pending.answer.entries)};
  if (!entry) end = std::move(entry).error();
  settled.emplace_back(pending.promise, std::move(end));
  pending_.erase(id);
  ldap_abandon_ext(session_.get(), id, nullptr, nullptr);
}

void Link::take_result(int id, LDAPMessage* message, Settled& settled) {
  auto node = pending_.extract(id);
  Pending& pending = node.mapped();
  char* diagnostic = nullptr;
  int rc = ldap_parse_result(session_.get(), message, &pending.answer.code, nullptr, &diagnostic, nullptr, nullptr, 0);
  if (rc != LDAP_SUCCESS) {
    settled.emplace_back(pending.promise, fail(Errc::Internal, "an answer that is none: " + error_text(nullptr, rc)));
  } else {
    pending.answer.text = ldap_err2string(pending.answer.code);
    std::string more = diagnostic ? std::string(diagnostic).substr(0, 300) : std::string();
    for (char& c : more)
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    if (!more.empty()) pending.answer.text += " (" + more + ")";
    settled.emplace_back(pending.promise, std::move(pending.answer));
  }
  if (diagnostic) ldap_memfree(diagnostic);
}

void Link::expire() {
  pump();  // what came in time is in time, even if we were too busy to read it
  Settled settled;
  auto now = std::chrono::steady_clock::now();
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->second.until > now) {
      ++it;
      continue;
    }
    settled.emplace_back(it->second.promise, fail(Errc::Timeout, "no answer in time"));
    if (session_) ldap_abandon_ext(session_.get(), it->first, nullptr, nullptr);
    it = pending_.erase(it);
  }
  arm();
  settle(std::move(settled));
}

void Link::arm() {
  auto first = std::min_element(pending_.begin(), pending_.end(),
                                [](const auto& a, const auto& b) { return a.second.until < b.second.until; });
  armed_ = first == pending_.end() ? base::MonoTime::max() : first->second.until;
  if (first != pending_.end()) timer_.arm(net::Deadline(armed_));
}

void Link::die(const Error& why, Settled& settled) {
  for (auto& [id, pending] : pending_) settled.emplace_back(pending.promise, why);
  pending_.clear();
  watch_.reset();
  session_.reset();
}

// Whoever waits may drop this link: never from within it.
void Link::settle(Settled settled) {
  if (settled.empty()) return;
  auto list = std::make_shared<Settled>(std::move(settled));
  loop_.post([list] {
    for (auto& [promise, result] : *list) promise.set(std::move(result));
  });
}

}  // namespace bz::ldap
