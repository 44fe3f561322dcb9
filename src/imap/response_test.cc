#include "imap/response.h"

#include <gtest/gtest.h>

namespace bz::imap {
namespace {

const std::vector<std::string> kKeywords = {"$Forwarded", "NotJunk"};

// The longest line outside literals.
size_t longest_line(std::string_view bytes) {
  size_t longest = 0;
  while (!bytes.empty()) {
    size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) return std::max(longest, bytes.size());
    longest = std::max(longest, end);
    uint64_t skip = 0;
    if (end > 0 && bytes[end - 1] == '}') skip = std::stoull(std::string(bytes.substr(bytes.rfind('{', end) + 1)));
    bytes.remove_prefix(end + 2 + skip);
  }
  return longest;
}

TEST(Encoder, chooses_the_form_of_a_string) {
  auto form = [](std::string_view text) {
    std::string out;
    Encoder(out).string(text);
    return out;
  };
  EXPECT_EQ(form(""), "\"\"");
  EXPECT_EQ(form("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(form("a\r\nb"), "{4}\r\na\r\nb");
  EXPECT_EQ(form("\xc3\xb1"), "{2}\r\n\xc3\xb1");
  EXPECT_EQ(form(std::string_view("a\0", 2)), "{2}\r\na\x80");
}
TEST(Encoder, mailboxes_are_atoms_or_strings_in_utf7) {
  auto form = [](std::string_view text) {
    std::string out;
    Encoder(out).mailbox(text);
    return out;
  };
  EXPECT_EQ(form("INBOX"), "INBOX");
  EXPECT_EQ(form("Sent Messages"), "\"Sent Messages\"");
  EXPECT_EQ(form("Entwürfe"), "Entw&APw-rfe");
  EXPECT_EQ(form("nil"), "\"nil\"");
  EXPECT_EQ(form("a*"), "\"a*\"");
}
TEST(Encoder, no_line_reaches_8192_octets) {
  std::string out;
  Encoder e(out);
  for (int i = 0; i < 400; ++i)
    e.raw(" ").string("someone").raw(" NIL ").string(std::string(static_cast<size_t>(i) * 25, 'x'));
  e.crlf();
  EXPECT_LT(longest_line(out), kMaxLine);
  out.clear();
  UidSet odd;
  for (uint32_t i = 1; i < 20000; i += 2) odd.add(i);
  search_response(out, odd, 99);
  EXPECT_LT(longest_line(out), kMaxLine);
  EXPECT_TRUE(out.ends_with("19999 (MODSEQ 99)\r\n"));
}
TEST(Status, responses) {
  std::string out;
  tagged(out, "a1", Condition::Ok, "READ-WRITE", "SELECT completed");
  untagged(out, Condition::Bye, "", "x\r\ny");
  continuation(out, "");
  EXPECT_EQ(out, "a1 OK [READ-WRITE] SELECT completed\r\n* BYE x??y\r\n+ Done\r\n");
}
TEST(Status, codes) {
  EXPECT_EQ(code_append_uid(UidValidity(7), std::vector<uint32_t>{9}), "APPENDUID 7 9");
  EXPECT_EQ(code_append_uid(UidValidity(7), std::vector<uint32_t>{9, 10, 11, 4, 12}), "APPENDUID 7 9:11,4,12");
  EXPECT_EQ(code_copy_uid(UidValidity(7), UidSet::of({{1, 3}}), UidSet::of({{5, 7}})), "COPYUID 7 1:3 5:7");
  EXPECT_EQ(code_permanent_flags(kKeywords, ~FlagBits{0}, true, true),
            "PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded NotJunk \\*)");
  EXPECT_EQ(code_permanent_flags(kKeywords, 0, false, true), "PERMANENTFLAGS ()");
  EXPECT_EQ(code_permanent_flags(kKeywords, kSeen, false, true), "PERMANENTFLAGS (\\Seen)");
  EXPECT_EQ(code_permanent_flags({}, 0, true, false), "PERMANENTFLAGS ()");
  EXPECT_EQ(code_modified(UidSet::of({{7, 7}, {9, 9}})), "MODIFIED 7,9");
}
TEST(Data, list_and_status) {
  std::string out;
  ListEntry entry;
  entry.mailbox = "Sent";
  entry.has_children = false;
  entry.special_use = "\\Sent";
  list_response(out, "LIST", entry);
  list_response(out, "LSUB", {.mailbox = "a b", .no_select = true});
  status_response(out, "a b", {.messages = true, .unseen = true, .highest_modseq = true},
                  {.messages = 3, .unseen = 1, .highest_modseq = 77});
  EXPECT_EQ(out,
            "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n* LSUB (\\Noselect) \"/\" \"a b\"\r\n"
            "* STATUS \"a b\" (MESSAGES 3 UNSEEN 1 HIGHESTMODSEQ 77)\r\n");
}
TEST(Data, access_lists) {
  std::string out;
  const AclPair pairs[] = {{"ana@x", "lr"}, {"-anyone", ""}};
  acl_response(out, "a b", pairs, false);
  const std::string_view groups[] = {"l", "r"};
  list_rights_response(out, "INBOX", "ana", "", groups, false);
  list_rights_response(out, "INBOX", "ana", "lr", {}, false);
  my_rights_response(out, "INBOX", "", false);
  EXPECT_EQ(out,
            "* ACL \"a b\" ana@x lr -anyone \"\"\r\n* LISTRIGHTS INBOX ana \"\" l r\r\n* LISTRIGHTS INBOX ana lr\r\n"
            "* MYRIGHTS INBOX \"\"\r\n");
  EXPECT_EQ(code_mailbox_id(MailboxId(3)), "MAILBOXID (M3)");
  EXPECT_EQ(code_mailbox_id(MailboxId(3), AccountId(7)), "MAILBOXID (A7-M3)");
}
TEST(Data, search_and_esearch) {
  std::string out;
  search_response(out, {}, 5);
  search_response(out, UidSet::of({{2, 3}, {9, 9}}), std::nullopt);
  EXPECT_EQ(out, "* SEARCH\r\n* SEARCH 2 3 9\r\n");
  out.clear();
  SearchReturn all{.min = true, .max = true, .all = true, .count = true};
  esearch_response(out, {"A6", true}, all, UidSet::of({{2, 3}, {9, 9}}), std::nullopt);
  esearch_response(out, {"A7", true}, all, {}, 4);
  esearch_response(out, {"A8", false}, {.all = true}, {}, std::nullopt);
  EXPECT_EQ(out,
            "* ESEARCH (TAG \"A6\") UID MIN 2 MAX 9 ALL 2:3,9 COUNT 3\r\n* ESEARCH (TAG \"A7\") UID COUNT 0\r\n"
            "* ESEARCH (TAG \"A8\")\r\n");
}
TEST(Fetch, items_in_the_order_of_the_calls) {
  std::string out;
  FetchWriter w(out, 12);
  w.uid(Uid(5)).flags(kSeen | kFlagged | 32, kKeywords, true).modseq(ModSeq(8)).internal_date(837596665).size(99);
  FetchItem item;
  item.kind = FetchItem::Kind::Section;
  item.section.part = {1, 2};
  item.section.what = BodySection::What::HeaderFields;
  item.section.fields = {"To", "X Y"};
  item.partial = Partial{3, 9};
  w.item(item).encoder().string("v");
  item.section = {};
  item.partial.reset();
  w.item(item).encoder().string("b");
  w.end();
  EXPECT_EQ(out,
            "* 12 FETCH (UID 5 FLAGS (\\Flagged \\Seen \\Recent $Forwarded) MODSEQ (8) INTERNALDATE \"17-Jul-1996 09:44:25 "
            "+0000\" RFC822.SIZE 99 BODY[1.2.HEADER.FIELDS (To \"X Y\")]<3> \"v\" BODY[] \"b\")\r\n");
}
TEST(Fetch, flags_may_be_empty) {
  std::string out;
  FetchWriter(out, 1).flags(0, kKeywords, false).end();
  flags_response(out, kKeywords);
  EXPECT_EQ(out, "* 1 FETCH (FLAGS ())\r\n* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded NotJunk)\r\n");
}

TEST(Response, vanished_keeps_the_line_limit) {
  std::string out;
  vanished(out, {}, false);
  EXPECT_EQ(out, "");
  vanished(out, UidSet::of({{1, 3}, {7, 7}}), true);
  EXPECT_EQ(out, "* VANISHED (EARLIER) 1:3,7\r\n");
  out.clear();
  UidSet scattered;
  for (uint32_t uid = 4'000'000'000; uid < 4'000'010'000; uid += 2) scattered.add(uid);
  vanished(out, scattered, false);
  size_t told = 0, line = 0;
  for (size_t at = 0; at < out.size(); at = line + 2) {
    line = out.find("\r\n", at);
    EXPECT_LT(line - at, kMaxLine);
    EXPECT_EQ(out.substr(at, 13), "* VANISHED 40");
    told += 1 + static_cast<size_t>(std::count(out.begin() + static_cast<std::ptrdiff_t>(at),
                                               out.begin() + static_cast<std::ptrdiff_t>(line), ','));
  }
  EXPECT_EQ(told, 5000u);
}
TEST(Response, esearch_in_part) {
  std::string out;
  SearchReturn want;
  want.partial = PartialRange{1, 2, true};
  want.count = true;
  esearch_response(out, {"A1", true}, want, UidSet::of({{1, 3}, {7, 7}}), std::nullopt);
  want.partial = PartialRange{9, 12, false};
  esearch_response(out, {"A2", true}, want, UidSet::of({{1, 3}}), std::nullopt);
  EXPECT_EQ(out,
            "* ESEARCH (TAG \"A1\") UID COUNT 4 PARTIAL (-1:-2 3,7)\r\n"
            "* ESEARCH (TAG \"A2\") UID COUNT 3 PARTIAL (9:12 NIL)\r\n");
}
TEST(ListResponse, extended_data_stand_in_one_list) {
  auto line = [](const ListEntry& entry) {
    std::string out;
    list_response(out, "LIST", entry);
    return out;
  };
  EXPECT_EQ(line({.mailbox = "b", .old_name = "a b"}), "* LIST () \"/\" b (\"OLDNAME\" (\"a b\"))\r\n");
  EXPECT_EQ(line({.mailbox = "b", .child_info_subscribed = true, .old_name = "\xC3\xBC", .utf8 = true}),
            "* LIST () \"/\" b (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (\"\xC3\xBC\"))\r\n");
}
TEST(Response, esearch_names_its_mailbox) {
  std::string out;
  esearch_response(out,
                   {"A1", true,
                    "Entw\xC3\xBC"
                    "rfe",
                    7},
                   {.all = true}, UidSet::of({{2, 3}}), std::nullopt);
  esearch_response(out, {"A1", true, "a b", 7, true}, {.count = true}, UidSet::of({{2, 3}}), 4);
  context_response(out, {"A1", true, "INBOX", 7}, "ADDTO", std::vector<ContextChange>{{0, {2}}});
  EXPECT_EQ(out,
            "* ESEARCH (TAG \"A1\" MAILBOX Entw&APw-rfe UIDVALIDITY 7) UID ALL 2:3\r\n"
            "* ESEARCH (TAG \"A1\" MAILBOX \"a b\" UIDVALIDITY 7) UID COUNT 2 MODSEQ 4\r\n"
            "* ESEARCH (TAG \"A1\" MAILBOX INBOX UIDVALIDITY 7) UID ADDTO (0 2)\r\n");
}
TEST(Response, progress_leaves_out_a_tag_that_would_end_the_code) {
  EXPECT_EQ(code_in_progress("A1", 5, 10), "INPROGRESS (\"A1\" 5 10)");
  EXPECT_EQ(code_in_progress("a]1", 0, 1), "INPROGRESS (NIL 0 1)");
}

}  // namespace
}  // namespace bz::imap
