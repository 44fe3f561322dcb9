// RFC 4314 and RFC 8440 as two users see them: ana (7), whose mailboxes they are, and eva (8); bob (9) is of another
// domain.
#include <gmock/gmock.h>

#include "base/text.h"
#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Neighbours final : public OtherUsers {
 public:
  std::vector<std::shared_ptr<store::Account>> accounts;
  std::vector<std::pair<AccountId, AccountId>> shared;  // owner, with
  int openings = 0;

  Task<Result<store::Identity>> identify(std::string address) override {
    for (const auto& account : accounts)
      if (base::iequals(account->account_name(), address)) co_return identity_of(*account);
    if (address == "alias@example.org") co_return identity_of(*accounts.front());
    co_return fail(Errc::NotFound, "nobody");
  }
  Task<Result<std::shared_ptr<store::Account>>> open(AccountId owner) override {
    ++openings;
    for (const auto& account : accounts)
      if (account->id() == owner) co_return account;
    co_return fail(Errc::NotFound, "nobody");
  }
  Task<Result<std::vector<store::Identity>>> owners(store::Identity user) override {
    std::vector<store::Identity> owners;
    for (const auto& account : accounts)
      for (const auto& [owner, with] : shared)
        if (owner == account->id() && owner != user.id && (with == user.id || !with.is_set()))
          owners.push_back(identity_of(*account));
    co_return owners;
  }
  Task<Result<void>> shares(store::Identity owner, AccountId with) override {
    const std::pair entry(owner.id, with);
    if (std::find(shared.begin(), shared.end(), entry) == shared.end()) shared.push_back(entry);
    co_return Result<void>();
  }
};

struct Acl : ::testing::Test {
  World w;
  Neighbours neighbours;
  std::shared_ptr<store::Account> eva, bob;
  std::unique_ptr<Client> ana_client, eva_client;

  void SetUp() override {
    eva = open(8, "eva@example.org");
    bob = open(9, "bob@other.test");
    neighbours.accounts = {w.account, eva, bob};
    w.others = &neighbours;
    ana_client = std::make_unique<Client>(w);
    eva_client = std::make_unique<Client>(w, "", eva);
  }
  std::shared_ptr<store::Account> open(uint64_t id, std::string name) {
    auto opened = w.run(store::open_account(*w.store, AccountId(id), std::move(name), w.config, w.loop, w.clock, w.random));
    BZ_CHECK(opened.has_value(), "open_account");
    return *opened;
  }
  void append_to(store::Account& account, std::string text) {
    auto message = account.begin_append();
    ASSERT_TRUE(w.run(message->write(text)).has_value());
    ASSERT_TRUE(w.run(account.append(account.find("INBOX")->id, std::move(message), {}, 1)).has_value());
  }
  std::string ana(const std::string& command) { return ana_client->ask("a " + command); }
  std::string as_eva(const std::string& command) { return eva_client->ask("e " + command); }
  void share(const std::string& mailbox, const std::string& rights, const std::string& with = "eva@example.org") {
    ASSERT_EQ(ana("SETACL " + mailbox + " " + with + " " + rights), "a OK The rights are changed\r\n");
  }
};

const std::string kAnas = "\"Other Users/ana@example.org/";

TEST_F(Acl, is_offered_where_others_can_be_reached) {
  EXPECT_THAT(ana("CAPABILITY"), HasSubstr(" ACL RIGHTS=texk LIST-MYRIGHTS"));
  EXPECT_EQ(ana("NAMESPACE"), "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) NIL\r\na OK NAMESPACE completed\r\n");
  w.others = nullptr;
  Client alone(w);
  EXPECT_THAT(alone.ask("a CAPABILITY"), Not(HasSubstr("ACL")));
  EXPECT_EQ(alone.ask("a NAMESPACE"), "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\na OK NAMESPACE completed\r\n");
  EXPECT_THAT(alone.ask("a SETACL INBOX eva@example.org l"), StartsWith("a NO "));
  EXPECT_THAT(alone.ask("a CREATE \"Other Users/x\""), StartsWith("a OK "));
}

