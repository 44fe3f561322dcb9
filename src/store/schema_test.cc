#include "store/schema.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "store/plan.h"

namespace bz::store {
namespace {

template <class Decode>
void refuses_damage(const std::string& bytes, Decode decode) {
  EXPECT_TRUE(decode(bytes).has_value());
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_FALSE(decode(std::string_view(bytes).substr(0, n)).has_value()) << "cut at " << n;
  EXPECT_EQ(decode(bytes + "x").error().code(), Errc::Corrupt);
  std::string other = bytes;
  other[0] = 3;
  EXPECT_EQ(decode(other).error().code(), Errc::Unsupported);
}

Change a_move() {
  Change c;
  c.kind = Change::Kind::Move;
  c.mailbox = MailboxId(3);
  c.ranges = {{1, 1}, {300, 4'000'000'000}};
  c.target = MailboxId(9);
  c.first_uid = 17;
  c.keyword_map = {{5, 8}, {63, 6}};
  c.saved = 300;
  return c;
}

Entry entry(uint32_t uid, uint32_t size, FlagBits flags, uint64_t modseq, uint64_t email, int64_t date, uint32_t saved) {
  Entry e{.uid = uid, .size = size, .saved = saved, .flags = flags, .modseq = modseq, .email = email};
  e.set_internal_date(date);
  return e;
}

TEST(Schema, golden_bytes) {
  EXPECT_EQ(base::hex(key::change(258, 1)), "4400000000000001020001");
  EXPECT_EQ(base::hex(key::page(MailboxId(2), 3)), "500000000200000003");
  EXPECT_EQ(base::hex(encode_page({entry(257, 100, kSeen, 7, 9, -1, 70), entry(259, 5, 0, 8, 10, 64, 6)})),
            "02020164010709018c01030500080a80017f");
  EXPECT_EQ(base::hex(a_move().encode()),
            "020503020100ab02d4cdacf30e0911020508"
            "3f06ac02");
  AccountRecord a{"ana", 300, 5, 7, 1000, 2};
  EXPECT_EQ(base::hex(a.encode()), "0103616e61ac020507e80704");
}

TEST(Schema, records_come_back_and_damage_is_refused) {
  AccountRecord a{"ana@example.org", 1ull << 40, 5, 7, 1'795'000'000, -3};
  refuses_damage(a.encode(), [](std::string_view b) { return AccountRecord::decode(b); });
  FoldRecord f{{1ull << 33, 4}, 77, 88, 99};
  refuses_damage(f.encode(), [](std::string_view b) { return FoldRecord::decode(b); });
  EXPECT_EQ(FoldRecord::decode(f.encode())->done, f.done);
  MailboxRecord m;
  m.info.name = "Work/\xC3\xBC";
  m.info.use = SpecialUse::Junk;
  m.info.selectable = false;
  m.info.size = 1ull << 50;
  refuses_damage(m.encode(), [](std::string_view b) { return MailboxRecord::decode(MailboxId(1), b); });
  EXPECT_EQ(MailboxRecord::decode(MailboxId(1), m.encode())->info.size, m.info.size);
  refuses_damage(encode_keywords({"a", "$Forwarded"}), decode_keywords);
  refuses_damage(encode_page({entry(257, 1, 2, 3, 4, -5, UINT32_MAX),
                              entry(511, UINT32_MAX, UINT64_MAX, kMaxModSeq, kMaxModSeq, -(int64_t{1} << 39), 0)}),
                 [](std::string_view b) { return decode_page(1, b); });
  refuses_damage(a_move().encode(), [](std::string_view b) { return Change::decode(b); });
  auto move = *Change::decode(a_move().encode());
  EXPECT_EQ(move.ranges, a_move().ranges);
  EXPECT_EQ(move.keyword_map, a_move().keyword_map);
  MessageRecord r;
  r.blob = {1, 2, 3};
  r.prefix = "Return-Path: <>\r\n";
  r.head = "A:";
  EXPECT_EQ(MessageRecord::decode(r.encode())->head, "A:");
  refuses_damage(r.encode(), [](std::string_view b) { return MessageRecord::decode(b); });
  refuses_damage(encode_references(300), decode_references);
  refuses_damage(Mark{}.encode(), [](std::string_view b) { return Mark::decode(b); });
}

// Stores of the version before: the same without times of saving.
TEST(Schema, records_from_before_the_time_of_saving_are_read) {
  auto page = decode_page(1, base::from_hex("0102016401070901030500080a8001").value());
  ASSERT_TRUE(page.has_value());
  ASSERT_EQ(page->size(), 2u);
  EXPECT_EQ((*page)[0].email, 9u);
  EXPECT_EQ((*page)[1].internal_date(), 64);
  EXPECT_EQ((*page)[0].saved, 0u);
  auto move = Change::decode(base::from_hex("010503020100ab02d4cdacf30e09110205083f06").value());
  ASSERT_TRUE(move.has_value());
  EXPECT_EQ(move->ranges, a_move().ranges);
  EXPECT_EQ(move->saved, 0u);
  Change append;
  append.mailbox = MailboxId(3);
  append.entry = entry(5, 10, 0, 7, 8, 9, 4'000'000'000);
  EXPECT_EQ(Change::decode(append.encode())->entry.saved, 4'000'000'000);
}

TEST(Schema, dates_of_every_year_fit_into_an_entry) {
  const int64_t year_9999 = 253'402'300'799, year_0 = -62'167'219'200;
  for (int64_t date : {int64_t{0}, int64_t{-1}, (int64_t{1} << 20) - 1, year_9999, year_0}) {
    auto page = decode_page(0, encode_page({entry(1, 1, 0, 1, 1, date, 0)}));
    ASSERT_TRUE(page.has_value());
    EXPECT_EQ((*page)[0].internal_date(), date);
  }
  Change beyond;
  beyond.mailbox = MailboxId(3);
  beyond.entry = entry(5, 10, 0, 7, 8, 0, 0);
  std::string bytes = beyond.encode();
  EXPECT_TRUE(Change::decode(bytes));
  bytes.replace(bytes.size() - 2, 1, base::from_hex("808080808040").value());  // the date: 2^40 s
  EXPECT_FALSE(Change::decode(bytes));
}

TEST(Schema, times_of_saving_may_go_back) {
  auto page = decode_page(0, encode_page({entry(1, 1, 0, 1, 1, 0, UINT32_MAX), entry(2, 1, 0, 1, 2, 0, 0),
                                          entry(3, 1, 0, 1, 3, 0, 1'700'000'000), entry(4, 1, 0, 1, 4, 0, 1'600'000'000)}));
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ((*page)[0].saved, UINT32_MAX);
  EXPECT_EQ((*page)[1].saved, 0u);
  EXPECT_EQ((*page)[3].saved, 1'600'000'000u);
}

std::vector<Entry> entries_of(uint32_t count) {
  std::vector<Entry> entries;
  for (uint32_t i = 1; i <= count; ++i) entries.push_back(entry(3 * i, 10, i % 2 ? kSeen : 0, i, i, 0, 0));
  return entries;
}

TEST(Plan, one_range_for_every_message_whatever_lies_between) {
  auto entries = entries_of(1000);
  auto all = UidSet::of({{1, 5000}});
  auto flags = plan_flags(entries, all, 0, FlagOp::Add, kSeen, {});
  EXPECT_EQ(flags.ranges.size(), 1u) << "messages that are seen already do not split the range";
  EXPECT_EQ(flags.changed.count(), 500u);
  EXPECT_EQ(flags.unchanged.count(), 500u);
  EXPECT_EQ(flags.unseen, -500);
  auto select = plan_select(entries, all, 0, 0);
  EXPECT_EQ(select.ranges, (std::vector<UidSet::Range>{{3, 3000}}));
  EXPECT_EQ(select.counts, std::vector<uint32_t>{1000});
  auto since = plan_flags(entries, all, 0, FlagOp::Add, kDeleted, 500);
  EXPECT_EQ(since.ranges, (std::vector<UidSet::Range>{{3, 1500}}));
  EXPECT_EQ(since.modified.count(), 500u);
}

TEST(Plan, what_does_not_fit_goes_on_where_it_stopped) {
  auto entries = entries_of(1000);
  UidSet even;
  for (uint32_t i = 2; i <= 1000; i += 2) even.add(3 * i);
  UidSet done;
  int rounds = 0;
  for (uint32_t from = 0;; ++rounds) {
    auto plan = plan_select(entries, even, from, 0, 64);
    for (auto r : plan.ranges) done.add(r.first, r.last);
    if ((from = plan.next_uid) == 0) break;
    EXPECT_EQ(plan.ranges.size(), 64u);
  }
  EXPECT_EQ(done.count(), 500u);
  EXPECT_EQ(rounds, 7);
}

TEST(Plan, pieces_of_a_copy_count_their_targets) {
  Change c = a_move();
  c.ranges.clear();
  std::vector<uint32_t> counts;
  for (uint32_t i = 0; i < 2 * kChangeRanges + 5; ++i) {
    c.ranges.push_back({10 * i + 1, 10 * i + 3});
    counts.push_back(2);
  }
  auto pieces = split_change(c, counts);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[1].first_uid, 17 + 2 * kChangeRanges);
  EXPECT_EQ(pieces[2].ranges.size(), 5u);
  EXPECT_LE(pieces[0].encode().size(), kv::Limits{}.value_bytes);
}

TEST(Plan, keywords_have_an_end) {
  std::vector<std::string> keywords;
  FlagList list;
  for (int i = 0; i < kMaxKeywords; ++i) list.keywords.push_back("k" + std::to_string(i));
  EXPECT_TRUE(take_keywords(keywords, list).has_value());
  EXPECT_EQ(take_keywords(keywords, {0, {"one-more"}}).error().code(), Errc::Limit);
  EXPECT_TRUE(take_keywords(keywords, {0, {"K7"}}).has_value());
  EXPECT_TRUE(map_keywords({"other", "k3"}, FlagBits{3} << kFirstKeywordBit, keywords) ==
              (Change::KeywordMap{{kFirstKeywordBit + 1, kFirstKeywordBit + 3}}));
}

}  // namespace
}  // namespace bz::store
