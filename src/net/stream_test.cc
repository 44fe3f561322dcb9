#include "net/stream.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/test_util.h"

namespace bz::net {
namespace {

Task<void> send_then_end(Stream& stream, std::string bytes) {
  auto write = stream.write_all(bytes, Deadline::in(Millis(10'000)));
  auto sent = co_await std::move(write);
  EXPECT_TRUE(sent);
  auto end = stream.shutdown(Deadline::in(Millis(10'000)));
  auto ended = co_await std::move(end);
  EXPECT_TRUE(ended);
}

Task<void> read_to_end(Stream& stream, std::string& out) {
  char buffer[5000];
  for (;;) {
    auto wait = stream.wait_readable(Deadline::in(Millis(10'000)));
    auto ready = co_await std::move(wait);
    EXPECT_TRUE(ready);
    auto read = stream.read_some(buffer, Deadline::in(Millis(10'000)));
    auto n = co_await std::move(read);
    EXPECT_TRUE(n);
    if (!n || *n == 0) co_return;
    out.append(buffer, *n);
  }
}

TEST(Stream, MovesMoreThanTheSocketHolds) {
  Loop loop;
  auto fds = *socket_pair();
  Stream a(loop, fds.first), b(loop, fds.second);
  std::string bytes(3 << 20, 'x'), got, back;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
  test::run_all(loop, send_then_end(a, bytes), read_to_end(b, got), send_then_end(b, "answer"), read_to_end(a, back));
  EXPECT_EQ(got, bytes);
  EXPECT_EQ(back, "answer");
}

Task<void> expect_read(Stream& stream, Millis span, Errc want) {
  char byte;
  auto read = stream.read_some(std::span(&byte, 1), Deadline::in(span));
  auto n = co_await std::move(read);
  EXPECT_FALSE(n);
  if (n) co_return;
  EXPECT_EQ(n.error().code(), want);
}

TEST(Stream, ReadsEndByTheDeadlineByCloseAndByAReset) {
  Loop loop;
  auto fds = *socket_pair();
  Stream a(loop, fds.first);
  OwnedFd b(fds.second);
  test::run(loop, expect_read(a, Millis(1), Errc::Timeout));
  // Unread bytes at the other end make its close a reset.
  ASSERT_EQ(::send(a.fd(), "x", 1, 0), 1);
  b.reset();
  test::run(loop, expect_read(a, Millis(1000), Errc::Closed));
  a.close();
  test::run(loop, expect_read(a, Millis(1000), Errc::Closed));
}

TEST(Stream, CloseWakesTheWaiterAndTheStreamMayGoWhileOneWaits) {
  Loop loop;
  auto fds = *socket_pair();
  auto other = OwnedFd(fds.second);
  Stream a(loop, fds.first);
  loop.post([&] { a.close(); });
  test::run(loop, expect_read(a, Millis(10'000), Errc::Closed));
}

Task<void> peek_twice(Stream& stream, std::string& out) {
  for (int i = 0; i < 2; ++i) {
    auto peek = stream.peek_byte(Deadline::in(Millis(10'000)));
    auto byte = co_await std::move(peek);
    EXPECT_TRUE(byte);
    out += byte ? *byte : '?';
  }
  auto rest = read_to_end(stream, out);
  co_await std::move(rest);
  auto peek = stream.peek_byte(Deadline::in(Millis(10'000)));
  auto byte = co_await std::move(peek);
  EXPECT_EQ(byte.error().code(), Errc::Closed);
}

TEST(Stream, PeekLeavesTheByteInPlace) {
  Loop loop;
  auto fds = *socket_pair();
  Stream a(loop, fds.first), b(loop, fds.second);
  std::string out;
  test::run_all(loop, peek_twice(b, out), send_then_end(a, "hello"));
  EXPECT_EQ(out, "hhhello");
}

Task<void> write_expecting(Stream& stream, std::string bytes, Errc want) {
  auto write = stream.write_all(bytes, Deadline::in(Millis(5)));
  auto sent = co_await std::move(write);
  EXPECT_FALSE(sent);
  if (sent) co_return;
  EXPECT_EQ(sent.error().code(), want);
}

TEST(Stream, AWriteToAPeerThatDoesNotReadEndsByTheDeadline) {
  Loop loop;
  auto fds = *socket_pair();
  Stream a(loop, fds.first);
  OwnedFd b(fds.second);
  test::run(loop, write_expecting(a, std::string(4 << 20, 'x'), Errc::Timeout));
  b.reset();
  test::run(loop, write_expecting(a, "x", Errc::Closed));
}

// One stream that always has data must not keep a timer from firing.
Task<void> read_forever(Stream& stream, uint64_t& total) {
  char buffer[4096];
  for (;;) {
    auto read = stream.read_some(buffer, Deadline::never());
    auto n = co_await std::move(read);
    if (!n || *n == 0) co_return;
    total += *n;
  }
}
Task<void> write_forever(Stream& stream) {
  std::string bytes(4096, 'x');
  for (;;) {
    auto write = stream.write_all(bytes, Deadline::never());
    auto sent = co_await std::move(write);
    if (!sent) co_return;
  }
}

TEST(Stream, ABusyPairLeavesRoomForTheRest) {
  Loop loop;
  auto fds = *socket_pair();
  Stream a(loop, fds.first), b(loop, fds.second);
  uint64_t total = 0;
  Loop::Timer end(loop, [&] { loop.stop(); });
  end.arm(Deadline::in(Millis(5)));
  TaskGroup group(loop);
  group.spawn(read_forever(b, total));
  group.spawn(write_forever(a));
  loop.run();
  EXPECT_GT(total, 0u);
  group.cancel();
}
}  // namespace
}  // namespace bz::net