TEST_F(Acl, is_set_read_and_deleted) {
  EXPECT_EQ(ana("GETACL INBOX"), "* ACL INBOX ana@example.org lrswipkxtecda\r\na OK GETACL completed\r\n");
  EXPECT_EQ(ana("MYRIGHTS INBOX"), "* MYRIGHTS INBOX lrswipkxtecda\r\na OK MYRIGHTS completed\r\n");
  share("INBOX", "lrd");
  share("INBOX", "+w", "EVA@example.org");
  share("INBOX", "l", "anyone");
  share("INBOX", "r", "-bob@other.test");
  EXPECT_EQ(ana("GETACL INBOX"),
            "* ACL INBOX ana@example.org lrswipkxtecda anyone l eva@example.org lrwted -bob@other.test r\r\n"
            "a OK GETACL completed\r\n");
  share("INBOX", "-re");
  EXPECT_THAT(ana("GETACL INBOX"), HasSubstr(" eva@example.org lwtd "));
  EXPECT_EQ(ana("DELETEACL INBOX eva@example.org"), "a OK DELETEACL completed\r\n");
  EXPECT_EQ(ana("SETACL INBOX -bob@other.test \"\""), "a OK The entry is gone\r\n");
  EXPECT_EQ(ana("DELETEACL INBOX anyone"), "a OK DELETEACL completed\r\n");
  EXPECT_THAT(ana("DELETEACL INBOX anyone"), StartsWith("a OK ")) << "it is gone already";
  EXPECT_EQ(ana("GETACL INBOX"), "* ACL INBOX ana@example.org lrswipkxtecda\r\na OK GETACL completed\r\n");
}

TEST_F(Acl, says_what_may_be_given) {
  EXPECT_EQ(ana("LISTRIGHTS INBOX eva@example.org"),
            "* LISTRIGHTS INBOX eva@example.org \"\" l r s w i p k x t e c d a\r\na OK LISTRIGHTS completed\r\n");
  EXPECT_EQ(ana("LISTRIGHTS INBOX ana@example.org"),
            "* LISTRIGHTS INBOX ana@example.org lrswipkxtecda\r\na OK LISTRIGHTS completed\r\n");
  EXPECT_THAT(ana("LISTRIGHTS INBOX nobody@example.org"), StartsWith("a NO "));
}

TEST_F(Acl, refuses_what_is_none) {
  EXPECT_EQ(ana("SETACL INBOX eva@example.org lrQ"), "a BAD Unknown right\r\n");
  EXPECT_EQ(ana("SETACL INBOX eva@example.org lrq"), "a BAD Unknown right\r\n");
  EXPECT_EQ(ana("SETACL INBOX eva@example.org +-l"), "a BAD Unknown right\r\n");
  EXPECT_THAT(ana("SETACL INBOX \"\" l"), StartsWith("a BAD "));
  EXPECT_THAT(ana("SETACL INBOX - l"), StartsWith("a BAD "));
  EXPECT_THAT(ana("DELETEACL INBOX \"\""), StartsWith("a BAD "));
  EXPECT_THAT(ana("SETACL INBOX"), StartsWith("a BAD "));
  EXPECT_THAT(ana("SETACL INBOX eva@example.org"), StartsWith("a BAD "));
  EXPECT_EQ(ana("SETACL INBOX nobody@example.org l"), "a NO No such user\r\n");
  EXPECT_THAT(ana("SETACL Nowhere eva@example.org l"), StartsWith("a NO [NONEXISTENT] "));
  EXPECT_THAT(ana("MYRIGHTS Nowhere"), StartsWith("a NO [NONEXISTENT] "));
}

TEST_F(Acl, the_owner_keeps_all_rights) {
  EXPECT_THAT(ana("SETACL INBOX ana@example.org lr"), StartsWith("a NO [CANNOT] "));
  EXPECT_THAT(ana("SETACL INBOX ana@example.org -a"), StartsWith("a NO [CANNOT] "));
  EXPECT_THAT(ana("SETACL INBOX -ana@example.org a"), StartsWith("a NO [CANNOT] "));
  EXPECT_THAT(ana("DELETEACL INBOX ana@example.org"), StartsWith("a NO [CANNOT] "));
  EXPECT_THAT(ana("SETACL INBOX ana@example.org lrswipkxtea"), StartsWith("a OK "));
  share("INBOX", "a", "-anyone");
  EXPECT_THAT(ana("MYRIGHTS INBOX"), HasSubstr("INBOX lrswipkxtecda\r\n"));
}

