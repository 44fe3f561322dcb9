#include "store/thread.h"

#include <gtest/gtest.h>

#include "imap/response.h"

namespace bz::store {
namespace {

struct Mail {
  uint32_t uid;
  int64_t sent;
  std::string id;
  std::vector<std::string> references = {};
  std::string subject = {};
  bool is_reply = false;
};
std::vector<ThreadMessage> messages(const std::vector<Mail>& mails) {
  std::vector<ThreadMessage> out;
  for (const Mail& m : mails) out.push_back({m.uid, m.sent, m.id, m.references, m.subject, m.is_reply});
  return out;
}
std::string references(const std::vector<Mail>& mails, bool with_subjects = true) {
  std::string out;
  imap::thread_response(out, thread_by_references(messages(mails), with_subjects));
  return out.substr(0, out.size() - 2);
}

TEST(Thread, replies_hang_below_what_they_answer) {
  EXPECT_EQ(references({{1, 10, "<a>"}, {2, 20, "<b>", {"<a>"}}, {3, 30, "<c>", {"<a>", "<b>"}}, {4, 40, "<d>", {"<a>"}}}),
            "* THREAD (1 (2 3)(4))");
  EXPECT_EQ(references({}), "* THREAD");
}
TEST(Thread, a_parent_that_is_not_there_joins_its_children) {
  EXPECT_EQ(references({{3, 10, "<c>", {"<x>"}}, {5, 20, "<e>", {"<x>"}}}), "* THREAD ((3)(5))");
  EXPECT_EQ(references({{3, 10, "<c>", {"<x>"}}}), "* THREAD (3)");
  // In the middle of a thread it is taken out.
  EXPECT_EQ(references({{1, 10, "<a>"}, {2, 20, "<c>", {"<a>", "<b>"}}, {3, 30, "<d>", {"<a>", "<b>"}}}),
            "* THREAD (1 (2)(3))");
}
TEST(Thread, loops_and_twins_do_no_harm) {
  EXPECT_EQ(references({{1, 10, "<a>", {"<b>"}}, {2, 20, "<b>", {"<a>"}}}), "* THREAD (2 1)");
  EXPECT_EQ(references({{1, 10, "<a>", {"<a>"}}}), "* THREAD (1)");
  EXPECT_EQ(references({{1, 10, "<a>"}, {2, 20, "<a>"}, {3, 30, "", {"<a>"}}}), "* THREAD (1 3)(2)");
}
TEST(Thread, the_last_reference_is_the_parent_even_if_an_earlier_message_said_otherwise) {
  // The references of 3 make <c> a child of <a>; <c> itself knows better.
  EXPECT_EQ(references({{3, 30, "<d>", {"<a>", "<c>"}}, {1, 10, "<a>"}, {2, 20, "<c>", {"<b>"}}, {4, 15, "<b>"}}),
            "* THREAD (1)(4 2 3)");
}
TEST(Thread, threads_of_one_subject_are_joined) {
  EXPECT_EQ(references({{1, 10, "<a>", {}, "hello"}, {2, 20, "<b>", {}, "hello", true}}), "* THREAD (1 2)");
  EXPECT_EQ(references({{1, 10, "<a>", {}, "hello"}, {2, 20, "<b>", {}, "hello"}, {3, 30, "<c>", {}, "hello"}}),
            "* THREAD ((1)(2)(3))");
  EXPECT_EQ(references({{1, 10, "<a>", {}, "hello", true}, {2, 20, "<b>", {}, "hello"}, {3, 5, "<c>", {}, "bye"}}),
            "* THREAD (3)(2 1)");
  EXPECT_EQ(references({{1, 10, "<a>"}, {2, 20, "<b>"}}), "* THREAD (1)(2)");
  // Without subjects (REFS) they stay apart, the newest thread last.
  EXPECT_EQ(references({{1, 10, "<a>", {}, "hello"}, {2, 20, "<b>", {}, "hello", true}, {3, 30, "<c>", {"<a>"}}}, false),
            "* THREAD (2)(1 3)");
}
TEST(Thread, dummies_of_one_subject_share_their_children) {
  EXPECT_EQ(references({{1, 10, "<a>", {"<x>"}, "s", true},
                        {2, 20, "<b>", {"<x>"}, "s", true},
                        {3, 30, "<c>", {"<y>"}, "s", true},
                        {4, 40, "<d>", {"<y>"}, "s", true},
                        {5, 50, "<e>", {}, "s"}}),
            "* THREAD ((1)(2)(3)(4)(5))");
}
TEST(Thread, a_chain_as_long_as_the_mailbox_needs_no_deep_stack) {
  std::vector<Mail> chain, backwards;
  for (uint32_t i = 1; i <= 50'000; ++i)
    chain.push_back({i, i, "<" + std::to_string(i) + ">",
                     i > 1 ? std::vector{"<" + std::to_string(i - 1) + ">"} : std::vector<std::string>()});
  std::string out = references(chain, false);
  EXPECT_TRUE(out.starts_with("* THREAD (1 2 3 4 "));
  EXPECT_TRUE(out.ends_with(" 49999 50000)"));
  backwards.assign(chain.rbegin(), chain.rend());
  EXPECT_EQ(references(backwards, false), out);
}
TEST(Thread, by_subject) {
  std::string out;
  imap::thread_response(
      out,
      thread_by_subject(messages(
          {{1, 30, "", {}, "b"}, {2, 10, "", {}, "a"}, {3, 20, "", {}, "b"}, {4, 40, "", {}, "b"}, {5, 5, "", {}, ""}})));
  EXPECT_EQ(out, "* THREAD (5)(2)(3 (1)(4))\r\n");
}
TEST(Thread, message_ids_that_differ_in_quotes_are_one) {
  EXPECT_EQ(normal_message_id("<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>"), "<01KF8JCEOCBS0045PS@xxx.yyy.com>");
  EXPECT_EQ(normal_message_id("<\"a\\\"b\"@c>"), "<a\"b@c>");
  EXPECT_EQ(normal_message_id("<a@c>"), "<a@c>");
  EXPECT_EQ(normal_message_id("<\"a"), "<a");
}

}  // namespace
}  // namespace bz::store
