#include "sasl/ntlm.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/digest.h"
#include "sasl/mechanism.h"
#include "sasl/ntlm_client.h"

namespace bz::sasl::ntlm {
namespace {

using std::get;

std::string raw(std::string_view hex) { return base::from_hex(hex).value(); }

// [MS-NLMP] 4.2.1 and 4.2.4.
const std::string kServerChallenge = raw("0123456789abcdef");
const std::string kTemp = raw(
    "01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e0001000c0053006500720076006500"
    "72000000000000000000");
const std::string kNegotiateMessage = raw("4e544c4d53535000010000000782080000000000000000000000000000000000");
const std::string kAuthenticateV2 = raw(
    "4e544c4d5353500003000000180018006c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000d80000"
    "00358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d005000550054004500520086c35097ac9cec102554"
    "764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002"
    "000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e");
const std::string kAuthenticateV1 = raw(
    "4e544c4d5353500003000000180018006c00000018001800840000000c000c00480000000800080054000000100010005c000000100010009c0000"
    "00358280e20501280a0000000f44006f006d00610069006e00550073006500720043004f004d005000550054004500520098def7b87f88aa5dafe2"
    "df779688a172def11c7d5ccdef1367c43011f30298a2ad35ece64f16331c44bdbed927841f94518822b1b3f350c8958682ecbb3e3cb7");

TEST(NtlmArithmetic, gives_the_published_values) {
  struct {
    const char *user, *domain, *password, *nt, *v2, *proof;
  } rows[] = {
      {"User", "Domain", "Password", "a4f49c406510bdcab6824ee7c30fd852", "0c868a403bfd7a93a3001ef22ef02e3f",
       "68cd0ab851e51c96aabc927bebef6a1c"},
      {"ana", "EJEMPLO", "contraseña€", "1714877b4551a4ba8f2447f516cfb95c", "b4adc5d69405949c6ce97ab261250dcf",
       "71e14b8ede54c6ee005efece6f57ce5d"},
      {"Ñandú", "", "pässwörd", "0553152250ac01adb4213cb9938663e4", "890d0426d6ab9bfe074b78dedd1dc706",
       "38471be2cfa62409f0689aff50f4f211"},
      {"user@example.com", "", "Password", "a4f49c406510bdcab6824ee7c30fd852", "d4c2989383688978f4f28caba3de66ed",
       "33d418156ca49eb58d8106f49fdd8c8b"},
      {"USER", "domain", "", "31d6cfe0d16ae931b73c59d7e0c089c0", "8892a444cb0dd3841bccffa24450ec1c",
       "41bd5ce357c74a31b968ef9155389f89"},
  };
  for (const auto& row : rows) {
    Secret nt(nt_hash(Secret(std::string(row.password))));
    EXPECT_EQ(base::hex(nt.reveal()), row.nt) << row.user;
    Secret key = response_key(nt, row.user, row.domain);
    EXPECT_EQ(base::hex(key.reveal()), row.v2) << row.user;
    EXPECT_EQ(base::hex(proof(key, kServerChallenge, kTemp)), row.proof) << row.user;
  }
}

TEST(NtlmMessages, reads_the_published_authenticate) {
  auto said = parse_authenticate(kAuthenticateV2);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->user, "User");
  EXPECT_EQ(said->domain, "Domain");
  EXPECT_EQ(said->mic, "") << "its fields begin at 72";
  auto response = parse_response(said->nt_response);
  ASSERT_TRUE(response);
  EXPECT_EQ(base::hex(response->proof), "68cd0ab851e51c96aabc927bebef6a1c");
  EXPECT_EQ(response->temp, kTemp);
  auto old = parse_authenticate(kAuthenticateV1);
  ASSERT_TRUE(old);
  EXPECT_EQ(parse_response(old->nt_response).error().code(), Errc::Unsupported);
}

TEST(NtlmMessages, writes_the_published_challenge) {
  ChallengeMessage m;
  m.flags = 0xe28a8233;
  m.target = "Server";
  m.server_challenge = kServerChallenge;
  m.target_info = {{Av::NbDomainName, to_utf16("Domain")}, {Av::NbComputerName, to_utf16("Server")}};
  std::string bytes = m.encode();
  // [MS-NLMP] 4.2.4.3 says another version, which nobody reads.
  bytes.replace(48, 8, raw("060070170000000f"));
  EXPECT_EQ(
      base::hex(bytes),
      "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef00000000000000002400240044000000060070170000000f53"
      "006500720076006500720002000c0044006f006d00610069006e0001000c0053006500720076006500720000000000");
}

// Every field of the header set to every nasty size and offset: refused or inside, never outside.
TEST(NtlmMessages, believes_no_offset) {
  for (size_t at : {12u, 20u, 28u, 36u, 44u, 52u})
    for (uint32_t size : {1u, 2u, 255u, 65535u})
      for (uint32_t offset : {0u, 1u, 63u, 64u, 200u, 231u, 232u, 65535u, 0x7fffffffu, 0xffffffffu}) {
        std::string bytes = kAuthenticateV2;
        bytes[at] = static_cast<char>(size), bytes[at + 1] = static_cast<char>(size >> 8);
        for (size_t i = 0; i < 4; ++i) bytes[at + 4 + i] = static_cast<char>(offset >> (8 * i));
        auto said = parse_authenticate(bytes);
        bool inside = offset >= 64 && uint64_t{offset} + size <= bytes.size();
        EXPECT_TRUE(inside || !said) << at << " " << size << " " << offset;
      }
  for (size_t cut = 0; cut < kAuthenticateV2.size(); ++cut)
    EXPECT_FALSE(parse_authenticate(std::string_view(kAuthenticateV2).substr(0, cut)));
  for (size_t cut = 0; cut < 16; ++cut) EXPECT_FALSE(parse_negotiate(std::string_view(kNegotiateMessage).substr(0, cut)));
}

// curl offers none, and Samba's challenge then has none either.
TEST(NtlmMessages, names_without_unicode_are_ascii) {
  std::string message = raw("4e544c4d5353500003000000");
  std::string payload = "OFFICEana";
  auto field = [&](size_t size, size_t at) {
    for (size_t v : {size, size, at, size_t{0}}) message += static_cast<char>(v), message += static_cast<char>(v >> 8);
  };
  field(0, 0), field(0, 0), field(6, 64), field(3, 70), field(0, 0), field(0, 0);
  message += raw("02020000");
  auto said = parse_authenticate(message + payload);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->user, "ana");
  EXPECT_EQ(said->domain, "OFFICE");
  payload[7] = static_cast<char>(0xf1);
  EXPECT_FALSE(parse_authenticate(message + payload).has_value());
}