TEST_F(Acl, what_may_not_be_seen_is_as_if_it_were_not_there) {
  for (const char* command :
       {"SELECT ", "EXAMINE ", "GETACL ", "MYRIGHTS ", "DELETE ", "GETQUOTAROOT ", "SETACL eva@example.org l "}) {
    std::string there = command + kAnas + "INBOX\"", missing = command + kAnas + "Missing\"";
    if (std::string(command).starts_with("SETACL")) {
      there = "SETACL " + kAnas + "INBOX\" eva@example.org l";
      missing = "SETACL " + kAnas + "Missing\" eva@example.org l";
    }
    const std::string answer = as_eva(there);
    EXPECT_THAT(answer, StartsWith("e NO [NONEXISTENT] ")) << command;
    EXPECT_EQ(answer, as_eva(missing)) << command;
  }
  EXPECT_EQ(as_eva("STATUS " + kAnas + "INBOX\" (MESSAGES)"), as_eva("STATUS " + kAnas + "Missing\" (MESSAGES)"));
  EXPECT_EQ(as_eva("CREATE " + kAnas + "x\""), as_eva("CREATE \"Other Users/nobody@example.org/x\""));
  EXPECT_THAT(as_eva("SELECT \"Other Users/alias@example.org/INBOX\""), StartsWith("e NO [NONEXISTENT] "));
  EXPECT_THAT(as_eva("SELECT \"Other Users/eva@example.org/INBOX\""), StartsWith("e NO [NONEXISTENT] "));
  EXPECT_THAT(as_eva("SELECT \"Other Users/ana@example.org\""), StartsWith("e NO [NONEXISTENT] "));
  eva_client->send("e APPEND " + kAnas + "INBOX\" {3+}\r\nx\r\n\r\n");
  EXPECT_THAT(eva_client->until("e"), HasSubstr("e NO [TRYCREATE] "));
  share("INBOX", "l");
  EXPECT_THAT(as_eva("SELECT " + kAnas + "INBOX\""), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("GETACL " + kAnas + "INBOX\""), StartsWith("e NO [NOPERM] "));
  EXPECT_EQ(as_eva("MYRIGHTS " + kAnas + "INBOX\""), "* MYRIGHTS " + kAnas + "INBOX\" l\r\ne OK MYRIGHTS completed\r\n");
  EXPECT_THAT(as_eva("COPY 1 " + kAnas + "INBOX\""), StartsWith("e BAD "));
}

TEST_F(Acl, list_shows_others_to_who_asks_for_them) {
  ana("CREATE team");
  ana("CREATE team/secret/open");
  share("team", "lr");
  share("team/secret/open", "l");
  ana("DELETEACL team/secret eva@example.org");
  EXPECT_THAT(as_eva("LIST \"\" *"), Not(HasSubstr("Other Users")));
  EXPECT_THAT(as_eva("LIST \"\" %"), Not(HasSubstr("Other Users")));
  EXPECT_EQ(as_eva("LIST \"\" \"Other Users/*\""), "* LIST (\\HasChildren) \"/\" " + kAnas +
                                                       "team\"\r\n"
                                                       "* LIST (\\Noselect \\HasNoChildren) \"/\" " +
                                                       kAnas + "team/secret/open\"\r\ne OK LIST completed\r\n");
  EXPECT_EQ(as_eva("LIST \"Other Users/\" %"),
            "* LIST (\\Noselect \\HasChildren) \"/\" \"Other Users/ana@example.org\"\r\ne OK LIST completed\r\n");
  EXPECT_THAT(as_eva("LIST " + kAnas + "\" team/%"),
              HasSubstr("(\\Noselect \\HasChildren) \"/\" " + kAnas + "team/secret\""));
  EXPECT_EQ(as_eva("LIST \"\" " + kAnas + "team\" RETURN (MYRIGHTS STATUS (MESSAGES))"),
            "* LIST (\\HasChildren) \"/\" " + kAnas + "team\"\r\n* STATUS " + kAnas +
                "team\" (MESSAGES 0)\r\n"
                "* MYRIGHTS " +
                kAnas + "team\" lr\r\ne OK LIST completed\r\n");
  EXPECT_THAT(as_eva("LIST \"\" INBOX RETURN (MYRIGHTS)"),
              EndsWith("* MYRIGHTS INBOX lrswipkxtecda\r\ne OK LIST completed\r\n"));
}

