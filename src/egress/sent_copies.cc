#include "egress/sent_copies.h"

#include <algorithm>

#include "base/log.h"
#include "egress/client_facts.h"
#include "net/channel.h"

namespace bz::egress {
namespace {

// A big mailbox is searched for a while; each read starts the clock anew.
constexpr net::Millis kAnswerTime{120'000}, kBlockTime{60'000}, kGoodbye{2'000};
constexpr size_t kReadSize = 16 << 10;

smtp::Reply later(std::string_view why) { return {451, "4.4.1", clean_text(why)}; }

}  // namespace

Result<LoginPlan> master_plan(const Server& server, const std::string& user) {
  if (server.master_user.empty() || server.master_password.empty())
    return fail(Errc::Denied, "the server has no master user");
  LoginPlan plan;
  plan.password = server.master_password;
  plan.user = server.master_user;
  if (server.master_style == MasterStyle::SaslAuthzid) {
    plan.authzid = user;
  } else {
    plan.user = user + "*" + server.master_user;
  }
  return plan;
}

SentCopies::SentCopies(net::Loop& loop, Connector& connector) : loop_(loop), connector_(connector), tasks_(loop) {}
SentCopies::~SentCopies() { tasks_.cancel(); }

void SentCopies::file(wire::FileSent request, int leg, std::shared_ptr<const Settings> settings) {
  if (tasks_.size() >= kMax) {
    net::OwnedFd closing(leg);  // mta tries again
    return;
  }
  tasks_.spawn(run(std::move(request), leg, std::move(settings)));
}

Task<void> SentCopies::run(wire::FileSent request, int fd, std::shared_ptr<const Settings> settings) {
  net::Stream leg(loop_, fd);
  auto working = work(request, leg, std::move(settings));
  const smtp::Reply reply = co_await working;
  log::event(reply.positive() ? log::Info : log::Warn, "sent_copy")
      .field("qid", request.queue_id)
      .field("sid", request.session_id)
      .field("account", request.account)
      .field("server", request.server)
      .field("host", request.host)
      .field("reply", reply.to_string());
  const std::string words = reply.encode();
  auto writing = leg.write_all(words, net::Deadline::in(kGoodbye));
  auto written = co_await writing;
  if (!written) co_return;
  auto ending = leg.shutdown(net::Deadline::in(kGoodbye));
  (void)co_await ending;
}

Task<smtp::Reply> SentCopies::work(const wire::FileSent& request, net::Stream& leg,
                                   std::shared_ptr<const Settings> settings) {
  auto found = settings->servers.find(request.server);
  if (found == settings->servers.end()) co_return later("no server " + request.server + " in the configuration");
  Target target;
  target.server = found->second;
  target.host = request.host;
  auto plan = master_plan(*target.server, request.user);
  if (!plan) co_return later(plan.error().text());
  target.plan = std::move(*plan);
  target.proxy_header = proxy_header(wire::Handoff(), target.server->send_client);
  const std::string configured = target.server->sent_mailbox;
  auto opening = connector_.open(std::move(target), settings);
  auto opened = co_await opening;
  if (auto* failure = std::get_if<ConnectFailure>(&opened))
    co_return later(std::string(name(failure->phase)) + ": " + failure->reason);
  auto& connected = std::get<Connected>(opened);
  SentMessage message;
  message.message_id = request.message_id;
  message.body_sha256 = request.body_sha256;
  message.size = request.size;
  message.received = static_cast<int64_t>(std::min<uint64_t>(request.received, 200'000'000'000));
  SentFiling filing(std::move(message), connected.capabilities, configured);
  filing.input(connected.unread);
  auto turning = turn(filing, request, leg, *connected.stream);
  auto turned = co_await turning;
  if (!turned) co_return later(turned.error().text());
  if (!filing.result()) co_return later(filing.result().error().text());
  const bool before = *filing.result() == Filed::Before;
  co_return smtp::Reply(250, "2.0.0", (before ? "There already, in " : "Filed in ") + filing.mailbox());
}

Task<Result<void>> SentCopies::turn(SentFiling& filing, const wire::FileSent& request, net::Stream& leg,
                                    net::Stream& server) {
  std::string buffer(kReadSize, '\0');
  while (true) {
    const std::string bytes = filing.take_output();
    if (!bytes.empty()) {
      auto writing = server.write_all(bytes, net::Deadline::in(kBlockTime));
      BZ_CO_TRY_VOID(co_await writing);
    }
    if (filing.want() == SentFiling::Want::Done) co_return Result<void>();
    if (filing.want() == SentFiling::Want::Body) {
      auto passing = pass_body(request.size, leg, server);
      BZ_CO_TRY_VOID(co_await passing);
      filing.body_sent();
      continue;
    }
    auto reading = server.read_some(buffer, net::Deadline::in(kAnswerTime));
    BZ_CO_TRY(const size_t size, co_await reading);
    if (size == 0) co_return fail(Errc::Closed, "the server ended the connection");
    filing.input(std::string_view(buffer).substr(0, size));
  }
}

Task<Result<void>> SentCopies::pass_body(uint64_t size, net::Stream& leg, net::Stream& server) {
  const std::string go = "354 go on\r\n";
  auto telling = leg.write_all(go, net::Deadline::in(kBlockTime));
  BZ_CO_TRY_VOID(co_await telling);
  std::string buffer(kReadSize, '\0');
  while (size > 0) {
    auto reading = leg.read_some(buffer, net::Deadline::in(kBlockTime));
    BZ_CO_TRY(const size_t got, co_await reading);
    if (got == 0) co_return fail(Errc::Closed, "mta has gone");
    if (got > size) co_return fail(Errc::Invalid, "more bytes of a Sent copy than announced");
    size -= got;
    auto writing = server.write_all(std::string_view(buffer).substr(0, got), net::Deadline::in(kBlockTime));
    BZ_CO_TRY_VOID(co_await writing);
  }
  co_return Result<void>();
}

}  // namespace bz::egress
