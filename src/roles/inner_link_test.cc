#include "roles/inner_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/coding.h"

namespace bz::roles {
namespace {

// One link over a socket pair; the other end speaks bytes.
class InnerLinkTest : public testing::Test {
 protected:
  InnerLinkTest() {
    auto ends = net::socket_pair();
    BZ_CHECK(ends.has_value(), "socket pair");
    other_ = std::make_unique<net::Stream>(loop_, ends->second);
    link_ = std::make_unique<InnerLink>(std::make_unique<net::Stream>(loop_, ends->first), [this](wire::Frame frame) {
      taken_.push_back(std::to_string(frame.type) + " " + frame.payload);
      if (frame.payload == "stop") loop_.stop();
      return frame.payload == "bad" ? Result<void>(fail(Errc::Invalid, "refused")) : Result<void>();
    });
    tasks_.spawn(run_link());
  }
  Task<void> run_link() {
    auto running = link_->run();
    why_ = (co_await std::move(running)).to_string();
    loop_.stop();
  }
  Task<void> write(std::string bytes) {
    auto writing = other_->write_all(bytes, net::Deadline::never());
    (void)co_await std::move(writing);
  }
  Task<void> read(size_t size) {
    std::string buffer(64 << 10, '\0');
    while (heard_.size() < size) {
      auto reading = other_->read_some(buffer, net::Deadline::never());
      auto got = co_await std::move(reading);
      if (!got || *got == 0) break;
      heard_.append(buffer, 0, *got);
    }
    loop_.stop();
  }
  void run() {
    net::Loop::Timer guard(loop_, [] { BZ_CHECK(false, "it does not happen"); });
    guard.arm(net::Deadline::in(net::Millis(20'000)));
    loop_.run();
  }

  net::Loop loop_;
  std::unique_ptr<net::Stream> other_;
  std::unique_ptr<InnerLink> link_;
  std::vector<std::string> taken_;
  std::string heard_, why_;
  net::TaskGroup tasks_{loop_};
};

const std::string kPing = wire::encode_frame(108, "");

TEST_F(InnerLinkTest, TakesFramesInOrderAndKeepsPingsToItself) {
  tasks_.spawn(write(wire::encode_frame(40, "a") + kPing + wire::encode_frame(41, "stop")));
  run();
  EXPECT_THAT(taken_, testing::ElementsAre("40 a", "41 stop"));
  EXPECT_EQ(why_, "");
}

TEST_F(InnerLinkTest, BeginsWithAPingAndSendsInOrder) {
  link_->send(wire::Type::SaslStart, "a");
  link_->send(wire::Type::SaslStep, "b");
  const std::string wanted = kPing + wire::encode_frame(40, "a") + wire::encode_frame(41, "b");
  tasks_.spawn(read(wanted.size()));
  run();
  EXPECT_EQ(heard_, wanted);
}

TEST_F(InnerLinkTest, EndsWithTheOtherSide) {
  other_.reset();
  run();
  EXPECT_THAT(why_, testing::HasSubstr("Closed"));
}

TEST_F(InnerLinkTest, EndsByWhatIsNoFrameAndByAFrameThatIsRefused) {
  std::string huge;
  base::put_be32(huge, 1u << 30);
  for (const std::string& bytes :
       {huge, std::string(4, '\0'), wire::encode_frame(40, "bad") + wire::encode_frame(40, "after")}) {
    auto ends = net::socket_pair();
    ASSERT_TRUE(ends.has_value());
    taken_.clear();
    other_ = std::make_unique<net::Stream>(loop_, ends->second);
    tasks_.cancel();
    link_ = std::make_unique<InnerLink>(std::make_unique<net::Stream>(loop_, ends->first), [this](wire::Frame frame) {
      taken_.push_back(frame.payload);
      return Result<void>(fail(Errc::Invalid, "refused"));
    });
    why_.clear();
    tasks_.spawn(run_link());
    tasks_.spawn(write(bytes));
    run();
    EXPECT_THAT(why_, testing::HasSubstr("Invalid"));
    EXPECT_LE(taken_.size(), 1u) << "nothing is read behind it";
  }
}

TEST_F(InnerLinkTest, EndsWhenTheOtherSideDoesNotTakeWhatIsSaid) {
  const std::string payload(wire::kMaxFrame, 'x');
  for (size_t sent = 0; sent <= InnerLink::kMaxQueued + (1 << 20); sent += payload.size())
    link_->send(wire::Type::EndSessions, payload);
  run();
  EXPECT_NE(why_, "");
  link_->send(wire::Type::EndSessions, "dropped");
}

TEST(InnerTarget, IsNamedAsItsRole) {
  for (InnerTarget target : kInnerTargets) EXPECT_EQ(inner_target(name(target)), target);
  EXPECT_EQ(inner_target("gateway"), std::nullopt);
  EXPECT_EQ(inner_target(""), std::nullopt);
}

}  // namespace
}  // namespace bz::roles