TEST_F(Acl, subscribing_pins_a_mailbox_into_every_list) {
  share("INBOX", "lr");
  share("Sent", "lr");
  EXPECT_THAT(as_eva("SUBSCRIBE " + kAnas + "INBOX\""), StartsWith("e OK "));
  const std::string all = as_eva("LIST \"\" *");
  EXPECT_THAT(all, HasSubstr("\"/\" " + kAnas + "INBOX\"\r\n"));
  EXPECT_THAT(all, Not(HasSubstr("Sent\"")));
  EXPECT_THAT(as_eva("LSUB \"\" *"), HasSubstr("\"/\" " + kAnas + "INBOX\"\r\n"));
  EXPECT_THAT(as_eva("LIST (SUBSCRIBED) \"\" *"),
              HasSubstr("(\\HasNoChildren \\Subscribed) \"/\" " + kAnas + "INBOX\"\r\n"));
  ana("DELETEACL INBOX eva@example.org");
  EXPECT_THAT(as_eva("LIST \"\" *"), Not(HasSubstr("Other Users")));
  EXPECT_THAT(as_eva("LIST (SUBSCRIBED) \"\" *"), HasSubstr("\\NonExistent \\Subscribed) \"/\" " + kAnas + "INBOX\""));
}

TEST_F(Acl, who_may_read_only_changes_nothing) {
  w.fill(2);
  share("INBOX", "lr");
  const std::string selected = as_eva("SELECT " + kAnas + "INBOX\"");
  EXPECT_THAT(selected, HasSubstr("* 2 EXISTS\r\n"));
  EXPECT_THAT(selected, HasSubstr("[PERMANENTFLAGS ()]"));
  EXPECT_THAT(selected, HasSubstr("[MAILBOXID (A7-M1)]"));
  EXPECT_THAT(selected, EndsWith("e OK [READ-ONLY] SELECT completed\r\n"));
  EXPECT_EQ(as_eva("FETCH 1 (FLAGS EMAILID BODY[HEADER.FIELDS (SUBJECT)])"),
            "* 1 FETCH (FLAGS (\\Recent) EMAILID (A7-E1) BODY[HEADER.FIELDS (SUBJECT)] {21}\r\nSubject: number 1\r\n\r\n)"
            "\r\ne OK FETCH completed\r\n");
  EXPECT_THAT(as_eva("SEARCH EMAILID A7-E2"), StartsWith("* SEARCH 2\r\n"));
  EXPECT_THAT(as_eva("SEARCH EMAILID E2"), StartsWith("* SEARCH\r\n"));
  EXPECT_THAT(as_eva("SEARCH BODY \"hello 2\""), StartsWith("* SEARCH 2\r\n"));
  EXPECT_THAT(as_eva("STORE 1 +FLAGS (\\Seen)"), StartsWith("e NO [READ-ONLY] "));
  EXPECT_THAT(as_eva("EXPUNGE"), StartsWith("e NO [READ-ONLY] "));
  EXPECT_THAT(as_eva("MOVE 1 INBOX"), StartsWith("e NO [READ-ONLY] "));
  EXPECT_THAT(as_eva("STATUS " + kAnas + "INBOX\" (MESSAGES UNSEEN MAILBOXID)"),
              StartsWith("* STATUS " + kAnas + "INBOX\" (MESSAGES 2 UNSEEN 2 MAILBOXID (A7-M1))\r\n"));
  EXPECT_THAT(as_eva("CLOSE"), StartsWith("e OK "));
}

