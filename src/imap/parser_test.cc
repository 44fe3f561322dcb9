#include "imap/parser.h"

#include <gtest/gtest.h>

#include <string>

namespace bz::imap {
namespace {

using FK = FetchItem::Kind;
using SK = SearchKey::Kind;

template <class C>
C ok(std::string_view text) {
  ParsedCommand parsed = parse_command(text);
  if (!parsed.command() || !std::holds_alternative<C>(*parsed.command())) {
    ADD_FAILURE() << text << " -> " << (parsed.error() ? parsed.error()->text : "another command");
    return C{};
  }
  return std::get<C>(*parsed.command());
}
std::string bad(std::string_view text) {
  ParsedCommand parsed = parse_command(text);
  EXPECT_TRUE(parsed.error()) << text;
  return parsed.error() ? parsed.error()->text : "";
}

TEST(Parser, commands_without_arguments) {
  ok<Capability>("a CAPABILITY");
  ok<Noop>("A1 noop");
  ok<Logout>("8.569 LOGOUT");
  ok<StartTls>("1 STARTTLS");
  ok<Check>("a CHECK");
  ok<Close>("a CLOSE");
  ok<Unselect>("a UNSELECT");
  ok<Idle>("C9 IDLE");
  ok<Namespace>("A3 NAMESPACE");
  EXPECT_FALSE(ok<Expunge>("a EXPUNGE").uids);
  EXPECT_EQ(parse_command("done").tag, "");
  ok<Done>("DONE");
}
TEST(Parser, reads_the_tag_even_when_the_rest_is_wrong) {
  EXPECT_EQ(parse_command("x9 FOO").tag, "x9");
  EXPECT_TRUE(parse_command("x9 FOO").error()->unknown);
  EXPECT_EQ(parse_command("x9 SELECT").tag, "x9");
  EXPECT_EQ(parse_command("x9").tag, "x9");
  EXPECT_EQ(parse_command("").tag, "*");
  EXPECT_EQ(parse_command("+ NOOP").tag, "*");
  EXPECT_EQ(parse_command(std::string(300, 'a') + " NOOP").tag, "*");
}
TEST(Parser, select_with_what_the_client_knows) {
  auto select = ok<Select>("a SELECT INBOX (CONDSTORE QRESYNC (67890007 20050715 41,43:211 (5000,9990:9992 1,3:5)))");
  ASSERT_TRUE(select.qresync);
  EXPECT_TRUE(select.condstore);
  EXPECT_EQ(select.qresync->uid_validity, 67890007u);
  EXPECT_EQ(select.qresync->modseq, 20050715u);
  EXPECT_EQ(select.qresync->known_uids->to_string(), "41,43:211");
  EXPECT_EQ(select.qresync->match_numbers.to_string(), "5000,9990:9992");
  EXPECT_EQ(select.qresync->matching_uids.to_string(), "1,3:5");
  EXPECT_FALSE(ok<Select>("a EXAMINE x (QRESYNC (1 0))").qresync->known_uids);
  EXPECT_EQ(ok<Select>("a SELECT x (QRESYNC (1 2 (1 9)))").qresync->match_numbers.to_string(), "1");
  for (const char* text :
       {"a SELECT x (QRESYNC)", "a SELECT x (QRESYNC (0 1))", "a SELECT x (QRESYNC (1))", "a SELECT x (QRESYNC (1 2 1:*))",
        "a SELECT x (QRESYNC (1 2 $))", "a SELECT x (QRESYNC (1 2 1:3 (1:2 7)))", "a SELECT x (QRESYNC (1 2 1:3 (1 7))"})
    bad(text);
}
TEST(Parser, modifiers_of_fetch) {
  auto fetch = ok<Fetch>("a UID FETCH $ (FLAGS) (PARTIAL -1:-30 VANISHED CHANGEDSINCE 9)");
  EXPECT_TRUE(fetch.set.saved());
  EXPECT_TRUE(fetch.vanished);
  EXPECT_EQ(fetch.changed_since, 9u);
  EXPECT_EQ(fetch.partial, (PartialRange{1, 30, true}));
  for (const char* text : {"a FETCH 1 FLAGS (PARTIAL 1:2)", "a UID FETCH 1 FLAGS (PARTIAL 0:2)",
                           "a UID FETCH 1 FLAGS (PARTIAL 1:-2)", "a UID FETCH 1 FLAGS (VANISHED)",
                           "a FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", "a UID FETCH 1 FLAGS ()", "a UID FETCH $,1 FLAGS"})
    bad(text);
}
TEST(Parser, search_results_saved_and_in_part) {
  auto search = ok<Search>("a UID SEARCH RETURN (SAVE PARTIAL 500:1 COUNT) OR $ UID 3 SEEN");
  EXPECT_TRUE(search.esearch->save);
  EXPECT_EQ(search.esearch->partial->to_string(), "500:1");
  EXPECT_TRUE(search.key.names_numbers());
  EXPECT_FALSE(ok<Search>("a SEARCH UID $ SEEN").key.names_numbers());
  bad("a SEARCH RETURN (PARTIAL 1:2 ALL) ALL");
  bad("a SEARCH RETURN (PARTIAL) ALL");
}
TEST(SequenceSet, partial_ranges_count_from_either_end) {
  UidSet results = UidSet::of({{3, 5}, {9, 9}, {20, 24}});
  EXPECT_EQ((PartialRange{2, 4, false}).of(results).to_string(), "4:5,9");
  EXPECT_EQ((PartialRange{4, 2, false}).of(results).to_string(), "4:5,9");
  EXPECT_EQ((PartialRange{1, 3, true}).of(results).to_string(), "22:24");
  EXPECT_EQ((PartialRange{8, 500, true}).of(results).to_string(), "3:4");
  EXPECT_EQ((PartialRange{9, 500, false}).of(results).to_string(), "24");
  EXPECT_TRUE((PartialRange{10, 12, false}).of(results).empty());
  EXPECT_TRUE((PartialRange{10, 12, true}).of(results).empty());
  EXPECT_TRUE((PartialRange{1, 4294967295, true}).of({}).empty());
}
TEST(Parser, apple_push_takes_its_pairs_in_any_order) {
  const std::string token(64, 'a'), head = "a XAPPLEPUSHSERVICE ";
  const auto read = [](const std::string& text) {
    ParsedCommand parsed = parse_command(text);
    ApplePush refused;
    refused.version = 999;
    return parsed.command() ? std::get<ApplePush>(*parsed.command()) : refused;
  };
  const ApplePush usual =
      read(head + "aps-version 2 aps-account-id 0715A26B-CA09 aps-device-token " + std::string(64, 'A') +
           " aps-subtopic com.apple.mobilemail mailboxes (INBOX \"Sent Mail\" &AOk-t&AOk-)");
  EXPECT_EQ(usual.version, 2u);
  EXPECT_EQ(usual.account_id, "0715A26B-CA09");
  EXPECT_EQ(usual.device_token, token);
  EXPECT_EQ(usual.subtopic, "com.apple.mobilemail");
  EXPECT_EQ(usual.mailboxes, (std::vector<std::string>{"INBOX", "Sent Mail", "\xC3\xA9t\xC3\xA9"}));
  const ApplePush odd = read("a xapplepushservice mailboxes (inbox) \"APS-Device-Token\" {64}\r\n" + token +
                             " x-new (a (b) \"c\") x-other y aps-subtopic s aps-version \"1\" aps-account-id X");
  EXPECT_EQ(odd.version, 1u);
  EXPECT_EQ(odd.mailboxes, std::vector<std::string>{"INBOX"});
  const std::string good = "aps-account-id X aps-device-token " + token + " aps-subtopic s";
  EXPECT_EQ(read(head + "aps-version 2 mailboxes () " + good).mailboxes.size(), 0u);
  EXPECT_EQ(read(head + "aps-version 1 " + good).version, 1u);
  std::string many, keys;
  for (int i = 0; i < 257; ++i) many += (i ? " m" : "m") + std::to_string(i);
  for (int i = 0; i < 20; ++i) keys += " k v";
  for (const std::string& bad :
       {std::string("a XAPPLEPUSHSERVICE"), head, head + good, head + "aps-version 0 " + good,
        head + "aps-version x " + good, head + "aps-version 2 " + good + " ", head + "aps-version 2 " + good + " k",
        head + "aps-version 2 " + good + " mailboxes INBOX", head + "aps-version 2 " + good + " mailboxes (INBOX",
        head + "aps-version 2 " + good + " mailboxes (" + many + ")", head + "aps-version 2 " + good + keys,
        head + "aps-version 2 aps-account-id \"\" aps-device-token " + token + " aps-subtopic s",
        head + "aps-version 2 aps-account-id \"a\\\"b\" aps-device-token " + token + " aps-subtopic s",
        head + "aps-version 2 aps-account-id X aps-device-token " + token + "g0 aps-subtopic s",
        head + "aps-version 2 aps-account-id X aps-device-token ab aps-subtopic s",
        head + "aps-version 2 aps-account-id X aps-device-token " + std::string(202, 'a') + " aps-subtopic s",
        head + "aps-version 2 aps-account-id " + std::string(101, 'a') + " aps-device-token " + token + " aps-subtopic s",
        head + "aps-version 2 x " + std::string(60, '(') + std::string(60, ')') + " " + good})
    EXPECT_EQ(read(bad).version, 999u) << bad;
}
TEST(Parser, refuses_wrong_syntax_by_name) {
  for (const char* text : {"a NOOP x",
                           "a  NOOP",
                           "a NOOP ",
                           "a LOGIN u",
                           "a LOGIN \"u p",
                           "a LOGIN \"\\u\" p",
                           "a SELECT (x)",
                           "a SELECT &x",
                           "a FETCH 0 FLAGS",
                           "a FETCH 1: FLAGS",
                           "a FETCH 1,,2 FLAGS",
                           "a FETCH 4294967296 FLAGS",
                           "a FETCH 1 ()",
                           "a FETCH 1 (FLAGS",
                           "a FETCH 1 BODY[0]",
                           "a FETCH 1 BODY[MIME]",
                           "a FETCH 1 BODY[1.]",
                           "a FETCH 1 BODY[]<1>",
                           "a FETCH 1 BODY[]<1.0>",
                           "a FETCH 1 FLAGS (CHANGEDSINCE x)",
                           "a FETCH 1 BODY[HEADER.FIELDS]",
                           "a FETCH 1 BODY[HEADER.FIELDS ()]",
                           "a STORE 1 FLAGS",
                           "a STORE 1 +FLAG (\\Seen)",
                           "a STORE 1 FLAGS (\\Foo)",
                           "a STORE 1 FLAGS (\\Seen",
                           "a COPY 1",
                           "a UID NOOP",
                           "a UID EXPUNGE",
                           "a STATUS x ()",
                           "a STATUS x (FOO)",
                           "a SEARCH",
                           "a SEARCH OR 1",
                           "a SEARCH NOT",
                           "a SEARCH (1",
                           "a SEARCH 1)",
                           "a SEARCH ON 31-Feb-2020",
                           "a SEARCH FOO",
                           "a SEARCH RETURN (FOO) 1",
                           "a LIST \"\"",
                           "a LIST (RECURSIVEMATCH) \"\" *",
                           "a ENABLE",
                           "a ID",
                           "a ID (\"x\")",
                           "a AUTHENTICATE",
                           "a LOGIN {3}\r\nab",
                           "a LOGIN {2}\r\na\0 p",
                           "a APPEND x \"y\""})
    bad(text);
  using namespace std::string_view_literals;
  bad("a LOGIN {2}\r\na\0 p"sv);
  bad("a NOOP\0"sv);
  bad("a\r NOOP");
}

TEST(Parser, login_takes_every_kind_of_string) {
  Login l = ok<Login>("1 LOGIN \"us\\\"er\" {5+}\r\np\"\r\nw");
  EXPECT_EQ(l.user, "us\"er");
  EXPECT_EQ(l.password.reveal(), "p\"\r\nw");
  EXPECT_EQ(ok<Login>("1 LOGIN a]b@c \"\"").user, "a]b@c");
}
TEST(Parser, authenticate_with_and_without_initial_response) {
  EXPECT_FALSE(ok<Authenticate>("2 AUTHENTICATE plain").initial_response);
  EXPECT_EQ(ok<Authenticate>("A1 AUTHENTICATE PLAIN AGEAYg==").initial_response->reveal(), "AGEAYg==");
  EXPECT_EQ(ok<Authenticate>("A1 AUTHENTICATE EXTERNAL =").initial_response->reveal(), "=");
}
TEST(Parser, id_of_both_apple_stacks) {
  Id id = ok<Id>("A2 ID (\"name\" \"com.apple.email.maild\" \"version\" \"3826.300.87.2.22\" \"vendor\" NIL)");
  ASSERT_EQ(id.fields.size(), 3u);
  EXPECT_EQ(id.fields[0].second, "com.apple.email.maild");
  EXPECT_FALSE(id.fields[2].second);
  EXPECT_TRUE(ok<Id>("a ID NIL").fields.empty());
}
TEST(Parser, mailbox_commands) {
  EXPECT_EQ(ok<Select>("A5 SELECT inBox").mailbox, "INBOX");
  EXPECT_TRUE(ok<Select>("A5 SELECT \"INBOX\" (CONDSTORE)").condstore);
  EXPECT_TRUE(ok<Select>("A5 EXAMINE Entw&APw-rfe").examine);
  EXPECT_EQ(ok<Select>("A5 EXAMINE Entw&APw-rfe").mailbox, "Entwürfe");
  EXPECT_EQ(ok<Create>("a CREATE x (USE (\\Sent \\Drafts))").special_use.size(), 2u);
  EXPECT_EQ(ok<Create>("a CREATE {3}\r\na b").mailbox, "a b");
  EXPECT_EQ(ok<Delete>("a DELETE x").mailbox, "x");
  EXPECT_EQ(ok<Rename>("a RENAME x \"y z\"").to, "y z");
  EXPECT_EQ(ok<Subscribe>("a SUBSCRIBE x").mailbox, "x");
  EXPECT_EQ(ok<Unsubscribe>("a UNSUBSCRIBE x").mailbox, "x");
  Status s = ok<Status>(
      "a STATUS \"Deleted Messages\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE APPENDLIMIT MAILBOXID)");
  EXPECT_TRUE(s.items.messages && s.items.highest_modseq && s.items.size && s.items.append_limit);
  EXPECT_FALSE(s.items.recent);
  EXPECT_EQ(ok<Enable>("a ENABLE condstore X").capabilities[0], "CONDSTORE");
}
TEST(Parser, list_in_all_its_forms) {
  List l = ok<List>("A4 LIST \"\" \"*\"");
  EXPECT_FALSE(l.extended);
  EXPECT_EQ(l.patterns, std::vector<std::string>{"*"});
  EXPECT_EQ(ok<List>("a LIST \"\" \"\"").patterns[0], "");
  EXPECT_EQ(ok<List>("a LIST x/ %").reference, "x/");
  EXPECT_EQ(ok<List>("a LIST \"\" *a]%").patterns[0], "*a]%");
  l = ok<List>("A6 LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (UNSEEN))");
  EXPECT_TRUE(l.extended && l.return_special_use && l.return_status && l.return_status->unseen);
  l = ok<List>("a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (INBOX \"Drafts/%\" Sent) RETURN (CHILDREN SUBSCRIBED)");
  EXPECT_TRUE(l.select_subscribed && l.select_recursive_match && l.return_children && l.return_subscribed);
  EXPECT_EQ(l.patterns.size(), 3u);
  EXPECT_TRUE(ok<List>("a LIST (SPECIAL-USE) \"\" \"*\"").select_special_use);
  EXPECT_TRUE(ok<List>("a LIST () \"\" x RETURN ()").extended);
  EXPECT_EQ(ok<Lsub>("a LSUB \"\" *").pattern, "*");
}
TEST(Parser, access_lists) {
  auto set = ok<SetAcl>("a SETACL inbox \"Ana\" {3+}\r\n+lr");
  EXPECT_EQ(set.mailbox + "|" + set.identifier + "|" + set.rights, "INBOX|Ana|+lr");
  EXPECT_EQ(ok<SetAcl>("a setacl x y \"\"").rights, "");
  auto gone = ok<DeleteAcl>("a DELETEACL Drafts -anyone");
  EXPECT_EQ(gone.mailbox + "|" + gone.identifier, "Drafts|-anyone");
  EXPECT_EQ(ok<ListRights>("a LISTRIGHTS x y@z").identifier, "y@z");
  EXPECT_EQ(ok<GetAcl>("a GETACL \"Other Users/a@b/c\"").mailbox, "Other Users/a@b/c");
  EXPECT_EQ(ok<MyRights>("a MYRIGHTS x").mailbox, "x");
  EXPECT_TRUE(ok<List>("a LIST \"\" * RETURN (SUBSCRIBED MYRIGHTS)").return_my_rights);
  for (const char* wrong : {"a SETACL", "a SETACL x", "a SETACL x y", "a SETACL x y l r", "a DELETEACL x", "a LISTRIGHTS x",
                            "a GETACL", "a GETACL x y", "a MYRIGHTS", "a LIST \"\" * RETURN (MYRIGHTS ())"})
    EXPECT_NE(bad(wrong), "") << wrong;
}
TEST(Parser, binary_sections) {
  Fetch f = ok<Fetch>("a FETCH 1 (BINARY[1.2]<0.10> binary.peek[] BINARY.SIZE[3])");
  ASSERT_EQ(f.items.size(), 3u);
  EXPECT_EQ(f.items[0].section.part, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(f.items[0].partial, (Partial{0, 10}));
  EXPECT_TRUE(f.items[0].sets_seen());
  EXPECT_TRUE(f.items[1].kind == FK::Binary && f.items[1].peek && !f.items[1].sets_seen());
  EXPECT_EQ(f.items[2].kind, FK::BinarySize);
  for (const char* text : {"a FETCH 1 BINARY", "a FETCH 1 BINARY[TEXT]", "a FETCH 1 BINARY[1.]", "a FETCH 1 BINARY[1.MIME]",
                           "a FETCH 1 BINARY[0]", "a FETCH 1 BINARY.SIZE[1]<0.1>", "a FETCH 1 BINARY.NOT[1]",
                           "a FETCH 1 BINARY.SIZE", "a FETCH 1 BINARY[1"})
    bad(text);
}
TEST(Parser, urlauth_commands) {
  EXPECT_FALSE(ok<ResetKey>("a RESETKEY").mailbox);
  EXPECT_EQ(ok<ResetKey>("a resetkey inbox internal xsample").mechanisms,
            (std::vector<std::string>{"INTERNAL", "XSAMPLE"}));
  auto rumps =
      ok<GenUrlAuth>("a GENURLAUTH \"imap://joe@h/x/;uid=1;urlauth=anonymous\" INTERNAL {3+}\r\nurl internal").rumps;
  ASSERT_EQ(rumps.size(), 2u);
  EXPECT_EQ(rumps[1].url, "url");
  EXPECT_EQ(rumps[1].mechanism, "INTERNAL");
  auto urls = ok<UrlFetch>("a URLFETCH one (two) (\"three\" BODYPARTSTRUCTURE BINARY) (four body)").urls;
  ASSERT_EQ(urls.size(), 4u);
  EXPECT_FALSE(urls[0].extended || urls[1].extended);
  EXPECT_TRUE(urls[2].extended && urls[2].structure && urls[2].binary && !urls[2].body);
  EXPECT_TRUE(urls[3].body);
  for (const char* text :
       {"a RESETKEY ", "a RESETKEY x ", "a GENURLAUTH", "a GENURLAUTH x", "a GENURLAUTH x INTERNAL y", "a URLFETCH",
        "a URLFETCH ()", "a URLFETCH (x BODY BINARY)", "a URLFETCH (x BODY BODY)", "a URLFETCH (x FOO)", "a URLFETCH (x"})
    bad(text);
}
TEST(Parser, store_in_all_its_forms) {
  Store s = ok<Store>("F4 UID STORE 5 +FLAGS.SILENT (\\Flagged $MailFlagBit0 $MailFlagBit1)");
  EXPECT_TRUE(s.uid && s.silent && s.mode == Store::Mode::Add);
  EXPECT_EQ(s.flags.keywords.size(), 2u);
  s = ok<Store>("a STORE 1:* (UNCHANGEDSINCE 12121230045) -FLAGS \\Seen \\Deleted");
  EXPECT_EQ(s.unchanged_since, 12121230045u);
  EXPECT_EQ(s.flags.system, kSeen | kDeleted);
  s = ok<Store>("a STORE 1 FLAGS ()");
  EXPECT_TRUE(s.mode == Store::Mode::Replace && s.flags.system == 0);
  EXPECT_EQ(ok<Store>("a STORE 1 FLAGS (\\Recent \\Seen)").flags.system, kSeen);
}
TEST(Parser, copy_move_and_uid_expunge) {
  EXPECT_EQ(ok<Copy>("a COPY 2:4 MEETING").mailbox, "MEETING");
  Move m = ok<Move>("F5 UID MOVE 112:113 \"Deleted Items\"");
  EXPECT_TRUE(m.uid);
  EXPECT_EQ(m.set.resolve(500).to_string(), "112:113");
  EXPECT_EQ(ok<Expunge>("a UID EXPUNGE 3000:3002").uids->resolve(9).to_string(), "3000:3002");
}
TEST(Parser, sequence_sets) {
  EXPECT_EQ(ok<Fetch>("a FETCH 2,4:7,9,12:* FLAGS").set.resolve(15).to_string(), "2,4:7,9,12:15");
  EXPECT_EQ(ok<Fetch>("a UID FETCH 559:* FLAGS").set.resolve(20).to_string(), "20:559");
  EXPECT_EQ(ok<Fetch>("a FETCH * FLAGS").set.resolve(0).to_string(), "");
  EXPECT_FALSE(ok<Fetch>("a FETCH 1:3 FLAGS").set.within(2));
  EXPECT_TRUE(ok<Fetch>("a FETCH 1:* FLAGS").set.within(2));
  EXPECT_FALSE(ok<Fetch>("a FETCH * FLAGS").set.within(0));
}

TEST(Parser, fetch_macros_and_single_items) {
  EXPECT_EQ(ok<Fetch>("a FETCH 1 ALL").items.size(), 4u);
  EXPECT_EQ(ok<Fetch>("a FETCH 1 FAST").items.size(), 3u);
  EXPECT_EQ(ok<Fetch>("a FETCH 1 full").items.size(), 5u);
  EXPECT_EQ(ok<Fetch>("a FETCH 1 full").items[4].kind, FK::Body);
  Fetch f = ok<Fetch>("5 UID FETCH 5 BODY.PEEK[HEADER]");
  EXPECT_TRUE(f.items[0].peek);
  EXPECT_EQ(f.items[0].section.what, BodySection::What::Header);
  EXPECT_TRUE(ok<Fetch>("a FETCH 1 RFC822").items[0].sets_seen());
  EXPECT_FALSE(ok<Fetch>("a FETCH 1 RFC822.HEADER").items[0].sets_seen());
  EXPECT_EQ(ok<Fetch>("a FETCH 1 (UID FLAGS UID BODY[] BODY[])").items.size(), 3u) << "each item once";
}
TEST(Parser, fetch_of_a_phone) {
  Fetch f = ok<Fetch>(
      "a FETCH 7:38 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (date subject from {2}\r\nto cc)] MODSEQ)");
  ASSERT_EQ(f.items.size(), 6u);
  EXPECT_EQ(f.items[4].section.fields.size(), 5u);
  EXPECT_EQ(f.items[4].section.fields[3], "to");
  EXPECT_EQ(f.items[5].kind, FK::ModSeq);
  f = ok<Fetch>("EX32 UID FETCH 7840 (UID BODY.PEEK[1.2.TEXT]<393216.393216>)");
  EXPECT_EQ(f.items[1].section.part, (std::vector<uint32_t>{1, 2}));
  EXPECT_EQ(f.items[1].partial, (Partial{393216, 393216}));
  EXPECT_EQ(ok<Fetch>("B5 UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE 0)").changed_since, 0u);
  EXPECT_EQ(ok<Fetch>("a FETCH 1 BODY[1.MIME]").items[0].section.what, BodySection::What::Mime);
  EXPECT_EQ(ok<Fetch>("a FETCH 1 BODY[HEADER.FIELDS.NOT (x)]").items[0].section.what, BodySection::What::HeaderFieldsNot);
}

TEST(Search, every_key) {
  Search s = ok<Search>(
      "a SEARCH ALL ANSWERED BCC b BEFORE 1-Feb-1994 BODY x CC c DELETED DRAFT FLAGGED FROM f HEADER List-Id \"\" KEYWORD "
      "k "
      "LARGER 5 NEW NOT SEEN OLD ON \"1-Feb-1994\" RECENT SEEN SENTBEFORE 1-Feb-1994 SENTON 1-Feb-1994 SENTSINCE "
      "1-Feb-1994 "
      "SINCE 1-Feb-1994 SMALLER 9 SUBJECT s TEXT t TO o UID 1:* UNANSWERED UNDELETED UNDRAFT UNFLAGGED UNKEYWORD k UNSEEN "
      "OLDER 60 YOUNGER 60 EMAILID E9 THREADID T-_9 MODSEQ 620162338 MODSEQ \"/flags/\\\\draft\" all 5 2,4:7 (SEEN 1) OR 1 "
      "2");
  EXPECT_EQ(s.key.children.size(), 43u);
  EXPECT_TRUE(s.has_modseq);
  EXPECT_EQ(s.key.children[2].field, "Bcc");
  EXPECT_EQ(s.key.children[3].date, (Date{1994, 2, 1}));
  EXPECT_EQ(s.key.children.back().kind, SK::Or);
}
TEST(Search, return_options_and_charset) {
  Search s = ok<Search>(
      "E5 UID SEARCH RETURN (MIN MAX COUNT) CHARSET utf-8 SUBJECT {6+}\r\n\xc3\xb1"
      "and\xc3 UNSEEN");
  EXPECT_TRUE(s.uid && s.esearch && s.esearch->min && s.esearch->max && s.esearch->count && !s.esearch->all);
  EXPECT_EQ(s.charset, "UTF-8");
  EXPECT_EQ(s.key.children[0].text,
            "\xc3\xb1"
            "and\xc3");
  EXPECT_TRUE(ok<Search>("a SEARCH RETURN () 1").esearch->all);
  EXPECT_FALSE(ok<Search>("a SEARCH 1").esearch);
}
TEST(Search, or_chains_are_flat_whichever_way_they_lean) {
  std::string left = "a SEARCH", right = "a SEARCH";
  for (int i = 0; i < 3000; ++i) left += " OR";
  for (int i = 0; i <= 3000; ++i) left += " FROM x";
  for (int i = 0; i < 3000; ++i) right += " OR TO y";
  right += " 1";
  for (const std::string& text : {left, right}) {
    Search s = ok<Search>(text);
    ASSERT_EQ(s.key.children.size(), 1u);
    EXPECT_EQ(s.key.children[0].children.size(), 3001u);
    EXPECT_EQ(s.key.depth(), 3);
  }
}
TEST(Search, nesting_is_bounded_without_using_the_stack) {
  auto nested = [](int levels) {
    std::string text = "a SEARCH ";
    for (int i = 0; i < levels; ++i) text += "NOT (1 ";
    return text + "1" + std::string(static_cast<size_t>(levels), ')');
  };
  EXPECT_EQ(ok<Search>(nested(90)).key.depth(), 182);
  EXPECT_EQ(bad(nested(100)), "Search nested too deeply");
  EXPECT_EQ(bad(nested(4000)), "Search nested too deeply");
  std::string parens(15000, '(');
  EXPECT_EQ(ok<Search>("a SEARCH " + parens + "1" + std::string(15000, ')')).key.depth(), 2);
  bad("a SEARCH " + parens);
  bad("a SEARCH " + std::string(60000, '('));
  std::string nots = "a SEARCH ";
  for (int i = 0; i < 10001; ++i) nots += "NOT ";
  EXPECT_EQ(ok<Search>(nots + "SEEN").key.children[0].kind, SK::Not);
}
TEST(Search, depth_never_exceeds_what_the_parser_promises) {
  std::string text = "a SEARCH ";
  for (int i = 0; i < 150; ++i) text += "OR 1 NOT ";
  ParsedCommand p = parse_command(text + "1");
  EXPECT_TRUE(p.error());
}

TEST(Parser, enable_takes_names_in_any_case) {
  const ParsedCommand parsed = parse_command("a ENABLE imap4REV2 UTF8=ACCEPT");
  ASSERT_NE(parsed.command(), nullptr);
  EXPECT_EQ(std::get<Enable>(*parsed.command()).capabilities, (std::vector<std::string>{"IMAP4REV2", "UTF8=ACCEPT"}));
  EXPECT_EQ(parse_command("a ENABLE").command(), nullptr);
}

TEST(Parser, fuzzy_takes_one_key) {
  const Search s = ok<Search>("a SEARCH RETURN (RELEVANCY MIN) FUZZY (SUBJECT x SEEN) NOT FUZZY TEXT y");
  EXPECT_TRUE(s.has_fuzzy);
  EXPECT_TRUE(s.esearch->relevancy);
  ASSERT_EQ(s.key.children.size(), 2u);
  EXPECT_EQ(s.key.children[0].kind, SearchKey::Kind::Fuzzy);
  EXPECT_EQ(s.key.children[0].children.at(0).kind, SearchKey::Kind::And);
  EXPECT_EQ(s.key.children[1].children.at(0).kind, SearchKey::Kind::Fuzzy);
  EXPECT_FALSE(ok<Search>("a SEARCH TEXT FUZZY").has_fuzzy);
  EXPECT_EQ(ok<Sort>("a SORT (RELEVANCY DATE) UTF-8 FUZZY TEXT y").keys[0].kind, SortKey::Kind::Relevancy);
  std::string deep = "a SEARCH ";
  for (int i = 0; i < kMaxSearchDepth; ++i) deep += "FUZZY ";
  EXPECT_TRUE(parse_command(deep + "SEEN").error());
}

// RFC 5465 sections 5, 6.1 and 8
TEST(Parser, notify) {
  EXPECT_FALSE(ok<Notify>("a NOTIFY NONE").set);
  auto notify = ok<Notify>(
      "a notify set status (selected (MessageNew (uid body.peek[header.fields (from to subject)]) messageExpunge "
      "FlagChange)) "
      "(subtree (Lists INBOX) (MessageNew MessageExpunge)) (mailboxes misc NONE) (personal (MailboxName "
      "SubscriptionChange))");
  EXPECT_TRUE(notify.set);
  EXPECT_TRUE(notify.status);
  ASSERT_EQ(notify.groups.size(), 4u);
  EXPECT_TRUE(notify.groups[0].selected());
  EXPECT_TRUE(notify.groups[0].events.messages);
  EXPECT_TRUE(notify.groups[0].events.flags);
  ASSERT_EQ(notify.groups[0].events.new_message.size(), 2u);
  EXPECT_TRUE(notify.groups[0].events.new_message[1].peek);
  EXPECT_EQ(notify.groups[1].names, (std::vector<std::string>{"Lists", "INBOX"}));
  EXPECT_FALSE(notify.groups[1].events.flags);
  EXPECT_EQ(notify.groups[2].filter, NotifyGroup::Filter::Mailboxes);
  EXPECT_FALSE(notify.groups[2].events.messages);
  EXPECT_TRUE(notify.groups[3].events.mailbox_name);
  EXPECT_TRUE(notify.groups[3].events.subscription);
  EXPECT_EQ(ok<Notify>("a NOTIFY SET (Selected-Delayed (MessageNew MessageExpunge))").groups[0].filter,
            NotifyGroup::Filter::SelectedDelayed);
}
TEST(Parser, notify_of_what_nobody_can_tell_is_no_syntax_error) {
  for (const char* event : {"MessageNew MessageExpunge AnnotationChange", "MailboxName Dinner"})
    EXPECT_TRUE(ok<Notify>("a NOTIFY SET (personal (" + std::string(event) + "))").groups[0].events.unsupported) << event;
}
TEST(Parser, notify_of_annotations) {
  const NotifyEvents both =
      ok<Notify>("a NOTIFY SET (personal (mailboxmetadatachange ServerMetadataChange))").groups[0].events;
  EXPECT_TRUE(both.metadata && both.server_metadata && !both.unsupported);
  EXPECT_FALSE(ok<Notify>("a NOTIFY SET (personal (MailboxMetadataChange))").groups[0].events.server_metadata);
}
TEST(Parser, notify_that_is_no_notify) {
  std::string names = "a NOTIFY SET";
  for (size_t i = 0; i <= kMaxEventGroups; ++i) names += " (personal NONE)";
  std::string mailboxes = "a NOTIFY SET (mailboxes (";
  for (size_t i = 0; i <= kMaxNotifyNames; ++i) mailboxes += "m" + std::to_string(i) + " ";
  mailboxes.back() = ')';
  for (const std::string& text : std::vector<std::string>{names,
                                                          mailboxes + " NONE)",
                                                          "a NOTIFY",
                                                          "a NOTIFY SET",
                                                          "a NOTIFY SET STATUS",
                                                          "a NOTIFY NONE (personal NONE)",
                                                          "a NOTIFY SET (personal)",
                                                          "a NOTIFY SET (personal ())",
                                                          "a NOTIFY SET (everything NONE)",
                                                          "a NOTIFY SET (subtree NONE)",
                                                          "a NOTIFY SET (selected NONE) (selected-delayed NONE)",
                                                          "a NOTIFY SET (selected (MailboxName))",
                                                          "a NOTIFY SET (selected (MessageMetadata MailboxMetadataChange))",
                                                          "a NOTIFY SET (personal (MessageNew))",
                                                          "a NOTIFY SET (personal (MessageExpunge))",
                                                          "a NOTIFY SET (personal (FlagChange))",
                                                          "a NOTIFY SET (personal (AnnotationChange))",
                                                          "a NOTIFY SET (personal (MessageNew (uid) MessageExpunge))",
                                                          "a NOTIFY SET (selected (MessageNew () MessageExpunge))",
                                                          "a NOTIFY SET (selected (MessageNew (uid x) MessageExpunge))",
                                                          "a NOTIFY SET (personal NONE)(personal NONE)",
                                                          "a NOTIFY SET (personal NONE) "})
    bad(text);
}

// RFC 7377 section 4
TEST(Parser, searches_of_many_mailboxes) {
  using Filter = MailboxFilter::Filter;
  auto all = ok<MultiSearch>("a ESEARCH UNSEEN");
  EXPECT_TRUE(all.sources.empty() && all.search.uid && all.search.esearch->all);
  auto some = ok<MultiSearch>(
      "a esearch in (mailboxes \"folder1\" subtree (a b) subtree-one c personal selected) return (min) charset utf-8 1:3");
  ASSERT_EQ(some.sources.size(), 5u);
  EXPECT_EQ(some.sources[0].filter, Filter::Mailboxes);
  EXPECT_EQ(some.sources[1].names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(some.sources[2].filter, Filter::SubtreeOne);
  EXPECT_EQ(some.sources[4].filter, Filter::Selected);
  EXPECT_TRUE(some.search.esearch->min && !some.search.esearch->all);
  EXPECT_EQ(some.search.charset, "UTF-8");
  EXPECT_TRUE(ok<MultiSearch>("a ESEARCH IN (inboxes) NOT (SEEN $)").search.key.names_saved());
  for (const char* text :
       {"a ESEARCH", "a ESEARCH IN (personal)", "a ESEARCH IN () ALL", "a ESEARCH IN personal ALL",
        "a ESEARCH IN (everything) ALL", "a ESEARCH IN (selected-delayed) ALL", "a ESEARCH IN (mailboxes) ALL",
        "a ESEARCH IN (mailboxes ()) ALL", "a ESEARCH IN (personal (depth 1)) ALL",
        "a ESEARCH RETURN (ALL) IN (personal) ALL", "a ESEARCH IN (personal", "a NOTIFY SET (subtree-one x (MailboxName))"})
    bad(text);
  std::string many = "a ESEARCH IN (mailboxes (";
  for (size_t i = 0; i <= kMaxNotifyNames; ++i) many += "m" + std::to_string(i) + " ";
  bad(many + "x)) ALL");
  std::string kinds = "a ESEARCH IN (inboxes";
  for (size_t i = 0; i < kMaxEventGroups; ++i) kinds += " inboxes";
  bad(kinds + ") ALL");
}

// RFC 5267 section 5, RFC 5465 section 8
TEST(Parser, contexts) {
  auto search = ok<Search>("a SEARCH RETURN (UPDATE (UID FLAGS) CONTEXT COUNT) ALL");
  EXPECT_TRUE(search.esearch->update && search.esearch->context && search.esearch->count);
  EXPECT_EQ(search.esearch->update_items.size(), 2u);
  EXPECT_TRUE(ok<Sort>("a UID SORT RETURN (COUNT UPDATE) (DATE) UTF-8 ALL").search.esearch->update);
  EXPECT_TRUE(ok<Search>("a SEARCH RETURN (UPDATE PARTIAL 1:5) ALL").esearch->partial);
  EXPECT_EQ(ok<CancelUpdate>("a CANCELUPDATE \"a\" \"b\"").tags, (std::vector<std::string>{"a", "b"}));
  for (const char* text : {"a CANCELUPDATE", "a CANCELUPDATE b", "a CANCELUPDATE \"b\" ", "a SEARCH RETURN (UPDATE ()) ALL",
                           "a SEARCH RETURN (UPDATE (NOTHING)) ALL"})
    bad(text);
}

}  // namespace
}  // namespace bz::imap
