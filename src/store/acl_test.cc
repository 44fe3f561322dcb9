// Access control lists as the store keeps them.
#include "store/acl.h"

#include <gtest/gtest.h>

#include "store/schema.h"
#include "store/world_for_test.h"

namespace bz::store {
namespace {

using namespace right;
const AclEntry kEva{AccountId(9), false, "eva@example.org", kLookup | kRead};
const AclEntry kEverybody{AccountId(), false, "", kLookup};

TEST(Rights, are_letters_and_the_obsolete_ones_stand_beside_their_members) {
  EXPECT_EQ(parse_rights("lrswipkxtea"), kAll);
  EXPECT_EQ(parse_rights(""), Rights{0});
  EXPECT_EQ(parse_rights("c"), kCreate | kRemoveMailbox);
  EXPECT_EQ(parse_rights("dd"), kDeleteMessages | kExpunge);
  for (const char* wrong : {"q", "lrL", "l r", "0", "+l"}) EXPECT_EQ(parse_rights(wrong), std::nullopt) << wrong;
  EXPECT_EQ(to_letters(kAll), "lrswipkxtecda");
  EXPECT_EQ(to_letters(kLookup | kDeleteMessages), "ltd");
  EXPECT_EQ(to_letters(kCreate | kAdminister), "kca");
  EXPECT_EQ(to_letters(0), "");
  EXPECT_EQ(parse_rights(to_letters(kAll)), kAll);
}

TEST(Rights, are_the_union_of_what_fits_less_the_negative_ones) {
  const Identity ana{AccountId(7), "ana@example.org"}, eva{AccountId(9), "eva@EXAMPLE.org"},
      bob{AccountId(10), "bob@other.test"};
  EXPECT_EQ(rights_of(nullptr, ana, ana), kAll);
  EXPECT_EQ(rights_of(nullptr, ana, eva), 0);
  const Acl acl{{AccountId(), false, "", kLookup | kInsert},
                {AccountId(), true, "", kPost},
                {AccountId(9), false, "eva@example.org", kRead | kPost | kWrite},
                {AccountId(9), true, "eva@example.org", kInsert}};
  EXPECT_EQ(rights_of(&acl, ana, eva), kLookup | kRead | kWrite);
  EXPECT_EQ(rights_of(&acl, ana, ana), kAll);
  EXPECT_EQ(rights_of(&acl, ana, bob), 0) << "anyone is everybody of the owner's domain";
  // Who has the name of one that is gone has none of its rights.
  EXPECT_EQ(rights_of(&acl, ana, {AccountId(11), "eva@example.org"}), kLookup | kInsert);
  EXPECT_EQ(rights_of(&acl, {AccountId(7), "ana"}, {AccountId(12), "eva"}), 0) << "names without domain";
}

TEST(AclChanges, add_take_and_replace) {
  Acl acl;
  EXPECT_TRUE(change_acl(acl, {kEva, AclOp::Add}));
  EXPECT_TRUE(change_acl(acl, {kEverybody, AclOp::Replace}));
  EXPECT_EQ(acl, (Acl{kEverybody, kEva}));
  AclEntry more = kEva;
  more.rights = kWrite;
  EXPECT_TRUE(change_acl(acl, {more, AclOp::Add}));
  EXPECT_EQ(acl[1].rights, kLookup | kRead | kWrite);
  EXPECT_TRUE(change_acl(acl, {kEva, AclOp::Remove}));
  EXPECT_EQ(acl[1].rights, kWrite);
  EXPECT_TRUE(change_acl(acl, {more, AclOp::Remove}));
  EXPECT_EQ(acl, Acl{kEverybody});
  AclEntry negative = kEverybody;
  negative.negative = true;
  EXPECT_TRUE(change_acl(acl, {negative, AclOp::Replace}));
  EXPECT_EQ(acl.size(), 2u);
  for (uint64_t i = 1; acl.size() < kMaxAclEntries; ++i)
    EXPECT_TRUE(change_acl(acl, {{AccountId(i), false, "x", kLookup}, AclOp::Add}));
  EXPECT_FALSE(change_acl(acl, {{AccountId(5000), false, "x", kLookup}, AclOp::Add}));
}

TEST(AclRecord, survives_and_refuses_what_does_not_fit) {
  AclEntry negative = kEva;
  negative.negative = true;
  const Acl acl{kEverybody, kEva, negative};
  const std::string bytes = encode_acl(acl);
  auto back = decode_acl(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().to_string();
  EXPECT_EQ(*back, acl);
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_acl(bytes.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(decode_acl(bytes + "x").has_value());
  EXPECT_FALSE(decode_acl(encode_acl({kEva, kEverybody})).has_value()) << "not ascending";
  EXPECT_FALSE(decode_acl(encode_acl({kEva, kEva})).has_value());
  EXPECT_FALSE(decode_acl(encode_acl({})).has_value());
  EXPECT_FALSE(decode_acl(encode_acl({{AccountId(9), false, "", kRead}})).has_value()) << "an account without name";
  EXPECT_FALSE(decode_acl(encode_acl({{AccountId(9), false, "eva", 0}})).has_value());
  EXPECT_FALSE(decode_acl(encode_acl({{AccountId(9), false, "eva", kAll + 1}})).has_value());
}

struct Access : ::testing::Test {
  World w;
  void SetUp() override { w.open(); }
  Result<void> change(std::string_view name, AclEntry entry, AclOp op = AclOp::Add) {
    return w.run(w.account->change_acl(w.id_of(name), {std::move(entry), op}));
  }
  Acl acl(std::string_view name) {
    const MailboxInfo* info = w.account->find(name);
    return info && info->acl ? *info->acl : Acl();
  }
};

TEST_F(Access, is_kept_and_verified) {
  ASSERT_TRUE(change("INBOX", kEva).has_value());
  ASSERT_TRUE(change("INBOX", kEverybody).has_value());
  EXPECT_FALSE(w.run(w.account->change_acl(MailboxId(999), {kEva, AclOp::Add})).has_value());
  w.reopen();
  EXPECT_EQ(acl("INBOX"), (Acl{kEverybody, kEva}));
  EXPECT_EQ(acl("Sent"), Acl());
  ASSERT_TRUE(change("INBOX", kEva, AclOp::Remove).has_value());
  ASSERT_TRUE(change("INBOX", kEverybody, AclOp::Remove).has_value());
  EXPECT_EQ(w.account->find("INBOX")->acl, nullptr);
  EXPECT_EQ(w.verify(), "");
  w.open();
  EXPECT_EQ(acl("INBOX"), Acl());
}

TEST_F(Access, outlives_changes_of_the_mailbox) {
  auto inbox = w.mailbox("INBOX");
  int told = 0;
  auto subscription = inbox->subscribe([&] { ++told; });
  ASSERT_TRUE(change("INBOX", kEva).has_value());
  EXPECT_EQ(told, 1) << "sessions look at their rights again";
  ASSERT_NE(inbox->info().acl, nullptr);
  ASSERT_TRUE(change("INBOX", kEva).has_value());
  EXPECT_EQ(told, 1) << "nothing changed";
  ASSERT_TRUE(w.append("INBOX", mail(1)).has_value());
  EXPECT_EQ(acl("INBOX"), Acl{kEva});
  EXPECT_EQ(*inbox->info().acl, Acl{kEva});
}

TEST_F(Access, is_inherited_renamed_and_removed_with_the_mailbox) {
  ASSERT_TRUE(w.run(w.account->create("team", SpecialUse::None)).has_value());
  ASSERT_TRUE(change("team", kEva).has_value());
  ASSERT_TRUE(w.run(w.account->create("team/a/b", SpecialUse::None)).has_value());
  EXPECT_EQ(acl("team/a"), Acl{kEva});
  EXPECT_EQ(acl("team/a/b"), Acl{kEva});
  ASSERT_TRUE(w.run(w.account->rename("team/a", "mine/a")).has_value());
  EXPECT_EQ(acl("mine"), Acl()) << "made by RENAME, below nothing that is shared";
  EXPECT_EQ(acl("mine/a/b"), Acl{kEva}) << "RFC 4314 section 4: RENAME changes no access list";
  ASSERT_TRUE(w.run(w.account->remove("mine/a")).has_value());
  EXPECT_FALSE(w.account->find("mine/a")->selectable);
  EXPECT_EQ(acl("mine/a"), Acl()) << "DELETE deletes it, although the name stays";
  ASSERT_TRUE(w.run(w.account->create("mine/a", SpecialUse::None)).has_value());
  EXPECT_EQ(acl("mine/a"), Acl());
  ASSERT_TRUE(change("INBOX", kEva).has_value());
  ASSERT_TRUE(w.run(w.account->rename("INBOX", "old")).has_value());
  EXPECT_EQ(acl("INBOX"), Acl{kEva});
  EXPECT_EQ(acl("old"), Acl());
  w.reopen();
  EXPECT_EQ(acl("mine/a/b"), Acl{kEva});
  EXPECT_EQ(w.verify(), "");
}

TEST_F(Access, of_no_mailbox_is_found_by_verify) {
  w.account.reset();
  w.lane.run();
  {
    auto opening = w.store->open({kv::kAccountPartition, 7}, false, w.lane);
    w.lane.run();
    ASSERT_TRUE(opening.ready());
    auto partition = opening.await_resume();
    ASSERT_TRUE(partition.has_value());
    kv::Batch batch;
    batch.put(key::acl(MailboxId(77)), encode_acl({kEva})).put(key::acl(MailboxId(1)), "\x01garbage");
    auto committing = (*partition)->commit(std::move(batch));
    w.lane.run();
    ASSERT_TRUE(committing.await_resume().has_value());
  }
  const std::string findings = w.verify();
  EXPECT_NE(findings.find("an access list: it belongs to no mailbox"), std::string::npos) << findings;
  EXPECT_NE(findings.find("the account cannot be opened"), std::string::npos) << findings;
}

}  // namespace
}  // namespace bz::store