TEST_F(Acl, each_flag_needs_its_right) {
  w.append("INBOX", World::mail(1), {kFlagged, {"Mine"}});
  share("INBOX", "lrs");
  EXPECT_THAT(as_eva("SELECT " + kAnas + "INBOX\""), HasSubstr("[PERMANENTFLAGS (\\Seen)]"));
  EXPECT_THAT(as_eva("STORE 1 +FLAGS (\\Deleted)"), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("STORE 1 +FLAGS (New)"), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("STORE 1 FLAGS (\\Seen \\Deleted New)"), HasSubstr("FLAGS (\\Flagged \\Seen \\Recent Mine)"));
  EXPECT_THAT(as_eva("STORE 1 FLAGS ()"), HasSubstr("FLAGS (\\Flagged \\Recent Mine)"));
  EXPECT_THAT(as_eva("FETCH 1 BODY[TEXT]"), HasSubstr("FLAGS (\\Flagged \\Seen \\Recent Mine)"));
  share("INBOX", "lrw");
  EXPECT_THAT(as_eva("NOOP"), HasSubstr("[PERMANENTFLAGS (\\Answered \\Flagged \\Draft Mine \\*)]")) << "section 5.1.1";
  EXPECT_THAT(as_eva("STORE 1 FLAGS (New)"), HasSubstr("FLAGS (\\Seen \\Recent New)"));
  EXPECT_THAT(as_eva("STORE 1 -FLAGS (\\Seen)"), StartsWith("e NO [NOPERM] "));
  share("INBOX", "lrw");
  ana("SELECT INBOX");
  ana("STORE 1 -FLAGS (\\Seen)");
  EXPECT_THAT(as_eva("FETCH 1 BODY[TEXT]"), Not(HasSubstr("\\Seen"))) << "without s a FETCH sets none";
  share("INBOX", "lrt");
  EXPECT_THAT(as_eva("UID STORE 1 +FLAGS.SILENT (\\Deleted)"), HasSubstr("e OK "));
  EXPECT_THAT(as_eva("EXPUNGE"), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("CLOSE"), StartsWith("e OK ")) << "it expunges nothing";
  EXPECT_THAT(ana("NOOP"), Not(HasSubstr("EXPUNGE")));
  share("INBOX", "lre");
  as_eva("SELECT " + kAnas + "INBOX\"");
  EXPECT_THAT(as_eva("EXPUNGE"), StartsWith("* 1 EXPUNGE\r\n"));
  EXPECT_THAT(ana("NOOP"), HasSubstr("* 1 EXPUNGE\r\n"));
}

TEST_F(Acl, who_loses_the_right_to_read_is_sent_away) {
  w.fill(1);
  share("INBOX", "lr");
  as_eva("SELECT " + kAnas + "INBOX\"");
  eva_client->send("e IDLE\r\n");
  eva_client->until_line("+ ");
  w.append("INBOX", World::mail(2));
  EXPECT_THAT(eva_client->until_line("* 2 EXISTS"), HasSubstr("* 2 EXISTS"));
  ana("SETACL INBOX eva@example.org l");
  EXPECT_THAT(eva_client->rest(), HasSubstr("* BYE "));
}

TEST_F(Acl, append_needs_i_and_drops_flags_without_a_right) {
  share("INBOX", "lr");
  eva_client->send("e APPEND " + kAnas + "INBOX\" {3+}\r\nx\r\n\r\n");
  EXPECT_THAT(eva_client->until("e"), HasSubstr("e NO [NOPERM] "));
  share("INBOX", "is");
  eva_client->send("e APPEND " + kAnas + "INBOX\" (\\Seen \\Deleted \\Flagged Word) {8+}\r\na: b\r\n\r\n\r\n");
  EXPECT_THAT(eva_client->until("e"), HasSubstr("e OK [APPENDUID "));
  ana("SELECT INBOX");
  EXPECT_THAT(ana("FETCH 1 FLAGS"), HasSubstr("FLAGS (\\Seen \\Recent)"));
}

