#include "authd/turnstile.h"

#include <gtest/gtest.h>

#include <vector>

namespace bz::authd {
namespace {

Task<void> pass(Turnstile& turnstile, int name, std::vector<int>& order, std::vector<Turnstile::PlacePtr>& places) {
  auto entering = turnstile.enter();
  auto entered = co_await std::move(entering);
  order.push_back(entered ? name : -name);
  if (entered) places.push_back(std::move(*entered));
}

TEST(Turnstile, lets_in_one_after_the_other_and_sends_away_whom_its_queue_cannot_hold) {
  Turnstile turnstile(1, 2);
  std::vector<int> order;
  std::vector<Turnstile::PlacePtr> places;
  std::vector<Task<void>> tasks;
  for (int name = 1; name <= 4; ++name) {
    tasks.push_back(pass(turnstile, name, order, places));
    tasks.back().start();
  }
  EXPECT_EQ(order, (std::vector{1, -4}));
  EXPECT_EQ(turnstile.waiting(), 2u);
  tasks[1].reset();  // cancelled while it waits: the next one has its turn
  auto first = std::move(places[0]);
  places.clear();
  first.reset();
  EXPECT_EQ(order, (std::vector{1, -4, 3}));
  EXPECT_EQ(turnstile.waiting(), 0u);
  places.clear();
  tasks.push_back(pass(turnstile, 5, order, places));
  tasks.back().start();
  tasks.push_back(pass(turnstile, 6, order, places));
  tasks.back().start();
  EXPECT_EQ(order, (std::vector{1, -4, 3, 5}));
  turnstile.resize(2);
  EXPECT_EQ(order, (std::vector{1, -4, 3, 5, 6})) << "there is a second place now";
  turnstile.resize(1);
  tasks.push_back(pass(turnstile, 7, order, places));
  tasks.back().start();
  places.pop_back();
  EXPECT_EQ(order, (std::vector{1, -4, 3, 5, 6})) << "one place again, and it is taken";
  turnstile.close();
  places.clear();
  EXPECT_EQ(order, (std::vector{1, -4, 3, 5, 6})) << "nobody is let in any more";
}

}  // namespace
}  // namespace bz::authd
