#include "net/passing.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "net/test_util.h"

namespace bz::net {
namespace {

Deadline soon() { return Deadline::in(Millis(10'000)); }

struct Came {
  std::string bytes;
  os::Fd fd;
  Errc error{};
};
Task<void> take(Stream& stream, Came& out) {
  char buffer[100];
  auto reading = read_with(stream, buffer, out.fd, soon());
  auto got = co_await std::move(reading);
  if (got) out.bytes.assign(buffer, *got);
  if (!got) out.error = got.error().code();
}

TEST(Passing, ADescriptorComesWithItsBytesAndLeavesTheOtherSideItsOwn) {
  Loop loop;
  auto way = *socket_pair(), passed = *socket_pair();
  Stream from(loop, way.first), to(loop, way.second), far(loop, passed.second);
  auto near = std::make_unique<Stream>(loop, passed.first);
  ASSERT_TRUE(send_with(from, "hello", near->fd()).has_value());
  Came came;
  test::run(loop, take(to, came));
  EXPECT_EQ(came.bytes, "hello");
  ASSERT_TRUE(came.fd);
  ASSERT_EQ(::send(came.fd.get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::recv(far.fd(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'x');
  near.reset();
  ASSERT_EQ(::send(came.fd.get(), "y", 1, 0), 1);
  EXPECT_EQ(::recv(far.fd(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'y') << "the copy lives on without the one it was made of";
}

TEST(Passing, BytesWithoutADescriptorComeToo) {
  Loop loop;
  auto way = *socket_pair();
  Stream from(loop, way.first), to(loop, way.second);
  ASSERT_EQ(::send(from.fd(), "plain", 5, 0), 5);
  Came came;
  test::run(loop, take(to, came));
  EXPECT_EQ(came.bytes, "plain");
  EXPECT_FALSE(came.fd);
  from.close();
  Came end;
  test::run(loop, take(to, end));
  EXPECT_EQ(end.bytes, "");
  EXPECT_EQ(send_with(from, "x", to.fd()).error().code(), Errc::Closed);
}

TEST(Passing, TwoDescriptorsAtOnceAreRefusedAndClosed) {
  Loop loop;
  auto way = *socket_pair(), passed = *socket_pair();
  Stream from(loop, way.first), to(loop, way.second);
  OwnedFd near(passed.first), far(passed.second);
  union {
    cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
  } control{};
  iovec part{const_cast<char*>("x"), 1};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const int two[] = {near.get(), near.get()};
  std::memcpy(CMSG_DATA(c), two, sizeof two);
  ASSERT_EQ(::sendmsg(from.fd(), &header, 0), 1);
  near.reset();
  Came came;
  test::run(loop, take(to, came));
  EXPECT_EQ(came.bytes, "");
  came.fd.reset();
  char byte;
  EXPECT_EQ(::recv(far.get(), &byte, 1, MSG_DONTWAIT), 0) << "nobody has the other end any more";
}

// A socket that two processes have ends for both, and can still be read to its end.
TEST(Passing, HangingUpReachesEveryCopy) {
  auto fds = *socket_pair();
  OwnedFd one(fds.first), copy(::dup(fds.first)), far(fds.second);
  ASSERT_EQ(::send(far.get(), "last", 4, 0), 4);
  hang_up(one.get());
  char bytes[10];
  EXPECT_EQ(::recv(far.get(), bytes, sizeof bytes, MSG_DONTWAIT), 0);
  EXPECT_EQ(::recv(copy.get(), bytes, sizeof bytes, MSG_DONTWAIT), 4);
  EXPECT_EQ(::recv(copy.get(), bytes, sizeof bytes, MSG_DONTWAIT), 0);
}

}  // namespace
}  // namespace bz::net
