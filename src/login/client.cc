#include "login/client.h"

#include <algorithm>

#include "base/log.h"
#include "net/passing.h"
#include "sasl/mechanism.h"

namespace bz::login {
namespace {

constexpr size_t kReadSize = 16 << 10, kFirstRead = 1 << 10;
constexpr size_t kMaxWithSocket = 8 << 10;  // of egress's answer with a socket (docs/wire.md)
constexpr Millis kWriteTime{30'000};
constexpr std::string_view kTlsHello = "\x16\x03";  // handshake record, version 3.x (RFC 8446 section 5.1)

// A chain that fits into one message to auth, whatever else is in it.
bool sends_certificates(const std::vector<std::string>& chain) {
  constexpr size_t kMaxAll = 32 << 10;
  size_t all = 0;
  for (const std::string& der : chain) {
    if (der.size() > crypto::kMaxClientCertificate) return false;
    all += der.size();
  }
  return !chain.empty() && chain.size() <= crypto::kMaxClientChain && all <= kMaxAll;
}

}  // namespace

Client::Client(const Services& s, Bearers& bearers, std::shared_ptr<const Settings> its_settings,
               std::shared_ptr<const Door> its_door, int fd, std::string id)
    : services(s),
      settings(std::move(its_settings)),
      door(std::move(its_door)),
      stream(s.loop, fd),
      bearer(bearers, stream),
      sid(std::move(id)),
      deadline(net::Deadline::in(settings->limits.login)) {
  if (auto end = net::peer_of(fd)) peer = std::move(*end);
  if (auto end = net::local_of(fd)) local = std::move(*end);
}

Task<Result<void>> Client::read(std::string& input) {
  auto ready = co_await stream.wait_readable(deadline);
  if (!ready) co_return std::move(ready).error();
  size_t before = input.size();
  input.resize(before + kReadSize);
  auto got = co_await stream.read_some(std::span<char>(input).subspan(before), deadline);
  input.resize(before + (got ? *got : 0));
  if (!got) co_return std::move(got).error();
  if (*got == 0) co_return fail(Errc::Closed, "the client ended");
  bool first = !std::exchange(heard, true);
  if (first && !secure() && std::string_view(input).substr(before).starts_with(kTlsHello)) {
    co_return fail(Errc::Closed, "TLS hello on a plain port");
  }
  co_return Result<void>();
}

Task<Result<void>> Client::sniff_tls() {
  Millis wait = settings->limits.tls_sniff;
  if (door->tls != TlsMode::StartTls || wait.count() == 0) co_return Result<void>();
  auto first = co_await stream.peek_byte(net::Deadline::in(wait));
  if (!first && first.error().code() == Errc::Timeout) co_return Result<void>();
  if (!first) co_return std::move(first).error();
  if (*first != kTlsHello[0]) co_return Result<void>();
  auto secured = co_await start_tls("tls");
  co_return secured;
}

Task<Result<void>> Client::flush() {
  if (out.empty()) co_return Result<void>();
  std::string bytes = std::exchange(out, {});
  auto written = co_await stream.write_all(bytes, net::Deadline::in(kWriteTime));
  co_return written;
}

Task<Result<void>> Client::start_tls(std::string_view event) {
  net::Deadline limit = net::Deadline::in(settings->limits.handshake);
  // Who says nothing must not cost the buffers of a handshake.
  auto spoken = co_await stream.wait_readable(limit.at() < deadline.at() ? limit : deadline);
  if (!spoken) {
    log::event(log::Info, "tls_failed").field("sid", sid).field("peer", peer.to_string()).error(spoken.error());
    co_return std::move(spoken).error();
  }
  auto tls = co_await stream.accept_tls(settings->tls_of(*door), limit.at() < deadline.at() ? limit : deadline);
  if (!tls) {
    log::event(log::Info, "tls_failed").field("sid", sid).field("peer", peer.to_string()).error(tls.error());
    co_return std::move(tls).error();
  }
  log::event(log::Info, event)
      .field("sid", sid)
      .field("listener", door->name)
      .field("peer", peer.to_string())
      .field("tls", tls->version)
      .field("cipher", tls->cipher)
      .field("sni", tls->sni)
      .field("resumed", tls->resumed ? "yes" : "no");
  co_return Result<void>();
}

wire::SaslStart Client::sasl_start(std::string mechanism) const {
  wire::SaslStart start;
  start.service = door->service;
  start.mechanism = std::move(mechanism);
  start.listener = door->name;
  start.session_id = sid;
  start.client_address = peer.address;
  if (secure()) {
    start.tls_version = stream.tls().version;
    start.tls_cipher = stream.tls().cipher;
    start.channel_binding = stream.tls().exporter;
    start.tls_unique = stream.tls().unique;
    start.tls_server_end_point = stream.tls().server_end_point;
    if (start.mechanism == sasl::name(sasl::Kind::External)) start.client_certificates = stream.tls().peer_chain;
  }
  return start;
}

std::vector<std::string> Client::offered() const {
  std::vector<std::string> out;
  const net::TlsInfo& tls = stream.tls();
  bool binds = !tls.exporter.empty() || !tls.unique.empty() || !tls.server_end_point.empty();
  for (const std::string& name : door->mechanisms) {
    auto kind = sasl::mechanism_of(name);
    if (!kind || *kind == sasl::Kind::Apop) continue;  // POP3 says that in its greeting
    if (*kind == sasl::Kind::External && !sends_certificates(tls.peer_chain)) continue;
    if (sasl::is_plus(*kind) && !binds) continue;
    out.push_back(name);
  }
  return out;
}

bool Client::offers(std::string_view mechanism) const {
  const auto names = offered();
  return std::find(names.begin(), names.end(), mechanism) != names.end();
}

wire::Handoff Client::handoff() const {
  wire::Handoff header;
  header.service = door->service;
  header.session_id = sid;
  header.peer_address = peer.address;
  header.peer_port = peer.port;
  header.local_address = local.address;
  header.local_port = local.port;
  if (secure()) {
    const net::TlsInfo& tls = stream.tls();
    header.tls_version = tls.version;
    header.tls_cipher = tls.cipher;
    header.tls_sni = tls.sni;
    header.tls_client_certificate_sha256 = tls.client_certificate_sha256;
    header.tls_exporter = tls.exporter;
  }
  return header;
}

namespace {

// The back end's first bytes. A socket that comes with them is what the session goes on over.
Task<Result<std::string>> first_words(Client& client, std::unique_ptr<net::Stream>& leg, bool from_egress,
                                      net::Deadline limit) {
  std::string bytes(from_egress ? kMaxWithSocket : kFirstRead, '\0');
  os::Fd socket;
  auto reading = from_egress ? net::read_with(*leg, bytes, socket, limit) : leg->read_some(bytes, limit);
  BZ_CO_TRY(const size_t size, co_await std::move(reading));
  if (size == 0) co_return fail(Errc::Unavailable, "the back end ended without a word");
  bytes.resize(size);
  if (socket) {
    client.token = std::move(leg);
    leg = std::make_unique<net::Stream>(client.services.loop, socket.release());
  }
  co_return std::move(bytes);
}

}  // namespace

Task<Result<std::unique_ptr<net::Stream>>> hand_over(Client& client, const wire::Handoff& header, std::string_view rest,
                                                     std::string_view role) {
  log::event(log::Info, "route").field("sid", client.sid).field("route", role);
  std::string bytes = header.encode();
  if (bytes.empty()) co_return fail(Errc::TooLarge, "tag or ticket too long");
  bytes += rest;
  BZ_CO_TRY(std::unique_ptr<net::Stream> leg, client.services.open_leg(role));
  const Limits& limits = client.settings->limits;
  net::Deadline limit = net::Deadline::in(role == "egress" ? limits.foreign : limits.back_end);
  auto sent = co_await leg->write_all(bytes, limit);
  if (!sent) co_return std::move(sent).error();
  auto hearing = first_words(client, leg, role == "egress", limit);
  BZ_CO_TRY(const std::string first, co_await std::move(hearing));
  log::event(log::Info, "handoff")
      .field("sid", client.sid)
      .field("service", name(header.service))
      .field("route", role)
      .field("account", header.account)
      .field("unread", rest.size());
  if (header.service == wire::Service::Imap) client.said.passing(first);
  auto passed = co_await client.stream.write_all(first, net::Deadline::in(kWriteTime));
  if (!passed) co_return std::move(passed).error();
  co_return leg;
}

}  // namespace bz::login
