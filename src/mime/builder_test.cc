#include "mime/builder.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "mime/record.h"

namespace bz::mime {
namespace {

TEST(Builder, FoldsAndRefusesInjection) {
  EXPECT_EQ(fold_header("Subject", "a\r\nBcc: x"), "Subject: a  Bcc: x\r\n");
  std::string folded = fold_header("X", std::string(60, 'a') + " " + std::string(60, 'b'));
  EXPECT_EQ(folded, "X: " + std::string(60, 'a') + "\r\n " + std::string(60, 'b') + "\r\n");
  EXPECT_EQ(fold_header("X", ""), "X: \r\n");
}

TEST(Builder, ReportComesBackThroughTheParser) {
  PartBuilder notice("text/plain; charset=utf-8");
  notice.text("No se pudo entregar a Begoña.\nAdiós\n");
  PartBuilder status("message/delivery-status");
  status.raw("Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; b@x\r\nAction: failed\r\nStatus: 5.1.1\r\n");
  PartBuilder original("message/rfc822");
  original.raw("Subject: =_seed\r\n\r\nbody\r\n--=_seed\r\n");
  MessageBuilder builder;
  builder.date({1738922400, 0}).header("From", "<postmaster@x>").text_header("Subject", "Aviso: no entregado, año");
  std::string raw = builder.multipart("report; report-type=delivery-status", "seed", {notice, status, original});
  auto message = parse_message(raw).value();
  ASSERT_EQ(message.parts.size(), 5U);
  EXPECT_EQ(message.subject, "Aviso: no entregado, año");
  auto part = section(message, {{1}, SectionPath::Kind::Whole});
  EXPECT_EQ(decode_text(slice(raw, *part), message.parts[1].encoding, message.parts[1].charset),
            "No se pudo entregar a Begoña.\r\nAdiós\r\n");
  EXPECT_EQ(slice(raw, *section(message, {{3}, SectionPath::Kind::Text})), "body\r\n--=_seed\r\n");
  EXPECT_TRUE(base::is_ascii(raw));
}

TEST(Builder, SinglePartAndBase64) {
  PartBuilder part("application/octet-stream");
  part.base64(std::string(100, '\0'));
  std::string raw = MessageBuilder().header("From", "a@b").single(part);
  auto message = parse_message(raw).value();
  EXPECT_EQ(decode_transfer(slice(raw, message.parts[0].body), message.parts[0].encoding), std::string(100, '\0'));
}

}  // namespace
}  // namespace bz::mime
