#include "roles/share_index.h"

#include <gtest/gtest.h>

#include "kv/memory.h"

namespace bz::roles {
namespace {

const store::Identity kAna{AccountId(7), "ana@Example.org"}, kEva{AccountId(8), "eva@example.ORG"},
    kBob{AccountId(9), "bob@other.test"}, kNoDomain{AccountId(10), "root"};

struct Index : ::testing::Test {
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  base::ManualExecutor lane;
  std::unique_ptr<ShareIndex> index = std::make_unique<ShareIndex>(*store, lane);

  Index() { store->set_delivery(kv::MemoryStore::Delivery::Posted); }
  ~Index() override {
    index.reset();
    lane.run();
  }
  void add(const store::Identity& owner, AccountId with) {
    auto added = base::run_on(lane, index->add(owner, with));
    EXPECT_TRUE(added.has_value()) << added.error().to_string();
  }
  std::string owners(const store::Identity& user) {
    auto found = base::run_on(lane, index->owners(user));
    if (!found) return found.error().to_string();
    std::string text;
    for (const store::Identity& owner : *found) text += std::to_string(owner.id.value()) + " " + owner.name + "\n";
    return text;
  }
};

TEST_F(Index, names_owners_to_those_they_gave_something) {
  EXPECT_EQ(owners(kEva), "");
  add(kBob, kEva.id);
  add(kAna, kEva.id);
  add(kAna, kEva.id);
  EXPECT_EQ(owners(kEva), "7 ana@Example.org\n9 bob@other.test\n");
  EXPECT_EQ(owners(kAna), "");
  add(kAna, AccountId());
  EXPECT_EQ(owners(kEva), "7 ana@Example.org\n9 bob@other.test\n") << "each once";
  EXPECT_EQ(owners({AccountId(11), "new@example.org"}), "7 ana@Example.org\n");
  EXPECT_EQ(owners({AccountId(11), "new@xexample.org"}), "");
  EXPECT_EQ(owners(kAna), "") << "not to themselves";
  EXPECT_EQ(owners(kNoDomain), "");
  add({kAna.id, "ana@new.test"}, kEva.id);
  EXPECT_EQ(owners(kEva), "7 ana@new.test\n9 bob@other.test\n") << "by the newest name";
  index = std::make_unique<ShareIndex>(*store, lane);
  EXPECT_EQ(owners(kEva), "7 ana@new.test\n9 bob@other.test\n") << "kept";
}

TEST_F(Index, questions_that_come_together_open_it_once) {
  std::vector<std::string> answers;
  auto ask = [](ShareIndex& i, std::vector<std::string>& out) -> Task<void> {
    auto asking = i.owners(kEva);
    auto owners = co_await std::move(asking);
    out.push_back(owners ? std::to_string(owners->size()) : owners.error().to_string());
  };
  auto first = base::Spawned::run(ask(*index, answers));
  auto second = base::Spawned::run(ask(*index, answers));
  lane.run();
  EXPECT_EQ(answers, (std::vector<std::string>{"0", "0"}));
}

}  // namespace
}  // namespace bz::roles
