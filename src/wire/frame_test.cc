#include "wire/frame.h"

#include <gtest/gtest.h>

#include "wire/schema.h"

namespace bz::wire {
namespace {

TEST(Frame, ComesOutAsItWentInWhereverTheBytesAreCut) {
  const std::string bytes = encode_frame(40, "abc") + encode_frame(108, "") + encode_frame(1, std::string(kMaxFrame, 'x'));
  for (size_t cut = 0; cut <= 20; ++cut) {
    FrameReader reader;
    reader.feed(std::string_view(bytes).substr(0, cut));
    std::vector<Frame> seen;
    for (int half = 0; half < 2; ++half) {
      for (;;) {
        auto frame = reader.next();
        ASSERT_TRUE(frame.has_value());
        if (!*frame) break;
        seen.push_back(std::move(**frame));
      }
      if (half == 0) reader.feed(std::string_view(bytes).substr(cut));
    }
    ASSERT_EQ(seen.size(), 3u) << cut;
    EXPECT_EQ(seen[0].type, 40);
    EXPECT_EQ(seen[0].payload, "abc");
    EXPECT_EQ(seen[1].type, 108);
    EXPECT_EQ(seen[1].payload, "");
    EXPECT_EQ(seen[2].payload.size(), kMaxFrame);
  }
}

TEST(Frame, WithoutTypeOrOverTheLimitIsRefusedBeforeItIsThere) {
  for (std::string_view head :
       {std::string_view("\0\0\0\0", 4), std::string_view("\0\1\0\0", 4), std::string_view("\xff\xff\xff\xff", 4)}) {
    FrameReader reader;
    reader.feed(head);
    auto frame = reader.next();
    ASSERT_FALSE(frame.has_value());
    EXPECT_EQ(frame.error().code(), Errc::Invalid);
  }
}

TEST(Frame, NumberOfAnExchangeIsChangedAndNothingElse) {
  const SaslDone done{300, "ana", "phone", "T", "f", "v", "mailstore", 7};
  EXPECT_EQ(exchange_of(done.encode()).value(), 300u);
  auto changed = with_exchange(done.encode(), 5);
  ASSERT_TRUE(changed.has_value());
  auto back = SaslDone::decode(*changed);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->id, 5u);
  EXPECT_EQ(back->account, "ana");
  EXPECT_EQ(back->account_id, 7u);
  EXPECT_FALSE(exchange_of("").has_value());
  EXPECT_FALSE(with_exchange("\x01\xff", 5).has_value());
}

}  // namespace
}  // namespace bz::wire
