#include "directory/embedded.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/seal.h"
#include "kv/memory.h"

namespace bz::directory {
namespace {

using base::run_now;
using testing::ElementsAre;

constexpr crypto::PasswordCost kCheap{64, 1, 1};

struct DirectoryTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{33};
  base::ManualExecutor executor;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  Secret key{std::string(crypto::kSealKeySize, 'k')};
  std::unique_ptr<Embedded> d = open(key);

  std::unique_ptr<Embedded> open(Secret seal_key) {
    auto r = run_now(
        Embedded::open(*store, executor, {{"example.org", "second.test"}, std::move(seal_key), kCheap}, clock, random));
    EXPECT_TRUE(r) << (r ? "" : r.error().to_string());
    return r ? std::move(*r) : nullptr;
  }
  Secrets secrets(std::string_view password, std::string_view kinds = "none") {
    SecretsPolicy policy{kCheap, 4096, *SecretKinds::parse(kinds), "realm"};
    return *make_secrets("ana@example.org", Secret(std::string(password)), policy, random);
  }
  Account add(std::string name, std::string_view password = "pencil") {
    auto r = run_now(d->add({name}, secrets(password)));
    EXPECT_TRUE(r) << (r ? "" : r.error().to_string());
    return r ? *r : Account{};
  }
  RecipientAnswer recipients(std::string address) { return *run_now(d->recipients(std::move(address))); }
  std::vector<std::string> names(std::string address) {
    std::vector<std::string> out;
    for (const Recipient& r : recipients(std::move(address)).recipients) out.push_back(r.name);
    return out;
  }
  Errc alias_error(std::string address, std::vector<std::string> accounts) {
    auto r = run_now(d->alias_add(std::move(address), std::move(accounts)));
    return r ? Errc::Internal : r.error().code();
  }
};

TEST(NormalAddress, takes_what_smtp_takes_without_quotes) {
  EXPECT_EQ(normal_address("Ana.B+x@Example.ORG"), "ana.b+x@example.org");
  EXPECT_EQ(normal_address("ñandú@ejemplo.es"), "ñandú@ejemplo.es");
  EXPECT_EQ(normal_address("@example.org"), "@example.org");
  EXPECT_EQ(normal_address("n\u0303andu\u0301@M\u00FCnchen.example"), "\u00F1and\u00FA@xn--mnchen-3ya.example");
  EXPECT_EQ(normal_address("H\u0331@x.test"), "\u1E96@x.test") << "the small letter composes, the capital does not";
  EXPECT_EQ(normal_address("\uFF28\u0331@x.test"), "\u1E96@x.test") << "a capital out of a compatible form";
  EXPECT_EQ(normal_address("a@\u00FC\u200D.example"), std::nullopt);
  EXPECT_EQ(normal_address("a\u00A0b@x.test"), std::nullopt) << "a blank in other clothes";
  EXPECT_EQ(normal_address("\u00AD@x.test"), std::nullopt) << "nothing is left of it";
  for (std::string bad :
       {std::string(), std::string("ana"), std::string("ana@"), std::string("a..b@x.test"), std::string(".a@x.test"),
        std::string("a b@x.test"), std::string("a@x..test"), std::string("a@-x.test"), std::string("a@x_y.test"),
        std::string("a\0@x.test", 9), std::string("a\n@x.test"), std::string("\xff@x.test"), std::string("\"a\"@x.test"),
        std::string(65, 'a') + "@x.test", "a@" + std::string(64, 'a') + ".test"})
    EXPECT_EQ(normal_address(bad), std::nullopt) << bad;
}

TEST_F(DirectoryTest, an_added_account_logs_in_by_name_in_any_case_and_without_the_first_domain) {
  Account ana = add("Ana@Example.org");
  EXPECT_EQ(ana.id, AccountId(1));
  EXPECT_EQ(ana.name, "ana@example.org");
  for (std::string user : {"ana@example.org", "ANA@EXAMPLE.ORG", "ana"}) {
    auto record = run_now(d->login(user));
    ASSERT_TRUE(record);
    EXPECT_TRUE(record->known);
    EXPECT_EQ(record->account.id, ana.id);
    EXPECT_TRUE(crypto::verify_password(record->secrets.argon2id, Secret("pencil")));
    EXPECT_TRUE(record->secrets.credentials.scram);
    EXPECT_THAT(record->account.secret_kinds, ElementsAre("argon2id", "scram-sha-256"));
  }
}

TEST_F(DirectoryTest, a_domain_is_ours_in_both_its_forms) {
  d->set_domains({"xn--mnchen-3ya.example"});
  const Account jose = add("jos\u00E9@m\u00FCnchen.example");
  EXPECT_EQ(jose.name, "jos\u00E9@xn--mnchen-3ya.example");
  for (const char* form : {"jos\u00E9@M\u00DCNCHEN.example", "jose\u0301@XN--mnchen-3ya.example"}) {
    EXPECT_EQ(run_now(d->login(form))->account.id, jose.id) << form;
    EXPECT_THAT(names(form), ElementsAre(jose.name)) << form;
    EXPECT_TRUE(*run_now(d->may_send_as(jose.id, form))) << form;
  }
  EXPECT_EQ(run_now(d->login("jose\u0301"))->account.id, jose.id);
}

// RFC 4013, RFC 5802 section 2.2
TEST_F(DirectoryTest, passwords_are_prepared_when_made_and_when_tried) {
  const auto made = secrets("man\u0303ana\u00AD", "cram-md5");
  EXPECT_EQ(*password_opens(made.argon2id, Secret("ma\u00F1ana")), true);
  EXPECT_EQ(*password_opens(made.argon2id, Secret("man\u0303ana")), true);
  EXPECT_EQ(*password_opens(made.argon2id, Secret("manana")), false);
  const auto& keys = *made.credentials.scram;
  const Secret prepared("ma\u00F1ana");
  EXPECT_EQ(keys.stored_key, sasl::make_scram_keys(crypto::Hash::Sha256, prepared, keys.salt, 4096).stored_key);
  const auto as_it_is = crypto::hmac_md5_states("man\u0303ana\u00AD");
  EXPECT_EQ(made.credentials.cram->encode(), as_it_is.encode()) << "RFC 2195 prepares nothing";
}
TEST_F(DirectoryTest, a_password_of_before_preparation_still_opens) {
  const auto verifier = *crypto::hash_password(Secret("man\u0303ana"), kCheap, random);
  EXPECT_EQ(*password_opens(verifier, Secret("man\u0303ana")), true);
  EXPECT_EQ(*password_opens(verifier, Secret("ma\u00F1ana")), false);
}
TEST_F(DirectoryTest, passwords_that_saslprep_refuses_lock_nobody_out) {
  for (const char* odd : {"\U0001F600 smile", "\u0627x1", "\uE000"}) {
    EXPECT_EQ(*password_opens(secrets(odd).argon2id, Secret(odd)), true) << odd;
  }
  const std::string long_one = "\uFDFA" + std::string(1000, 'x');
  EXPECT_EQ(*password_opens(secrets("x").argon2id, Secret(long_one)), false);
}

TEST_F(DirectoryTest, unknown_users_get_a_record_of_the_same_cost_that_nothing_opens) {
  auto one = run_now(d->login("nobody@example.org")), two = run_now(d->login("NOBODY@example.org"));
  auto odd = run_now(d->login(std::string("\xff\0 not an address", 18)));
  ASSERT_TRUE(one && two && odd);
  EXPECT_FALSE(one->known || two->known || odd->known);
  EXPECT_EQ(one->secrets.credentials.scram, two->secrets.credentials.scram);
  EXPECT_FALSE(crypto::needs_rehash(one->secrets.argon2id, kCheap));
  EXPECT_FALSE(crypto::verify_password(one->secrets.argon2id, Secret("")));
  auto again = open(key);
  EXPECT_EQ(run_now(again->login("nobody@example.org"))->secrets.credentials.scram, one->secrets.credentials.scram)
      << "over a restart";
}

TEST_F(DirectoryTest, accounts_need_one_of_our_domains_a_plain_name_and_a_free_one) {
  add("ana");
  auto code = [&](std::string name) { return run_now(d->add({name}, secrets("x"))).error().code(); };
  EXPECT_EQ(code("ana@example.org"), Errc::Exists);
  EXPECT_EQ(code("ana@other.test"), Errc::Invalid);
  EXPECT_EQ(code("a+b@example.org"), Errc::Invalid);
  EXPECT_EQ(code("@example.org"), Errc::Invalid);
  EXPECT_EQ(code("a b@example.org"), Errc::Invalid);
  add("ana@second.test");
}

TEST_F(DirectoryTest, passwords_that_cannot_be_typed_alike_everywhere_are_refused) {
  for (std::string bad :
       {std::string(), std::string("a\nb"), std::string("\xff"), std::string(1025, 'a'), std::string("a\0b", 3)})
    EXPECT_EQ(make_secrets("a@b", Secret(bad), {kCheap, 4096, {}, {}}, random).error().code(), Errc::Invalid);
}

TEST_F(DirectoryTest, secrets_are_sealed_to_the_key_file_and_to_their_account) {
  add("ana");
  ASSERT_TRUE(run_now(d->set_secrets("ana", secrets("pencil", "cram-md5"))));
  auto record = run_now(d->login("ana"));
  ASSERT_TRUE(record && record->secrets.credentials.cram);
  EXPECT_EQ(crypto::hmac_md5(*record->secrets.credentials.cram, "x"), crypto::hmac(crypto::Hash::Md5, "pencil", "x"));
  auto other = open(Secret(std::string(crypto::kSealKeySize, 'o')));
  EXPECT_EQ(run_now(other->login("ana")).error().code(), Errc::Corrupt);
  auto none = open(Secret());
  EXPECT_EQ(run_now(none->login("ana")).error().code(), Errc::Corrupt);
  EXPECT_TRUE(run_now(none->set_secrets("ana", secrets("pencil"))));
  EXPECT_TRUE(run_now(none->set_secrets("ana", secrets("pencil", "scram-sha-1,scram-sha-512"))));
  for (const char* kind : {"cram-md5", "digest-md5", "ntlm", "apop"})
    EXPECT_EQ(run_now(none->set_secrets("ana", secrets("pencil", kind))).error().code(), Errc::Invalid)
        << kind << " unsealed";
  EXPECT_TRUE(run_now(none->login("ana"))->known);
}

TEST_F(DirectoryTest, no_stored_byte_shows_a_password_or_cram_state) {
  add("ana", "correct horse battery");
  ASSERT_TRUE(
      run_now(d->set_secrets("ana", secrets("correct horse battery", "cram-md5,digest-md5,ntlm,apop,scram-sha-1"))));
  auto record = run_now(d->login("ana"));
  d.reset();
  auto opened = store->open({kv::kDirectoryPartition, 1}, false, executor);
  auto raw = [](kv::Done<std::unique_ptr<kv::Partition>> done) -> Task<std::string> {
    auto partition = co_await done;
    auto scan = (*partition)->scan("", "");
    auto page = co_await scan;
    std::string all;
    for (auto& item : page->items) all += item.key + item.value;
    co_return all;
  };
  std::string all = run_now(raw(std::move(opened)));
  EXPECT_GT(all.size(), 100u);
  EXPECT_EQ(all.find("correct horse"), all.npos);
  EXPECT_EQ(all.find(record->secrets.credentials.cram->encode()), all.npos);
  EXPECT_EQ(all.find(record->secrets.credentials.nt_hash->reveal()), all.npos);
  EXPECT_EQ(all.find(record->secrets.credentials.digest->hashes[0]), all.npos);
  EXPECT_EQ(all.find("$argon2id$"), all.npos);
}

TEST_F(DirectoryTest, each_kind_of_secret_is_stored_when_asked_for_and_only_then) {
  add("ana");
  ASSERT_TRUE(
      run_now(d->set_secrets("ana", secrets("pencil", "Digest-MD5, ntlm,apop,scram-sha-1,scram-sha-512,cram-md5"))));
  auto record = run_now(d->login("ana"));
  ASSERT_TRUE(record);
  EXPECT_THAT(record->account.secret_kinds, ElementsAre("argon2id", "scram-sha-256", "scram-sha-1", "scram-sha-512",
                                                        "cram-md5", "digest-md5", "ntlm", "apop"));
  const sasl::Credentials& c = record->secrets.credentials;
  EXPECT_EQ(c.scram_sha1->stored_key.size(), 20u);
  EXPECT_EQ(c.scram_sha512->stored_key.size(), 64u);
  EXPECT_EQ(c.digest->hashes.at(0), crypto::md5("ana@example.org:realm:pencil"));
  EXPECT_EQ(c.digest->hashes.at(1), crypto::md5("ana:realm:pencil"));
  EXPECT_EQ(c.nt_hash->reveal().size(), 16u);
  EXPECT_EQ(c.password->reveal(), "pencil");
  ASSERT_TRUE(run_now(d->set_secrets("ana", secrets("pencil"))));
  record = run_now(d->login("ana"));
  EXPECT_THAT(record->account.secret_kinds, ElementsAre("argon2id", "scram-sha-256"));
  EXPECT_NE(record->secrets.credentials.password->reveal(), "pencil") << "a fake stands in";
}

TEST_F(DirectoryTest, unknown_users_have_a_stable_fake_of_every_kind) {
  auto one = run_now(d->login("nobody")), two = run_now(d->login("nobody")), other = run_now(d->login("somebody"));
  const sasl::Credentials &a = one->secrets.credentials, &b = two->secrets.credentials, &c = other->secrets.credentials;
  EXPECT_FALSE(a.known);
  EXPECT_TRUE(a.scram == b.scram && a.scram_sha1 == b.scram_sha1 && a.scram_sha512 == b.scram_sha512);
  EXPECT_TRUE(a.digest == b.digest && a.nt_hash->equals(b.nt_hash->reveal()) && a.password->equals(b.password->reveal()));
  EXPECT_FALSE(a.digest == c.digest || a.nt_hash->equals(c.nt_hash->reveal()) || a.scram_sha1 == c.scram_sha1);
}

TEST(SecretKinds, are_named_and_unknown_ones_refused) {
  EXPECT_EQ(SecretKinds::parse("none")->to_string(), "");
  EXPECT_EQ(SecretKinds::parse("NTLM,apop,ntlm")->to_string(), "ntlm, apop");
  EXPECT_FALSE(SecretKinds::parse("plain"));
  EXPECT_FALSE(SecretKinds::parse(""));
  EXPECT_FALSE(SecretKinds::parse("scram-sha-1,scram-sha-512")->need_seal());
  EXPECT_TRUE(SecretKinds::parse("scram-sha-1,digest-md5")->need_seal());
}

TEST_F(DirectoryTest, every_change_that_ends_logins_raises_the_verifier_version) {
  uint64_t version = add("ana").verifier_version;
  for (auto change : {run_now(d->set_secrets("ana", secrets("x"))), run_now(d->set_state("ana", State::Disabled)),
                      run_now(d->set_state("ana", State::Active))}) {
    ASSERT_TRUE(change);
    EXPECT_GT(change->verifier_version, version);
    version = change->verifier_version;
  }
}

TEST_F(DirectoryTest, remove_keeps_the_name_purge_frees_it_and_the_number_is_never_used_again) {
  Account ana = add("ana");
  add("eva");
  ASSERT_TRUE(run_now(d->alias_add("info@example.org", {"ana", "eva"})));
  ASSERT_TRUE(run_now(d->alias_add("only@example.org", {"ana"})));
  EXPECT_EQ(run_now(d->purge("ana")).error().code(), Errc::Denied);
  ASSERT_TRUE(run_now(d->set_state("ana", State::Removed)));
  EXPECT_EQ(run_now(d->add({"ana"}, secrets("x"))).error().code(), Errc::Exists);
  EXPECT_EQ(run_now(d->set_secrets("ana", secrets("x"))).error().code(), Errc::Denied);
  EXPECT_EQ(recipients("ana@example.org").kind, RecipientAnswer::Kind::NoSuchAddress);
  EXPECT_THAT(names("info@example.org"), ElementsAre("eva@example.org"));
  ASSERT_TRUE(run_now(d->purge("ana")));
  EXPECT_FALSE(run_now(d->login("ana"))->known);
  EXPECT_EQ(run_now(d->by_id(ana.id))->state, State::Purged);
  EXPECT_EQ(run_now(d->list())->size(), 1u);
  EXPECT_EQ(run_now(d->list(true))->size(), 2u);
  auto aliases = *run_now(d->aliases());
  ASSERT_EQ(aliases.size(), 1u) << "the alias of nobody is gone";
  EXPECT_THAT(aliases[0].accounts, ElementsAre("eva@example.org"));
  EXPECT_EQ(add("ana").id, AccountId(3));
}

TEST_F(DirectoryTest, a_removed_account_can_be_brought_back_with_its_password) {
  add("ana");
  ASSERT_TRUE(run_now(d->set_state("ana", State::Removed)));
  EXPECT_EQ(run_now(d->set_state("ana", State::Disabled)).error().code(), Errc::Denied);
  ASSERT_TRUE(run_now(d->set_state("ana", State::Active)));
  EXPECT_TRUE(crypto::verify_password(run_now(d->login("ana"))->secrets.argon2id, Secret("pencil")));
}

TEST_F(DirectoryTest, recipients_by_address_tag_alias_and_catch_all) {
  add("ana");
  add("eva");
  ASSERT_TRUE(run_now(d->alias_add("Info@example.org", {"ana", "eva"})));
  ASSERT_TRUE(run_now(d->alias_add("@second.test", {"eva"})));
  EXPECT_THAT(names("ANA@example.org"), ElementsAre("ana@example.org"));
  EXPECT_THAT(names("ana+shop@example.org"), ElementsAre("ana@example.org"));
  EXPECT_EQ(recipients("ana+shop@example.org").recipients[0].address, "ana+shop@example.org");
  EXPECT_THAT(names("info@example.org"), ElementsAre("ana@example.org", "eva@example.org"));
  EXPECT_THAT(names("whoever@second.test"), ElementsAre("eva@example.org"));
  EXPECT_EQ(recipients("whoever@example.org").kind, RecipientAnswer::Kind::NoSuchAddress);
  EXPECT_EQ(recipients("ana@elsewhere.test").kind, RecipientAnswer::Kind::NotOurs);
  EXPECT_EQ(recipients("@second.test").kind, RecipientAnswer::Kind::NoSuchAddress);
  EXPECT_EQ(recipients("").kind, RecipientAnswer::Kind::NotOurs);
  ASSERT_TRUE(run_now(d->set_state("ana", State::Disabled)));
  EXPECT_EQ(recipients("ana@example.org").kind, RecipientAnswer::Kind::Disabled);
  EXPECT_THAT(names("info@example.org"), ElementsAre("eva@example.org"));
}

TEST_F(DirectoryTest, aliases_grow_shrink_and_never_hide_an_account) {
  add("ana");
  add("eva");
  EXPECT_EQ(alias_error("ana@example.org", {"eva"}), Errc::Exists);
  EXPECT_EQ(alias_error("x@elsewhere.test", {"eva"}), Errc::Invalid);
  EXPECT_EQ(alias_error("x@example.org", {"nobody"}), Errc::NotFound);
  EXPECT_EQ(alias_error("x@example.org", {}), Errc::Invalid);
  ASSERT_TRUE(run_now(d->alias_add("x@example.org", {"ana", "ana"})));
  EXPECT_THAT(run_now(d->alias_add("x@example.org", {"eva"}))->accounts, ElementsAre("ana@example.org", "eva@example.org"));
  EXPECT_EQ(run_now(d->add({"x"}, secrets("p"))).error().code(), Errc::Exists);
  ASSERT_TRUE(run_now(d->alias_remove("x@example.org", "ana")));
  EXPECT_FALSE(run_now(d->alias_remove("x@example.org", "ana")));
  EXPECT_THAT(names("x@example.org"), ElementsAre("eva@example.org"));
  ASSERT_TRUE(run_now(d->alias_remove("x@example.org", "")));
  EXPECT_EQ(run_now(d->alias_remove("x@example.org", "")).error().code(), Errc::NotFound);
  EXPECT_EQ(run_now(d->alias_remove("ana@example.org", "")).error().code(), Errc::NotFound) << "an account is no alias";
}

TEST_F(DirectoryTest, sending_as_needs_the_name_an_alias_or_the_list) {
  AccountId ana = add("ana").id, eva = add("eva").id;
  ASSERT_TRUE(run_now(d->alias_add("info@example.org", {"ana"})));
  ASSERT_TRUE(run_now(d->alias_add("@second.test", {"ana"})));
  ASSERT_TRUE(run_now(d->set_send_as("ana", {"Boss@Elsewhere.test"})));
  auto may = [&](AccountId id, std::string address) { return *run_now(d->may_send_as(id, std::move(address))); };
  EXPECT_TRUE(may(ana, "Ana@example.org"));
  EXPECT_TRUE(may(ana, "ana+list@example.org"));
  EXPECT_TRUE(may(ana, "info@example.org"));
  EXPECT_TRUE(may(ana, "boss@elsewhere.test"));
  EXPECT_FALSE(may(ana, "eva@example.org"));
  EXPECT_FALSE(may(eva, "info@example.org"));
  EXPECT_FALSE(may(ana, "anything@second.test")) << "a catch-all takes mail, it gives no identities";
  EXPECT_FALSE(may(ana, "other@elsewhere.test"));
  EXPECT_FALSE(may(AccountId(99), "ana@example.org"));
  ASSERT_TRUE(run_now(d->set_state("ana", State::Disabled)));
  EXPECT_FALSE(may(ana, "ana@example.org"));
}

TEST_F(DirectoryTest, a_relaying_host_may_send_as_anybody) {
  NewAccount host{"relay"};
  host.send_as = {"*"};
  AccountId relay = run_now(d->add(host, secrets("p")))->id, ana = add("ana").id;
  auto may = [&](AccountId id, std::string address) { return *run_now(d->may_send_as(id, std::move(address))); };
  EXPECT_TRUE(may(relay, "anybody@elsewhere.test"));
  EXPECT_TRUE(may(relay, "ana@example.org"));
  EXPECT_TRUE(may(relay, ""));
  EXPECT_FALSE(may(ana, ""));
  EXPECT_FALSE(may(ana, "*"));
  ASSERT_TRUE(run_now(d->set_send_as("relay", {})));
  EXPECT_FALSE(may(relay, "anybody@elsewhere.test"));
  EXPECT_FALSE(may(relay, ""));
  host.name = "other";
  host.send_as = {"*@example.org.."};
  EXPECT_EQ(run_now(d->add(host, secrets("p"))).error().code(), Errc::Invalid);
}

TEST_F(DirectoryTest, of_two_writers_at_once_one_gets_conflict) {
  store->set_delivery(kv::MemoryStore::Delivery::Posted);
  auto first = d->add({"ana"}, secrets("a")), second = d->add({"eva"}, secrets("e"));
  first.start();
  second.start();
  while (executor.run_one()) {
  }
  ASSERT_TRUE(first.done() && second.done());
  auto a = first.take(), b = second.take();
  EXPECT_NE(a.has_value(), b.has_value());
  EXPECT_EQ((a ? b : a).error().code(), Errc::Conflict);
  EXPECT_EQ(run_on(executor, d->list())->size(), 1u);
}

TEST_F(DirectoryTest, a_purge_cut_short_at_any_commit_is_finished_by_the_next) {
  for (uint64_t n = 1; n <= 3; ++n) {
    SCOPED_TRACE(n);
    add("ana");
    for (const char* alias : {"a1@example.org", "a2@example.org"}) ASSERT_TRUE(run_now(d->alias_add(alias, {"ana"})));
    ASSERT_TRUE(run_now(d->set_state("ana", State::Removed)));
    store->fail_commit(n);
    ASSERT_FALSE(run_now(d->purge("ana")));
    d = open(key);  // a failed commit poisons the handle
    ASSERT_TRUE(run_now(d->purge("ana")));
    EXPECT_TRUE(run_now(d->aliases())->empty());
    EXPECT_TRUE(run_now(d->list())->empty());
  }
}

TEST(Records, lie_as_docs_keyspace_directory_says) {
  Account a{AccountId(300), "ana@x.test", "Ana",     State::Active, {1000, 300, 7}, 2, 1, 2,
            {"b@y.test"},   {"argon2id"}, "m2.test", "imap"};
  EXPECT_EQ(base::hex(a.encode()),
            "01ac020a616e6140782e7465737403416e6101e8070200000000000000010000000000000002"
            "01086240792e7465737401086172676f6e326964076d322e74657374"
            "04696d6170ac0207");
  EXPECT_EQ(base::hex(Name{false, {AccountId(300)}}.encode()), "010101ac02");
  EXPECT_EQ(base::hex(Name{true, {AccountId(1), AccountId(300)}}.encode()), "01020201ac02");
}

TEST(Records, of_an_account_from_before_routes_lead_to_our_own_mail_store) {
  Account a{AccountId(7), "ana@x.test", "Ana", State::Active, {5}, 9, 100, 200, {"b@y.test"}, {"argon2id"}};
  std::string bytes = a.encode();
  for (size_t newer : {2u, 4u}) {  // without the quotas of messages and mailboxes; without a route, too
    auto old = Account::decode(std::string_view(bytes).substr(0, bytes.size() - newer));
    ASSERT_TRUE(old);
    EXPECT_EQ(*old, a);
  }
  a.mail_host = std::string(kMaxMailHost + 1, 'm');
  EXPECT_FALSE(Account::decode(a.encode()));
}

TEST(Records, survive_encoding_and_every_cut_is_seen) {
  Account a{AccountId(7), "ana@x.test", "Ana",        State::Disabled, {5, 6, 7}, 9,
            100,          200,          {"b@y.test"}, {"argon2id"},    "m2.test", "imap"};
  Account unrouted = a;
  unrouted.mail_host = unrouted.server_type = "";
  const size_t old_account = unrouted.encode().size() - 4, routed_account = a.encode().size() - 2;
  EXPECT_EQ(*Account::decode(a.encode()), a);
  Secrets s{"$argon2id$", {}};
  s.credentials.scram = sasl::ScramKeys{1, "salt", std::string(32, 'a'), std::string(32, 'b')};
  s.credentials.cram = crypto::HmacMd5States{};
  s.credentials.digest = sasl::DigestSecret{"realm", {std::string(16, 'd')}};
  s.credentials.nt_hash = Secret(std::string(16, 'n'));
  s.credentials.password = Secret("pencil");
  std::string account = a.encode(), secret(s.encode().reveal()), name = Name{true, {AccountId(1), AccountId(300)}}.encode();
  auto again = Secrets::decode(secret);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->credentials.scram, s.credentials.scram);
  EXPECT_EQ(again->credentials.digest, s.credentials.digest);
  EXPECT_EQ(again->credentials.nt_hash->reveal(), s.credentials.nt_hash->reveal());
  EXPECT_EQ(again->credentials.password->reveal(), "pencil");
  // Records of before ended behind the HMAC-MD5 states, and are still read.
  Secrets before{"$argon2id$", {}};
  before.credentials.scram = s.credentials.scram, before.credentials.cram = s.credentials.cram;
  const size_t old_end = before.encode().reveal().size() - 5;  // five empty fields
  auto old = Secrets::decode(std::string_view(secret).substr(0, old_end));
  ASSERT_TRUE(old);
  EXPECT_EQ(old->credentials.scram, s.credentials.scram);
  EXPECT_FALSE(old->credentials.digest || old->credentials.nt_hash || old->credentials.password);
  EXPECT_EQ(Name::decode(name)->accounts.size(), 2u);
  for (size_t i = 0; i < account.size(); ++i)
    EXPECT_EQ(Account::decode(account.substr(0, i)).has_value(), i == old_account || i == routed_account) << i;
  for (size_t i = 0; i < secret.size(); ++i) EXPECT_EQ(Secrets::decode(secret.substr(0, i)).has_value(), i == old_end) << i;
  for (size_t i = 0; i < name.size(); ++i) EXPECT_FALSE(Name::decode(name.substr(0, i)));
  account[0] = 2;
  EXPECT_FALSE(Account::decode(account)) << "an unknown version";
}

}  // namespace
}  // namespace bz::directory
