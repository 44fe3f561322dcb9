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

TEST(UidSet, intersection_and_slice) {
  UidSet a = UidSet::of({{1, 10}, {20, 30}, {4294967290, 4294967295}}),
         b = UidSet::of({{5, 22}, {30, 30}, {4294967295, 4294967295}});
  EXPECT_EQ(a.intersection(b).to_string(), "5:10,20:22,30,4294967295");
  EXPECT_EQ(b.intersection(a), a.intersection(b));
  EXPECT_TRUE(a.intersection({}).empty());
  EXPECT_EQ(a.slice(9, 3).to_string(), "10,20:21");
  EXPECT_EQ(a.slice(0, 1).to_string(), "1");
  EXPECT_EQ(a.slice(26, 100).to_string(), "4294967295");
  EXPECT_TRUE(a.slice(27, 1).empty());
  EXPECT_TRUE(a.slice(3, 0).empty());
}
}  // namespace
}  // namespace bz
