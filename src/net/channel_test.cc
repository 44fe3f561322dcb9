#include "net/channel.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/test_util.h"

namespace bz::net {
namespace {
using testing::ElementsAre;

struct End {
  std::vector<Message> got;
  std::vector<Errc> closed;
};
std::unique_ptr<Channel> make(Loop& loop, OwnedFd fd, End& end, size_t stop_after = SIZE_MAX) {
  return std::make_unique<Channel>(
      loop, std::move(fd),
      [&loop, &end, stop_after](Message m) {
        end.got.push_back(std::move(m));
        if (end.got.size() == stop_after) loop.stop();
      },
      [&loop, &end](const Error& e) {
        end.closed.push_back(e.code());
        loop.stop();
      });
}

TEST(Channel, CarriesMessagesAndDescriptorsInOrder) {
  Loop loop;
  auto fds = std::move(*Channel::pair());
  End left, right;
  auto a = make(loop, std::move(fds.first), left), b = make(loop, std::move(fds.second), right, 3);
  auto [x, y] = test::pair();
  std::vector<OwnedFd> gift;
  gift.push_back(std::move(x));
  ASSERT_TRUE(a->send(1, "one"));
  ASSERT_TRUE(a->send(2, std::string(Channel::kMaxPayload, 'z'), std::move(gift)));
  ASSERT_TRUE(a->send(3, ""));
  EXPECT_EQ(a->send(4, std::string(Channel::kMaxPayload + 1, 'z')).error().code(), Errc::TooLarge);
  loop.run();
  ASSERT_EQ(right.got.size(), 3u);
  EXPECT_EQ(right.got[0].type, 1);
  EXPECT_EQ(right.got[0].payload, "one");
  EXPECT_EQ(right.got[1].payload.size(), Channel::kMaxPayload);
  ASSERT_EQ(right.got[1].fds.size(), 1u);
  int fd = right.got[1].fds[0].get();
  EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  ASSERT_EQ(::write(fd, "q", 1), 1);
  char byte = 0;
  ASSERT_EQ(::read(y.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'q');
  EXPECT_EQ(right.got[2].payload, "");
}

TEST(Channel, QueuesWhileThePeerIsSlowAndKeepsTheOrder) {
  Loop loop;
  auto fds = std::move(*Channel::pair());
  End left, right;
  auto a = make(loop, std::move(fds.first), left);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(a->send(7, std::to_string(i) + std::string(1000, '.')));
  auto b = make(loop, std::move(fds.second), right, 1000);
  loop.run();
  ASSERT_EQ(right.got.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(std::atoi(right.got[i].payload.c_str()), i);
}

TEST(Channel, APeerThatNeverReadsClosesIt) {
  Loop loop;
  auto fds = std::move(*Channel::pair());
  End left;
  auto a = make(loop, std::move(fds.first), left);
  Result<void> sent;
  for (size_t i = 0; i < 2 * Channel::kMaxQueued && sent; ++i) sent = a->send(1, std::string(1000, 'x'));
  ASSERT_FALSE(sent);
  EXPECT_FALSE(a->open());
  loop.run();
  EXPECT_THAT(left.closed, ElementsAre(Errc::Limit));
  EXPECT_EQ(a->send(1, "x").error().code(), Errc::Closed);
}

TEST(Channel, ReportsThePeersEndOnce) {
  Loop loop;
  auto fds = std::move(*Channel::pair());
  End left;
  auto a = make(loop, std::move(fds.first), left);
  fds.second.reset();
  loop.run();
  EXPECT_THAT(left.closed, ElementsAre(Errc::Closed));
}

TEST(Channel, TheLastWordsOfAPeerAreHeardThoughItReadsNoMore) {
  Loop loop;
  auto fds = std::move(*Channel::pair());
  End left;
  ASSERT_EQ(::send(fds.second.get(), "\1bye", 4, 0), 4);
  fds.second.reset();
  auto a = make(loop, std::move(fds.first), left);
  EXPECT_EQ(a->send(1, "hello").error().code(), Errc::Closed);
  loop.run();
  ASSERT_EQ(left.got.size(), 1u);
  EXPECT_EQ(left.got[0].payload, "bye");
  EXPECT_THAT(left.closed, ElementsAre(Errc::Closed));
}

// What a peer that has been taken over may send: too much, or more descriptors than we take.
TEST(Channel, RefusesWhatBreaksTheForm) {
  for (int kind = 0; kind < 3; ++kind) {
    Loop loop;
    auto fds = std::move(*Channel::pair());
    End left;
    auto a = make(loop, std::move(fds.first), left);
    std::string bytes(kind == 0 ? Channel::kMaxPayload + 2 : kind == 1 ? 70'000 : 1, 'x');
    iovec part{bytes.data(), bytes.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 32)] = {};
    if (kind == 2) {
      header.msg_control = control;
      header.msg_controllen = sizeof control;
      cmsghdr* c = CMSG_FIRSTHDR(&header);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(sizeof(int) * 32);
      std::vector<int> many(32, fds.second.get());
      memcpy(CMSG_DATA(c), many.data(), sizeof(int) * 32);
    }
    ASSERT_GT(::sendmsg(fds.second.get(), &header, 0), 0) << kind;
    loop.run();
    EXPECT_THAT(left.closed, ElementsAre(kind == 0 ? Errc::TooLarge : Errc::Invalid)) << kind;
    EXPECT_TRUE(left.got.empty());
  }
}

TEST(Channel, ACallbackMayDestroyIt) {
  Loop loop;
  auto fds = std::move(*Channel::pair());
  std::unique_ptr<Channel> b;
  int calls = 0;
  End left;
  auto a = make(loop, std::move(fds.first), left);
  b = std::make_unique<Channel>(
      loop, std::move(fds.second),
      [&](const Message&) {
        ++calls;
        b.reset();
      },
      [](const Error&) { FAIL(); });
  ASSERT_TRUE(a->send(1, "x"));
  ASSERT_TRUE(a->send(1, "y"));
  loop.run();
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(left.closed, ElementsAre(Errc::Closed));
}
}  // namespace
}  // namespace bz::net
