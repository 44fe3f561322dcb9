#include "mime/part_structure.h"

#include <gtest/gtest.h>

#include "mime/record.h"

namespace bz::mime {
namespace {

const std::string kMail =
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; x=\"a)\\\"(b\"\r\n\r\none\r\n--b\r\n"
    "Content-Type: message/rfc822\r\n\r\nSubject: in (\r\nContent-Type: multipart/alternative; "
    "boundary=c\r\n\r\n--c\r\n\r\ninner\r\n--c\r\n"
    "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--c--\r\n--b--\r\n";

std::string part(const ParsedMessage& message, const std::vector<uint32_t>& numbers) {
  return std::string(part_structure(message.bodystructure, numbers).value_or("none"));
}

TEST(PartStructure, agrees_with_find_part_on_what_there_is) {
  const auto message = parse_message(kMail);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(part(*message, {}), message->bodystructure);
  EXPECT_EQ(part(*message, {1}),
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\" \"x\" \"a)\\\"(b\") NIL NIL \"7bit\" 3 0 NIL NIL NIL NIL)");
  EXPECT_TRUE(part(*message, {2}).starts_with("(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" "));
  EXPECT_EQ(part(*message, {2, 1}), "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 5 0 NIL NIL NIL NIL)");
  EXPECT_EQ(part(*message, {2, 2}), "(\"image\" \"png\" NIL NIL NIL \"base64\" 4 NIL NIL NIL NIL)");
  for (uint32_t a = 0; a < 5; ++a)
    for (uint32_t b = 0; b < 5; ++b)
      for (const auto& numbers : {std::vector<uint32_t>{a}, {a, b}, {a, b, 1}, {a, 1, b}})
        EXPECT_EQ(part_structure(message->bodystructure, numbers).has_value(), find_part(*message, numbers).has_value())
            << a << " " << b << " " << numbers.size();
  const auto plain = parse_message("Subject: x\r\n\r\nbody\r\n");
  EXPECT_EQ(part(*plain, {1}), plain->bodystructure);
  EXPECT_EQ(part(*plain, {1, 1}), "none");
}
TEST(PartStructure, literals_inside_are_passed_over) {
  EXPECT_EQ(part_structure("((\"a\" \"b\" (\"n\" {3}\r\n)\"() NIL)(\"c\" \"d\"))", {2}), "(\"c\" \"d\")");
}
TEST(PartStructure, shows_what_decoding_made_of_a_part) {
  EXPECT_EQ(with_decoded("(\"text\" \"plain\" NIL NIL NIL \"base64\" 9 1 NIL NIL)", {"8bit", 6, 2}),
            "(\"text\" \"plain\" NIL NIL NIL \"8bit\" 6 2 NIL NIL)");
  EXPECT_EQ(with_decoded("(\"image\" \"png\" NIL NIL NIL \"base64\" 4 NIL NIL NIL NIL)", {"binary", 3, 0}),
            "(\"image\" \"png\" NIL NIL NIL \"binary\" 3 NIL NIL NIL NIL)");
  const std::string multipart = "((\"a\" \"b\") \"mixed\")";
  EXPECT_EQ(with_decoded(multipart, {"7bit", 1, 1}), multipart);
}
TEST(PartStructure, of_text_that_is_cut_off_the_part_is_what_there_is_of_it) {
  const auto message = parse_message(kMail);
  const std::string whole = message->bodystructure;
  const std::vector<uint32_t> inner = {2, 2};
  const std::string truth = part(*message, inner);
  const size_t start = whole.find(truth);
  ASSERT_NE(start, std::string::npos);
  for (size_t size = 0; size <= whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    const auto found = part_structure(cut, inner);
    ASSERT_EQ(found.has_value(), size >= start + 2) << cut;
    if (!found) continue;
    EXPECT_TRUE(found->data() >= cut.data() && found->data() + found->size() <= cut.data() + cut.size());
    EXPECT_EQ(*found, truth.substr(0, size - start));
  }
}
TEST(PartStructure, of_text_that_is_cut_off_only_whole_facts_are_replaced) {
  const std::string leaf = "(\"text\" \"plain\" (\"a\" \"b)\") NIL {2}\r\n)( \"base64\" 9 3 NIL NIL)";
  const std::string changed = "(\"text\" \"plain\" (\"a\" \"b)\") NIL {2}\r\n)( \"7bit\" 5 4 NIL NIL)";
  const DecodedFacts facts{"7bit", 5, 4};
  EXPECT_EQ(with_decoded(leaf, facts), changed);
  const size_t at_size = leaf.find(" 9 ") + 1, head = changed.find(" 5 ") + 2;
  for (size_t size = 0; size < leaf.size(); ++size) {
    const std::string cut = leaf.substr(0, size), made = with_decoded(cut, facts);
    if (size < at_size + 2)
      EXPECT_EQ(made, cut);
    else
      EXPECT_TRUE(made.starts_with(changed.substr(0, head)) && made.ends_with(')')) << made;
  }
  const std::string whole = parse_message(kMail)->bodystructure;
  for (size_t from = 0; from < whole.size();
       ++from) {  // nonsense in front: nothing is made of it but one list, and no more
    const std::string rest = whole.substr(from), made = with_decoded(rest, facts);
    EXPECT_TRUE(made == rest || (made.starts_with('(') && made.ends_with(')'))) << made;
    EXPECT_LE(made.size(), 2 * rest.size() + 16);  // at most a blank before each value
  }
}
TEST(PartStructure, a_message_may_be_of_either_kind) {
  std::string mail = kMail;
  mail.replace(mail.find("message/rfc822"), 14, "message/global");
  const auto message = parse_message(mail);
  ASSERT_TRUE(message->utf8.has_value());
  EXPECT_EQ(part_structure(message->utf8->bodystructure, {2, 2}),
            "(\"image\" \"png\" NIL NIL NIL \"base64\" 4 NIL NIL NIL NIL)");
  EXPECT_TRUE(find_part(*message, {2, 2}).has_value());
  EXPECT_EQ(part(*message, {2, 2}), "none") << "RFC 3501 knows no parts in it";
}

}  // namespace
}  // namespace bz::mime
