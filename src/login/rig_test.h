// For the tests of this room: a gate on a loop, a scripted auth and back ends that note what they were given.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "base/log.h"
#include "crypto/x509.h"
#include "login/gate.h"

namespace bz::login::test {

class Rig {
 public:
  Rig()
      : auth([this] { return AuthLink(loop, [this](wire::Type type, const std::string& p) { return asked(type, p); }); }()),
        services{loop, random, auth, [this](std::string_view role) { return leg(role); }} {
    log::set_level(std::getenv("BUZON_TEST_LOG") ? log::Debug : log::Err);
    settings->host = "mail.example.test";
    settings->limits.tls_sniff = Millis(0);
    settings->limits.back_end = Millis(2000);
    capacity.before_login = {100, 50, {}};
  }
  ~Rig() { log::set_level(log::Info); }

  // A connection to a door: the client's end.
  std::unique_ptr<net::Stream> connect(Door door) {
    if (!gate) gate = std::make_unique<Gate>(services, settings, capacity);
    auto pair = net::socket_pair();
    BZ_CHECK(pair.has_value(), "socket_pair");
    gate->accept(std::make_shared<const Door>(std::move(door)), pair->first);
    return std::make_unique<net::Stream>(loop, pair->second);
  }
  void run(Task<void> task) {
    net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "the test does not end"); });
    guard.arm(net::Deadline::in(Millis(20'000)));
    net::TaskGroup group(loop);
    group.spawn(then_stop(std::move(task)));
    loop.run();
    gate.reset();
  }
  void answer(wire::Type type, std::string payload) {
    loop.post([this, type, payload = std::move(payload)] {
      auto taken = auth.on_message(static_cast<uint8_t>(type), payload);
      BZ_CHECK(taken.has_value(), "the script's answer");
    });
  }
  static wire::SaslDone done(uint64_t id, std::string route) {
    wire::SaslDone done;
    done.id = id;
    done.account = "ana@example.test";
    done.device = "phone";
    done.ticket = "ticket";
    done.verdict = "fine";
    done.route = std::move(route);
    return done;
  }

  net::Loop loop;
  base::SeededRandom random{1};
  std::shared_ptr<Settings> settings = std::make_shared<Settings>();
  Gate::Capacity capacity;
  AuthLink auth;
  Services services;
  std::unique_ptr<Gate> gate;
  std::vector<wire::SaslStart> starts;
  std::vector<std::string> steps;
  size_t aborts = 0;
  // What auth does with a start or a step; by default it says nothing.
  std::function<void(const wire::SaslStart&)> on_start = [](const auto&) {};
  std::function<void(const wire::SaslStep&)> on_step = [](const auto&) {};
  bool auth_down = false, back_ends_down = false;
  std::deque<std::pair<std::string, std::unique_ptr<net::Stream>>> legs;  // role, the back end's end

 private:
  Task<void> then_stop(Task<void> task) {
    co_await std::move(task);
    loop.stop();
  }
  Result<void> asked(wire::Type type, const std::string& payload) {
    if (auth_down) return fail(Errc::Unavailable, "down");
    if (type == wire::Type::SaslStart) {
      starts.push_back(*wire::SaslStart::decode(payload));
      on_start(starts.back());
    } else if (type == wire::Type::SaslStep) {
      auto step = *wire::SaslStep::decode(payload);
      steps.push_back(step.data);
      on_step(step);
    } else {
      ++aborts;
    }
    return {};
  }
  Result<std::unique_ptr<net::Stream>> leg(std::string_view role) {
    if (back_ends_down) return fail(Errc::Unavailable, "down");
    BZ_TRY(auto pair, net::socket_pair());
    legs.emplace_back(role, std::make_unique<net::Stream>(loop, pair.second));
    return std::make_unique<net::Stream>(loop, pair.first);
  }
};

// For doors that begin TLS: a client that takes any certificate, and a certificate for the gate.
inline crypto::TlsContext client_tls() {
  crypto::TlsClientOptions options;
  options.system_roots = false;
  options.check = crypto::PeerCheck::None;
  return *crypto::make_tls_client(options);
}
inline void give_certificate(Rig& rig) {
  auto authority = crypto::make_authority("test", base::system_clock(), base::system_random());
  crypto::CertificateRequest request;
  request.names = {"mail.example.test"};
  auto pair = crypto::issue_server_certificate(*authority, request, base::system_clock(), base::system_random());
  crypto::TlsServerOptions options;
  options.hosts.push_back({*pair});
  rig.settings->tls = *crypto::make_tls_server(options);
}

inline net::Deadline soon() { return net::Deadline::in(Millis(10'000)); }

// Reads until `until` has come, or to the end.
inline Task<std::string> hear(net::Stream& stream, std::string_view until) {
  std::string heard;
  while (until.empty() || heard.find(until) == std::string::npos) {
    char buffer[4096];
    auto got = co_await stream.read_some(buffer, soon());
    if (!got || *got == 0) break;
    heard.append(buffer, *got);
  }
  co_return heard;
}
// Says, and then hears.
inline Task<std::string> talk(net::Stream& stream, std::string_view words, std::string_view until) {
  auto written = co_await stream.write_all(words, soon());
  if (!written) co_return "not written";
  auto heard = hear(stream, until);
  std::string text = co_await std::move(heard);
  co_return text;
}
// The back end's side of a hand-over: the header and what came with it.
struct Taken {
  wire::Handoff header;
  std::string rest;
};
inline Task<Taken> take(net::Stream& leg) {
  std::string bytes;
  for (;;) {
    auto parsed = wire::parse_handoff(bytes);
    BZ_CHECK(parsed.has_value(), "a hand-over header");
    if (*parsed) co_return Taken{(*parsed)->handoff, bytes.substr((*parsed)->consumed)};
    char buffer[4096];
    auto got = co_await leg.read_some(buffer, soon());
    BZ_CHECK(got && *got > 0, "the leg ends early");
    bytes.append(buffer, *got);
  }
}

}  // namespace bz::login::test