TEST_F(Acl, copy_and_move_go_between_accounts) {
  for (int i = 1; i <= 3; ++i) w.append("INBOX", World::mail(i), {kSeen | kFlagged, {"Word"}});
  ana("CREATE box");
  share("INBOX", "lr");
  share("box", "lris");
  as_eva("SELECT " + kAnas + "INBOX\"");
  const std::string copied = as_eva("UID COPY 1:2 Archive");
  EXPECT_THAT(copied, HasSubstr("e OK [COPYUID "));
  EXPECT_THAT(copied, HasSubstr(" 1:2 1:2] COPY completed\r\n"));
  EXPECT_THAT(as_eva("COPY 1 " + kAnas + "INBOX\""), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("COPY 3 " + kAnas + "box\""), HasSubstr(" 3 1] COPY completed\r\n"));
  EXPECT_THAT(as_eva("COPY 3 " + kAnas + "Missing\""), StartsWith("e NO [TRYCREATE] "));
  ana("SELECT box");
  EXPECT_THAT(ana("FETCH 1 (FLAGS BODY.PEEK[])"), HasSubstr("FLAGS (\\Seen \\Recent)")) << "w is missing there";
  as_eva("SELECT Archive");
  EXPECT_THAT(as_eva("FETCH 2 (FLAGS RFC822.SIZE BODY.PEEK[TEXT])"), HasSubstr("FLAGS (\\Flagged \\Seen \\Recent Word)"));
  EXPECT_THAT(as_eva("FETCH 2 BODY.PEEK[]"), HasSubstr(World::mail(2)));
  // From the user's own to another's: the right to take away is the user's own.
  const std::string moved = as_eva("MOVE 1 " + kAnas + "box\"");
  EXPECT_THAT(moved, HasSubstr("* OK [COPYUID "));
  EXPECT_THAT(moved, HasSubstr(" 1 2] Moved\r\n* 1 EXPUNGE\r\n"));
  EXPECT_THAT(moved, EndsWith("e OK MOVE completed\r\n"));
  EXPECT_THAT(ana("NOOP"), HasSubstr("* 2 EXISTS\r\n"));
  // Another's: t and e.
  share("INBOX", "lrswt");
  as_eva("SELECT " + kAnas + "INBOX\"");
  EXPECT_THAT(as_eva("MOVE 1 INBOX"), StartsWith("e NO [NOPERM] "));
  share("INBOX", "+e");
  EXPECT_THAT(as_eva("MOVE 1:2 INBOX"), HasSubstr("* 1 EXPUNGE\r\n* 1 EXPUNGE\r\ne OK MOVE completed\r\n"));
  EXPECT_THAT(as_eva("STATUS INBOX (MESSAGES)"), HasSubstr("(MESSAGES 2)"));
  EXPECT_THAT(ana("STATUS INBOX (MESSAGES)"), HasSubstr("(MESSAGES 1)"));
}

TEST_F(Acl, a_copy_that_does_not_fit_leaves_nothing) {
  eva->set_config([&] {
    store::AccountConfig config = w.config;
    config.quota_messages = 130;
    return config;
  }());
  for (int i = 1; i <= 140; ++i) w.append("INBOX", World::mail(i));
  share("INBOX", "lr");
  as_eva("SELECT " + kAnas + "INBOX\"");
  EXPECT_THAT(as_eva("COPY 1:* INBOX"), HasSubstr("e NO [OVERQUOTA] "));
  EXPECT_THAT(as_eva("STATUS INBOX (MESSAGES)"), HasSubstr("(MESSAGES 0)"));
  EXPECT_THAT(as_eva("COPY 1:129 INBOX"), HasSubstr(" 1:129 129:257] COPY completed"));
}

TEST_F(Acl, the_tree_of_another_is_changed_with_k_and_x) {
  ana("CREATE team/a");
  share("team", "lrk");
  share("team/a", "lr");
  EXPECT_THAT(as_eva("CREATE " + kAnas + "top\""), StartsWith("e NO [NONEXISTENT] "));
  EXPECT_THAT(as_eva("CREATE " + kAnas + "team/a/b\""), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("CREATE " + kAnas + "team/b\""), HasSubstr("e OK [MAILBOXID (A7-M"));
  EXPECT_THAT(ana("GETACL team/b"), HasSubstr(" eva@example.org lrkc\r\n"));
  EXPECT_THAT(as_eva("DELETE " + kAnas + "team/b\""), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("RENAME " + kAnas + "team/b\" " + kAnas + "team/c\""), StartsWith("e NO [NOPERM] "));
  share("team/b", "+x");
  EXPECT_THAT(as_eva("RENAME " + kAnas + "team/b\" " + kAnas + "team/a/c\""), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("RENAME " + kAnas + "team/b\" mine"), StartsWith("e NO [CANNOT] "));
  EXPECT_THAT(as_eva("RENAME Archive " + kAnas + "team/mine\""), StartsWith("e NO [CANNOT] "));
  EXPECT_THAT(as_eva("RENAME " + kAnas + "team/b\" " + kAnas + "team/c\""), StartsWith("e OK "));
  EXPECT_THAT(as_eva("DELETE " + kAnas + "team/c\""), StartsWith("e OK "));
  EXPECT_THAT(ana("LIST \"\" team/%"), Not(HasSubstr("team/c")));
  share("INBOX", "lrx");
  EXPECT_THAT(as_eva("RENAME " + kAnas + "INBOX\" " + kAnas + "team/old\""), StartsWith("e NO [NOPERM] "));
  EXPECT_THAT(as_eva("CREATE \"Other Users\""), StartsWith("e NO [CANNOT] "));
  EXPECT_THAT(as_eva("RENAME Archive \"Other Users\""), StartsWith("e NO [CANNOT] "));
}

