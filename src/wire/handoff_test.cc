#include "wire/handoff.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace bz::wire {
namespace {

Handoff example() {
  Handoff h;
  h.service = Service::Imap;
  h.session_id = "s1";
  h.peer_address = "192.0.2.7";
  h.local_address = "198.51.100.1";
  h.peer_port = 50000;
  h.local_port = 993;
  h.tls_version = "TLSv1.3";
  h.tls_cipher = "C";
  h.tls_sni = "mx";
  h.tag = "a1";
  h.mechanism = "PLAIN";
  h.account = "u";
  h.ticket = std::string("\0\xff", 2);
  h.id_pairs = {{"name", "x\r\ny"}};
  return h;
}

// The example of docs/wire.md.
constexpr std::string_view kGolden =
    "0d0a0d0a000d0a515549540a"                      // signature
    "21110055"                                      // version 2 PROXY, TCP over IPv4, 85 bytes
    "c0000207c6336401c35003e1"                      // addresses and ports
    "e00003010101"                                  // format 1, imap, ESMTP bit
    "e100027331"                                    // session id
    "0200026d78"                                    // SNI
    "2000130100000001210007544c5376312e3323000143"  // TLS
    "e400026131"                                    // tag
    "ea000200ff"                                    // ticket
    "e70005504c41494e"                              // mechanism
    "e8000175"                                      // account
    "e6000a046e616d6504780d0a79";                   // ID

ParsedHandoff parse(std::string_view bytes) {
  auto parsed = parse_handoff(bytes);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().to_string();
  EXPECT_TRUE(parsed->has_value());
  return **parsed;
}
Errc refusal(std::string_view bytes) {
  auto parsed = parse_handoff(bytes);
  return parsed ? Errc::Internal : parsed.error().code();
}

TEST(Handoff, golden_vector) { EXPECT_EQ(base::hex(example().encode()), kGolden); }

TEST(Handoff, comes_back_and_leaves_the_bytes_behind_it) {
  Handoff sent = example();
  std::string bytes = sent.encode();
  ParsedHandoff got = parse(bytes + "a2 NOOP\r\n");
  EXPECT_EQ(got.consumed, bytes.size());
  const Handoff& h = got.handoff;
  EXPECT_EQ(h.service, sent.service);
  EXPECT_EQ(h.session_id, "s1");
  EXPECT_EQ(h.peer_address, "192.0.2.7");
  EXPECT_EQ(h.local_address, "198.51.100.1");
  EXPECT_EQ(h.peer_port, 50000);
  EXPECT_EQ(h.local_port, 993);
  EXPECT_EQ(h.tls_version, "TLSv1.3");
  EXPECT_EQ(h.tls_cipher, "C");
  EXPECT_EQ(h.tls_sni, "mx");
  EXPECT_EQ(h.tag, "a1");
  EXPECT_EQ(h.ticket, sent.ticket);
  EXPECT_EQ(h.id_pairs, sent.id_pairs);
  EXPECT_TRUE(h.esmtp);
  EXPECT_EQ(h.encode(), bytes);
}

TEST(Handoff, a_language_comes_along_when_one_was_chosen) {
  Handoff sent = example();
  EXPECT_EQ(parse(sent.encode()).handoff.language, "");
  sent.language = "es";
  EXPECT_EQ(parse(sent.encode()).handoff.language, "es");
}

TEST(Handoff, is_incremental_at_every_byte) {
  std::string bytes = example().encode();
  for (size_t i = 0; i < bytes.size(); ++i) {
    auto parsed = parse_handoff(std::string_view(bytes).substr(0, i));
    ASSERT_TRUE(parsed.has_value()) << i;
    EXPECT_FALSE(parsed->has_value()) << i;
  }
}

TEST(Handoff, addresses_of_every_kind) {
  Handoff h;
  h.peer_address = "2001:db8::1";
  h.local_address = "2001:db8::2";
  h.peer_port = 1;
  EXPECT_EQ(parse(h.encode()).handoff.peer_address, "2001:db8::1");
  h.local_address = "192.0.2.1";  // a mixed pair travels as mapped addresses and comes out as written
  EXPECT_EQ(parse(h.encode()).handoff.peer_address, "2001:db8::1");
  EXPECT_EQ(parse(h.encode()).handoff.local_address, "192.0.2.1");
  h.peer_address = "unix";
  EXPECT_EQ(parse(h.encode()).handoff.peer_address, "");
  EXPECT_EQ(parse(h.encode()).handoff.local_address, "");
}

TEST(Handoff, hostile_texts_are_cleaned_and_cut_when_sent) {
  Handoff h;
  h.service = Service::Submission;
  h.esmtp = false;
  h.ehlo = "evil\r\n250 ok";
  h.device = std::string(5000, 'd');
  for (int i = 0; i < 100; ++i) h.id_pairs.emplace_back("k", std::string(900, 'v'));
  Handoff got = parse(h.encode()).handoff;
  EXPECT_EQ(got.ehlo, "evil??250 ok");
  EXPECT_FALSE(got.esmtp);
  EXPECT_EQ(got.device.size(), kMaxHandoffText);
  EXPECT_EQ(got.id_pairs.size(), 4u);
  h.tag = std::string(kMaxHandoffText + 1, 't');
  EXPECT_EQ(h.encode(), "");
  h.tag = "a\r\nb";
  EXPECT_EQ(h.encode(), "");
}

TEST(Handoff, the_largest_one_fits) {
  Handoff h = example();
  for (std::string* text : {&h.session_id, &h.tls_version, &h.tls_cipher, &h.tls_sni, &h.tls_client_certificate_sha256,
                            &h.tls_exporter, &h.tag, &h.ehlo, &h.mechanism, &h.account, &h.device}) {
    *text = std::string(kMaxHandoffText, 'x');
  }
  h.ticket = std::string(kMaxHandoffTicket, 't');
  std::string bytes = h.encode();
  ASSERT_FALSE(bytes.empty());
  EXPECT_LE(bytes.size(), kMaxHandoff);
  EXPECT_EQ(parse(bytes).handoff.ticket, h.ticket);
}

TEST(Handoff, refuses_what_is_not_one) {
  std::string good = example().encode();
  EXPECT_EQ(refusal("a1 LOGIN u p\r\n"), Errc::Invalid);
  EXPECT_EQ(refusal("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"), Errc::Invalid);
  std::string bad = good;
  bad[12] = 0x20;  // LOCAL
  EXPECT_EQ(refusal(bad), Errc::Invalid);
  bad = good;
  bad[13] = 0x31;  // unix addresses
  EXPECT_EQ(refusal(bad), Errc::Invalid);
  bad = good;
  bad[14] = 0x7f;  // 32 KiB to come
  EXPECT_EQ(refusal(bad), Errc::Invalid);
  bad = good;
  bad[31] = 9;  // format
  EXPECT_EQ(refusal(bad), Errc::Unsupported);
  bad = good;
  bad[32] = 0;  // service
  EXPECT_EQ(refusal(bad), Errc::Invalid);
  bad = good;
  bad[bad.size() - 10] = 0x7f;  // a length in the ID beyond its TLV
  EXPECT_EQ(refusal(bad), Errc::Invalid);
}

TEST(Handoff, refuses_twice_missing_and_control) {
  std::string head("\r\n\r\n\0\r\nQUIT\n\x21\x00\x00", 15);
  auto with = [&](const std::string& body) { return head + static_cast<char>(body.size()) + body; };
  std::string session("\xe0\x00\x03\x01\x04\x01", 6);
  EXPECT_EQ(parse(with(session)).handoff.service, Service::Mx);
  EXPECT_EQ(refusal(with("")), Errc::Invalid);
  EXPECT_EQ(refusal(with(session + session)), Errc::Invalid);
  EXPECT_EQ(refusal(with(session + std::string("\xe4\x00\x03"
                                               "a\rb",
                                               6))),
            Errc::Invalid);
  EXPECT_EQ(refusal(with(session + std::string("\xe4\x00\x09"
                                               "a",
                                               4))),
            Errc::Invalid);
  EXPECT_EQ(parse(with(session + std::string("\xef\x00\x01"
                                             "?",
                                             4)))
                .handoff.tag,
            "");  // unknown: skipped
}

}  // namespace
}  // namespace bz::wire
