#include "roles/directory_link.h"

namespace bz::roles {
namespace {

constexpr net::Millis kAnswerTime{10'000};
enum Kind : uint8_t { NotOurs = 0, Local = 1, NoSuchAddress = 2, Temporary = 3, Disabled = 4 };

Result<queue::RecipientVerdict> verdict_of(const wire::RecipientVerdict& answer) {
  using Verdict = queue::RecipientVerdict::Kind;
  queue::RecipientVerdict verdict;
  switch (answer.kind) {
    case Kind::NotOurs:
      verdict.kind = Verdict::Elsewhere;
      return verdict;
    case Kind::NoSuchAddress:
      verdict.kind = Verdict::Unknown;
      return verdict;
    case Kind::Disabled:
      verdict.kind = Verdict::Disabled;
      return verdict;
    case Kind::Local:
      break;
    default:
      return fail(Errc::Unavailable, "auth cannot say at the moment");
  }
  verdict.kind = Verdict::Local;
  for (const wire::LocalRecipient& recipient : answer.recipients) {
    auto address = smtp::parse_address(recipient.address);
    if (!address || recipient.account_id == 0) return fail(Errc::Unavailable, "auth named no account or address");
    verdict.targets.push_back(
        {AccountId(recipient.account_id), recipient.account, std::move(*address), recipient.server, recipient.host});
  }
  if (verdict.targets.empty()) return fail(Errc::Unavailable, "auth named no account");
  return verdict;
}

}  // namespace

Task<Result<queue::RecipientVerdict>> DirectoryLink::lookup_recipient(smtp::Address address) {
  uint64_t id = ++last_id_;
  auto asking = ask(id, wire::Type::LookupRecipient, wire::LookupRecipient{id, address.to_string()}.encode());
  auto answer = co_await std::move(asking);
  if (!answer) co_return std::move(answer).error();
  const auto* verdict = std::get_if<wire::RecipientVerdict>(&*answer);
  if (!verdict) co_return fail(Errc::Unavailable, "auth answered another question");
  co_return verdict_of(*verdict);
}

Task<Result<bool>> DirectoryLink::may_send_as(AccountId account, smtp::Address address) {
  uint64_t id = ++last_id_;
  auto asking = ask(id, wire::Type::MaySendAs, wire::MaySendAs{id, account.value(), address.to_string()}.encode());
  auto answer = co_await std::move(asking);
  if (!answer) co_return std::move(answer).error();
  const auto* verdict = std::get_if<wire::SendAsVerdict>(&*answer);
  if (!verdict || verdict->kind > 1) co_return fail(Errc::Unavailable, "auth cannot say at the moment");
  co_return verdict->kind == 1;
}

Task<Result<queue::MailboxPlace>> DirectoryLink::place_of(AccountId account) {
  uint64_t id = ++last_id_;
  auto asking = ask(id, wire::Type::LookupAccount, wire::LookupAccount{id, account.value()}.encode());
  auto answer = co_await std::move(asking);
  if (!answer) co_return std::move(answer).error();
  const auto* info = std::get_if<wire::AccountInfo>(&*answer);
  if (!info || info->kind > 1) co_return fail(Errc::Unavailable, "auth cannot say at the moment");
  queue::MailboxPlace place;
  place.gone = info->kind == 0;
  if (info->server.empty()) co_return place;
  if (info->host.empty()) co_return fail(Errc::Unavailable, "no [[server]] allows the mail host " + info->server);
  place.server = info->server;
  place.host = info->host;
  place.user = info->user;
  place.takes_mail = info->takes_mail;
  place.takes_sent_copy = info->takes_sent_copy;
  co_return place;
}

Task<Result<DirectoryLink::Answer>> DirectoryLink::ask(uint64_t id, wire::Type type, std::string payload) {
  base::Completion<Answer> answer;
  auto timer = std::make_unique<net::Loop::Timer>(loop_, [this, id] {
    // Posted: settling destroys the timer, which must not happen within its own callback.
    loop_.post([this, id] { settle(id, fail(Errc::Timeout, "auth does not answer")); });
  });
  timer->arm(net::Deadline::in(kAnswerTime));
  waiting_.insert_or_assign(id, Waiting{answer.promise(), std::move(timer)});
  if (auto sent = send_(type, payload); !sent) {
    waiting_.erase(id);
    co_return std::move(sent).error();
  }
  auto result = co_await answer;
  co_return result;
}

void DirectoryLink::settle(uint64_t id, Result<Answer> answer) {
  auto it = waiting_.find(id);
  if (it == waiting_.end()) return;
  auto waiting = std::move(it->second);
  waiting_.erase(it);
  waiting.promise.set(std::move(answer));
}

Result<void> DirectoryLink::on_message(uint8_t type, std::string_view payload) {
  if (type == static_cast<uint8_t>(wire::Type::RecipientVerdict)) {
    BZ_TRY(auto verdict, wire::RecipientVerdict::decode(payload));
    uint64_t id = verdict.id;
    settle(id, Answer(std::move(verdict)));
    return {};
  }
  if (type == static_cast<uint8_t>(wire::Type::AccountInfo)) {
    BZ_TRY(auto info, wire::AccountInfo::decode(payload));
    uint64_t id = info.id;
    settle(id, Answer(std::move(info)));
    return {};
  }
  if (type != static_cast<uint8_t>(wire::Type::SendAsVerdict)) return fail(Errc::Invalid, "not an answer of auth");
  BZ_TRY(auto verdict, wire::SendAsVerdict::decode(payload));
  settle(verdict.id, Answer(verdict));
  return {};
}

void DirectoryLink::on_down() {
  while (!waiting_.empty()) settle(waiting_.begin()->first, fail(Errc::Unavailable, "auth went away"));
}

}  // namespace bz::roles
