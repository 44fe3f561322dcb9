#include <gtest/gtest.h>

#include "base/text.h"
#include "sasl/client.h"
#include "sasl/mechanism.h"

namespace bz::sasl {
namespace {

using std::get;
using std::holds_alternative;

struct SaslTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{21};
  std::unique_ptr<ServerMechanism> server(Kind kind, ServerOptions options = {}) {
    return make_server(kind, std::move(options), clock, random);
  }
  Credentials pencil(std::string_view salt_base64, uint32_t iterations = 4096, std::string_view password = "pencil") {
    Credentials c;
    c.known = true;
    c.scram =
        make_scram_keys(crypto::Hash::Sha256, Secret(std::string(password)), *base::from_base64(salt_base64), iterations);
    c.scram_sha1 =
        make_scram_keys(crypto::Hash::Sha1, Secret(std::string(password)), *base::from_base64(salt_base64), iterations);
    c.scram_sha512 =
        make_scram_keys(crypto::Hash::Sha512, Secret(std::string(password)), *base::from_base64(salt_base64), iterations);
    c.cram = crypto::hmac_md5_states(password);
    return c;
  }
};

const Failure* failure(const Step& step) { return std::get_if<Failure>(&step); }

TEST_F(SaslTest, names_are_known_in_any_case) {
  EXPECT_EQ(mechanism_of("scram-sha-256"), Kind::ScramSha256);
  EXPECT_EQ(mechanism_of("CRAM-MD5"), Kind::CramMd5);
  EXPECT_EQ(mechanism_of("NTLM"), Kind::Ntlm);
  EXPECT_EQ(mechanism_of("ANONYMOUS"), std::nullopt) << "is never offered";
  for (Kind kind : all_kinds()) EXPECT_EQ(mechanism_of(name(kind)), kind);
  EXPECT_EQ(name(Kind::ScramSha256Plus), "SCRAM-SHA-256-PLUS");
}

TEST_F(SaslTest, plain_of_rfc4616) {
  struct {
    const char *message, *authzid, *user, *password;
  } rows[] = {{"AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "", "tim", "tanstaaftanstaaf"},
              {"VXJzZWwAS3VydAB4aXBqM3BsbXE=", "Ursel", "Kurt", "xipj3plmq"},
              {"AHVzdWFyaW9AZWplbXBsby5lcwBjb250cmFzZcOxYeKCrA==", "", "usuario@ejemplo.es", "contraseña€"}};
  for (auto& row : rows) {
    auto m = server(Kind::Plain);
    Step s = m->start(*base::from_base64(row.message));
    ASSERT_TRUE(holds_alternative<NeedPassword>(s));
    EXPECT_EQ(get<NeedPassword>(s).user, row.user);
    EXPECT_EQ(get<NeedPassword>(s).password.reveal(), row.password);
    s = m->verified(true);
    ASSERT_TRUE(holds_alternative<Done>(s));
    EXPECT_EQ(get<Done>(s).user, row.user);
    EXPECT_EQ(get<Done>(s).authzid, row.authzid);
  }
}

TEST_F(SaslTest, plain_without_initial_response_asks_with_an_empty_challenge) {
  auto m = server(Kind::Plain);
  Step s = m->start(std::nullopt);
  ASSERT_TRUE(holds_alternative<Challenge>(s));
  EXPECT_EQ(get<Challenge>(s).bytes, "");
  EXPECT_TRUE(holds_alternative<NeedPassword>(m->next(std::string("\0u\0p", 4))));
  Step end = m->verified(false);
  ASSERT_TRUE(failure(end));
  EXPECT_EQ(failure(end)->why, Failure::Why::Refused);
}

TEST_F(SaslTest, plain_refuses_what_is_not_its_grammar) {
  std::string long_field(1025, 'a');
  for (const std::string& message :
       {std::string(), std::string("user"), std::string("\0user", 5), std::string("\0\0pass", 6),
        std::string("\0user\0", 6), std::string("\0a\0b\0c", 6), std::string("\0u\0\xff", 4), std::string("\xc3\0u\0p", 5),
        '\0' + long_field + '\0' + "p", std::string("\0u\0", 3) + long_field, long_field + std::string("\0u\0p", 4),
        std::string(9000, '\0')}) {
    Step s = server(Kind::Plain)->start(message);
    ASSERT_TRUE(failure(s)) << base::hex(message);
    EXPECT_EQ(failure(s)->why, Failure::Why::Malformed);
  }
}

TEST_F(SaslTest, login_asks_name_and_password_and_takes_the_name_as_initial_response) {
  for (bool initial : {false, true}) {
    auto m = server(Kind::Login);
    Step s = m->start(initial ? std::optional<std::string_view>("ana@ejemplo.es") : std::nullopt);
    if (!initial) {
      ASSERT_EQ(base::base64(get<Challenge>(s).bytes), "VXNlcm5hbWU6");
      s = m->next("ana@ejemplo.es");
    }
    ASSERT_EQ(base::base64(get<Challenge>(s).bytes), "UGFzc3dvcmQ6");
    s = m->next("pencil");
    ASSERT_EQ(get<NeedPassword>(s).user, "ana@ejemplo.es");
    EXPECT_EQ(get<NeedPassword>(s).password.reveal(), "pencil");
    EXPECT_TRUE(holds_alternative<Done>(m->verified(true)));
  }
  EXPECT_TRUE(failure(server(Kind::Login)->start(std::string_view(""))));
}

TEST_F(SaslTest, cram_md5_of_rfc2195_from_states_alone) {
  struct {
    const char *challenge, *secret, *answer, *user;
  } rows[] = {{"<1896.697170952@postoffice.reston.mci.net>", "tanstaaftanstaaf",
               "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "tim"},
              {"<17893.1320671213@correo.ejemplo.es>", "ñandú-contraseña",
               "YW5hQGVqZW1wbG8uZXMgNjYwNTk5NGVmN2RhODU3ODMxOGEyMmI4Y2U1ZjcwOTQ=", "ana@ejemplo.es"},
              {"<1.2@h>", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
               "dSBkNzIxNDM1MGM2ZjU5N2QzOWU5YjRmMDYzMmU1MTNhNQ==", "u"}};
  for (auto& row : rows) {
    auto m = server(Kind::CramMd5, {.nonce = row.challenge});
    EXPECT_EQ(get<Challenge>(m->start(std::nullopt)).bytes, row.challenge);
    ASSERT_EQ(get<NeedCredentials>(m->next(*base::from_base64(row.answer))).user, row.user);
    EXPECT_EQ(get<Done>(m->supply(pencil("AAAA", 1, row.secret))).user, row.user);
    auto client = make_client(Kind::CramMd5, {.user = row.user, .password = Secret(row.secret)}, random);
    EXPECT_FALSE(client->initial());
    EXPECT_EQ(base::base64(*client->next(row.challenge)), row.answer);
  }
}

TEST_F(SaslTest, cram_md5_challenges_differ_and_name_the_host) {
  auto one = get<Challenge>(server(Kind::CramMd5, {.host = "mail.test"})->start(std::nullopt)).bytes;
  auto two = get<Challenge>(server(Kind::CramMd5, {.host = "mail.test"})->start(std::nullopt)).bytes;
  EXPECT_NE(one, two);
  EXPECT_TRUE(one.starts_with("<") && one.ends_with("@mail.test>")) << one;
}

TEST_F(SaslTest, cram_md5_fails_for_a_wrong_secret_fakes_and_accounts_without_one) {
  auto answer = [&](const Credentials& credentials, std::string_view password) {
    auto m = server(Kind::CramMd5);
    auto client = make_client(Kind::CramMd5, {.user = "u", .password = Secret(std::string(password))}, random);
    (void)m->next(*client->next(get<Challenge>(m->start(std::nullopt)).bytes));
    return m->supply(credentials);
  };
  EXPECT_TRUE(holds_alternative<Done>(answer(pencil("AAAA", 1), "pencil")));
  EXPECT_TRUE(failure(answer(pencil("AAAA", 1), "crayon")));
  Credentials fake = pencil("AAAA", 1);
  fake.known = false;
  EXPECT_TRUE(failure(answer(fake, "pencil")));
  EXPECT_TRUE(failure(answer(Credentials{.known = true}, "pencil")));
}

struct ScramVector {
  const char *user, *authzid, *password, *client_nonce, *server_nonce, *salt;
  uint32_t iterations;
  const char *first, *server_first, *final, *server_final;
};
const ScramVector kVectors[] = {
    {"user", "", "pencil", "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096,
     "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    {"a,b=c", "", "pencil", "clientNONCE", "serverNONCE", "AAECAwQFBgcICQoLDA0ODw==", 4096, "n,,n=a=2Cb=3Dc,r=clientNONCE",
     "r=clientNONCEserverNONCE,s=AAECAwQFBgcICQoLDA0ODw==,i=4096",
     "c=biws,r=clientNONCEserverNONCE,p=4WP2KMKkbJsZl7AEwArEm12BmslNAofuC2Y/VOLnbfM=",
     "v=7lWO+obhK8812MKt7Fq+Z7u7hJn3uSauQxw6UnbMTw8="},
    {"user", "admin", "pencil", "clientNONCE", "serverNONCE", "AAECAwQFBgcICQoLDA0ODw==", 4096,
     "n,a=admin,n=user,r=clientNONCE", "r=clientNONCEserverNONCE,s=AAECAwQFBgcICQoLDA0ODw==,i=4096",
     "c=bixhPWFkbWluLA==,r=clientNONCEserverNONCE,p=fPfsrwJwbujWl6gWZ1ODvIvbNS2CeINaXG+JJURsxfU=",
     "v=VaH5tp5sNCWaxaVQotDeTEBt48P/ttyusWC3E5ewl9U="},
    {"ana", "", "contraseña", "clientNONCE", "serverNONCE", "AAECAwQFBgcICQoLDA0ODw==", 10000, "n,,n=ana,r=clientNONCE",
     "r=clientNONCEserverNONCE,s=AAECAwQFBgcICQoLDA0ODw==,i=10000",
     "c=biws,r=clientNONCEserverNONCE,p=rXwg7nSD+Pak/YTwmWb5WC3/UrvxiaInfY/tUJeLRHA=",
     "v=m5gsswfKTgUZv/Fq/sQjP4Zsdu1l6vS4vA3F9yOZi6U="},
};

TEST_F(SaslTest, scram_of_rfc7677_and_more_on_both_sides) {
  for (const ScramVector& v : kVectors) {
    auto m = server(Kind::ScramSha256, {.nonce = v.server_nonce});
    auto client = make_client(
        Kind::ScramSha256, {.user = v.user, .password = Secret(v.password), .authzid = v.authzid, .nonce = v.client_nonce},
        random);
    ASSERT_EQ(client->initial(), v.first);
    ASSERT_EQ(get<NeedCredentials>(m->start(std::string_view(v.first))).user, v.user);
    ASSERT_EQ(get<Challenge>(m->supply(pencil(v.salt, v.iterations, v.password))).bytes, v.server_first);
    ASSERT_EQ(*client->next(v.server_first), v.final);
    EXPECT_FALSE(client->may_succeed());
    Step end = m->next(v.final);
    ASSERT_TRUE(holds_alternative<Done>(end));
    EXPECT_EQ(get<Done>(end).user, v.user);
    EXPECT_EQ(get<Done>(end).authzid, v.authzid);
    EXPECT_EQ(get<Done>(end).final_data, v.server_final);
    ASSERT_TRUE(client->next(v.server_final));
    EXPECT_TRUE(client->may_succeed());
  }
}

TEST_F(SaslTest, scram_of_rfc5802_and_with_sha512) {
  struct {
    Kind kind;
    const char *client_nonce, *server_nonce, *salt, *server_first, *final, *server_final;
  } rows[] = {
      {Kind::ScramSha1, "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", "QSXCR+Q6sek8bf92",
       "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
       "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
       "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
      {Kind::ScramSha512, "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
       "AAECAwQFBgcICQoLDA0ODw==", "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=AAECAwQFBgcICQoLDA0ODw==,i=4096",
       "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="
       "Qxa4yOu8FcTQXPLMuExqs7mJfguWcDYEUP2UdTGLlxu1bYoLY74wxL/"
       "1WEtl9cmkSWbqd2yKn/jIaETmYiGr3Q==",
       "v=PY7oLephuZaTwBdG1qioEvXx2lsFO6oBgOn9VLddrIlkUD7lAa0l2Hn0XOkHzI7OmnNio+SaGwF1gTNH+oagoA=="},
  };
  for (const auto& row : rows) {
    auto m = server(row.kind, {.nonce = row.server_nonce});
    auto client = make_client(row.kind, {.user = "user", .password = Secret("pencil"), .nonce = row.client_nonce}, random);
    (void)m->start(*client->initial());
    ASSERT_EQ(get<Challenge>(m->supply(pencil(row.salt))).bytes, row.server_first);
    ASSERT_EQ(*client->next(row.server_first), row.final);
    Step end = m->next(row.final);
    ASSERT_TRUE(holds_alternative<Done>(end)) << name(row.kind);
    EXPECT_EQ(get<Done>(end).final_data, row.server_final);
    EXPECT_TRUE(client->next(row.server_final));
  }
}

TEST_F(SaslTest, scram_plus_takes_every_registered_binding_the_connection_has) {
  std::string data;
  for (char c = 0; c < 32; ++c) data += c;
  // SCRAM-SHA-1-PLUS over tls-server-end-point, salt and nonces as elsewhere.
  const char* final =
      "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,r=clientNONCEserverNONCE,"
      "p=StBHhTQDsOyK/c1I2Oz0VZyJJt4=";
  auto m = server(Kind::ScramSha1Plus, {.bindings = {.server_end_point = data}, .nonce = "serverNONCE"});
  (void)m->start(std::string_view("p=tls-server-end-point,,n=user,r=clientNONCE"));
  (void)m->supply(pencil("AAECAwQFBgcICQoLDA0ODw=="));
  Step end = m->next(final);
  ASSERT_TRUE(holds_alternative<Done>(end));
  EXPECT_EQ(get<Done>(end).final_data, "v=gCVqgxLL+qZVQOMqY+AVbl15hXY=");
  for (const char* type : {"tls-exporter", "tls-unique", "tls-unknown", ""})
    EXPECT_TRUE(failure(server(Kind::ScramSha1Plus, {.bindings = {.server_end_point = data}})
                            ->start("p=" + std::string(type) + ",,n=user,r=clientNONCE")))
        << type;
}

TEST_F(SaslTest, scram_client_that_supports_binding_is_served_unless_we_offer_plus_too) {
  for (bool plus : {false, true}) {
    auto m = server(Kind::ScramSha256, {.nonce = "serverNONCE", .offers_plus = plus});
    Step s = m->start(std::string_view("y,,n=user,r=clientNONCE"));
    ASSERT_EQ(failure(s) != nullptr, plus);
    if (plus) continue;
    (void)m->supply(pencil("AAECAwQFBgcICQoLDA0ODw=="));
    s = m->next("c=eSws,r=clientNONCEserverNONCE,p=kmG5PmRVB/Lnm+rEpHsY0wuKjmJsMVSlov7T0j8A3Eo=");
    ASSERT_TRUE(holds_alternative<Done>(s));
    EXPECT_EQ(get<Done>(s).final_data, "v=jOChlQtmOJgBsJzdgsMb+gUAxyChWHyt3yqTQDqlzEg=");
  }
}

TEST_F(SaslTest, scram_plus_binds_to_the_channel) {
  std::string channel;
  for (char c = 0; c < 32; ++c) channel += c;
  const char* final =
      "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,r=clientNONCEserverNONCE,"
      "p=Byy9anbj3cS/g/h6AgUN9SPc1v3yG/OjLYWXSFJrkog=";
  for (bool same : {true, false}) {
    auto m = server(Kind::ScramSha256Plus,
                    {.bindings = {.exporter = same ? channel : std::string(32, 'x')}, .nonce = "serverNONCE"});
    (void)m->start(std::string_view("p=tls-exporter,,n=user,r=clientNONCE"));
    (void)m->supply(pencil("AAECAwQFBgcICQoLDA0ODw=="));
    Step s = m->next(final);
    EXPECT_EQ(holds_alternative<Done>(s), same);
  }
  auto client = make_client(
      Kind::ScramSha256Plus,
      {.user = "user", .password = Secret("pencil"), .channel_binding = channel, .nonce = "clientNONCE"}, random);
  (void)client->initial();
  EXPECT_EQ(*client->next("r=clientNONCEserverNONCE,s=AAECAwQFBgcICQoLDA0ODw==,i=4096"), final);
  EXPECT_TRUE(failure(server(Kind::ScramSha256)->start(std::string_view("p=tls-exporter,,n=u,r=x"))));
  EXPECT_TRUE(failure(server(Kind::ScramSha256Plus)->start(std::string_view("n,,n=u,r=x"))));
}

TEST_F(SaslTest, scram_grammar_refusals) {
  for (const char* first :
       {"", "n", "n,", "n,,", "x,,n=u,r=x", "n,,n=u", "n,,r=x,n=u", "n,,n=,r=x", "n,,n=u=2,r=x", "n,,n=u=,r=x",
        "n,,n=u,r=", "n,,n=u,r=a b", "n,,m=1,n=u,r=x", "n,a=,n=u,r=x", "n,a=b", "n,,n=\xff,r=x", "p=,,n=u,r=x", "p=x"}) {
    Step s = server(Kind::ScramSha256)->start(std::string_view(first));
    ASSERT_TRUE(failure(s)) << first;
    EXPECT_EQ(failure(s)->why, Failure::Why::Malformed) << first;
  }
  const std::string proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  for (std::string final :
       {std::string(), proof, "c=biws" + proof, "c=biws,r=other" + proof, "c=!,r=cs" + proof, "c=eSws,r=cs" + proof,
        std::string("c=biws,r=cs,p=AAAA"), std::string("c=biws,r=cs"), "c=biws,r=cs" + proof + ",x=y"}) {
    auto m = server(Kind::ScramSha256, {.nonce = "s"});
    (void)m->start(std::string_view("n,,n=u,r=c"));
    (void)m->supply(pencil("AAAA", 1));
    EXPECT_TRUE(failure(m->next(final))) << final;
  }
}

TEST_F(SaslTest, scram_unknown_user_takes_the_same_course_with_a_stable_salt) {
  Secret key(std::string(32, 'k'));
  EXPECT_EQ(fake_scram_keys(crypto::Hash::Sha256, key, "Nobody@x.test"),
            fake_scram_keys(crypto::Hash::Sha256, key, "nobody@x.test"));
  EXPECT_NE(fake_scram_keys(crypto::Hash::Sha256, key, "nobody@x.test").salt,
            fake_scram_keys(crypto::Hash::Sha256, key, "somebody@x.test").salt);
  EXPECT_EQ(fake_scram_keys(crypto::Hash::Sha256, key, "n").salt.size(), 16u);
  auto m = server(Kind::ScramSha256);
  auto client = make_client(Kind::ScramSha256, {.user = "nobody", .password = Secret("x")}, random);
  (void)m->start(*client->initial());
  Step s = m->supply(fake_credentials(key, "nobody"));
  ASSERT_TRUE(holds_alternative<Challenge>(s));
  s = m->next(*client->next(get<Challenge>(s).bytes));
  ASSERT_TRUE(failure(s));
  EXPECT_EQ(failure(s)->reason, "wrong password or unknown user");
}

TEST_F(SaslTest, scram_fakes_fail_even_when_the_client_knows_their_keys) {
  auto m = server(Kind::ScramSha256);
  auto client = make_client(Kind::ScramSha256, {.user = "u", .password = Secret("pencil")}, random);
  Credentials c = pencil("AAAA");
  c.known = false;
  (void)m->start(*client->initial());
  Step s = m->next(*client->next(get<Challenge>(m->supply(c)).bytes));
  EXPECT_TRUE(failure(s));
}

TEST_F(SaslTest, scram_client_refuses_bad_servers) {
  auto client = [&] {
    auto c = make_client(Kind::ScramSha256, {.user = "user", .password = Secret("pencil"), .nonce = "rOprNGfwEbeRWgbNEkqO"},
                         random);
    (void)c->initial();
    return c;
  };
  for (const char* first :
       {"", "r=other,s=AAAA,i=4096", "r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096", "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=1", "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4000000000",
        "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=-1", "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=4096"})
    EXPECT_FALSE(client()->next(first)) << first;
  auto c = client();
  ASSERT_TRUE(c->next(kVectors[0].server_first));
  EXPECT_EQ(c->next("v=AAAA").error().code(), Errc::Denied);
  EXPECT_FALSE(c->may_succeed());
  auto told = client();
  (void)told->next(kVectors[0].server_first);
  EXPECT_EQ(told->next("e=invalid-proof").error().code(), Errc::AuthFailed);
}

TEST_F(SaslTest, calls_out_of_turn_and_endless_exchanges_fail_instead_of_doing_anything) {
  auto m = server(Kind::Plain);
  EXPECT_TRUE(failure(m->next("x")));
  EXPECT_TRUE(failure(m->start(std::string_view(""))));
  auto n = server(Kind::Plain);
  ASSERT_TRUE(holds_alternative<NeedPassword>(n->start(std::string_view("\0u\0p", 4))));
  EXPECT_TRUE(failure(n->supply({})));
  EXPECT_TRUE(failure(n->verified(true))) << "a machine that failed stays failed";
  auto over = server(Kind::Plain);
  (void)over->start(std::nullopt);
  EXPECT_TRUE(failure(over->next(std::string(kMaxMessage + 1, 'a'))));
}

TEST_F(SaslTest, both_sides_of_every_mechanism_agree) {
  for (Kind kind : {Kind::Plain, Kind::Login, Kind::CramMd5, Kind::ScramSha1, Kind::ScramSha1Plus, Kind::ScramSha256,
                    Kind::ScramSha256Plus, Kind::ScramSha512, Kind::ScramSha512Plus})
    for (bool right : {true, false}) {
      std::string channel(32, 'b');
      auto m = server(kind, {.host = "h", .bindings = {.exporter = channel}, .offers_plus = true});
      auto c = make_client(
          kind, {.user = "ana", .password = Secret(right ? "pencil" : "crayon"), .channel_binding = channel}, random);
      auto initial = c->initial();
      Step s = m->start(initial ? std::optional<std::string_view>(*initial) : std::nullopt);
      for (int i = 0; i < 8; ++i) {
        if (auto* challenge = std::get_if<Challenge>(&s))
          s = m->next(*c->next(challenge->bytes));
        else if (auto* password = std::get_if<NeedPassword>(&s))
          s = m->verified(password->password.equals("pencil"));
        else if (holds_alternative<NeedCredentials>(s))
          s = m->supply(pencil("AAAA"));
        else
          break;
      }
      ASSERT_EQ(holds_alternative<Done>(s), right) << name(kind);
      if (right && !get<Done>(s).final_data.empty()) {
        EXPECT_TRUE(c->next(get<Done>(s).final_data));
      }
      EXPECT_EQ(c->may_succeed(), right || !is_scram(kind)) << name(kind);
    }
}

TEST_F(SaslTest, scram_keys_survive_their_record_and_damage_is_seen) {
  ScramKeys keys = make_scram_keys(crypto::Hash::Sha256, Secret("pencil"), "0123456789abcdef", 4096);
  std::string bytes;
  keys.encode(bytes);
  EXPECT_EQ(*ScramKeys::decode(crypto::Hash::Sha256, bytes), keys);
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(ScramKeys::decode(crypto::Hash::Sha256, std::string_view(bytes).substr(0, cut)));
}

TEST(ChooseMechanism, takes_the_strongest_and_shows_no_password_without_tls) {
  EXPECT_EQ(choose_mechanism("PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 XOAUTH2", true), Kind::ScramSha256);
  EXPECT_EQ(choose_mechanism("PLAIN SCRAM-SHA-1 SCRAM-SHA-512", true), Kind::ScramSha512);
  EXPECT_EQ(choose_mechanism("DIGEST-MD5 NTLM SCRAM-SHA-1", true), Kind::ScramSha1);
  EXPECT_EQ(choose_mechanism("LOGIN PLAIN", true), Kind::Plain);
  EXPECT_EQ(choose_mechanism("LOGIN PLAIN", false), std::nullopt);
  EXPECT_EQ(choose_mechanism("plain cram-md5", false), Kind::CramMd5);
  EXPECT_EQ(choose_mechanism("", true), std::nullopt);
}

}  // namespace
}  // namespace bz::sasl
