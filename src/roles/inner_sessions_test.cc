#include "roles/inner_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bz::roles {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct SessionCountTest : testing::Test {
  int a = 0, b = 0, c = 0;  // workers, by their addresses
  std::vector<std::string> told;
  SessionCount count{[this](const wire::AccountSessions& answer) {
    std::string text = std::to_string(answer.id);
    for (const std::string& device : answer.devices) text += " " + device;
    told.push_back(text);
  }};
};

TEST_F(SessionCountTest, TellsNothingBeforeAllHaveAnswered) {
  const uint64_t ours = count.begin(7, {&a, &b});
  count.take(&a, {ours, {"phone"}});
  EXPECT_THAT(told, IsEmpty());
  count.take(&b, {ours, {"mac", ""}});
  EXPECT_THAT(told, ElementsAre("7 phone mac "));
}

TEST_F(SessionCountTest, NobodyIsAskedAndNobodyIsTheAnswer) {
  count.begin(7, {});
  EXPECT_THAT(told, ElementsAre("7"));
}

TEST_F(SessionCountTest, WhoLeavesIsNotWaitedFor) {
  const uint64_t first = count.begin(7, {&a, &b}), second = count.begin(8, {&a});
  count.take(&b, {first, {"mac"}});
  count.forget(&a);
  EXPECT_THAT(told, ElementsAre("7 mac", "8"));
  count.take(&a, {second, {"late"}});
  count.forget(&b);
  EXPECT_EQ(told.size(), 2u);
}

TEST_F(SessionCountTest, AnswersOfStrangersTwiceOrToNoQuestionCountNothing) {
  const uint64_t ours = count.begin(7, {&a, &b});
  count.take(&c, {ours, {"stranger"}});
  count.take(&a, {ours + 1, {"no question"}});
  count.take(&a, {7, {"auth's number"}});
  count.take(&a, {ours, {"one"}});
  count.take(&a, {ours, {"twice"}});
  EXPECT_THAT(told, IsEmpty());
  count.take(&b, {ours, {}});
  EXPECT_THAT(told, ElementsAre("7 one"));
}

TEST_F(SessionCountTest, QuestionsUnderWayDoNotMix) {
  const uint64_t first = count.begin(1, {&a, &b}), second = count.begin(2, {&a, &b});
  count.take(&a, {second, {"two"}});
  count.take(&a, {first, {"one"}});
  count.take(&b, {second, {}});
  count.take(&b, {first, {}});
  EXPECT_THAT(told, ElementsAre("2 two", "1 one"));
}

TEST_F(SessionCountTest, AnAnswerAndTheQuestionsUnderWayAreBounded) {
  const uint64_t ours = count.begin(7, {&a, &b});
  count.take(&a, {ours, std::vector<std::string>(SessionCount::kMaxTold, "x")});
  count.take(&b, {ours, {"over"}});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(
      told[0], "7" + [] {
        std::string all;
        for (size_t i = 0; i < SessionCount::kMaxTold; ++i) all += " x";
        return all;
      }());
  const uint64_t oldest = count.begin(1, {&a});
  for (size_t i = 0; i < SessionCount::kMaxUnderWay; ++i) count.begin(2 + i, {&a});
  count.take(&a, {oldest, {}});
  EXPECT_EQ(told.size(), 1u) << "given up";
  count.forget(&a);
  EXPECT_EQ(told.size(), 1 + SessionCount::kMaxUnderWay);
}

TEST_F(SessionCountTest, NothingIsToldWhenTheOneWhoAskedIsGone) {
  const uint64_t ours = count.begin(7, {&a});
  count.clear();
  count.take(&a, {ours, {"x"}});
  EXPECT_THAT(told, IsEmpty());
}

}  // namespace
}  // namespace bz::roles
