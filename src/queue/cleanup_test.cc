#include "queue/cleanup.h"

#include <gtest/gtest.h>

namespace bz::queue {
namespace {

CleanupRules rules(bool submission) {
  CleanupRules r;
  r.submission = submission;
  r.trace = "Received: trace\r\n";
  r.date = "DATE";
  r.message_id = "<made@us>";
  return r;
}

std::string run(Cleanup& cleanup, std::string_view message, size_t piece = 1 << 20) {
  std::string out;
  for (size_t at = 0; at < message.size(); at += piece) {
    const auto added = cleanup.add(message.substr(at, piece), out);
    if (!added) return "error " + std::string(base::name(added.error().code()));
  }
  const auto end = cleanup.finish(out);
  return end ? out : "error " + std::string(base::name(end.error().code()));
}

TEST(Cleanup, MxMailGetsTraceAndLosesReturnPathOnly) {
  const std::string message = "Return-Path: <x@y>\r\nSubject: a\r\n b\r\nBcc: kept@x\r\n\r\nbody\r\n.\r\n";
  for (size_t piece = 1; piece <= message.size(); ++piece) {
    Cleanup cleanup(rules(false));
    EXPECT_EQ(run(cleanup, message, piece), "Received: trace\r\nSubject: a\r\n b\r\nBcc: kept@x\r\n\r\nbody\r\n.\r\n")
        << piece;
    EXPECT_EQ(cleanup.header_size(), 48u);
    EXPECT_EQ(cleanup.trace_size(), 17u);
    EXPECT_TRUE(cleanup.bcc().empty());
  }
}

TEST(Cleanup, SubmissionGetsDateAndMessageIdAndRemembersBcc) {
  const std::string message = "From: Joe <joe@x>\r\nBcc: a@b,\r\n c@d\r\nTo: e@f\r\nbcc: g@h\r\n\r\nbody";
  Cleanup cleanup(rules(true));
  const auto out = run(cleanup, message);
  EXPECT_EQ(out,
            "Received: trace\r\nDate: DATE\r\nMessage-ID: <made@us>\r\nFrom: Joe <joe@x>\r\nBcc: a@b,\r\n c@d\r\nTo: "
            "e@f\r\nbcc: g@h\r\n\r\nbody");
  ASSERT_EQ(cleanup.bcc().size(), 2u);
  EXPECT_EQ(out.substr(cleanup.bcc()[0].at, cleanup.bcc()[0].size), "Bcc: a@b,\r\n c@d\r\n");
  EXPECT_EQ(out.substr(cleanup.bcc()[1].at, cleanup.bcc()[1].size), "bcc: g@h\r\n");
  EXPECT_EQ(cleanup.message_id(), "<made@us>");
  EXPECT_EQ(cleanup.from(), std::vector<std::string>{"joe@x"});
  EXPECT_EQ(out.substr(cleanup.header_size()), "body");
}

TEST(Cleanup, WhatIsThereIsNotAddedAgain) {
  Cleanup cleanup(rules(true));
  const std::string message = "date: x\r\nMESSAGE-ID: \r\n <a@b>\r\n\r\n";
  EXPECT_EQ(run(cleanup, message), "Received: trace\r\n" + message);
  EXPECT_EQ(cleanup.message_id(), "<a@b>");
}

TEST(Cleanup, OddMessagesBecomeWhole) {
  const std::pair<const char*, const char*> table[] = {
      {"", "Received: trace\r\n\r\n"},
      {"\r\n", "Received: trace\r\n\r\n"},
      {"\r\nbody\r\n", "Received: trace\r\n\r\nbody\r\n"},
      {"A: b", "Received: trace\r\nA: b\r\n\r\n"},
      {"A: b\r\n", "Received: trace\r\nA: b\r\n\r\n"},
      {"no header here\r\nsecond\r\n", "Received: trace\r\n\r\nno header here\r\nsecond\r\n"},
  };
  for (const auto& [in, out] : table) {
    Cleanup cleanup(rules(false));
    EXPECT_EQ(run(cleanup, in), out) << in;
  }
}

TEST(Cleanup, LoopsAndEndlessHeadersAreRefused) {
  std::string hops;
  for (int i = 0; i < 100; ++i) hops += "Received: x\r\n";
  Cleanup fine(rules(false)), loop(rules(false)), endless(rules(false));
  EXPECT_TRUE(run(fine, hops + "\r\n").starts_with("Received: trace"));
  EXPECT_EQ(run(loop, hops + "Received: y\r\n\r\n"), "error Limit");
  const auto refusal = run(endless, "A: " + std::string(300'000, 'x') + "\r\n\r\n", 1000);
  EXPECT_TRUE(refusal == "error Limit" || refusal == "error TooLarge") << refusal;
}

TEST(Cleanup, SeesEightBitAnywhere) {
  Cleanup header(rules(false)), body(rules(false)), none(rules(false));
  run(header, "Subject: \xc3\xa4\r\n\r\n");
  run(body, "Subject: a\r\n\r\n\xc3\xa4\r\n");
  run(none, "Subject: a\r\n\r\na\r\n");
  EXPECT_TRUE(header.eight_bit());
  EXPECT_TRUE(body.eight_bit());
  EXPECT_FALSE(none.eight_bit());
}

TEST(Cleanup, SeesEightBitInItsOwnTrace) {
  CleanupRules rules;
  rules.trace = "Received: for <jos\u00E9@b>\r\n";
  Cleanup cleanup(rules);
  std::string out;
  ASSERT_TRUE(cleanup.add("Subject: a\r\n\r\na\r\n", out));
  EXPECT_TRUE(cleanup.eight_bit());
}

TEST(Received, SaysHowItCame) {
  ReceivedFacts f;
  f.hello = "phone.example";
  f.peer_address = "2001:db8::7";
  f.hostname = "mx.example";
  f.authenticated = true;
  f.tls_version = "TLSv1.3";
  f.tls_cipher = "TLS_AES_256_GCM_SHA384";
  f.id = "q1";
  f.recipient = "a@b";
  f.date = "DATE";
  EXPECT_EQ(received_field(f),
            "Received: from phone.example ([IPv6:2001:db8::7])\r\n\tby mx.example (buzon) with ESMTPSA\r\n\t(TLSv1.3 "
            "TLS_AES_256_GCM_SHA384)\r\n\tid q1\r\n\tfor <a@b>;\r\n\tDATE\r\n");
  ReceivedFacts old;
  old.hostname = "mx.example";
  old.esmtp = false;
  EXPECT_NE(received_field(old).find("from unknown\r\n\tby mx.example (buzon) with SMTP\r\n"), std::string::npos);
  old.smtputf8 = true;
  EXPECT_NE(received_field(old).find("with UTF8SMTP\r\n"), std::string::npos);
}

// What we write ourselves must not be what keeps a message from a server without SMTPUTF8.
TEST(Received, WritesDomainsAsALabels) {
  ReceivedFacts f;
  f.hello = "m\u00FCnchen.example";
  f.recipient = "a@m\u00FCnchen.example";
  EXPECT_NE(received_field(f).find("from xn--mnchen-3ya.example\r\n"), std::string::npos);
  EXPECT_NE(received_field(f).find("for <a@xn--mnchen-3ya.example>"), std::string::npos);
  f.recipient = "jos\u00E9@b";
  EXPECT_NE(received_field(f).find("for <jos\u00E9@b>"), std::string::npos);
}

}  // namespace
}  // namespace bz::queue
