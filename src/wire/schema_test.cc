#include "wire/schema.h"

#include <gtest/gtest.h>

#include "base/coding.h"
#include "base/text.h"

namespace bz::wire {
namespace {

// Every record: the bytes of docs/wire.md, decoded and encoded again; cut at every byte it is refused, never read beyond.
template <class T>
void golden(const T& record, std::string_view expected) {
  std::string bytes = record.encode();
  EXPECT_EQ(base::hex(bytes), expected);
  auto back = T::decode(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().to_string();
  EXPECT_EQ(back->encode(), bytes);
  for (size_t i = 0; i < bytes.size(); ++i) EXPECT_FALSE(T::decode(bytes.substr(0, i)).has_value()) << i;
  EXPECT_TRUE(T::decode(bytes + "later field").has_value());
  bytes[0] = 2;
  EXPECT_EQ(T::decode(bytes).error().code(), Errc::Unsupported);
}

TEST(Schema, golden_vectors) {
  golden(ConfigText{"a=1", "f"}, "0103613d310166");
  golden(NamedBytes{"n", std::string("\0", 1)}, "01016e0100");
  golden(Peer{"auth", 300}, "010461757468ac02");
  golden(Hello{"mta", "k", {"PIPELINING", "SIZE"}, {"SIZE"}, {"TOP"}},
         "01036d7461016b020a504950454c494e494e470453495a45010453495a450103544f50");
  SaslStart start;
  start.id = 7;
  start.service = Service::Submission;
  start.mechanism = "PLAIN";
  start.listener = "l";
  start.session_id = "s";
  start.client_address = "::1";
  start.has_initial = true;
  start.initial = "i";
  golden(start,
         "01070305504c41494e016c0173033a3a310000000001"
         "016900000000");
  start.tls_unique = "u", start.tls_server_end_point = "e", start.client_certificates = {"DER"};
  start.client_id = "c";
  golden(start,
         "01070305504c41494e016c0173033a3a310000000001"
         "01690175016501034445520163");
  golden(SaslStep{1, "d"}, "01010164");
  golden(SaslAbort{128}, "018001");
  golden(Reloaded{"no"}, "01026e6f");
  golden(SaslDone{1, "a", "d", "t", "f", "v", "r", 5},
         "0101"
         "0161"
         "0164"
         "0174"
         "0166"
         "0176"
         "0172"
         "05");
  golden(AskSessions{1, 300}, "0101ac02");
  golden(ApplePush{300, "ab", "x"}, "01ac020261620178");
  golden(ApplePushGone{300, "ab", 5}, "01ac0202616205");
  golden(AccountSessions{1, {"d", ""}}, "010102016400");
  golden(ClientNamed{1, "d", "c"}, "010101640163");
  golden(SaslFail{1, 2, "x"}, "0101020178");
  golden(LookupRecipient{1, "a@b"}, "010103614062");
  golden(LocalRecipient{5, "a", "b", "s", "m"}, "0105016101620173016d");
  golden(RecipientVerdict{1, 1, {{5, "a", "b", "s", "m"}}}, "010101010a0105016101620173016d");
  golden(MaySendAs{1, 2, "a"}, "0101020161");
  golden(SendAsVerdict{1, 1}, "010101");
  golden(LookupAccount{1, 2}, "010102");
  golden(AccountInfo{1, 1, "a", 1000, "s", "m", "u", true, false, 300, 7},
         "010101"
         "0161e8070173016d01750100ac0207");
  golden(FileSent{"s", "m", "u", "q", "i", "a", "<x>", "h", 300, 5},
         "010173016d017501710169016103"
         "3c783e"
         "0168ac0205");
  golden(EndSessions{1, "d", "r"}, "010101640172");
  golden(ForeignLogin{"h", "s", "m", "u", "p"}, "0101680173016d01750170");
  golden(InstallCertificate{1, "tls", "c", "k"}, "010103746c730163016b");
  golden(InstallStaple{1, "tls", "r"}, "010103746c730172");
  golden(TicketKeys{300, "k"}, "01ac02016b");
  golden(RunHook{1, "add", "n", "v"},
         "01010361646401"
         "6e0176");
  golden(ShowChallenge{1, "n", "c", "k"}, "0101016e0163016b");
  golden(Done{1, "no"}, "0101026e6f");
  golden(ControlRequest{"auth", {"account", "add"}, "pw"},
         "01046175746802076163636f756e74036164640270"
         "77");
  golden(ControlAnswer{2, "o", "e"}, "0102016f0165");
}

TEST(Schema, strings_have_limits) {
  std::string bytes("\x01\x01", 2);
  base::put_bytes(bytes, std::string(28 << 10, 'x'));
  EXPECT_TRUE(SaslStep::decode(bytes).has_value());
  bytes = std::string("\x01\x01", 2);
  base::put_bytes(bytes, std::string((28 << 10) + 1, 'x'));
  EXPECT_EQ(SaslStep::decode(bytes).error().code(), Errc::Invalid);
  EXPECT_TRUE(LookupRecipient::decode(LookupRecipient{1, std::string(16 << 10, 'x')}.encode()).has_value());
  EXPECT_FALSE(LookupRecipient::decode(LookupRecipient{1, std::string((16 << 10) + 1, 'x')}.encode()).has_value());
  NamedBytes file{"k", std::string(56 << 10, 'k')};
  EXPECT_TRUE(NamedBytes::decode(file.encode()).has_value());
  file.bytes += 'k';
  EXPECT_FALSE(NamedBytes::decode(file.encode()).has_value());
}

TEST(Schema, lists_have_limits) {
  Hello hello;
  hello.capabilities.assign(1000, "X");
  EXPECT_TRUE(Hello::decode(hello.encode()).has_value());
  hello.capabilities.emplace_back("X");
  EXPECT_FALSE(Hello::decode(hello.encode()).has_value());
  // A count beyond the bytes that follow.
  EXPECT_FALSE(Hello::decode(std::string("\x01\x00\x00\xe7\x07", 5)).has_value());
}

TEST(Schema, numbers_and_names_have_ranges) {
  std::string peer("\x01\x00\x80\x80\x80\x80\x10", 7);  // index 2^32
  EXPECT_FALSE(Peer::decode(peer).has_value());
  SaslStart start;
  std::string bytes = start.encode();
  bytes[2] = 6;  // service
  EXPECT_FALSE(SaslStart::decode(bytes).has_value());
  bytes = start.encode();
  bytes[bytes.size() - 5] = 2;  // has_initial
  EXPECT_FALSE(SaslStart::decode(bytes).has_value());
}

}  // namespace
}  // namespace bz::wire
