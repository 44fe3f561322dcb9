#include "mime/seven_bit.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace bz::mime {
namespace {

SevenBitScan scan_of(std::string_view message, size_t piece = SIZE_MAX) {
  SevenBitScan scan;
  for (size_t at = 0; at < message.size(); at += std::min(piece, message.size() - at)) scan.feed(message.substr(at, piece));
  scan.finish();
  return scan;
}

std::string convert(std::string_view message, size_t piece = SIZE_MAX) {
  const auto scan = scan_of(message, piece);
  EXPECT_FALSE(scan.refusal()) << *scan.refusal();
  SevenBitWriter writer(scan.plan());
  std::string out;
  for (size_t at = 0; at < message.size(); at += std::min(piece, message.size() - at)) {
    writer.feed(message.substr(at, piece), out);
  }
  writer.finish(out);
  return out;
}

struct Example {
  const char *name, *in, *out;
};

constexpr Example kExamples[] = {
    {"7-bit stays to the octet", "Subject: x\r\nContent-Transfer-Encoding:  7BIT\r\n\r\n.a\r\n\r\n",
     "Subject: x\r\nContent-Transfer-Encoding:  7BIT\r\n\r\n.a\r\n\r\n"},
    {"text with few signs",
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
     "a man who drinks his caf\u00E9 \r\nalone=1\r\n",
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
     "a man who drinks his caf=C3=A9=20\r\nalone=3D1\r\n"},
    {"text of nothing else", "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\u65E5\u672C\r\n",
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
     "base64\r\n\r\n5pel5pysDQo=\r\n"},
    {"a message that is no MIME (RFC 1428)", "Subject: x\r\n\r\nthe caf\xE9 round the corner\r\n",
     "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UNKNOWN-8BIT\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\nthe caf=E9 round the corner\r\n"},
    {"no header at all", "\r\nthe caf\xE9 round the corner\r\n",
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UNKNOWN-8BIT\r\nContent-Transfer-Encoding: "
     "quoted-printable\r\n"
     "\r\nthe caf=E9 round the corner\r\n"},
    {"each part by itself, containers relabelled",
     "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\nMIME-Version: 1.0\r\n\r\nv\u00F6r\r\n"
     "--b\r\n\r\nplain\r\n--b\r\nContent-Transfer-Encoding: binary\r\nContent-Type: text/html\r\n\r\n<p>na\u00EFve men of "
     "the world\r\n"
     "\r\n--b--\r\nnach\u00E4\r\n",
     "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\nMIME-Version: 1.0\r\n\r\nv??r\r\n"
     "--b\r\n\r\nplain\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: text/html\r\n\r\n"
     "<p>na=C3=AFve men of the world\r\n\r\n--b--\r\nnach??\r\n"},
    {"a message inside",
     "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: caf\u00E9\r\n"
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncaf\u00E9 and "
     "nothing more\r\n",
     "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: =?UTF-8?Q?caf=C3=A9?=\r\n"
     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
     "caf=C3=A9 and nothing more\r\n"},
    {"base64 before a boundary has no line end of its own",
     "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
     "image/x\r\n\r\n\xFF\xFE\xFD\r\n--b--\r\n",
     "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/x\r\n"
     "Content-Transfer-Encoding: base64\r\n\r\n//79\r\n--b--\r\n"},
    {"stray octets in what is encoded",
     "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: "
     "quoted-printable\r\n\r\n"
     "a=C3=A9\u00E9\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJ\xFFj\r\n--b--\r\n",
     "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: "
     "quoted-printable\r\n\r\n"
     "a=C3=A9=C3=A9\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b--\r\n"},
    {"parameters by RFC 2231",
     "Content-Type: text/plain;\r\n name=\"caf\u00E9 1.txt\"; charset=\"utf-8\"\r\nX: a\r\n b\r\n\r\nx\r\n",
     "Content-Type: text/plain; name*=utf-8''caf%C3%A9%201.txt; charset=\"utf-8\"\r\nX: a\r\n b\r\n\r\nx\r\n"},
    {"a signature over 7-bit is not touched",
     "Content-Type: multipart/signed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\nSubject: \u00E9\r\n\r\n--b\r\n"
     "Content-Transfer-Encoding: 8bit\r\n\r\nx \r\n--b--\r\n",
     "Content-Type: multipart/signed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\nSubject: "
     "=?UTF-8?B?w6k=?=\r\n\r\n--b\r\n"
     "Content-Transfer-Encoding: 8bit\r\n\r\nx \r\n--b--\r\n"},
};

TEST(SevenBit, converts_part_by_part_wherever_the_pieces_are_cut) {
  for (const auto& example : kExamples) {
    for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{2}, size_t{7}}) {
      EXPECT_EQ(convert(example.in, piece), example.out) << example.name << ", pieces of " << piece;
    }
  }
}

