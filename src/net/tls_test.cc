// TLS and splices: over socket pairs, with a private authority.
#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "crypto/tls.h"
#include "net/test_util.h"

namespace bz::net {
namespace {
using testing::HasSubstr;
using testing::SizeIs;

struct Party {
  crypto::TlsContext server, client, stranger;
};

const Party& party() {
  static const Party made = [] {
    auto& clock = base::system_clock();
    auto& random = base::system_random();
    auto root = crypto::make_authority("buzon test", clock, random);
    auto other = crypto::make_authority("another", clock, random);
    crypto::CertificateRequest request;
    request.names = {"mail.example.test"};
    auto leaf = crypto::issue_server_certificate(*root, request, clock, random);
    crypto::TlsServerOptions server;
    server.hosts = {{*leaf}};
    server.client_certificates = crypto::ClientCertificates::Unverified;
    crypto::TlsClientOptions client;
    client.ca_pem = root->chain_pem;
    client.system_roots = false;
    client.client_certificate = {*leaf};
    crypto::TlsClientOptions stranger;
    stranger.ca_pem = other->chain_pem;
    stranger.system_roots = false;
    return Party{*crypto::make_tls_server(server), *crypto::make_tls_client(client), *crypto::make_tls_client(stranger)};
  }();
  return made;
}

constexpr Millis kSpan{10'000};

Task<void> accept(Stream& stream, Result<TlsInfo>& out) {
  auto task = stream.accept_tls(party().server, Deadline::in(kSpan));
  out = co_await std::move(task);
  if (!out) stream.close();
}

Task<void> connect_to(Stream& stream, const crypto::TlsContext& context, std::string host, Result<TlsInfo>& out) {
  auto task = stream.connect_tls(context, host, Deadline::in(kSpan));
  out = co_await std::move(task);
  if (!out) stream.close();
}

struct Ends {
  explicit Ends(Loop& loop) : Ends(loop, *socket_pair()) {}
  Ends(Loop& loop, std::pair<int, int> fds) : server(loop, fds.first), client(loop, fds.second) {}
  void handshake() {
    test::run_all(server.loop(), accept(server, at_server),
                  connect_to(client, party().client, "mail.example.test", at_client));
    ASSERT_TRUE(at_server) << at_server.error().to_string();
    ASSERT_TRUE(at_client) << at_client.error().to_string();
  }
  Stream server, client;
  Result<TlsInfo> at_server{fail(Errc::Internal)}, at_client{fail(Errc::Internal)};
};

Task<void> send_then_end(Stream& stream, std::string bytes) {
  auto write = stream.write_all(bytes, Deadline::in(kSpan));
  auto sent = co_await std::move(write);
  EXPECT_TRUE(sent);
  auto end = stream.shutdown(Deadline::in(kSpan));
  auto ended = co_await std::move(end);
  EXPECT_TRUE(ended);
}

Task<void> read_to_end(Stream& stream, std::string& out, Errc* error = nullptr) {
  std::string buffer(40'000, 0);
  for (;;) {
    auto wait = stream.wait_readable(Deadline::in(kSpan));
    auto ready = co_await std::move(wait);
    EXPECT_TRUE(ready);
    auto read = stream.read_some(buffer, Deadline::in(kSpan));
    auto n = co_await std::move(read);
    if (!n && error != nullptr) *error = n.error().code();
    if (!n && error == nullptr) ADD_FAILURE() << n.error().to_string();
    if (!n || *n == 0) co_return;
    out.append(buffer.data(), *n);
  }
}

std::string pattern(size_t size) {
  std::string bytes(size, 0);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  return bytes;
}

TEST(Tls, HandshakeTellsTheFactsToBothSides) {
  Loop loop;
  Ends ends(loop);
  ends.handshake();
  const TlsInfo& server = *ends.at_server;
  EXPECT_EQ(server.version, "TLSv1.3");
  EXPECT_THAT(server.cipher, HasSubstr("TLS_"));
  EXPECT_EQ(server.sni, "mail.example.test");
  EXPECT_THAT(server.exporter, SizeIs(32));
  EXPECT_EQ(server.exporter, ends.at_client->exporter);
  EXPECT_THAT(server.client_certificate_sha256, SizeIs(32));
  EXPECT_FALSE(server.resumed);
  EXPECT_TRUE(ends.server.is_tls());
  EXPECT_EQ(ends.server.tls().exporter, server.exporter);
}

TEST(Tls, MovesMuchBothWaysAndEndsInOrder) {
  Loop loop;
  Ends ends(loop);
  ends.handshake();
  std::string there = pattern(3 << 20), back = pattern(1 << 20), got, got_back;
  test::run_all(loop, send_then_end(ends.client, there), read_to_end(ends.server, got), send_then_end(ends.server, back),
                read_to_end(ends.client, got_back));
  EXPECT_EQ(got, there);
  EXPECT_EQ(got_back, back);
}

Task<void> send(Stream& stream, std::string_view bytes) {
  auto write = stream.write_all(bytes, Deadline::in(kSpan));
  auto sent = co_await std::move(write);
  EXPECT_TRUE(sent);
}
Task<void> wait_and_read(Stream& stream, std::string& out) {
  auto wait = stream.wait_readable(Deadline::in(kSpan));
  auto ready = co_await std::move(wait);
  EXPECT_TRUE(ready) << ready.error().to_string();
  char buffer[100];
  auto read = stream.read_some(buffer, Deadline::in(kSpan));
  auto n = co_await std::move(read);
  EXPECT_TRUE(n);
  if (n) out.assign(buffer, *n);
}

// Both come out of the socket at once; the second is waited for where nothing comes any more.
TEST(Tls, ARecordThatWasReadAheadEndsTheWaitForIt) {
  Loop loop;
  Ends ends(loop);
  ends.handshake();
  test::run(loop, send(ends.client, "one"));
  test::run(loop, send(ends.client, "two"));
  std::string got;
  test::run(loop, wait_and_read(ends.server, got));
  EXPECT_EQ(got, "one");
  test::run(loop, wait_and_read(ends.server, got));
  EXPECT_EQ(got, "two");
}

TEST(Tls, AnEndWithoutCloseNotifyIsNotAnOrderlyEnd) {
  Loop loop;
  Ends ends(loop);
  ends.handshake();
  ::shutdown(ends.client.fd(), SHUT_WR);  // as somebody on the way could do it
  std::string got;
  Errc error = Errc::Internal;
  test::run(loop, read_to_end(ends.server, got, &error));
  EXPECT_EQ(error, Errc::Closed);
}

TEST(Tls, AWrongNameAndAnUnknownAuthorityAreRefused) {
  Loop loop;
  Ends name(loop), issuer(loop);
  test::run_all(loop, accept(name.server, name.at_server),
                connect_to(name.client, party().client, "other.example.test", name.at_client));
  ASSERT_FALSE(name.at_client);
  EXPECT_EQ(name.at_client.error().code(), Errc::Invalid);
  EXPECT_THAT(name.at_client.error().text(), HasSubstr("ostname mismatch"));
  test::run_all(loop, accept(issuer.server, issuer.at_server),
                connect_to(issuer.client, party().stranger, "mail.example.test", issuer.at_client));
  ASSERT_FALSE(issuer.at_client);
  EXPECT_FALSE(issuer.at_server);
}

TEST(Tls, AHandshakeOfNoiseOrSilenceFails) {
  Loop loop;
  auto fds = *socket_pair();
  Stream server(loop, fds.first);
  OwnedFd peer(fds.second);
  ASSERT_EQ(::send(peer.get(), "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
  Result<TlsInfo> out{fail(Errc::Internal)};
  test::run(loop, accept(server, out));
  EXPECT_EQ(out.error().code(), Errc::Invalid);

  auto more = *socket_pair();
  Stream silent(loop, more.first);
  OwnedFd other(more.second);
  auto task = [](Stream& s, Errc& e) -> Task<void> {
    auto t = s.accept_tls(party().server, Deadline::in(Millis(2)));
    auto r = co_await std::move(t);
    e = r ? Errc::Internal : r.error().code();
  };
  Errc code = Errc::Internal;
  test::run(loop, task(silent, code));
  EXPECT_EQ(code, Errc::Timeout);
}

Task<void> run_splice(Stream& a, Stream& b, Millis idle, SpliceEnd& out, SpliceWitness* witness = nullptr) {
  auto task = splice(a, b, idle, witness);
  out = co_await std::move(task);
}

TEST(Splice, CarriesTlsToPlainAndBackWithItsEnds) {
  Loop loop;
  Ends outer(loop);
  outer.handshake();
  auto inner = *socket_pair();
  Stream left(loop, inner.first), right(loop, inner.second);
  std::string there = pattern(3 << 20), back = pattern(5 << 20), got, got_back;
  SpliceEnd end;
  test::run_all(loop, run_splice(outer.server, left, kSpan, end), send_then_end(outer.client, there),
                read_to_end(right, got), send_then_end(right, back), read_to_end(outer.client, got_back));
  EXPECT_EQ(got, there);
  EXPECT_EQ(got_back, back);
  EXPECT_EQ(end.a_to_b, there.size());
  EXPECT_EQ(end.b_to_a, back.size());
  EXPECT_THAT(end.reason, HasSubstr("ended"));
}

Task<void> end_then_answer(Stream& stream, std::string& got) {
  auto read = read_to_end(stream, got);
  co_await std::move(read);
  auto answer = send_then_end(stream, "after the end");
  co_await std::move(answer);
}

TEST(Splice, TheOtherWayGoesOnAfterOneEnd) {
  Loop loop;
  Ends outer(loop);
  outer.handshake();
  auto inner = *socket_pair();
  Stream left(loop, inner.first), right(loop, inner.second);
  std::string got, back;
  SpliceEnd end;
  test::run_all(loop, run_splice(outer.server, left, kSpan, end), send_then_end(outer.client, "bye"),
                end_then_answer(right, got), read_to_end(outer.client, back));
  EXPECT_EQ(got, "bye");
  EXPECT_EQ(back, "after the end");
  EXPECT_EQ(end.reason, "a ended");
}

TEST(Splice, EndsWhenIdleAndWhenASideFails) {
  Loop loop;
  auto x = *socket_pair(), y = *socket_pair();
  Stream a(loop, x.first), b(loop, y.first);
  OwnedFd far_a(x.second), far_b(y.second);
  SpliceEnd end;
  test::run(loop, run_splice(a, b, Millis(2), end));
  EXPECT_EQ(end.reason, "idle");
  // Bytes that came before the failure still go through.
  ASSERT_EQ(::send(far_b.get(), "unread", 6, 0), 6);
  ASSERT_EQ(::send(far_a.get(), "last words", 10, 0), 10);
  loop.post([&] { loop.post([&] { far_a.reset(); }); });
  test::run(loop, run_splice(a, b, kSpan, end));
  EXPECT_THAT(end.reason, HasSubstr("a: Closed"));
  char buffer[64];
  EXPECT_EQ(::recv(far_b.get(), buffer, sizeof buffer, 0), 10);
}

TEST(Splice, EndsWhenAStreamIsClosedAndMayBeDestroyedWhileItRuns) {
  Loop loop;
  auto x = *socket_pair(), y = *socket_pair();
  Stream a(loop, x.first), b(loop, y.first);
  OwnedFd far_a(x.second), far_b(y.second);
  SpliceEnd end;
  {
    TaskGroup group(loop);
    group.spawn(run_splice(a, b, kSpan, end));
    loop.post([&] { group.cancel(); });
    loop.post([&] { loop.stop(); });
    loop.run();
  }
  loop.post([&] { b.close(); });
  test::run(loop, run_splice(a, b, kSpan, end));
  EXPECT_EQ(end.reason, "closed here");
}

struct Heard : SpliceWitness {
  std::string text;
  void passing(std::string_view bytes) override { text += bytes; }
  std::string last_words() override { return text.ends_with("\n") ? "last words" : ""; }
};

// The client goes on talking all the while, into the void: it must not cost it what the back end said.
TEST(Splice, ABackEndsEndIsTheEndOfBothWithLastWordsBehindItsLastByte) {
  for (bool whole_line : {true, false}) {
    Loop loop;
    Ends outer(loop);
    outer.handshake();
    auto inner = *socket_pair();
    Stream left(loop, inner.first);
    auto right = std::make_unique<Stream>(loop, inner.second);
    Heard heard;
    SpliceEnd end;
    std::string said = pattern(300'000) + (whole_line ? "\n" : ""), got;
    auto die = [](std::unique_ptr<Stream>& stream, const std::string& bytes) -> Task<void> {
      auto writing = stream->write_all(bytes, Deadline::in(kSpan));
      (void)co_await std::move(writing);
      stream.reset();  // with the client's bytes unread in it
    };
    test::run_all(loop, run_splice(outer.server, left, kSpan, end, &heard), die(right, said),
                  send_then_end(outer.client, pattern(400'000)), read_to_end(outer.client, got));
    EXPECT_EQ(heard.text, said);
    EXPECT_EQ(got, whole_line ? said + "last words" : said);
    EXPECT_EQ(end.b_to_a, got.size());
  }
}

// One that never ends its side is not waited for.
TEST(Splice, AClientThatStaysIsLeftSoonAfterItsBackEnd) {
  Loop loop;
  auto x = *socket_pair(), y = *socket_pair();
  Stream a(loop, x.first), b(loop, y.first);
  OwnedFd client(x.second), back_end(y.second);
  Heard heard;
  SpliceEnd end;
  ASSERT_EQ(::send(back_end.get(), "bye\n", 4, 0), 4);
  back_end.reset();
  test::run(loop, run_splice(a, b, Millis(50), end, &heard));  // the idle limit is the shorter one here
  EXPECT_EQ(end.reason, "b ended");
  char buffer[64];
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(::recv(client.get(), buffer, sizeof buffer, 0))), "bye\nlast words");
}

TEST(Splice, AClientThatEndedFirstHearsNoLastWords) {
  Loop loop;
  auto x = *socket_pair(), y = *socket_pair();
  Stream a(loop, x.first), b(loop, y.first), client(loop, x.second), back_end(loop, y.second);
  Heard heard;
  SpliceEnd end;
  std::string got, back;
  test::run_all(loop, run_splice(a, b, kSpan, end, &heard), send_then_end(client, "x"), end_then_answer(back_end, got),
                read_to_end(client, back));
  EXPECT_EQ(back, "after the end");
  EXPECT_EQ(end.reason, "a ended");
}

// The sink takes nothing: the source must not be read beyond one buffer.
TEST(Splice, DoesNotReadAheadOfASlowReader) {
  Loop loop;
  auto x = *socket_pair(), y = *socket_pair();
  Stream a(loop, x.first), b(loop, y.first), writer(loop, x.second);
  OwnedFd slow(y.second);
  SpliceEnd end;
  std::string bytes = pattern(8 << 20);
  TaskGroup group(loop);
  auto send = writer.write_all(bytes, Deadline::in(Millis(20)));
  auto flood = [](Task<Result<void>> task, Loop& l, Errc& e) -> Task<void> {
    auto r = co_await std::move(task);
    e = r ? Errc::Internal : r.error().code();
    l.stop();
  };
  Errc code = Errc::Internal;
  group.spawn(run_splice(a, b, kSpan, end));
  group.spawn(flood(std::move(send), loop, code));
  loop.run();
  EXPECT_EQ(code, Errc::Timeout);
  group.cancel();
}
}  // namespace
}  // namespace bz::net
