#include <gtest/gtest.h>

#include "store/schema.h"
#include "store/world_for_test.h"

namespace bz::store {
namespace {

struct Annotating : ::testing::Test {
  World w;
  void SetUp() override { w.open(); }
  Result<void> set(MailboxId id, AnnotationChanges changes, Mailbox::Subscription by = {}) {
    return w.run(w.account->annotate(id, std::move(changes), std::move(by)));
  }
  Annotations all(MailboxId id) {
    auto read = w.run(w.account->annotations(id));
    EXPECT_TRUE(read.has_value());
    return read ? *read : Annotations();
  }
};

TEST_F(Annotating, is_durable_and_apart_for_each_mailbox_and_the_account) {
  const MailboxId inbox = w.id_of("INBOX"), sent = w.id_of("Sent"), account;
  const std::string octets("a\0\r\n\xff", 5);
  ASSERT_TRUE(set(inbox, {{"/private/comment", "mine"}, {"/shared/comment", octets}}).has_value());
  ASSERT_TRUE(set(account, {{"/private/vendor/x/y", ""}}).has_value());
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_EQ(all(inbox), (Annotations{{"/private/comment", "mine"}, {"/shared/comment", octets}}));
    EXPECT_EQ(all(account), (Annotations{{"/private/vendor/x/y", ""}}));
    EXPECT_TRUE(all(sent).empty());
    w.reopen();
  }
  ASSERT_TRUE(set(inbox, {{"/private/comment", {}}, {"/shared/other", {}}, {"/shared/comment", "new"}}).has_value());
  EXPECT_EQ(all(inbox), (Annotations{{"/shared/comment", "new"}}));
  ASSERT_TRUE(set(inbox, {{"/shared/comment", {}}}).has_value());
  EXPECT_TRUE(all(inbox).empty());
  EXPECT_EQ(set(MailboxId(999), {{"/shared/comment", "x"}}).error().code(), Errc::NotFound);
  EXPECT_EQ(w.verify(), "");
}

TEST_F(Annotating, has_limits_and_is_all_or_nothing) {
  const MailboxId inbox = w.id_of("INBOX");
  ASSERT_TRUE(set(inbox, {{"/private/a", std::string(kMaxAnnotationValue, 'x')}}).has_value());
  const AnnotationChanges large{{"/private/b", "b"}, {"/private/c", std::string(kMaxAnnotationValue + 1, 'x')}};
  EXPECT_EQ(set(inbox, large).error().code(), Errc::TooLarge);
  AnnotationChanges many;
  for (size_t i = 0; i < kMaxAnnotations; ++i) many["/private/n" + std::to_string(i)] = "x";
  EXPECT_EQ(set(inbox, many).error().code(), Errc::Limit);
  EXPECT_EQ(all(inbox).size(), 1u);
  many["/private/a"] = std::nullopt;
  EXPECT_TRUE(set(inbox, many).has_value());
  EXPECT_EQ(all(inbox).size(), kMaxAnnotations);
  // Ten of the largest fit whatever else (RFC 5464 section 4.1); all together are bounded by what a record holds.
  const MailboxId sent = w.id_of("Sent");
  AnnotationChanges ten;
  for (int i = 0; i < 10; ++i)
    ten["/private/" + std::to_string(i) + std::string(200, 'n')] = std::string(kMaxAnnotationValue, 'x');
  EXPECT_TRUE(set(sent, ten).has_value());
  ten.clear();
  for (int i = 10; i < 20; ++i) ten["/private/" + std::to_string(i)] = std::string(kMaxAnnotationValue, 'x');
  EXPECT_EQ(set(sent, ten).error().code(), Errc::Limit);
  EXPECT_EQ(all(sent).size(), 10u);
  EXPECT_EQ(w.verify(), "");
}

TEST_F(Annotating, follows_a_rename_and_goes_with_delete) {
  ASSERT_TRUE(w.run(w.account->create("a/b", SpecialUse::None)).has_value());
  ASSERT_TRUE(set(w.id_of("a"), {{"/private/comment", "parent"}}).has_value());
  ASSERT_TRUE(set(w.id_of("a/b"), {{"/private/comment", "child"}}).has_value());
  ASSERT_TRUE(w.run(w.account->rename("a", "c")).has_value());
  EXPECT_EQ(all(w.id_of("c/b")), (Annotations{{"/private/comment", "child"}}));
  ASSERT_TRUE(w.run(w.account->remove("c")).has_value());  // stays as a name that cannot be selected
  EXPECT_TRUE(all(w.id_of("c")).empty());
  ASSERT_TRUE(set(w.id_of("c"), {{"/private/comment", "of a name"}}).has_value());
  ASSERT_TRUE(w.run(w.account->create("c", SpecialUse::None)).has_value());
  EXPECT_EQ(all(w.id_of("c")), (Annotations{{"/private/comment", "of a name"}}));
  ASSERT_TRUE(w.run(w.account->remove("c/b")).has_value());
  ASSERT_TRUE(w.run(w.account->create("c/b", SpecialUse::None)).has_value());
  EXPECT_TRUE(all(w.id_of("c/b")).empty());
  EXPECT_EQ(w.verify(), "");
}

// RFC 5464 section 4.1: INBOX keeps its own.
TEST_F(Annotating, is_copied_when_inbox_is_renamed) {
  ASSERT_TRUE(set(w.id_of("INBOX"), {{"/private/comment", "mine"}}).has_value());
  ASSERT_TRUE(w.append("INBOX", mail(1)).has_value());
  ASSERT_TRUE(w.run(w.account->rename("INBOX", "old")).has_value());
  EXPECT_EQ(all(w.id_of("old")), (Annotations{{"/private/comment", "mine"}}));
  EXPECT_EQ(all(w.id_of("INBOX")), (Annotations{{"/private/comment", "mine"}}));
  EXPECT_EQ(w.verify(), "");
}

TEST_F(Annotating, tells_everybody_but_who_did_it_of_what_is_new) {
  std::vector<std::string> heard, own;
  auto listener = [](std::vector<std::string>& into) {
    return [&into](MailboxId id, const AnnotationChanges& changes) {
      for (const auto& [name, value] : changes) into.push_back(std::to_string(id.value()) + name);
    };
  };
  auto other = w.account->subscribe_annotations(listener(heard)), self = w.account->subscribe_annotations(listener(own));
  const MailboxId inbox = w.id_of("INBOX");
  ASSERT_TRUE(set(inbox, {{"/private/a", "1"}, {"/private/b", "2"}, {"/private/c", {}}}, self).has_value());
  const std::string id = std::to_string(inbox.value());
  EXPECT_EQ(heard, (std::vector<std::string>{id + "/private/a", id + "/private/b"}));
  ASSERT_TRUE(set(inbox, {{"/private/a", "1"}}, self).has_value());  // as it was
  ASSERT_TRUE(set(MailboxId(), {{"/private/a", "1"}}, other).has_value());
  EXPECT_EQ(own, (std::vector<std::string>{"0/private/a"}));
  EXPECT_EQ(heard.size(), 2u);
}

TEST_F(Annotating, is_not_told_when_the_commit_failed) {
  size_t heard = 0;
  auto other = w.account->subscribe_annotations([&](MailboxId, const AnnotationChanges&) { ++heard; });
  w.store->fail_commit(1, Errc::Unavailable);
  EXPECT_FALSE(set(w.id_of("INBOX"), {{"/private/a", "1"}}).has_value());
  EXPECT_EQ(heard, 0u);
  other.reset();
  w.reopen();
  EXPECT_TRUE(all(w.id_of("INBOX")).empty());
}

TEST(AnnotationRecord, survives_encoding_and_nothing_else_is_read) {
  const Annotations two{{"/private/a", std::string("x\0", 2)}, {"/private/b", ""}};
  const std::string bytes = encode_annotations(two);
  EXPECT_EQ(*decode_annotations(bytes), two);
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(decode_annotations(bytes.substr(0, i)).has_value()) << i;
  EXPECT_FALSE(decode_annotations(bytes + "x").has_value());
  EXPECT_FALSE(decode_annotations(encode_annotations({})).has_value());
  EXPECT_FALSE(decode_annotations(std::string("\x01\x02\x01"
                                              "b\0\x01"
                                              "a\0",
                                              8))
                   .has_value())
      << "not ascending";
  EXPECT_FALSE(decode_annotations("\x02\x01\x01"
                                  "a")
                   .has_value())
      << "an unknown version";
}

}  // namespace
}  // namespace bz::store