TEST(NtlmMessages, target_information_is_bounded) {
  EXPECT_FALSE(parse_av_pairs("").has_value());
  EXPECT_FALSE(parse_av_pairs(raw("0100ff00aa")).has_value());
  EXPECT_FALSE(parse_av_pairs(raw("01000100aa")).has_value()) << "no end";
  EXPECT_TRUE(parse_av_pairs(raw("01000100aa00000000ff")).has_value());
  std::string many;
  for (size_t i = 0; i <= kMaxAvPairs; ++i) many += raw("01000100aa");
  EXPECT_FALSE(parse_av_pairs(many + raw("00000000")).has_value());
}

TEST(NtlmText, upper_case_and_utf16) {
  EXPECT_EQ(upper("ana.ñandú@straße.test ÿ œ ž ω ж ё"), "ANA.ÑANDÚ@STRAßE.TEST Ÿ Œ Ž Ω Ж Ё");
  EXPECT_EQ(from_utf16(to_utf16("a€😀")), "a€😀");
  EXPECT_EQ(from_utf16(raw("3dd8")), std::nullopt);
  EXPECT_EQ(from_utf16(raw("00dc")), std::nullopt);
  EXPECT_EQ(from_utf16("a"), std::nullopt);
}

// A client as [MS-NLMP] 3.1.5.1.2 has it, with MIC and channel bindings.
struct NtlmClient {
  std::string user = "ana@example.org", domain = "", password = "pencil";
  std::string bindings{};  // tls-server-end-point
  bool with_mic = true, break_mic = false, break_proof = false;

