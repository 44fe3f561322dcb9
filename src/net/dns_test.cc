// The resolver with local zones of its own configuration, and the parsers of records.
#include "net/dns.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "net/dns_rdata.h"
#include "net/test_util.h"

namespace bz::net {
namespace {
using testing::ElementsAre;
using testing::UnorderedElementsAre;
using namespace std::string_literals;

TEST(DnsRdata, NamesAreLowerCaseAndStrict) {
  EXPECT_EQ(parse_dns_name("\4Mail\7example\4TEST\0"s), "mail.example.test");
  EXPECT_EQ(parse_dns_name("\0"s), "");
  EXPECT_EQ(parse_dns_name(""), std::nullopt);
  EXPECT_EQ(parse_dns_name("\4mail"), std::nullopt);
  EXPECT_EQ(parse_dns_name("\5mail\0"s), std::nullopt);
  EXPECT_EQ(parse_dns_name("\4mail\0x"s), std::nullopt);
  EXPECT_EQ(parse_dns_name("\4a.bc\0"s), std::nullopt);
  EXPECT_EQ(parse_dns_name("\4a\r\nb\0"s), std::nullopt);
  EXPECT_EQ(parse_dns_name("\xc0\x0c"s), std::nullopt);
  std::string longest;
  for (int i = 0; i < 127; ++i) longest += "\1a";
  EXPECT_TRUE(parse_dns_name(longest + "\0"s));
  EXPECT_EQ(parse_dns_name(longest + "\1a\0"s), std::nullopt);
}

TEST(DnsRdata, RecordsThatAreCutAreRefused) {
  EXPECT_EQ(parse_mx("\0\x0a\2mx\0"s)->host, "mx");
  EXPECT_EQ(parse_mx("\1\2\2mx\0"s)->preference, 258);
  EXPECT_EQ(parse_mx("\0\0\0"s)->host, "");
  EXPECT_EQ(parse_mx("\0\0"s), std::nullopt);
  EXPECT_EQ(parse_txt("\3abc\2de"), "abcde");
  EXPECT_EQ(parse_txt("\4abc"), std::nullopt);
  EXPECT_EQ(parse_txt(""), std::nullopt);
  EXPECT_EQ(parse_address("\x7f\0\0\1"s), "127.0.0.1");
  EXPECT_EQ(parse_address(std::string(16, 0)), "::");
  EXPECT_EQ(parse_address("\1\2\3"), std::nullopt);
}

class DnsTest : public testing::Test {
 protected:
  DnsTest() {
    // A server that takes questions and never answers: an ephemeral port of ours.
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    BZ_CHECK(fd >= 0, "socket");
    silent_ = OwnedFd(fd);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BZ_CHECK(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0, "bind");
    char name[] = "/tmp/buzon-dns-XXXXXX";
    BZ_CHECK(mkdtemp(name) != nullptr, "mkdtemp");
    folder_ = name;
    std::ofstream(folder_ + "/zones.conf")
        << "server:\n module-config: \"iterator\"\n do-not-query-localhost: no\n"
           " local-zone: \"example.test.\" static\n"
           " local-data: \"example.test. IN MX 20 MX2.example.test.\"\n"
           " local-data: \"example.test. IN MX 10 mx1.example.test.\"\n"
           " local-data: 'example.test. IN TXT \"v=spf1 \" \"-all\"'\n"
           " local-data: \"mx1.example.test. IN A 192.0.2.1\"\n"
           " local-data: \"mx1.example.test. IN AAAA 2001:db8::1\"\n"
           " local-data: \"mx2.example.test. IN A 192.0.2.2\"\n"
           " local-zone: \"null.test.\" static\n"
           " local-data: \"null.test. IN MX 0 .\"\n"
           " local-zone: \"refused.test.\" always_refuse\n"
           " local-zone: \"test.\" nodefault\n"  // RFC 6761: answered by the resolver itself otherwise
        << "forward-zone:\n name: \"silent.test.\"\n forward-addr: 127.0.0.1@" << local_of(silent_.get())->port << "\n";
  }
  ~DnsTest() override { std::filesystem::remove_all(folder_); }
  void SetUp() override {
    auto made = make_dns(loop_, {.config_file = folder_ + "/zones.conf", .timeout = Millis(5000)});
    ASSERT_TRUE(made) << made.error().to_string();
    dns_ = std::move(*made);
  }
  Loop loop_;
  OwnedFd silent_;
  std::string folder_;
  std::unique_ptr<Dns> dns_;
};

template <class T>
Task<void> keep(Task<Result<T>> task, Result<T>& out) {
  out = co_await std::move(task);
}
template <class T>
Result<T> run(Loop& loop, Task<Result<T>> task) {
  Result<T> out{fail(Errc::Internal)};
  test::run(loop, keep(std::move(task), out));
  return out;
}
MATCHER_P2(IsMx, preference, host, "") { return arg.preference == preference && arg.host == host; }

TEST_F(DnsTest, AnswersComeOnTheLoop) {
  auto mx = run(loop_, dns_->mx("Example.Test"));
  ASSERT_TRUE(mx) << mx.error().to_string();
  EXPECT_THAT(*mx, UnorderedElementsAre(IsMx(10, "mx1.example.test"), IsMx(20, "mx2.example.test")));
  EXPECT_THAT(*run(loop_, dns_->addresses("mx1.example.test")), ElementsAre("2001:db8::1", "192.0.2.1"));
  EXPECT_THAT(*run(loop_, dns_->addresses("mx2.example.test")), ElementsAre("192.0.2.2"));
  EXPECT_THAT(*run(loop_, dns_->txt("example.test")), ElementsAre("v=spf1 -all"));
  EXPECT_THAT(*run(loop_, dns_->mx("null.test")), ElementsAre(IsMx(0, "")));
}

TEST_F(DnsTest, NegativeAnswersDifferFromFailures) {
  EXPECT_EQ(run(loop_, dns_->mx("none.example.test")).error().code(), Errc::NotFound);
  EXPECT_EQ(run(loop_, dns_->mx("mx1.example.test")).error().code(), Errc::NotFound);
  EXPECT_EQ(run(loop_, dns_->addresses("none.example.test")).error().code(), Errc::NotFound);
  EXPECT_EQ(run(loop_, dns_->txt("a..b")).error().code(), Errc::NotFound);
  EXPECT_EQ(run(loop_, dns_->mx("refused.test")).error().code(), Errc::Unavailable);
}

TEST_F(DnsTest, ASilentServerEndsByTheTimeoutAndATaskMayGoMeanwhile) {
  auto hasty = std::move(*make_dns(loop_, {.config_file = folder_ + "/zones.conf", .timeout = Millis(20)}));
  EXPECT_EQ(run(loop_, hasty->mx("a.silent.test")).error().code(), Errc::Unavailable);
  Result<std::vector<std::string>> out{fail(Errc::Internal)};
  TaskGroup group(loop_);
  group.spawn(keep(dns_->addresses("b.silent.test"), out));
  group.cancel();
  EXPECT_TRUE(run(loop_, dns_->mx("example.test")));
}

TEST_F(DnsTest, AnUnreadableConfigurationIsAnError) {
  EXPECT_EQ(make_dns(loop_, {.config_file = folder_ + "/none"}).error().code(), Errc::Invalid);
}
}  // namespace
}  // namespace bz::net
