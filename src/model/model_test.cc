#include <gtest/gtest.h>

#include <set>

#include "base/env.h"
#include "model/flags.h"
#include "model/uid_set.h"

namespace bz {
namespace {

TEST(UidSet, joins_touching_ranges) {
  EXPECT_EQ(UidSet::of({{5, 6}, {1, 2}, {3, 4}, {9, 9}}).to_string(), "1:6,9");
  EXPECT_EQ(UidSet::of({{4294967295u, 4294967290u}, {1, 4294967295u}}).to_string(), "1:4294967295");
}
TEST(UidSet, agrees_with_std_set_on_random_adds) {
  base::SeededRandom random(1);
  for (int round = 0; round < 200; ++round) {
    UidSet set;
    std::set<uint32_t> model;
    for (int i = 0; i < 30; ++i) {
      auto a = static_cast<uint32_t>(random.u64() % 60 + 1), b = static_cast<uint32_t>(a + random.u64() % 4);
      set.add(a, b);
      for (uint32_t n = a; n <= b; ++n) model.insert(n);
    }
    EXPECT_EQ(set.count(), model.size());
    for (uint32_t n = 1; n < 70; ++n) EXPECT_EQ(set.contains(n), model.count(n) > 0) << n;
    for (size_t i = 1; i < set.ranges().size(); ++i) EXPECT_GT(set.ranges()[i].first, set.ranges()[i - 1].last + 1);
  }
}
TEST(Flags, names_have_no_case) {
  EXPECT_EQ(system_flag("\\seen"), kSeen);
  EXPECT_FALSE(system_flag("\\Recent"));
}

}  // namespace
}  // namespace bz
