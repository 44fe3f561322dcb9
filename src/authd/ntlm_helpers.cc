#include "authd/ntlm_helpers.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace bz::authd {

using sasl::ntlm::HelperAnswer;

namespace {

constexpr size_t kReadSize = 4096;

// An idle helper says nothing: an end, an error and an unasked word are all the same.
bool has_ended(int fd) {
  char byte;
  const ssize_t n = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return !(n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

}  // namespace

NtlmHelpers::~NtlmHelpers() { close(); }

void NtlmHelpers::add(net::OwnedFd socket) {
  helpers_.push_back({std::make_unique<net::Stream>(loop_, socket.release())});
  give_places();
}

NtlmHelpers::Counts NtlmHelpers::counts() {
  drop_ended();
  Counts out{helpers_.size(), 0, waiting_.size()};
  for (const Helper& helper : helpers_) out.talking += helper.taken;
  return out;
}

void NtlmHelpers::drop_ended() {
  helpers_.remove_if([](const Helper& helper) { return !helper.taken && has_ended(helper.stream->fd()); });
}

bool NtlmHelpers::has_share(const std::string& address) const {
  auto it = of_address_.find(address);
  return address.empty() || it == of_address_.end() || it->second < std::max<size_t>(1, helpers_.size() / 2);
}

NtlmHelpers::Helper* NtlmHelpers::find_free(const std::string& address) {
  if (!has_share(address)) return nullptr;
  auto it = std::find_if(helpers_.begin(), helpers_.end(), [](const Helper& helper) { return !helper.taken; });
  return it == helpers_.end() ? nullptr : &*it;
}

Task<Result<NtlmHelpers::ConversationPtr>> NtlmHelpers::begin(std::string address) {
  drop_ended();
  if (helpers_.empty()) co_return fail(Errc::Unavailable, "no NTLM helper runs (ntlm.helper)");
  if (Helper* free = find_free(address)) co_return ConversationPtr(new Conversation(*this, *free, std::move(address)));
  if (waiting_.size() >= limits_.waiting) co_return fail(Errc::Limit, "too many wait for an NTLM helper");
  base::Completion<ConversationPtr> turn;
  Waiter& waiter = waiting_.emplace_back(Waiter{++last_waiter_, std::move(address), turn.promise()});
  waiter.timer = std::make_unique<net::Loop::Timer>(loop_, [this, id = waiter.id] { give_up(id); });
  waiter.timer->arm(net::Deadline::in(limits_.answer));
  auto place = co_await turn;
  co_return std::move(place);
}

void NtlmHelpers::give_up(uint64_t waiter) {
  auto it = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiter& w) { return w.id == waiter; });
  if (it == waiting_.end() || closed_) return;
  Waiter late = std::move(*it);  // with the timer that has called us: it goes last
  waiting_.erase(it);
  late.promise.set(fail(Errc::Timeout, "no NTLM helper had time"));
}

// In the order they came, but for those whose address has its share. Each turn may end a conversation and come here again.
void NtlmHelpers::give_places() {
  for (;;) {
    if (closed_) return;
    if (helpers_.empty() && !waiting_.empty()) {
      auto promise = std::move(waiting_.front().promise);
      waiting_.pop_front();
      promise.set(fail(Errc::Unavailable, "no NTLM helper runs any more (ntlm.helper)"));
      continue;
    }
    auto next = std::find_if(waiting_.begin(), waiting_.end(),
                             [this](const Waiter& waiter) { return find_free(waiter.address) != nullptr; });
    if (next == waiting_.end()) return;
    Helper* free = find_free(next->address);
    auto promise = std::move(next->promise);
    ConversationPtr conversation(new Conversation(*this, *free, std::move(next->address)));
    waiting_.erase(next);
    promise.set(std::move(conversation));
  }
}

void NtlmHelpers::leave(Helper& helper, const std::string& address) {
  if (auto it = of_address_.find(address); it != of_address_.end() && --it->second == 0) of_address_.erase(it);
  // An answer to a question that nobody waits for would be taken for that to the next one.
  if (helper.broken || helper.talk.waiting()) {
    helpers_.remove_if([&](const Helper& one) { return &one == &helper; });
  } else {
    helper.taken = false;
  }
  give_places();
}

NtlmHelpers::Conversation::Conversation(NtlmHelpers& home, Helper& helper, std::string address)
    : home_(home), helper_(helper), address_(std::move(address)) {
  helper_.taken = true;
  if (!address_.empty()) ++home_.of_address_[address_];
}

NtlmHelpers::Conversation::~Conversation() { home_.leave(helper_, address_); }

Task<Result<HelperAnswer>> NtlmHelpers::Conversation::negotiate(std::string message) {
  if (helper_.broken) return ask({});
  return ask(helper_.talk.negotiate(message));
}

Task<Result<HelperAnswer>> NtlmHelpers::Conversation::authenticate(std::string message) {
  if (helper_.broken) return ask({});
  return ask(helper_.talk.authenticate(message));
}

Task<Result<HelperAnswer>> NtlmHelpers::Conversation::ask(std::string line) {
  if (helper_.broken) co_return fail(Errc::Unavailable, "the NTLM helper is gone");
  helper_.broken = true;  // until its answer is here
  const net::Deadline deadline = net::Deadline::in(home_.limits_.answer);
  auto writing = helper_.stream->write_all(line, deadline);
  auto written = co_await std::move(writing);
  if (!written) co_return fail(Errc::Unavailable, "NTLM helper: " + written.error().text());
  for (;;) {
    std::array<char, kReadSize> buffer;
    auto reading = helper_.stream->read_some(buffer, deadline);
    auto size = co_await std::move(reading);
    if (!size) co_return fail(Errc::Unavailable, "NTLM helper: " + size.error().text());
    if (*size == 0) co_return fail(Errc::Unavailable, "the NTLM helper has ended");
    auto answer = helper_.talk.take(std::string_view(buffer.data(), *size));
    if (!answer) co_return fail(Errc::Unavailable, answer.error().text());
    if (!*answer) continue;
    helper_.broken = false;
    co_return std::move(**answer);
  }
}

}  // namespace bz::authd
