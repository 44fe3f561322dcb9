#include "store/search.h"

#include "store/fuzzy.h"
#include "store/world_for_test.h"

namespace bz::store {
namespace {

using Kind = imap::SearchKey::Kind;

imap::SearchKey key(Kind kind, std::string text = {}, std::string field = {}) {
  imap::SearchKey k;
  k.kind = kind;
  k.text = std::move(text);
  k.field = std::move(field);
  return k;
}
imap::SearchKey number(Kind kind, uint64_t n) {
  imap::SearchKey k = key(kind);
  k.number = n;
  return k;
}
imap::SearchKey date(Kind kind, int year, int month, int day) {
  imap::SearchKey k = key(kind);
  k.date = {year, month, day};
  return k;
}
imap::SearchKey flag(FlagBits bit) {
  imap::SearchKey k = key(Kind::Flag);
  k.flag = bit;
  return k;
}
imap::SearchKey of(Kind kind, std::vector<imap::SearchKey> children) {
  imap::SearchKey k = key(kind);
  k.children = std::move(children);
  return k;
}

class Search : public ::testing::Test {
 protected:
  void SetUp() override {
    w.open();
    put("Subject: =?utf-8?q?=C3=91and=C3=BA?=\r\nFrom: Zoe <zoe@example.org>\r\nDate: Mon, 1 Jan 2024 23:30:00 -0500\r\n"
        "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n",
        {kSeen, {"$Work"}}, 86400 * 10 + 5);
    put("Subject: plain\r\nX-Empty:\r\nFrom: <yan (home)@ (at) example.net>\r\n\r\nnothing here\r\n", {kFlagged, {}},
        86400 * 11);
    put("Subject: mixed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nU1RSQVNTRQ==\r\n--b\r\n"
        "Content-Type: application/pdf\r\n\r\ngrusse\r\n--b--\r\n",
        {kSeen | kFlagged, {}}, 86400 * 12);
    inbox = w.mailbox("INBOX");
    view = std::make_unique<View>(inbox, View::Mode::ReadWrite);
  }
  void TearDown() override {
    view.reset();
    inbox.reset();
    EXPECT_EQ(w.verify(), "");
  }
  void put(std::string text, FlagList flags, int64_t when) {
    ASSERT_TRUE(w.run(w.account->append(w.id_of("INBOX"), w.message(std::move(text)), std::move(flags), when)));
  }
  std::string find(imap::SearchKey k, int64_t now = 86400 * 12 + 100) {
    auto found = w.run(search(*w.account, *view, k, w.lane, now));
    if (!found) return found.error().to_string();
    UidSet set;
    for (uint32_t uid : found->uids) set.add(uid);
    highest = found->highest_modseq;
    return set.to_string();
  }
  World w;
  MailboxPtr inbox;
  std::unique_ptr<View> view;
  uint64_t highest = 0;
};

TEST_F(Search, text_is_compared_decoded_and_folded) {
  EXPECT_EQ(find(key(Kind::Header, "NANDU", "subject")), "1");
  EXPECT_EQ(find(key(Kind::Header,
                     "\xC3\xB1"
                     "and",
                     "Subject")),
            "1");
  EXPECT_EQ(find(key(Kind::Header, "", "x-empty")), "2");
  EXPECT_EQ(find(key(Kind::Header, "zoe@", "From")), "1");
  EXPECT_EQ(find(key(Kind::Header, "yan@example.net", "From")), "2") << "as ENVELOPE shows it, without the comments";
  EXPECT_EQ(find(key(Kind::Header, "(at)", "From")), "2") << "and as written";
  EXPECT_EQ(find(key(Kind::Body, "GRUSSE")), "1") << "not in the pdf, which is no text";
  EXPECT_EQ(find(key(Kind::Body, "stra\xC3\x9F")), "3");
  EXPECT_EQ(find(key(Kind::Text, "plain")), "1:2") << "header fields count for TEXT";
  EXPECT_EQ(find(key(Kind::Body, "plain")), "");
  EXPECT_EQ(find(key(Kind::Body, "")), "1:3");
}

TEST_F(Search, flags_dates_sizes_and_sets) {
  EXPECT_EQ(find(flag(kSeen)), "1,3");
  EXPECT_EQ(find(key(Kind::Keyword, "$WORK")), "1");
  EXPECT_EQ(find(key(Kind::Keyword, "unknown")), "");
  EXPECT_EQ(find(date(Kind::On, 1970, 1, 12)), "2");
  EXPECT_EQ(find(date(Kind::Since, 1970, 1, 12)), "2:3");
  EXPECT_EQ(find(date(Kind::Before, 1970, 1, 12)), "1");
  EXPECT_EQ(find(date(Kind::SentOn, 2024, 1, 1)), "1") << "the day as the sender's calendar showed it";
  EXPECT_EQ(find(date(Kind::SentBefore, 2024, 1, 1)), "");
  EXPECT_EQ(find(number(Kind::Larger, inbox->entries()[1].size)), "1,3");
  EXPECT_EQ(find(number(Kind::Younger, 100)), "3");
  EXPECT_EQ(find(number(Kind::Older, 86400)), "1:2");
  auto uids = key(Kind::Uids);
  uids.set.add({2, imap::SequenceSet::kStar});
  EXPECT_EQ(find(uids), "2:3");
  auto last = key(Kind::SequenceNumbers);
  last.set.add({imap::SequenceSet::kStar, imap::SequenceSet::kStar});
  EXPECT_EQ(find(last), "3");
  EXPECT_EQ(find(number(Kind::ModSeq, inbox->entries()[1].modseq)), "2:3");
  EXPECT_EQ(highest, inbox->entries()[2].modseq);
  EXPECT_EQ(find(key(Kind::Recent)), "1:3");
}

TEST_F(Search, trees_combine_and_cheap_keys_decide_before_costly_ones) {
  EXPECT_EQ(find(of(Kind::And, {})), "1:3");
  EXPECT_EQ(find(of(Kind::Not, {flag(kSeen)})), "2");
  EXPECT_EQ(find(of(Kind::Or, {flag(kFlagged), key(Kind::Body, "grusse")})), "1:3");
  EXPECT_EQ(find(of(Kind::And, {key(Kind::Body, "nothing"), flag(kFlagged)})), "2");
  EXPECT_EQ(find(of(Kind::Not, {of(Kind::Or, {key(Kind::Text, "plain"), key(Kind::Body, "strasse")})})), "");
  auto deep = flag(kSeen);
  for (int i = 0; i < imap::kMaxSearchDepth; ++i) deep = of(Kind::Not, {deep});
  EXPECT_EQ(find(deep).substr(0, 5), "Limit");
}

TEST_F(Search, fuzzy_keys_take_words_in_any_order_and_with_errors) {
  auto fuzzy = [](imap::SearchKey k) { return of(Kind::Fuzzy, {std::move(k)}); };
  EXPECT_EQ(find(key(Kind::Body, "here nothing")), "");
  EXPECT_EQ(find(fuzzy(key(Kind::Body, "here nothing"))), "2");
  EXPECT_EQ(find(fuzzy(key(Kind::Text, "nothign"))), "2");
  EXPECT_EQ(find(fuzzy(key(Kind::Header, "zoe exmaple", "From"))), "1");
  EXPECT_EQ(find(fuzzy(key(Kind::Header, "zoe nobody", "From"))), "") << "every word must be there";
  EXPECT_EQ(find(fuzzy(of(Kind::And, {key(Kind::Text, "plian"), flag(kFlagged)}))), "2");
  EXPECT_EQ(find(of(Kind::Not, {fuzzy(key(Kind::Text, "plian"))})), "3");
  EXPECT_EQ(find(fuzzy(key(Kind::Header, "", "X-Empty"))), "2") << "the field is there";
  EXPECT_EQ(find(fuzzy(flag(kSeen))), "1,3");
  std::vector<imap::SearchKey> many(kFuzzyKeys, key(Kind::Text, "plian"));
  many.push_back(key(Kind::Text, "mixde"));
  EXPECT_EQ(find(fuzzy(of(Kind::Or, many))), "1:2") << "the last of them is matched exactly";
}

TEST_F(Search, relevancy_tells_the_phrase_from_words_and_the_header_from_the_body) {
  auto worth = [&](imap::SearchKey k) {
    auto found = w.run(search(*w.account, *view, k, w.lane, 0));
    std::string out;
    for (size_t i = 0; found && i < found->relevancy.size(); ++i)
      out += (i > 0 ? " " : "") + std::to_string(found->uids[i]) + ":" + std::to_string(found->relevancy[i]);
    return out;
  };
  auto fuzzy = [](imap::SearchKey k) { return of(Kind::Fuzzy, {std::move(k)}); };
  EXPECT_EQ(worth(key(Kind::Text, "plain")), "") << "not asked for";
  EXPECT_EQ(worth(fuzzy(key(Kind::Text, "plain"))), "1:100 2:100") << "text/plain is in a header, too";
  EXPECT_EQ(worth(fuzzy(key(Kind::Body, "nothing here"))), "2:50");
  EXPECT_EQ(worth(fuzzy(key(Kind::Body, "here nothign"))), "2:27");
  EXPECT_EQ(worth(fuzzy(key(Kind::Header, "plian", "Subject"))), "2:30");
  EXPECT_EQ(worth(of(Kind::And, {fuzzy(key(Kind::Header, "plain", "Subject")), fuzzy(key(Kind::Body, "nothing"))})),
            "2:75");
  EXPECT_EQ(worth(of(Kind::Or, {fuzzy(key(Kind::Header, "mixde", "Subject")), fuzzy(key(Kind::Body, "nothing"))})),
            "2:50 3:30");
  EXPECT_EQ(worth(fuzzy(flag(kSeen))), "1:100 3:100") << "nothing says less";
}

TEST_F(Search, a_message_that_goes_while_we_search_does_not_match) {
  ASSERT_TRUE(w.run(w.account->store_flags(inbox, UidSet::of({{2, 2}}), FlagOp::Add, {kDeleted, {}}, {})));
  ASSERT_TRUE(w.run(w.account->expunge(inbox, {})));
  EXPECT_EQ(view->exists(), 3u);
  EXPECT_EQ(find(of(Kind::And, {})), "1,3");
  auto third = key(Kind::SequenceNumbers);
  third.set.add({3, 3});
  EXPECT_EQ(find(third), "3");
}

}  // namespace
}  // namespace bz::store
