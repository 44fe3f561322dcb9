#include "roles/admin.h"

#include <algorithm>

#include "base/log.h"

namespace bz::roles {

Result<void> AdminRole::prepare(RoleHost& host) {
  host_ = &host;
  BZ_TRY_VOID(acme::Https::prepare());
  questions_ = std::make_unique<Questions>(host.loop());
  door_ = std::make_unique<acme::HttpDoor>(host.loop());
  renewals_ = std::make_unique<Renewals>(Shows{host, *questions_, *door_});
  staples_ = std::make_unique<Staples>(host, *questions_);
  pushes_ = std::make_unique<Pushes>(host);
  return renewals_->prepare();
}

Task<Result<void>> AdminRole::start(RoleHost&) {
  take_settings();
  co_return Result<void>();
}

Result<void> AdminRole::reload(RoleHost&) {
  take_settings();
  return {};
}

void AdminRole::take_settings() {
  std::vector<int> doors;
  for (size_t i = 0;; ++i) {
    const int fd = host_->take_listener(acme_door(i));
    if (fd < 0) break;
    doors.push_back(fd);
  }
  door_->listen(doors);
  renewals_->take_settings();
  staples_->take_settings();
  pushes_->take_settings();
}

void AdminRole::peer_up(Peer& peer) {
  if (peer.role() == "gateway") renewals_->tell(peer);
}

void AdminRole::supervisor_said(const wire::Done& done) { questions_->settle(done); }

void AdminRole::message(Peer& from, net::Message message) {
  Result<void> taken = fail(Errc::Invalid, "not for admin");
  if (from.role() == "gateway" && message.type == static_cast<uint8_t>(wire::Type::Done)) {
    auto done = wire::Done::decode(message.payload);
    if (done) return questions_->settle(*done);
    taken = std::move(done).error();
  } else if (from.role() == "mailstore" && message.type == static_cast<uint8_t>(wire::Type::ApplePush)) {
    auto order = wire::ApplePush::decode(message.payload);
    if (order) return pushes_->take(*order);
    taken = std::move(order).error();
  }
  log::event(log::Err, "message_refused").field("peer", from.role()).field("type", message.type).error(taken.error());
}

Task<void> AdminRole::answer(ControlCall call, bool renew, std::string certificate) {
  auto working = renew ? renewals_->renew(std::move(certificate)) : renewals_->test();
  auto done = co_await working;
  if (done) {
    call.answer({0, std::move(*done), {}});
  } else {
    call.answer({1, {}, "buzon: " + done.error().text() + "\n"});
  }
}

void AdminRole::control(ControlCall call) {
  std::vector<std::string> words = call.request().arguments;
  const bool json = std::erase(words, "--json") > 0;
  if (!words.empty() && words.front() == "acme") words.erase(words.begin());
  const std::string verb = words.empty() ? "" : words[0];
  if (verb == "status" && words.size() == 1) {
    return call.answer({0, renewals_->status(json) + (json ? "" : staples_->status()), {}});
  }
  if (verb == "test" && words.size() == 1) return host_->tasks().spawn(answer(std::move(call), false, {}));
  if (verb == "renew" && words.size() <= 2) {
    return host_->tasks().spawn(answer(std::move(call), true, words.size() == 2 ? words[1] : std::string()));
  }
  call.answer({2, {}, "buzon acme knows status, renew [CERTIFICATE] and test\n"});
}

}  // namespace bz::roles
