// URLAUTH (RFC 4467), URL-PARTIAL (RFC 5550) and URLAUTH=BINARY (RFC 5524).
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

constexpr const char* kBase = "imap://ana%40example.org@mail.example.org/INBOX/;UID=1";

std::string quoted(const std::string& text) { return "\"" + text + "\""; }
// The URL that GENURLAUTH makes of it.
std::string authorized(Client& c, const std::string& rump) {
  const std::string answer = c.ask("g GENURLAUTH " + quoted(rump) + " INTERNAL");
  EXPECT_THAT(answer, StartsWith("* GENURLAUTH " + quoted(rump).substr(0, rump.size() + 1) + ":internal:01"));
  const size_t from = answer.find('"') + 1;
  return answer.substr(from, answer.find('"', from) - from);
}
std::string fetched(Client& c, const std::string& url) { return c.ask("f URLFETCH " + quoted(url)); }
std::string data(const std::string& url, const std::string& octets) {
  return "* URLFETCH " + quoted(url) + " {" + std::to_string(octets.size()) + "}\r\n" + octets +
         "\r\nf OK URLFETCH completed\r\n";
}
std::string nothing(const std::string& url) { return "* URLFETCH " + quoted(url) + " NIL\r\nf OK URLFETCH completed\r\n"; }