  std::string authenticate(std::string_view negotiate, std::string_view challenge) const {
    std::string server_challenge(challenge.substr(24, 8));
    std::vector<AvPair> pairs;
    if (with_mic) pairs.push_back({Av::Flags, raw("02000000")});
    if (!bindings.empty()) pairs.push_back({Av::ChannelBindings, channel_bindings_hash(bindings)});
    std::string temp = raw("010100000000000000000000000000001122334455667788") + std::string(4, '\0') +
                       encode_av_pairs(pairs) + std::string(4, '\0');
    Secret key = response_key(Secret(nt_hash(Secret(password))), user, domain);
    std::string its_proof = proof(key, server_challenge, temp);
    std::string nt = its_proof + temp;
    if (break_proof) nt[0] = static_cast<char>(nt[0] ^ 1);
    std::string header = raw("4e544c4d5353500003000000"), payload;
    auto field = [&](const std::string& bytes) {
      size_t at = 88 + payload.size();
      for (size_t v : {bytes.size(), bytes.size()}) header += static_cast<char>(v), header += static_cast<char>(v >> 8);
      for (int shift = 0; shift < 32; shift += 8) header += static_cast<char>(at >> shift);
      payload += bytes;
    };
    field(""), field(nt), field(to_utf16(domain)), field(to_utf16(user)), field(to_utf16("PHONE")), field("");
    header += raw("01820800") + std::string(8, '\0') + std::string(16, '\0');
    std::string message = header + payload;
    if (with_mic) {
      std::string code = mic(key, its_proof, negotiate, challenge, message);
      if (break_mic) code[3] = static_cast<char>(code[3] ^ 1);
      message.replace(72, 16, code);
    }
    return message;
  }
};

struct NtlmTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{6};
  const std::string end_point = std::string(32, 'e');
  Credentials secret(std::string password = "pencil") {
    Credentials c{.known = true};
    c.nt_hash = Secret(nt_hash(Secret(std::move(password))));
    return c;
  }
  Step run(const NtlmClient& client, const Credentials& credentials, std::string* user = nullptr) {
    auto m =
        make_server(Kind::Ntlm, {.host = "mail.example.org", .bindings = {.server_end_point = end_point}}, clock, random);
    Step s = m->start(std::string_view(kNegotiateMessage));
    s = m->next(client.authenticate(kNegotiateMessage, get<Challenge>(s).bytes));
    if (auto* need = std::get_if<NeedCredentials>(&s)) {
      if (user) *user = need->user;
      s = m->supply(credentials);
    }
    return s;
  }
  bool lets_in(const NtlmClient& client, const Credentials& credentials) {
    return std::holds_alternative<Done>(run(client, credentials));
  }
};

TEST_F(NtlmTest, lets_in_who_knows_the_password) {
  EXPECT_TRUE(lets_in({}, secret()));
  EXPECT_TRUE(lets_in({.with_mic = false}, secret()));
  EXPECT_TRUE(lets_in({.bindings = end_point}, secret()));
  EXPECT_TRUE(lets_in({.user = "ana", .domain = "EXAMPLE.ORG"}, secret()));
}

TEST_F(NtlmTest, refuses_everybody_else) {
  EXPECT_FALSE(lets_in({.password = "crayon"}, secret()));
  EXPECT_FALSE(lets_in({.break_proof = true}, secret()));
  EXPECT_FALSE(lets_in({.break_mic = true}, secret()));
  EXPECT_FALSE(lets_in({.bindings = std::string(32, 'x')}, secret())) << "another server's connection";
  EXPECT_FALSE(lets_in({.user = ""}, secret()));
  EXPECT_FALSE(lets_in({}, Credentials{.known = true}));
  EXPECT_FALSE(lets_in({}, fake_credentials(Secret("k"), "ana@example.org")));
  Credentials unknown = secret();
  unknown.known = false;
  EXPECT_FALSE(lets_in({}, unknown));
}

TEST_F(NtlmTest, knows_whom_the_names_mean) {
  struct {
    const char *user, *domain, *account;
  } rows[] = {{"ana@example.org", "", "ana@example.org"},
              {"ana", "EXAMPLE", "ana"},
              {"ana", "second.org", "ana@second.org"},
              {"ana", "mail.example.org", "ana"},
              {"ana@example.org", "second.org", "ana@example.org"}};
  for (const auto& row : rows) {
    std::string account;
    (void)run({.user = row.user, .domain = row.domain}, secret(), &account);
    EXPECT_EQ(account, row.account);
  }
}

