#include "delivery/lmtp_agent.h"

#include "wire/handoff.h"

namespace bz::delivery {
namespace {
constexpr char kKey[] = "local", kName[] = "mail store";
}

Task<Result<std::unique_ptr<Link>>> LmtpAgent::connect(SessionId session) {
  auto opening = legs_.open_leg();
  BZ_CO_TRY(auto stream, co_await opening);
  wire::Handoff handoff;
  handoff.service = wire::Service::Lmtp;
  handoff.session_id = std::move(session);
  const auto header = handoff.encode();
  auto writing = stream->write_all(header, net::Deadline::in(settings_.command_time));
  BZ_CO_TRY_VOID(co_await writing);
  smtp::ClientConfig config;
  config.lmtp = true;
  config.hello_name = settings_.host;
  config.tls = smtp::TlsDuty::Never;  // a socket pair
  auto link = std::make_unique<Link>(std::move(stream), std::move(config), settings_.opportunistic, kName, settings_);
  auto greeting = link->open();
  co_await greeting;
  co_return link;
}

Task<std::vector<queue::Attempt>> LmtpAgent::deliver(queue::Job job, const queue::Entry& entry, queue::Queue& queue) {
  const auto& envelope = entry.envelope;
  const auto view = view_of(envelope, job.recipients);
  auto link = pool_.take(kKey);
  while (true) {
    if (!link) {
      auto connecting = connect(envelope.session);
      auto connected = co_await connecting;
      if (!connected) {
        co_return same_for_all(job.recipients.size(), {451, "4.3.0", "The mail store is not there now"}, kName);
      }
      link = std::move(*connected);
    }
    if (!link->usable()) {
      const auto reply = link->failure().value_or(smtp::Reply(451, "4.3.0", "The mail store is not there now"));
      co_return same_for_all(job.recipients.size(), {451, "4.3.0", reply.to_string()}, kName);
    }
    Content content(queue.reader(entry, view));
    auto message = client_message(envelope, job.recipients, queue::ContentReader::size_of(envelope, view));
    auto delivering = link->deliver(std::move(message), std::move(content));
    auto outcomes = co_await delivering;
    if (link->was_stale()) {
      link.reset();
      continue;
    }
    std::vector<queue::Attempt> attempts;
    for (auto& outcome : outcomes) attempts.push_back({std::move(outcome), kName, false});
    pool_.give(kKey, std::move(link));
    co_return attempts;
  }
}

}  // namespace bz::delivery
