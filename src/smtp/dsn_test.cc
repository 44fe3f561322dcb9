#include "smtp/dsn.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace bz::smtp {
namespace {

DsnInput input() {
  DsnInput in;
  in.reporting_mta = "mx.example";
  in.message_id = "<1@mx.example>";
  in.date = "Sun, 22 Nov 2026 21:00:00 +0000";
  in.boundary = "b1";
  in.queue_id = "q1";
  in.to = *parse_address("from@a.example");
  in.envid = "env";
  in.arrival_date = "Sun, 22 Nov 2026 20:00:00 +0000";
  DsnRecipient r;
  r.rcpt.recipient = *parse_address("to@b.example");
  r.rcpt.orcpt = "rfc822;old@c.example";
  r.reply = Reply(550, "5.1.1", "No such\nuser");
  r.remote_mta = "mx.b.example";
  r.last_attempt = in.date;
  in.recipients = {r};
  in.original = "Subject: hi\r\n\r\n";
  return in;
}

TEST(Dsn, GoldenFailure) {
  EXPECT_EQ(make_dsn(input()),
            "From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\n"
            "To: <from@a.example>\r\n"
            "Subject: Undelivered mail returned to sender\r\n"
            "Date: Sun, 22 Nov 2026 21:00:00 +0000\r\n"
            "Message-ID: <1@mx.example>\r\n"
            "Auto-Submitted: auto-replied\r\n"
            "MIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status;\r\n"
            " boundary=\"b1\"\r\n"
            "\r\n"
            "This is a MIME-encapsulated message.\r\n"
            "\r\n"
            "--b1\r\n"
            "Content-Description: Notification\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            "\r\n"
            "This is the mail system at mx.example.\r\n"
            "\r\n"
            "Your message could not be delivered to the recipients below.\r\n"
            "It will not be tried again.\r\n"
            "\r\n"
            "<to@b.example>:\r\n"
            "    mx.b.example said: 550 5.1.1 No such user\r\n"
            "\r\n"
            "--b1\r\n"
            "Content-Description: Delivery report\r\n"
            "Content-Type: message/delivery-status\r\n"
            "\r\n"
            "Reporting-MTA: dns; mx.example\r\n"
            "Original-Envelope-Id: env\r\n"
            "X-Buzon-Queue-Id: q1\r\n"
            "Arrival-Date: Sun, 22 Nov 2026 20:00:00 +0000\r\n"
            "\r\n"
            "Original-Recipient: rfc822; old@c.example\r\n"
            "Final-Recipient: rfc822; to@b.example\r\n"
            "Action: failed\r\n"
            "Status: 5.1.1\r\n"
            "Remote-MTA: dns; mx.b.example\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
            "Last-Attempt-Date: Sun, 22 Nov 2026 21:00:00 +0000\r\n"
            "\r\n"
            "--b1\r\n"
            "Content-Description: Message headers\r\n"
            "Content-Type: text/rfc822-headers\r\n"
            "\r\n"
            "Subject: hi\r\n"
            "\r\n"
            "\r\n"
            "--b1--\r\n");
}

TEST(Dsn, FullMessageAndOtherActions) {
  auto in = input();
  in.full = true;
  in.recipients[0].action = DsnAction::Relayed;
  in.recipients[0].reply = Reply(250, "", "ok");
  const auto dsn = make_dsn(in);
  EXPECT_NE(dsn.find("Content-Type: message/rfc822\r\n"), std::string::npos);
  EXPECT_NE(dsn.find("Action: relayed\r\nStatus: 2.0.0\r\n"), std::string::npos);
  EXPECT_NE(dsn.find("Subject: Successful"), std::string::npos);
  in.recipients.push_back(input().recipients[0]);
  EXPECT_NE(make_dsn(in).find("Subject: Undelivered"), std::string::npos) << "the worst news names the message";
}

TEST(Dsn, InternationalAddressesGiveTheGlobalForms) {
  auto in = input();
  in.recipients[0].rcpt.recipient = *parse_address("\xc3\xa4@b.example");
  const auto dsn = make_dsn(in);
  EXPECT_NE(dsn.find("report-type=global-delivery-status"), std::string::npos);
  EXPECT_NE(dsn.find("message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n"), std::string::npos);
  EXPECT_NE(dsn.find("Final-Recipient: utf-8; \xc3\xa4@b.example"), std::string::npos);
  EXPECT_NE(dsn.find("message/global-headers"), std::string::npos);
}

TEST(Dsn, HostileDiagnosticsStayOneShortLine) {
  auto in = input();
  in.recipients[0].reply = Reply(550, "", "x\r\nAction: delivered\r\n\r\n" + std::string(5000, 'y') + "\xff");
  in.recipients[0].reply.text += "\xff";
  const auto dsn = make_dsn(in);
  EXPECT_EQ(dsn.find("\r\nAction: delivered"), std::string::npos);
  for (const auto line : base::split(dsn, '\n')) EXPECT_LE(line.size(), 998u);
  EXPECT_TRUE(base::is_utf8(dsn));
}

}  // namespace
}  // namespace bz::smtp
