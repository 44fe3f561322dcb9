#include "mime/preview.h"

#include <gtest/gtest.h>

namespace bz::mime {
namespace {

std::string preview(std::string_view raw) { return parse_message(raw).value().preview.value(); }
std::string html(std::string_view body) {
  return preview("Content-Type: text/html; charset=utf-8\r\n\r\n" + std::string(body));
}
std::string plain(std::string_view body) {
  return preview("Content-Type: text/plain; charset=utf-8\r\n\r\n" + std::string(body));
}

TEST(Preview, blanks_become_one_space_and_invisible_signs_go) {
  EXPECT_EQ(plain("  Hello,\r\n\r\n\tworld \xC2\xA0 of\xE2\x80\x8B mail\xEF\xBB\xBF\r\n"), "Hello, world of mail");
  EXPECT_EQ(plain(""), "");
  EXPECT_EQ(plain("\r\n \r\n"), "");
}

TEST(Preview, quotations_signature_and_what_is_encrypted_are_left_out) {
  EXPECT_EQ(plain("Yes.\r\n> Shall we?\r\n>> Maybe\r\nGood.\r\n-- \r\nAna\r\n"), "Yes. Good.");
  EXPECT_EQ(plain("-----BEGIN PGP MESSAGE-----\r\nhQEMA\r\n"), "");
}

TEST(Preview, html_is_read_without_markup) {
  EXPECT_EQ(html("<html><head><title>T</title><style>a>b{x:1}</style></head><body><p>One</p><p>t<b>w</b>o</p>"), "One two");
  EXPECT_EQ(html("<script>if (a</b) x();</script>yes<!-- no > no -->!"), "yes!");
  EXPECT_EQ(html("<a href=\"x>y\" title='>'>li</a>nk<br/>next<td>cell"), "link next cell");
  EXPECT_EQ(html("1 < 2 &amp;&lt;b&gt; caf&eacute; &#8364;&#x41;&nbsp;&unknown; &#xFFFFFFFF; &"),
            "1 < 2 &<b> caf\xC3\xA9 \xE2\x82\xAC"
            "A &unknown; &#xFFFFFFFF; &");
  EXPECT_EQ(html("&zwnj;&nbsp;&zwnj;&nbsp;Text"), "Text");
  EXPECT_EQ(html("<p title='never closed> text"), "text");
  EXPECT_EQ(html("<style>never closed"), "");
  EXPECT_EQ(html("<!-- never closed"), "");
}

TEST(Preview, plain_text_is_preferred_and_html_the_second_choice) {
  const auto alternative = [](std::string_view text) {
    return "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n" + std::string(text) +
           "\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>from html\r\n--b--\r\n";
  };
  EXPECT_EQ(preview(alternative("from text")), "from text");
  EXPECT_EQ(preview(alternative(" ")), "from html");
}

TEST(Preview, attachments_and_mail_within_mail_do_not_speak_for_the_message) {
  EXPECT_EQ(preview("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment\r\n\r\nlog\r\n"
                    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner\r\n--b\r\n\r\nouter\r\n--b--\r\n"),
            "outer");
  EXPECT_EQ(preview("Content-Type: image/png\r\n\r\nxxxx"), "");
}

TEST(Preview, is_cut_at_200_characters_not_octets) {
  std::string many;
  for (int i = 0; i < 300; ++i) many += "\xC3\xB1";
  EXPECT_EQ(plain(many), many.substr(0, 400));
  EXPECT_EQ(plain(std::string(199, 'a') + " b"), std::string(199, 'a'));
  EXPECT_EQ(html(std::string(300, 'a')).size(), 200u);
}

TEST(Preview, looks_behind_long_style_but_not_for_ever) {
  EXPECT_EQ(html("<style>" + std::string(30'000, 'x') + "</style>found"), "found");
  EXPECT_EQ(html("<style>" + std::string(kPreviewInput, 'x') + "</style>too far"), "");
  // Neither open quotes nor open tags may cost more than their length, give or take a constant.
  std::string hostile;
  while (hostile.size() < kPreviewInput) hostile += "<a b='>' ";
  EXPECT_LE(html(hostile).size(), 200u);
}

TEST(Preview, torn_characters_at_the_end_of_what_is_read_do_not_show) {
  std::string body(4095, ' ');
  body +=
      "\xC3\xB1"
      "andu";
  EXPECT_EQ(plain(body),
            "\xC3\xB1"
            "andu");
}

TEST(Preview, is_stored_and_records_of_before_have_none) {
  ParsedMessage made = parse_message("Subject: x\r\n\r\nbody").value();
  EXPECT_EQ(made.preview, "body");
  EXPECT_EQ(ParsedMessage::decode(made.encode()).value(), made);
  made.preview.reset();
  EXPECT_EQ(made.encode()[0], 1);
  EXPECT_EQ(ParsedMessage::decode(made.encode()).value().preview, std::nullopt);
  EXPECT_FALSE(ParsedMessage::decode("\x03" + made.encode().substr(1)));
}

}  // namespace
}  // namespace bz::mime