TEST_F(Acl, another_may_administer_when_told_to) {
  share("INBOX", "la");
  EXPECT_THAT(as_eva("SETACL " + kAnas + "INBOX\" bob@other.test lr"), StartsWith("e OK "));
  EXPECT_THAT(as_eva("GETACL " + kAnas + "INBOX\""), HasSubstr(" bob@other.test lr"));
  EXPECT_THAT(as_eva("SETACL " + kAnas + "INBOX\" ana@example.org l"), StartsWith("e NO [CANNOT] "));
  EXPECT_THAT(neighbours.shared, ::testing::Contains(std::pair(AccountId(7), AccountId(9))));
  Client stranger(w, "", bob);
  EXPECT_THAT(stranger.ask("b SELECT " + kAnas + "INBOX\""), HasSubstr("b OK [READ-ONLY] "));
}

TEST_F(Acl, what_belongs_to_the_user_stays_apart) {
  w.fill(1);
  share("INBOX", "lrswit");
  EXPECT_THAT(as_eva("GETQUOTAROOT " + kAnas + "INBOX\""), StartsWith("* QUOTAROOT " + kAnas + "INBOX\"\r\ne OK "));
  as_eva("SELECT " + kAnas + "INBOX\"");
  EXPECT_THAT(as_eva("DELETE INBOX"), StartsWith("e NO "));
  eva_client->send("e REPLACE 1 INBOX {3+}\r\nx\r\n\r\n");
  EXPECT_THAT(eva_client->until("e"), HasSubstr("e NO ")) << "e is missing, and the accounts differ";
  // Another mailbox of the same number is the user's own: NOTIFY does not take one for the other.
  as_eva("NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))");
  append_to(*eva, World::mail(9));
  EXPECT_THAT(as_eva("NOOP"), HasSubstr("* STATUS INBOX (MESSAGES 1 "));
  w.append("INBOX", World::mail(2));
  EXPECT_THAT(eva_client->until_line("* 2 EXISTS"), HasSubstr("* 2 EXISTS")) << "told without being asked";
}

// Mailboxes of two accounts may have the same number.
TEST_F(Acl, esearch_takes_the_selected_mailbox_of_another_for_none_of_the_users_own) {
  append_to(*w.account, "Subject: hers\r\n\r\n");
  append_to(*w.account, "Subject: hers\r\n\r\n");
  append_to(*eva, "Subject: own\r\n\r\n");
  share("INBOX", "lr");
  EXPECT_THAT(as_eva("SELECT " + kAnas + "INBOX\""), HasSubstr("e OK "));
  EXPECT_THAT(as_eva("ESEARCH IN (inboxes) ALL"), StartsWith("* ESEARCH (TAG \"e\" MAILBOX INBOX UIDVALIDITY "));
  EXPECT_THAT(as_eva("ESEARCH IN (inboxes) SUBJECT hers"), StartsWith("e OK "));
  const std::string said = as_eva("ESEARCH IN (selected inboxes) RETURN (COUNT) ALL");
  EXPECT_THAT(said, HasSubstr("MAILBOX " + kAnas + "INBOX\" UIDVALIDITY "));
  EXPECT_THAT(said, HasSubstr("UID COUNT 2\r\n"));
  EXPECT_THAT(said, HasSubstr("UID COUNT 1\r\n"));
  EXPECT_THAT(as_eva("ESEARCH IN (inboxes) RETURN (COUNT) EMAILID E1"), HasSubstr("UID COUNT 1\r\n"));
}

}  // namespace
}  // namespace bz::imapd