TEST(UrlAuth, an_authorized_url_gives_its_octets_and_sets_no_flag) {
  World w;
  w.fill(2);
  Client c(w);
  const std::string url = authorized(c, std::string(kBase) + ";URLAUTH=anonymous");
  EXPECT_THAT(url, MatchesRegex(".*:internal:01[0-9a-f]{64}"));
  EXPECT_EQ(fetched(c, url), data(url, World::mail(1)));
  const std::string part = authorized(c, std::string(kBase) + "/;SECTION=TEXT/;PARTIAL=1.4;URLAUTH=authuser");
  EXPECT_EQ(fetched(c, part), data(part, "ello"));
  const std::string head =
      authorized(c, std::string(kBase) + "/;section=HEADER.FIELDS%20(Subject);urlauth=user+ana@example.org");
  EXPECT_EQ(fetched(c, head), data(head, "Subject: number 1\r\n\r\n"));
  EXPECT_THAT(c.ask("s STATUS INBOX (UNSEEN)"), HasSubstr("UNSEEN 2"));
  EXPECT_THAT(c.ask("m URLFETCH " + quoted(url) + " " + quoted(part) + " " + quoted("x")),
              testing::AllOf(HasSubstr("* URLFETCH " + quoted(part) + " {4}\r\nello\r\n"),
                             HasSubstr("* URLFETCH \"x\" NIL\r\nm OK")));
}
TEST(UrlAuth, the_owner_may_be_named_by_local_part_and_domain) {
  World w;
  w.fill(1);
  Client c(w);
  const std::string url = authorized(c, "imap://ana@example.org/INBOX/;UID=1/;SECTION=TEXT;URLAUTH=user+ana");
  EXPECT_EQ(fetched(c, url), data(url, "hello 1\r\n"));
}
TEST(UrlAuth, what_is_wrong_with_a_rump_is_told_with_bad) {
  World w;
  w.fill(1);
  Client c(w);
  const std::string base = kBase, token = ":internal:01" + std::string(64, 'a');
  for (const std::string& rump :
       {std::string("x"), base, std::string("/INBOX/;UID=1;URLAUTH=anonymous"),
        std::string("imap://h/INBOX/;UID=1;URLAUTH=anonymous"),
        std::string("imap://bob@example.org/INBOX/;UID=1;URLAUTH=anonymous"),
        std::string("imap://ana@elsewhere.org/INBOX/;UID=1;URLAUTH=anonymous"),
        std::string("imap://ana@example.org/Nope/;UID=1;URLAUTH=anonymous"), base + ";URLAUTH=anonymous" + token})
    EXPECT_THAT(c.ask("g GENURLAUTH " + quoted(rump) + " INTERNAL"), StartsWith("g BAD ")) << rump;
  EXPECT_THAT(c.ask("g GENURLAUTH " + quoted(base + ";URLAUTH=anonymous") + " XSAMPLE"), StartsWith("g NO [CANNOT] "));
  EXPECT_THAT(c.ask("g GENURLAUTH " + quoted(base)), StartsWith("g BAD "));
  EXPECT_THAT(c.ask("g GENURLAUTH"), StartsWith("g BAD "));
}
TEST(UrlAuth, a_url_that_was_touched_gives_nothing) {
  World w;
  w.fill(2);
  Client c(w);
  const std::string url = authorized(c, std::string(kBase) + ";URLAUTH=anonymous");
  const std::string rump = url.substr(0, url.find(":internal"));
  std::string other = url;
  other.replace(other.find("UID=1"), 5, "UID=2");
  EXPECT_EQ(fetched(c, other), nothing(other));
  other = url;
  other.back() = other.back() == '0' ? '1' : '0';
  EXPECT_EQ(fetched(c, other), nothing(other));
  // Percent signs and case belong to what was signed (section 6).
  other = url;
  other.replace(other.find("mail.ex"), 7, "Mail.ex");
  EXPECT_EQ(fetched(c, other), nothing(other));
  EXPECT_EQ(fetched(c, rump), nothing(rump));
  other = rump + ":xsample" + url.substr(url.find(":01"));
  EXPECT_EQ(fetched(c, other), nothing(other));
  EXPECT_EQ(fetched(c, "/INBOX/;UID=1"), nothing("/INBOX/;UID=1"));
  other = "imap://ana@example.org/Nope/;UID=1;URLAUTH=anonymous:internal:01" + std::string(64, '0');
  EXPECT_EQ(fetched(c, other), nothing(other));
}
TEST(UrlAuth, access_identifiers_and_expiry_hold) {
  World w;
  w.fill(1);
  Client c(w);
  const std::string base = kBase;
  for (const char* access :
       {";URLAUTH=user+bob", ";URLAUTH=submit+ana", ";EXPIRE=2001-01-01T00:00:00Z;URLAUTH=anonymous"}) {
    const std::string url = authorized(c, base + access);
    EXPECT_EQ(fetched(c, url), nothing(url));
  }
  const std::string good = authorized(c, base + "/;SECTION=TEXT;EXPIRE=2100-01-01T00:00:00Z;URLAUTH=anonymous");
  EXPECT_EQ(fetched(c, good), data(good, "hello 1\r\n"));
  // What is not there is nothing, and so is what goes.
  for (const char* gone : {"/;SECTION=2;URLAUTH=anonymous", "0;URLAUTH=anonymous"}) {
    const std::string url = authorized(c, base + gone);
    EXPECT_EQ(fetched(c, url), nothing(url));
  }
  const std::string stale = authorized(c, "imap://ana@example.org/INBOX;UIDVALIDITY=1/;UID=1;URLAUTH=anonymous");
  EXPECT_EQ(fetched(c, stale), nothing(stale));
  c.ask("a SELECT INBOX");
  c.ask("b STORE 1 +FLAGS (\\Deleted)");
  c.ask("c EXPUNGE");
  EXPECT_EQ(fetched(c, good), nothing(good));
}
TEST(UrlAuth, keys_can_be_reset_survive_and_go_with_their_mailbox) {
  World w;
  w.fill(1);
  {
    Client c(w);
    c.ask("a CREATE Box");
    w.append("Box", World::mail(7));
    const std::string inbox = authorized(c, std::string(kBase) + "/;SECTION=TEXT;URLAUTH=anonymous");
    const std::string box = authorized(c, "imap://ana@example.org/Box/;UID=1/;SECTION=TEXT;URLAUTH=anonymous");
    EXPECT_EQ(authorized(c, box.substr(0, box.find(":internal"))), box) << "the same key again";
    EXPECT_EQ(c.ask("r RESETKEY Box"), "r OK [URLMECH INTERNAL] RESETKEY completed\r\n");
    EXPECT_EQ(fetched(c, box), nothing(box));
    EXPECT_EQ(fetched(c, inbox), data(inbox, "hello 1\r\n"));
    const std::string again = authorized(c, box.substr(0, box.find(":internal")));
    EXPECT_NE(again, box);
    c.ask("d DELETE Box");
    c.ask("e CREATE Box");
    w.append("Box", World::mail(7));
    EXPECT_EQ(fetched(c, again), nothing(again));
    EXPECT_EQ(c.ask("r RESETKEY"), "r OK All keys are removed\r\n");
    EXPECT_EQ(fetched(c, inbox), nothing(inbox));
    EXPECT_THAT(c.ask("r RESETKEY Nope"), StartsWith("r NO [NONEXISTENT] "));
    EXPECT_THAT(c.ask("r RESETKEY INBOX XSAMPLE"), StartsWith("r NO [CANNOT] "));
    EXPECT_THAT(c.ask("r RESETKEY INBOX internal"), StartsWith("r OK [URLMECH INTERNAL] "));
  }
  std::string url;
  {
    Client c(w);
    url = authorized(c, std::string(kBase) + "/;SECTION=TEXT;URLAUTH=anonymous");
  }
  w.group.cancel();
  w.reopen();
  Client later(w);
  EXPECT_EQ(fetched(later, url), data(url, "hello 1\r\n"));
}
TEST(UrlAuth, sessions_that_have_the_mailbox_selected_hear_of_a_new_key) {
  World w;
  Client c(w), other(w), elsewhere(w);
  EXPECT_THAT(c.ask("a SELECT INBOX"), HasSubstr("* OK [URLMECH INTERNAL] "));
  other.ask("a EXAMINE INBOX");
  elsewhere.ask("a SELECT Sent");
  EXPECT_EQ(c.ask("r RESETKEY INBOX"), "r OK [URLMECH INTERNAL] RESETKEY completed\r\n");
  EXPECT_EQ(c.ask("n NOOP"), "n OK NOOP completed\r\n");
  EXPECT_EQ(other.ask("n NOOP"), "* OK [URLMECH INTERNAL] The mailbox has a new key\r\nn OK NOOP completed\r\n");
  EXPECT_EQ(elsewhere.ask("n NOOP"), "n OK NOOP completed\r\n");
}
TEST(UrlAuth, extended_fetch_decodes_and_describes) {
  World w;
  w.append(
      "INBOX",
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/x-own\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8KdGhlcmUK\r\n--b\r\nContent-Type: image/png\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b\r\nContent-Transfer-Encoding: x-odd\r\n\r\n???\r\n--b--\r\n");
  Client c(w);
  auto url = [&](const char* rest) { return authorized(c, std::string(kBase) + rest + ";URLAUTH=anonymous"); };
  auto ask = [&](const std::string& u, const char* params) { return c.ask("f URLFETCH (" + quoted(u) + params + ")"); };
  const std::string text = url("/;SECTION=1"), image = url("/;SECTION=2"), odd = url("/;SECTION=3"),
                    header = url("/;SECTION=HEADER");
  const std::string done = "\r\nf OK URLFETCH completed\r\n";
  EXPECT_EQ(ask(text, " BINARY BODYPARTSTRUCTURE"),
            "* URLFETCH " + quoted(text) +
                " (BODYPARTSTRUCTURE (\"text\" \"x-own\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 12 2 NIL "
                "NIL NIL NIL)) (BINARY {12}\r\nhello\nthere\n)" +
                done);
  EXPECT_EQ(ask(text, " BODYPARTSTRUCTURE BODY"),
            "* URLFETCH " + quoted(text) +
                " (BODYPARTSTRUCTURE (\"text\" \"x-own\" (\"charset\" \"us-ascii\") NIL NIL \"base64\" 16 0 "
                "NIL NIL NIL NIL)) (BODY {16}\r\naGVsbG8KdGhlcmUK)" +
                done);
  EXPECT_EQ(ask(image, " BINARY"),
            "* URLFETCH " + quoted(image) + " (BINARY ~{3}\r\n" + std::string("\0\1\2", 3) + ")" + done);
  EXPECT_THAT(ask(image, " BODYPARTSTRUCTURE BINARY"),
              HasSubstr("(\"image\" \"png\" NIL NIL NIL \"binary\" 3 NIL NIL NIL NIL)) (BINARY ~{3}"));
  EXPECT_THAT(ask(odd, " BODYPARTSTRUCTURE BINARY"), HasSubstr("\"x-odd\" 3 0 NIL NIL NIL NIL)) (BINARY NIL)" + done));
  EXPECT_EQ(ask(odd, ""), data(odd, "???")) << "without a parameter it is the plain form";
  EXPECT_EQ(ask(header, " BODYPARTSTRUCTURE"), nothing(header));
  EXPECT_THAT(ask(header, " BODYPARTSTRUCTURE BINARY"), StartsWith("* URLFETCH " + quoted(header) + " (BINARY {"));
  const std::string window = url("/;SECTION=1/;PARTIAL=6.5");
  EXPECT_THAT(ask(window, " BINARY"), HasSubstr(" (BINARY {5}\r\nthere)"));
  EXPECT_EQ(ask("x", " BODYPARTSTRUCTURE BODY"), nothing("x"));
  for (const char* wrong : {" BODY BINARY", " BODY BODY", " FOO", " "})
    EXPECT_THAT(ask(text, wrong), StartsWith("f BAD ")) << wrong;
}
TEST(UrlAuth, a_large_part_is_streamed) {
  World w;
  const std::string large(600'000, 'x');
  w.append("INBOX", "Subject: x\r\n\r\n" + large);
  Client c(w);
  const std::string url = authorized(c, std::string(kBase) + "/;SECTION=TEXT;URLAUTH=anonymous");
  EXPECT_EQ(fetched(c, url), data(url, large));
}

}  // namespace
}  // namespace bz::imapd