TEST_F(NtlmTest, refuses_ntlmv1_before_any_secret_is_looked_up) {
  auto m = make_server(Kind::Ntlm, {.host = "h.test", .nonce = kServerChallenge}, clock, random);
  ASSERT_TRUE(std::holds_alternative<Challenge>(m->start(std::string_view(kNegotiateMessage))));
  Step s = m->next(kAuthenticateV1);
  ASSERT_TRUE(std::holds_alternative<Failure>(s));
  EXPECT_EQ(get<Failure>(s).why, Failure::Why::Refused);
}

TEST_F(NtlmTest, takes_the_published_message_against_its_challenge) {
  auto m = make_server(Kind::Ntlm, {.host = "h.test", .nonce = kServerChallenge}, clock, random);
  (void)m->start(std::string_view(kNegotiateMessage));
  ASSERT_EQ(get<NeedCredentials>(m->next(kAuthenticateV2)).user, "User");
  EXPECT_TRUE(std::holds_alternative<Done>(m->supply(secret("Password"))));
}

TEST_F(NtlmTest, asks_with_an_empty_challenge_when_there_is_no_initial_response) {
  auto m = make_server(Kind::Ntlm, {.host = "mail.example.org"}, clock, random);
  EXPECT_EQ(get<Challenge>(m->start(std::nullopt)).bytes, "");
  Step s = m->next(kNegotiateMessage);
  ASSERT_TRUE(std::holds_alternative<Challenge>(s));
  EXPECT_TRUE(std::holds_alternative<Failure>(m->next(kNegotiateMessage)));
}

// The order of things when a domain controller judges: what it is asked, and what it is never asked.
struct NtlmElsewhereTest : NtlmTest {
  const std::string challenge = [] {
    ChallengeMessage m{
        .flags = kUnicode | kNtlm, .target = "OFFICE", .server_challenge = kServerChallenge, .target_info = {}};
    m.target_info = {{Av::NbComputerName, to_utf16("MAIL")}};
    return m.encode();
  }();
  std::unique_ptr<ServerMechanism> begin() {
    return make_server(Kind::Ntlm, {.bindings = {.server_end_point = end_point}, .ntlm_elsewhere = true}, clock, random);
  }
  Step judge(std::string_view authenticate) {
    auto m = begin();
    Step s = m->start(std::string_view(kNegotiateMessage));
    EXPECT_EQ(get<NeedNtlm>(s).call, NeedNtlm::Call::Negotiate);
    EXPECT_EQ(get<NeedNtlm>(s).bytes, kNegotiateMessage);
    EXPECT_EQ(get<Challenge>(m->answered(GssAnswer{challenge})).bytes, challenge);
    return m->next(authenticate);
  }
};

TEST_F(NtlmElsewhereTest, the_domain_is_asked_and_names_the_user) {
  auto m = begin();
  EXPECT_EQ(get<Challenge>(m->start(std::nullopt)).bytes, "");
  ASSERT_TRUE(std::holds_alternative<NeedNtlm>(m->next(kNegotiateMessage)));
  ASSERT_TRUE(std::holds_alternative<Challenge>(m->answered(GssAnswer{challenge})));
  const NtlmClient client{.user = "ana", .domain = "OFFICE", .bindings = end_point};
  const std::string message = client.authenticate(kNegotiateMessage, challenge);
  Step s = m->next(message);
  ASSERT_TRUE(std::holds_alternative<NeedNtlm>(s));
  EXPECT_EQ(get<NeedNtlm>(s).call, NeedNtlm::Call::Authenticate);
  EXPECT_EQ(get<NeedNtlm>(s).bytes, message);
  EXPECT_EQ(get<NeedNtlm>(s).user, "ana");
  EXPECT_EQ(get<NeedNtlm>(s).domain, "OFFICE");
  Step done = m->identified("ana@example.org");
  ASSERT_TRUE(std::holds_alternative<Done>(done));
  EXPECT_EQ(get<Done>(done).user, "ana@example.org");
  EXPECT_TRUE(std::holds_alternative<Failure>(m->identified("eva@example.org")));
}

