#include "roles/admin_push.h"

#include <algorithm>

#include "base/log.h"
#include "crypto/push_certificate.h"
#include "roles/managed.h"

namespace bz::roles {
namespace {

constexpr size_t kBatch = 100;  // requests at a time over one connection; Apple allows more
constexpr size_t kMaxToken = 200, kMaxAccount = 100;
constexpr https::Limits kLimits{
    .body = 4 << 10, .headers = 8 << 10, .connect_time = net::Millis(10'000), .time = net::Millis(20'000)};

bool is_good(const wire::ApplePush& order) {
  return !order.token.empty() && order.token.size() <= kMaxToken && order.apple_account.size() <= kMaxAccount &&
         std::all_of(order.token.begin(), order.token.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

struct Pushes::Link {
  Link(https::Identity identity, std::string to, std::string about)
      : session(std::move(identity)), server(std::move(to)), topic(std::move(about)) {}
  https::Session session;
  const std::string server, topic;
};

Pushes::Pushes(RoleHost& host)
    : host_(host),
      stop_(std::make_shared<std::atomic<bool>>(false)),
      pool_(1, 1),
      timer_(host.loop(),
             [this] {
               if (!busy_) tasks_.spawn(work());
             }),
      tasks_(host.loop()) {}

Pushes::~Pushes() {
  stop_->store(true);
  tasks_.cancel();
}

void Pushes::take_settings() {
  link_.reset();
  if (!wants_push(host_.config())) return;
  const ApnsConfig& config = host_.config().apns;
  std::string certificate(host_.secret(secrets::kApnsCertificate).reveal()), ca;
  if (!config.ca_file.empty()) ca = host_.secret(secrets::kApnsCa).reveal();
  auto topic = crypto::push_topic(certificate);
  if (!topic) return log::event(log::Err, "push_off").error(topic.error()), void();
  https::Identity identity{std::move(certificate), host_.secret(secrets::kApnsKey), std::move(ca)};
  link_ = std::make_shared<Link>(std::move(identity), config.server, std::move(*topic));
  outbox_.resume();
  arm();
}

void Pushes::take(const wire::ApplePush& order) {
  if (!link_ || !is_good(order)) {
    log::event(log::Warn, "push_dropped")
        .field("account", order.account_id)
        .field("why", link_ ? "no token" : "no certificate");
    return;
  }
  if (!outbox_.add({order.account_id, order.token, order.apple_account}, base::system_clock().mono()))
    log::event(log::Warn, "push_dropped").field("why", "too many wait: the oldest").field("waiting", outbox_.waiting());
  arm();
}

Task<void> Pushes::work() {
  busy_ = true;
  while (link_) {
    const std::vector<apns::Push> batch = outbox_.take(kBatch, base::system_clock().mono());
    if (batch.empty()) break;
    auto requests = std::make_shared<std::vector<https::Request>>();
    for (const apns::Push& push : batch)
      requests->push_back(apns::request_of(push, link_->server, link_->topic, base::system_clock().unix_seconds()));
    using Replies = std::vector<Result<https::Reply>>;
    auto working = pool_.run<Replies>(host_.loop(), [requests, link = link_, stop = stop_] {
      return Result<Replies>(link->session.send(*requests, kLimits, stop.get()));
    });
    auto replies = co_await working;
    settle(batch, replies ? *replies : Replies(batch.size(), Result<https::Reply>(replies.error())));
  }
  busy_ = false;
  arm();
}

void Pushes::settle(const std::vector<apns::Push>& sent, const std::vector<Result<https::Reply>>& replies) {
  const base::MonoTime now = base::system_clock().mono();
  for (size_t i = 0; i < sent.size(); ++i) {
    const apns::Push& push = sent[i];
    const apns::Judgement judgement = apns::judge(replies[i]);
    const bool kept = outbox_.settle(push, judgement.verdict, now);
    const bool down = judgement.verdict == apns::Verdict::Later || judgement.verdict == apns::Verdict::Barred;
    if (judgement.verdict == apns::Verdict::Sent) {
      log::event(log::Info, "push_sent").field("account", push.account);
    } else if (judgement.verdict == apns::Verdict::Gone) {
      tell_gone(push, judgement.gone_at);
    } else if (!down || trouble_ != judgement.reason) {  // said once, not for each of those that wait
      log::event(judgement.verdict == apns::Verdict::Barred ? log::Err : log::Warn, "push_not_sent")
          .field("account", push.account)
          .field("why", judgement.reason);
    }
    if (!kept) log::event(log::Info, "push_dropped").field("account", push.account).field("why", "too old");
    trouble_ = down ? judgement.reason : "";
  }
}

void Pushes::tell_gone(const apns::Push& push, int64_t since) {
  Peer* mailstore = host_.peer("mailstore");
  Result<void> told = fail(Errc::Unavailable, "mailstore is not there");
  const auto when = static_cast<uint64_t>(std::max<int64_t>(since, 0));
  if (mailstore) told = mailstore->send(wire::Type::ApplePushGone, wire::ApplePushGone{push.account, push.token, when});
  // The next push to it has the same answer.
  if (!told) log::event(log::Info, "push_device_gone").field("account", push.account).error(told.error());
}

void Pushes::arm() {
  auto next = outbox_.next();
  if (busy_ || !link_ || !next) return;
  const auto wait = std::chrono::ceil<net::Millis>(*next - base::system_clock().mono());
  timer_.arm(net::Deadline::in(std::max(wait, net::Millis(0))));
}

}  // namespace bz::roles
