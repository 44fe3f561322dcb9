#include "wire/proxy_protocol.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace bz::wire {
namespace {

constexpr std::string_view kSignatureHex = "0d0a0d0a000d0a515549540a";

std::string v2(std::string_view rest_in_hex) {
  return *base::from_hex(std::string(kSignatureHex) + std::string(rest_in_hex));
}

// As a reader that takes no more than it was asked to from `stream`, in pieces of at most `piece` bytes; what it took.
Result<ProxyHeader> read(const std::string& stream, size_t piece, size_t& taken) {
  taken = 0;
  for (;;) {
    BZ_TRY(auto step, parse_proxy_header(std::string_view(stream).substr(0, taken)));
    if (step.wants == 0) return step.header;
    if (taken == stream.size()) return fail(Errc::Closed, "cut");
    taken = std::min(stream.size(), taken + std::min(piece, step.wants));
  }
}

// The header of these bytes, the same in every split, and never a byte of what stands behind it.
ProxyHeader header_of(const std::string& bytes) {
  ProxyHeader first;
  for (size_t piece : {size_t{4096}, size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{16}}) {
    size_t taken = 0;
    auto header = read(bytes + "\x16\x03\x01\r\n", piece, taken);
    EXPECT_TRUE(header.has_value()) << bytes << ": " << header.error().to_string();
    if (!header) return {};
    EXPECT_EQ(taken, bytes.size()) << bytes;
    EXPECT_EQ(header->size, bytes.size()) << bytes;
    if (piece == 4096) first = *header;
    EXPECT_EQ(header->client, first.client);
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    auto step = parse_proxy_header(std::string_view(bytes).substr(0, size));
    EXPECT_TRUE(step.has_value() && step->wants > 0 && size + step->wants <= bytes.size()) << bytes << " at " << size;
  }
  auto with_more = parse_proxy_header(bytes + "a1 NOOP\r\n");
  EXPECT_TRUE(with_more.has_value() && with_more->wants == 0 && with_more->header.size == bytes.size());
  return first;
}
std::string refusal(const std::string& bytes) {
  size_t taken = 0;
  auto header = read(bytes, 1, taken);
  return header ? "accepted" : header.error().text();
}

TEST(ProxyProtocol, version_1_names_the_client) {
  struct Case {
    const char* line;
    ProxyAddresses expected;
  };
  for (const auto& [line, expected] : {
           Case{"PROXY TCP4 192.0.2.7 198.51.100.1 56324 993\r\n", {"192.0.2.7", "198.51.100.1", 56324, 993}},
           Case{"PROXY TCP4 1.1.1.1 2.2.2.2 0 1\r\n", {"1.1.1.1", "2.2.2.2", 0, 1}},
           Case{"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
                {"255.255.255.255", "255.255.255.255", 65535, 65535}},
           Case{"PROXY TCP6 :: ::1 1 2\r\n", {"::", "::1", 1, 2}},
           Case{"PROXY TCP6 2001:DB8::7 2001:db8:0:0:0:0:0:1 50000 993\r\n", {"2001:db8::7", "2001:db8::1", 50000, 993}},
           Case{"PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 50000 993\r\n", {"192.0.2.7", "2001:db8::1", 50000, 993}},
           Case{
               "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
               {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 65535}},
       }) {
    const auto header = header_of(line);
    EXPECT_EQ(header.version, 1u);
    ASSERT_TRUE(header.client.has_value()) << line;
    EXPECT_EQ(*header.client, expected) << line;
  }
}

TEST(ProxyProtocol, version_1_unknown_names_nobody) {
  for (const char* line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN 192.0.2.7 what ever\r\n",
                           "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                           "65535 65535\r\n"}) {
    EXPECT_FALSE(header_of(line).client.has_value()) << line;
  }
}

TEST(ProxyProtocol, version_1_is_taken_to_the_letter) {
  for (const char* line : {
           "PROXY TCP4 192.0.2.7 198.51.100.1 56324 993\n",              // LF alone
           "PROXY TCP4 192.0.2.7 198.51.100.1 56324 993\rX\r\n",         // CR alone
           "PROXY UNKNOWN\rX\r\n",                                       //
           "PROXY UNKNOWNX\r\n",                                         //
           "PROXY TCP4 192.0.2.7  198.51.100.1 56324 993\r\n",           // two spaces
           "PROXY TCP4 192.0.2.7 198.51.100.1 56324 993 \r\n",           // one more field
           "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",                // one less
           "PROXY TCP4 192.0.2.07 198.51.100.1 56324 993\r\n",           // leading zeros
           "PROXY TCP4 192.0.2.7 198.51.100.1 056324 993\r\n",           //
           "PROXY TCP4 192.0.2.7 198.51.100.1 00 993\r\n",               //
           "PROXY TCP4 192.0.2.7 198.51.100.1 65536 993\r\n",            //
           "PROXY TCP4 192.0.2.7 198.51.100.1 -1 993\r\n",               //
           "PROXY TCP4 192.0.2.7 198.51.100.1 +1 993\r\n",               //
           "PROXY TCP4 192.0.2.256 198.51.100.1 1 993\r\n",              //
           "PROXY TCP4 192.0.2 198.51.100.1 1 993\r\n",                  //
           "PROXY TCP4 2001:db8::7 198.51.100.1 1 993\r\n",              // the other family
           "PROXY TCP6 192.0.2.7 2001:db8::7 1 993\r\n",                 //
           "PROXY TCP6 fe80::1%lo fe80::1 1 993\r\n",                    //
           "PROXY TCP6 2001:db8:::7 2001:db8::7 1 993\r\n",              //
           "PROXY TCP5 192.0.2.7 198.51.100.1 1 993\r\n",                //
           "PROXY UDP4 192.0.2.7 198.51.100.1 1 993\r\n",                //
           "proxy TCP4 192.0.2.7 198.51.100.1 1 993\r\n",                //
           "PROXY\tTCP4 192.0.2.7 198.51.100.1 1 993\r\n",               //
           "PROXY  TCP4 192.0.2.7 198.51.100.1 1 993\r\n",               //
           "a1 LOGIN ana secret-enough-for-15-bytes\r\n",                //
           "EHLO balancer.example.test\r\n",                             //
           "\x16\x03\x01\x02\x01\x01\x00\x01\xfc\x03\x03xxxxxxxxxxxxx",  // a TLS hello
       }) {
    EXPECT_TRUE(refusal(line).starts_with("PROXY header: ")) << line << refusal(line);
  }
}

TEST(ProxyProtocol, version_1_has_an_end) {
  EXPECT_EQ(refusal("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n"), "accepted");  // 107 bytes
  EXPECT_EQ(refusal("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"), "PROXY header: over-long line");
  EXPECT_EQ(refusal("PROXY TCP4 " + std::string(200, '1')), "PROXY header: over-long line");
  EXPECT_EQ(refusal("PROXY TCP4 " + std::string(200, ' ')), "PROXY header: two spaces");
  auto at_once = parse_proxy_header("PROXY UNKNOWN " + std::string(5000, 'x') + "\r\n");
  ASSERT_FALSE(at_once.has_value());
  EXPECT_EQ(at_once.error().text(), "PROXY header: over-long line");
}

TEST(ProxyProtocol, version_2_names_the_client) {
  auto header = header_of(v2("2111000cc0000207c6336401c35003e1"));
  EXPECT_EQ(header.version, 2u);
  EXPECT_EQ(header.client, (ProxyAddresses{"192.0.2.7", "198.51.100.1", 50000, 993}));
  header = header_of(v2("2121002420010db800000000000000000000000720010db8000000000000000000000001c35003e1"));
  EXPECT_EQ(header.client, (ProxyAddresses{"2001:db8::7", "2001:db8::1", 50000, 993}));
  // Mapped addresses are shown as the IPv4 ones they are, or a network list would miss them.
  header = header_of(v2("2121002400000000000000000000ffffc000020700000000000000000000ffffc6336401c35003e1"));
  EXPECT_EQ(header.client, (ProxyAddresses{"192.0.2.7", "198.51.100.1", 50000, 993}));
}

TEST(ProxyProtocol, version_2_tlvs_are_skipped_ours_too) {
  // AUTHORITY, UNIQUE_ID, one of the hand-over's (0xEA, a ticket)
  auto header = header_of(v2("2111001ec0000207c6336401c35003e10200026d7805000400000000ea00030000ff"));
  EXPECT_EQ(header.client, (ProxyAddresses{"192.0.2.7", "198.51.100.1", 50000, 993}));
}

TEST(ProxyProtocol, version_2_without_a_client_of_tcp_names_nobody) {
  for (const char* rest : {
           "20000000",                          // LOCAL
           "20110000",                          // LOCAL whose family promises what is not there
           "2011000cc0000207c6336401c35003e1",  // LOCAL with addresses
           "20000003ffffff",                    // LOCAL with what is no TLV
           "21000000",                          // UNSPEC
           "2100000201ff",                      //
           "2112000cc0000207c6336401c35003e1",  // UDP
           "2110000cc0000207c6336401c35003e1",  // IPv4, transport not said
       }) {
    EXPECT_FALSE(header_of(v2(rest)).client.has_value()) << rest;
  }
  std::string unix_pair;
  for (int i = 0; i < 216; ++i) unix_pair += "2f";
  EXPECT_FALSE(header_of(v2("213100d8" + unix_pair)).client.has_value());
}

TEST(ProxyProtocol, version_2_is_refused_when_malformed) {
  struct Case {
    const char* rest;
    const char* why;
  };
  for (const auto& [rest, why] : {
           Case{"11110000", "version"},
           Case{"31110000", "version"},
           Case{"22110000", "command"},
           Case{"2f110000", "command"},
           Case{"21410000", "address family or transport"},
           Case{"21130000", "address family or transport"},
           Case{"2111000bc0000207c6336401c35003", "short address block"},
           Case{"2121000cc0000207c6336401c35003e1", "short address block"},
           Case{"2111000dc0000207c6336401c35003e102", "a TLV beyond the header"},
           Case{"21110010c0000207c6336401c35003e102000501", "a TLV beyond the header"},
           Case{"21110012c0000207c6336401c35003e1030003010203", "a CRC32c has four bytes"},
           Case{"21111000", "over-long"},
           Case{"2000ffff", "over-long"},
       }) {
    EXPECT_EQ(refusal(v2(rest)), "PROXY header: " + std::string(why)) << rest;
  }
  EXPECT_EQ(refusal(v2("").substr(0, 11) + "\r21110000"), "PROXY header: there is none");
}

// Checksums computed apart from this code (CRC-32C, polynomial 0x1edc6f41 reflected, over the header with zeros in its
// place).
TEST(ProxyProtocol, version_2_checksum_is_checked_where_there_is_one) {
  const std::string good = v2("21110013c0000207c6336401c35003e10300047f325c74");
  EXPECT_EQ(header_of(good).client, (ProxyAddresses{"192.0.2.7", "198.51.100.1", 50000, 993}));
  constexpr size_t kType = 28;  // another type is another TLV, and not checked
  for (size_t i = 16; i < good.size(); ++i) {
    if (i == kType) continue;
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_NE(refusal(bad), "accepted") << i;
  }
}

TEST(ProxyProtocol, what_is_written_is_read) {
  struct Case {
    ProxyAddresses addresses;
    std::string line;
  };
  for (const auto& [addresses, line] : {
           Case{{"192.0.2.7", "198.51.100.1", 50000, 993}, "PROXY TCP4 192.0.2.7 198.51.100.1 50000 993\r\n"},
           Case{{"2001:db8::7", "2001:db8::1", 1, 65535}, "PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n"},
           Case{{"192.0.2.7", "2001:db8::1", 1, 2}, "PROXY TCP6 ::ffff:192.0.2.7 2001:db8::1 1 2\r\n"},
       }) {
    EXPECT_EQ(proxy_v1_header(addresses), line);
    EXPECT_EQ(header_of(proxy_v1_header(addresses)).client, addresses);
    EXPECT_EQ(header_of(proxy_v2_header(addresses)).client, addresses);
  }
  for (const ProxyAddresses& addresses : {ProxyAddresses{"unix", "", 1, 2}, ProxyAddresses{}}) {
    EXPECT_EQ(proxy_v1_header(addresses), "PROXY UNKNOWN\r\n");
    EXPECT_EQ(proxy_v2_header(addresses), v2("20000000"));
  }
}

}  // namespace
}  // namespace bz::wire