TEST_F(NtlmElsewhereTest, what_our_rules_refuse_never_reaches_it) {
  using Why = Failure::Why;
  auto why = [&](std::string_view message) {
    Step s = judge(message);
    EXPECT_TRUE(std::holds_alternative<Failure>(s));
    return get<Failure>(s).why;
  };
  EXPECT_EQ(why(kAuthenticateV1), Why::Refused) << "NTLMv1";
  EXPECT_EQ(why(NtlmClient{.user = ""}.authenticate(kNegotiateMessage, challenge)), Why::Refused) << "anonymous";
  EXPECT_EQ(why(NtlmClient{.bindings = std::string(32, 'x')}.authenticate(kNegotiateMessage, challenge)), Why::Refused);
  EXPECT_EQ(why(kNegotiateMessage), Why::Malformed);
  EXPECT_EQ(why("rubbish"), Why::Malformed);
  auto m = begin();
  EXPECT_TRUE(std::holds_alternative<Failure>(m->start(std::string_view("rubbish"))));
}

TEST_F(NtlmElsewhereTest, its_silence_its_nonsense_and_its_no_are_refusals) {
  auto m = begin();
  (void)m->start(std::string_view(kNegotiateMessage));
  EXPECT_TRUE(std::holds_alternative<Failure>(m->answered(Error(Errc::Unavailable, "nobody there"))));
  m = begin();
  (void)m->start(std::string_view(kNegotiateMessage));
  EXPECT_TRUE(std::holds_alternative<Failure>(m->answered(GssAnswer{kNegotiateMessage})));
  m = begin();
  (void)m->start(std::string_view(kNegotiateMessage));
  EXPECT_TRUE(std::holds_alternative<Failure>(m->identified("ana"))) << "before anything was said";
  m = begin();
  (void)m->start(std::string_view(kNegotiateMessage));
  (void)m->answered(GssAnswer{challenge});
  (void)m->next(NtlmClient{}.authenticate(kNegotiateMessage, challenge));
  EXPECT_TRUE(std::holds_alternative<Failure>(m->identified(std::nullopt)));
}

// The two implementations, of the server's side and of the client's, against one another.
TEST_F(NtlmTest, our_own_client_is_let_in_by_our_own_server) {
  for (auto [user, domain, password, good] : {std::tuple{"ana", "OFFICE", "pencil", true},
                                              {"änne@example.org", "", "pencil", true},
                                              {"ana", "", "crayon", false}}) {
    auto m = make_server(Kind::Ntlm, {.host = "mail.example.org"}, clock, random);
    Step s = m->start(std::string_view(negotiate_message()));
    auto message =
        authenticate_message({user, domain, Secret(std::string(password))}, get<Challenge>(s).bytes, clock, random);
    ASSERT_TRUE(message) << message.error().text();
    s = m->next(*message);
    ASSERT_TRUE(std::holds_alternative<NeedCredentials>(s));
    EXPECT_EQ(std::holds_alternative<Done>(m->supply(secret())), good) << user;
  }
  EXPECT_FALSE(authenticate_message({"a", "", Secret("p")}, kNegotiateMessage, clock, random).has_value());
}

TEST(NtlmMessages, reads_the_challenge_it_writes) {
  ChallengeMessage m{
      .flags = kUnicode | kTargetInfo, .target = "OFFICE", .server_challenge = kServerChallenge, .target_info = {}};
  m.target_info = {{Av::NbComputerName, to_utf16("MAIL")}, {Av::Timestamp, "12345678"}};
  const std::string bytes = m.encode();
  auto read = parse_challenge(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->flags, m.flags);
  EXPECT_EQ(read->server_challenge, kServerChallenge);
  ASSERT_EQ(read->target_info.size(), 2u);
  EXPECT_EQ(read->target_info[1].value, "12345678");
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(parse_challenge(std::string_view(bytes).substr(0, cut)).has_value()) << cut;
}

}  // namespace
}  // namespace bz::sasl::ntlm
