#include "mime/text.h"

#include <gtest/gtest.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "base/text.h"
#include "mime/structure.h"

namespace bz::mime {
namespace {

TEST(Charset, ConvertsAndGuesses) {
  EXPECT_EQ(to_utf8("A\xF1o", "iso-8859-1"), "Año");
  EXPECT_EQ(to_utf8("\x80", "ISO-8859-1"), "€");
  EXPECT_EQ(to_utf8("\x1b$B2q5D\x1b(B", "ISO-2022-JP"), "会議");
  EXPECT_EQ(to_utf8("\xC3\xB1", "x-none"), "ñ");
  EXPECT_EQ(to_utf8("\xF1", "us-ascii"), "ñ");
  EXPECT_EQ(to_utf8("a\xFFz", "utf-8"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(guess_utf8("\xF1"), "ñ");
  EXPECT_TRUE(charset_known("KOI8-R"));
  EXPECT_FALSE(charset_known("x-none"));
  std::string long_text;
  for (int i = 0; i < 5000; ++i) long_text += "\xF0\x9F\x98\x80";
  EXPECT_EQ(to_utf8(long_text + "\xFF", "utf-8"), long_text + "\xEF\xBF\xBD");  // no pair is cut between pieces
}

TEST(Nfc, ComposesWhatCanBeComposed) {
  EXPECT_EQ(nfc("plain"), "plain");
  EXPECT_EQ(nfc("Entwu\xCC\x88rfe"), "Entw\xC3\xBCrfe");
  EXPECT_EQ(nfc("Entw\xC3\xBCrfe"), "Entw\xC3\xBCrfe");
  EXPECT_EQ(nfc("\xE2\x84\xAB"), "\xC3\x85") << "the sign of the angstrom is a letter";
  EXPECT_EQ(nfc("\xEF\xAC\x81"), "\xEF\xAC\x81") << "a ligature is not another spelling";
  EXPECT_EQ(nfc("\xFA\xFB\xCC\x88"), "\xFA\xFB\xCC\x88") << "no UTF-8";
  EXPECT_EQ(nfc("\xF0\x9D\x85\xA0"), "\xF0\x9D\x85\x98\xF0\x9D\x85\xA5\xF0\x9D\x85\xAE") << "one becomes three";
}

TEST(Fold, DropsCaseAndAccents) {
  EXPECT_EQ(fold("Ñandú ÁRBOL"), "nandu arbol");
  EXPECT_EQ(fold("STRASSE"), fold("straße"));
  EXPECT_EQ(fold("Øre Łódź"), "ore lodz");
  EXPECT_EQ(fold("ΣΊΣΥΦΟΣ"), fold("σίσυφος"));
  EXPECT_NE(fold("が"), fold("か"));
  std::string big;
  for (int i = 0; i < 30'000; ++i) big += "ñ";
  EXPECT_EQ(fold(big), std::string(30'000, 'n'));
}

// i;unicode-casemap (RFC 5051) compares titlecase characters, taken apart. What is equal there is equal here, so that every
// search finds at least what RFC 5255 section 4 promises; docs/decisions/0019 has what more is equal.
TEST(Fold, IsNoNarrowerThanUnicodeCasemap) {
  const auto utf8 = [](UChar32 c) {
    char octets[4];
    int32_t size = 0;
    U8_APPEND_UNSAFE(octets, size, c);
    return std::string(octets, static_cast<size_t>(size));
  };
  size_t with_case = 0;
  for (UChar32 c = 0; c <= 0x1FFFF; ++c) {
    if (U_IS_SURROGATE(c) || !u_isdefined(c)) continue;
    const UChar32 title = u_totitle(c);
    with_case += title != c;
    if (c == 0x345) continue;  // an iota below a vowel, dropped as an accent; as a capital it stands beside it
    ASSERT_EQ(fold(utf8(c)), fold(utf8(title))) << std::hex << c;
    ASSERT_EQ(fold(fold(utf8(c))), fold(utf8(c))) << std::hex << c;
  }
  EXPECT_GT(with_case, 1000u);
}
TEST(Fold, DoesNotDependOnWhatStandsBeside) {
  const std::string known_to_icu_only = "\xE1\xBA\xA1";  // U+1EA1
  for (char32_t c = 0x80; c < 0x3000; ++c) {
    std::string alone, text;
    base::append_utf8(alone, c);
    const bool reorders = fold("x" + alone + known_to_icu_only) != "x" + fold(alone) + fold(known_to_icu_only);
    EXPECT_FALSE(reorders) << "U+" << std::hex << static_cast<uint32_t>(c);
    EXPECT_EQ(fold("A" + alone + "B"), "a" + fold(alone) + "b") << "U+" << std::hex << static_cast<uint32_t>(c);
  }
  EXPECT_EQ(fold("e\xCC\x81t\xCC\xA3\xCC\x81"), "et");
  EXPECT_EQ(fold("\xFFok"), "\xEF\xBF\xBDok") << "octets that are no UTF-8";
}
TEST(Fold, TextInACharset) {
  EXPECT_EQ(fold_text("Plain TEXT", "utf-8"), "plain text");
  EXPECT_EQ(fold_text("GR\xDC\xDF", "iso-8859-1"), "gruss");
  EXPECT_EQ(fold_text("A\x1B$B$\"\x1B(BB", "iso-2022-jp"),
            "a\xE3\x81\x82"
            "b")
      << "escapes are ASCII octets too";
  EXPECT_EQ(fold_text(std::string("\xFE\xFF\0A\0b", 6), "utf-16"), "ab");
}

TEST(EncodedWords, DecodesSamples) {
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?= b"), "a b");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?="), "ab");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?="), "a b");
  EXPECT_EQ(decode_header("=?US-ASCII*EN?Q?Keith_Moore?= <m@x>"), "Keith Moore <m@x>");
  EXPECT_EQ(decode_header("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?="), "é");
  EXPECT_EQ(decode_header("=?utf-8?B?w6k?="), "é");
  EXPECT_EQ(decode_header("a=?utf-8?Q?b?=c"), "abc");
  EXPECT_EQ(decode_header("=?utf-8?Q?a_?="), "a ");
  EXPECT_EQ(decode_header("=?utf-8?X?abc?="), "=?utf-8?X?abc?=");
  EXPECT_EQ(decode_header("=?utf-8?B?w6"), "=?utf-8?B?w6");
  EXPECT_EQ(decode_header("Reuni\xF3n"), "Reunión");
}

TEST(EncodedWords, EncodedTextComesBack) {
  for (const char* text :
       {"plain", "¿Vienes mañana?", "会議のお知らせ会議のお知らせ会議のお知らせ会議のお知らせ会議のお知らせ",
        "looks =?like?= one", "a long text with one ñ in it and then many more words that need a second word"}) {
    std::string encoded = encode_words(text);
    EXPECT_TRUE(base::is_ascii(encoded));
    for (std::string_view word : base::split(encoded, ' ')) EXPECT_LE(word.size(), 75U);
    EXPECT_EQ(decode_header(encoded), text);
  }
  EXPECT_EQ(downgrade("Hola Bego\xF1"
                      "a =?utf-8?Q?x?= y"),
            "Hola =?UTF-8?Q?Bego=C3=B1a?= =?utf-8?Q?x?= y");
}

TEST(Params, DecodesRfc2231) {
  auto param = [](const char* value, const char* name) { return decode_param(parse_disposition(value).params, name); };
  EXPECT_EQ(param("x; title*=us-ascii'en-us'This%20is%20%2A", "title"), "This is *");
  EXPECT_EQ(param("x; title*0*=us-ascii'en'even%20more%20;\r\n title*1*=%2A%20;\r\n title*2=\"isn't it!\"", "title"),
            "even more * isn't it!");
  EXPECT_EQ(param("x; filename=\"fallback.txt\"; filename*=UTF-8''%E2%82%AC.txt", "filename"), "€.txt");
  EXPECT_EQ(param("x; filename*1=b.txt; filename*0=a", "filename"), "ab.txt");
  EXPECT_EQ(param("x; filename*0*=UTF-8''%e6%97; filename*1*=%a5.txt", "filename"), "日.txt");
  EXPECT_EQ(param("x; filename=no quotes here.txt", "filename"), "no quotes here.txt");
  EXPECT_EQ(param("x; filename=\"unterminated.txt", "filename"), "unterminated.txt");
  EXPECT_EQ(param("x; filename=\"=?UTF-8?Q?informe_a=C3=B1o.pdf?=\"", "filename"), "informe año.pdf");
  EXPECT_EQ(param("x; filename=\"C:\\a\\b \\\"c\\\".txt\"", "filename"), "C:\\a\\b \"c\".txt");
  EXPECT_EQ(param("x", "filename"), std::nullopt);
}

TEST(ContentTypeValue, FallsBackToPlainText) {
  EXPECT_TRUE(parse_content_type("TEXT/Html; charset=us-ascii (comment)").is("text", "html"));
  EXPECT_EQ(parse_content_type("text/html; charset=us-ascii (comment)").params[0].second, "us-ascii");
  for (const char* bad : {"", "text", "/plain", "\"text/html\"", ";charset=x"}) {
    EXPECT_TRUE(parse_content_type(bad).is("text", "plain")) << bad;
  }
  EXPECT_EQ(parse_content_type("multipart/mixed; boundary=\"foo\r\n bar\"").params[0].second, "foo bar");
  EXPECT_EQ(parse_content_type("text/plain charset=utf-8").params[0].second, "utf-8");
}

TEST(Transfer, DecodesBase64WithDirt) {
  EXPECT_EQ(decode_transfer("aG9s\r\nYQ==\r\n", Encoding::Base64), "hola");
  EXPECT_EQ(decode_transfer("aG*9sYQ", Encoding::Base64), "hola");
  EXPECT_EQ(decode_transfer("YQ==YQ==", Encoding::Base64), "aa");
}

TEST(Transfer, DecodesQuotedPrintableWithDirt) {
  auto qp = [](const char* text) { return decode_transfer(text, Encoding::QuotedPrintable); };
  EXPECT_EQ(qp("a=C3=B1o =\r\nx  \r\ny=\n"), "año x\r\ny");
  EXPECT_EQ(qp("=ZZ=4"), "=ZZ=4");
  EXPECT_EQ(qp("=  \r\nx"), "x");
  EXPECT_EQ(qp("=c3=b1"), "ñ");
}

TEST(Transfer, PiecesDoNotMatter) {
  std::string text = "a=C3=B1o =\r\nx  \r\ny=3D= \r\n=4G";
  for (Encoding encoding : {Encoding::QuotedPrintable, Encoding::Base64, Encoding::Identity}) {
    std::string bytewise;
    TransferDecoder decoder(encoding);
    for (char c : text) decoder.feed(std::string_view(&c, 1), bytewise);
    decoder.finish(bytewise);
    EXPECT_EQ(bytewise, decode_transfer(text, encoding));
  }
}

TEST(Transfer, BodiesComeBack) {
  std::string text = "línea una \r\n" + std::string(200, 'x') + "\r\n.\r\nfin = 1\t\r\n";
  std::string encoded = encode_quoted_body(text);
  EXPECT_EQ(decode_transfer(encoded, Encoding::QuotedPrintable), text);
  for (std::string_view line : base::split(encoded, '\n')) EXPECT_LE(line.size(), 77U);
  std::string bytes(1000, '\xAB');
  EXPECT_EQ(decode_transfer(encode_base64_body(bytes), Encoding::Base64), bytes);
}

}  // namespace
}  // namespace bz::mime