TEST(SevenBit, is_ascii_and_stays_as_it_is_when_converted_again) {
  for (const auto& example : kExamples) {
    const auto once = convert(example.in);
    EXPECT_TRUE(base::is_ascii(once)) << example.name;
    EXPECT_EQ(convert(once), once) << example.name;
  }
}

TEST(SevenBit, what_allows_no_conversion_is_refused) {
  constexpr Example kRefused[] = {
      {"signed", "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\u00E9\r\n--b--\r\n", "multipart/signed"},
      {"deep below signed",
       "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; "
       "boundary=c\r\n\r\n--c\r\n\r\n\u00E9\r\n"
       "--c--\r\n--b--\r\n",
       "multipart/signed"},
      {"header below signed",
       "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nSubject: \u00E9\r\n\r\nx\r\n--b--\r\n",
       "multipart/signed"},
      {"part of a message", "Content-Type: message/partial; id=1\r\n\r\n\u00E9\r\n", "no transfer encoding"},
      {"unknown encoding", "Content-Transfer-Encoding: x-uuencode\r\n\r\n\u00E9\r\n", "unknown"},
      {"boundary", "Content-Type: multipart/mixed; boundary=\"\u00E9\"\r\n\r\n--\u00E9\r\n\r\nx\r\n--\u00E9--\r\n",
       "boundary"},
  };
  for (const auto& example : kRefused) {
    const auto scan = scan_of(example.in);
    ASSERT_TRUE(scan.refusal()) << example.name;
    EXPECT_NE(scan.refusal()->find(example.out), std::string::npos) << example.name << ": " << *scan.refusal();
  }
}

TEST(SevenBit, tells_whether_headers_hold_eight_bit) {
  EXPECT_FALSE(scan_of("Subject: x\r\n\r\n\u00E9\r\n").header_has_eight_bit());
  EXPECT_TRUE(scan_of("Subject: \u00E9\r\n\r\nx\r\n").header_has_eight_bit());
  EXPECT_TRUE(scan_of("Content-Type: message/rfc822\r\n\r\nSubject: \u00E9\r\n\r\nx\r\n").header_has_eight_bit());
}

TEST(SevenBit, limits) {
  EXPECT_TRUE(scan_of("Subject: " + std::string(300'000, 'x') + "\r\n\r\nx\r\n").refusal());
  std::string many = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
  for (size_t i = 0; i <= SevenBitScan::kMaxLeaves; ++i) many += "--b\r\n\r\nx\r\n";
  EXPECT_TRUE(scan_of(many).refusal());
  // 8-bit in a multipart too deep to be looked into
  std::string deep;
  for (int i = 0; i < 120; ++i) {
    deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "x\r\n\r\n--b" + std::to_string(i) + "x\r\n";
  }
  EXPECT_FALSE(scan_of(deep + "\r\nx\r\n").refusal());
  EXPECT_TRUE(scan_of(deep + "\r\n\u00E9\r\n").refusal());
}

TEST(SevenBit, lines_without_end_are_no_matter) {
  std::string body;
  for (int i = 0; i < 5000; ++i) body += "\u00E9tude " + std::to_string(i) + " ";
  const std::string head = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";
  const auto out = convert(head + "\r\n" + body + "\r\n", 997);
  const auto parts = parse_structure(out);
  EXPECT_EQ(decode_transfer(slice(out, parts[0].body), parse_encoding(parts[0].encoding)), body + "\r\n");
  for (const auto line : base::split(out, '\n')) EXPECT_LE(line.size(), 77u);
}

TEST(TransferEncoder, gives_back_what_went_in) {
  std::string all;
  for (int i = 0; i < 512; ++i) all += static_cast<char>(i % 256);
  const std::string cases[] = {all,
                               all + all + all,
                               "",
                               "a",
                               " ",
                               "\r",
                               "\n",
                               "\r\n",
                               "a \r\n",
                               "a\t\r\n\r\n",
                               "\r\r\n",
                               " \r",
                               std::string(200, '='),
                               std::string(75, 'x'),
                               std::string(76, 'x'),
                               std::string(77, 'x')};
  for (const auto& text : cases) {
    for (const auto encoding : {Encoding::QuotedPrintable, Encoding::Base64, Encoding::Identity}) {
      for (const size_t piece : {size_t{1}, size_t{3}, size_t{57}, size_t{1000}}) {
        TransferEncoder encoder(encoding);
        std::string out;
        for (size_t at = 0; at < text.size(); at += piece) encoder.feed(std::string_view(text).substr(at, piece), out);
        encoder.finish(out);
        EXPECT_EQ(decode_transfer(out, encoding), text) << base::hex(text.substr(0, 20));
        if (encoding == Encoding::Identity) continue;
        EXPECT_TRUE(base::is_ascii(out));
        for (const auto line : base::split(out, '\n')) EXPECT_LE(line.size(), 77u);  // with CR
      }
    }
  }
}

}  // namespace
}  // namespace bz::mime
