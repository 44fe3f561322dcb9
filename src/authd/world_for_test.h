// For tests: an auth server with two accounts, its peers' messages caught, time turned by hand.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "authd/service.h"
#include "base/log.h"
#include "directory/chain.h"
#include "kv/memory.h"

namespace bz::authd {

using testing::HasSubstr;
using testing::Not;
using wire::Type;

inline constexpr crypto::PasswordCost kCheap{64, 1, 1};
inline std::string g_log;
inline void keep_log(std::string_view line) { g_log += std::string(line) + "\n"; }

struct Sent {
  PeerId to;
  Type type;
  std::string payload;
};

struct AuthdTest : testing::Test {
  net::Loop loop;
  net::BlockingPool pool{1, 100}, gss_pool{1, 2};
  base::ManualClock clock;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  std::vector<Sent> sent;
  size_t wanted = 0;
  std::vector<base::Millis> slept;
  bool hold_sleepers = false, running = false;
  std::vector<base::Completion<bool>::Promise> sleepers;
  std::unique_ptr<directory::Embedded> directory = open();
  directory::Chain chain{*directory};
  std::unique_ptr<Service> service;
  const PeerId gateway{"gateway", 0}, mta{"mta", 0}, mailstore{"mailstore", 0};
  uint64_t next_id = 0;

  AuthdTest() {
    g_log.clear();
    log::set_sink(keep_log);
    service = std::make_unique<Service>(world(pool), *directory, chain, options());
    for (const PeerId& peer : {gateway, mta, mailstore}) service->peer_up(peer);
    for (const char* name : {"ana", "eva"}) EXPECT_EQ(command({"account", "add", name}, "pencil\n").exit_status, 0u);
    g_log.clear();
  }
  ~AuthdTest() override { log::set_sink(nullptr); }

  std::unique_ptr<directory::Embedded> open() {
    auto r = base::run_now(directory::Embedded::open(*store, loop, {{"example.org"}, Secret(std::string(32, 'k')), kCheap},
                                                     clock, base::system_random()));
    return r ? std::move(*r) : nullptr;
  }
  static Options options() {
    Options o;
    o.host = "mail.test";
    using sasl::Kind;
    o.offers["imaps"] = {Kind::Plain,     Kind::Login,         Kind::CramMd5, Kind::ScramSha1,   Kind::ScramSha256,
                         Kind::DigestMd5, Kind::External,      Kind::Xoauth2, Kind::OauthBearer, Kind::ScramSha512,
                         Kind::Apop,      Kind::ScramSha1Plus, Kind::Gssapi,  Kind::GssSpnego};
    o.offers["submission"] = {sasl::Kind::Plain};
    o.secrets = {kCheap, 4096, {}, "example.org"};
    o.guard.trusted = {*directory::Network::parse("127.0.0.0/8")};
    return o;
  }
  Task<void> sleep(base::Millis span) {
    slept.push_back(span);
    if (!hold_sleepers) co_return;
    base::Completion<bool> woken;
    sleepers.push_back(woken.promise());
    (void)co_await woken;
  }
  World world(net::BlockingPool& p) {
    return {loop,
            p,
            clock,
            base::system_random(),
            [this](const PeerId& to, Type type, std::string_view payload) -> Result<void> {
              sent.push_back({to, type, std::string(payload)});
              if (wanted && sent.size() >= wanted) loop.stop();
              return {};
            },
            [this](base::Millis span) { return sleep(span); },
            &gss_pool};
  }
  // Runs the loop until `count` more messages than now were sent.
  void run_until_sent(size_t count) {
    if (sent.size() >= count) return;
    wanted = count;
    net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "no answer"); });
    guard.arm(net::Deadline::in(base::Millis(20'000)));
    loop.run();
    wanted = 0;
  }
  Task<void> keep(Task<wire::ControlAnswer> task, std::optional<wire::ControlAnswer>& out) {
    out = co_await std::move(task);
    if (running) loop.stop();  // a stop before run() would end the next one
  }
  wire::ControlAnswer command(std::vector<std::string> arguments, std::string input = "") {
    std::optional<wire::ControlAnswer> out;
    auto all = keep(service->command({"auth", std::move(arguments), std::move(input)}), out);
    all.start();
    running = true;
    if (!out) loop.run();
    running = false;
    EXPECT_TRUE(out);
    return out.value_or(wire::ControlAnswer{});
  }

  wire::SaslStart begin(std::string mechanism, std::string_view address = "127.0.0.1") {
    wire::SaslStart s;
    s.id = ++next_id;
    s.service = wire::Service::Imap;
    s.mechanism = std::move(mechanism);
    s.listener = "imaps";
    s.session_id = "abcdefghjkmn";
    s.client_address = address;
    s.tls_version = "TLSv1.3";
    return s;
  }
  Sent answer_to(const wire::SaslStart& start) {
    size_t before = sent.size();
    service->message(gateway, static_cast<uint8_t>(Type::SaslStart), start.encode());
    run_until_sent(before + 1);
    return sent.back();
  }
  wire::SaslStart begin_plain(std::string_view user, std::string_view password, std::string_view address) {
    auto start = begin("PLAIN", address);
    start.has_initial = true;
    start.initial = '\0' + std::string(user) + '\0' + std::string(password);
    return start;
  }
  Sent plain(std::string_view user, std::string_view password, std::string_view address = "127.0.0.1") {
    return answer_to(begin_plain(user, password, address));
  }
  static wire::SaslFail failure(const Sent& s) {
    EXPECT_EQ(s.type, Type::SaslFail);
    auto f = wire::SaslFail::decode(s.payload);
    return f ? *f : wire::SaslFail{0, 99, ""};
  }
  template <class Question>
  Sent ask(const PeerId& from, Type type, const Question& question) {
    size_t before = sent.size();
    service->message(from, static_cast<uint8_t>(type), question.encode());
    run_until_sent(before + 1);
    return sent.back();
  }
  size_t count(Type type) {
    size_t n = 0;
    for (const Sent& s : sent) n += s.type == type;
    return n;
  }
};

}  // namespace bz::authd
