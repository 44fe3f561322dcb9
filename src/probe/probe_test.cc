// The probe against scripted servers on loopback. What is broken in certificates and protocols is played by
// tests/interop/probe.py; here: the limits, the forms of answers, every split, and the report.
#include "probe/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/visit.h"

namespace bz::probe {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Takes connections on a free port and says `script` at once, in pieces of `piece` bytes, then reads until the end.
class Server {
 public:
  Server(net::Loop& loop, std::string script, size_t piece)
      : loop_(loop),
        script_(std::move(script)),
        piece_(piece),
        tasks_(loop),
        listener_(loop, *net::listen_tcp({"127.0.0.1", 0}), [this](int fd) {
          ++connections;
          tasks_.spawn(serve(fd));
        }) {}
  uint16_t port() const { return listener_.local().port; }
  int connections = 0;

 private:
  Task<void> serve(int fd) {
    net::Stream stream(loop_, fd);
    std::string_view left = script_;
    while (!left.empty()) {
      auto written = co_await stream.write_all(left.substr(0, piece_), net::Deadline::in(net::Millis(5000)));
      if (!written) co_return;
      left.remove_prefix(std::min(piece_, left.size()));
    }
    std::array<char, 512> bytes;
    for (;;) {
      auto got = co_await stream.read_some(bytes, net::Deadline::in(net::Millis(5000)));
      if (!got || *got == 0) co_return;
    }
  }
  net::Loop& loop_;
  std::string script_;
  size_t piece_;
  net::TaskGroup tasks_;
  net::Listener listener_;
};

Task<void> run_to(net::Loop& loop, Options options, Report& report) {
  auto probing = probe(loop, std::move(options));
  report = co_await std::move(probing);
  loop.stop();
}

Report probe_script(const std::string& door, std::string script, size_t piece = 4096) {
  net::Loop loop;
  Server server(loop, std::move(script), piece);
  Options options;
  options.host = "mail.test";
  options.addresses = {"127.0.0.1"};
  options.doors = *parse_doors(door + "=" + std::to_string(server.port()));
  options.patience = net::Millis(300);
  options.now = 1'795'000'000;
  Report report;
  net::TaskGroup tasks(loop);
  tasks.spawn(run_to(loop, std::move(options), report));
  loop.run();
  EXPECT_GE(server.connections, 1);
  return report;
}

std::vector<std::string> codes(const Report& report) {
  std::vector<std::string> out;
  for (const Finding& finding : report.findings) out.push_back(finding.what.code);
  return out;
}

TEST(Doors, text_names_doors_and_ports) {
  auto doors = parse_doors("imaps=11993,smtp");
  ASSERT_TRUE(doors);
  ASSERT_EQ(doors->size(), 2u);
  EXPECT_EQ((*doors)[0].port, 11993);
  EXPECT_EQ((*doors)[1].port, 25);
  EXPECT_FALSE((*doors)[1].login);
  for (const char* text : {"", "imaps=", "imaps=0", "imaps=65536", "http=80", "imaps=993,", "IMAPS"})
    EXPECT_FALSE(parse_doors(text)) << text;
  std::vector<std::string> names;
  for (const Door& door : usual_doors()) names.push_back(door.name);
  EXPECT_THAT(names, ElementsAre("imaps", "pop3s", "submission", "submissions", "smtp")) << "in the order of a phone";
}

TEST(Words, parentheses_are_left_out_and_the_count_is_bounded) {
  EXPECT_THAT(words_of(" (a [b) c] "), ElementsAre("A", "B", "C"));
  EXPECT_THAT(words_of(""), IsEmpty());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "x ";
  EXPECT_EQ(words_of(many).size(), 200u);
}

TEST(Report, text_and_json_show_no_controls_of_a_stranger) {
  Report report;
  report.facts = {"imaps (993): \"a\\b\x1b[31m\""};
  report.findings = {{"imaps (993)", {Severity::Warning, "w", "x\ny", "do"}}};
  EXPECT_TRUE(report.passed());
  EXPECT_THAT(report.text(), HasSubstr("warning [w] imaps (993)\n  x?y\n  -> do\n"));
  EXPECT_EQ(report.json(),
            "{\"passed\":true,\"facts\":[\"imaps (993): \\\"a\\\\b?[31m\\\"\"],\"findings\":[{\"where\":\"imaps "
            "(993)\",\"severity\":"
            "\"warning\",\"code\":\"w\",\"text\":\"x?y\",\"advice\":\"do\"}]}\n");
  report.findings.push_back({"x", {Severity::Error, "e", "\xff", "do"}});
  EXPECT_FALSE(report.passed());
  EXPECT_THAT(report.json(), HasSubstr("\"text\":\"ff\"")) << "what is no UTF-8 is shown in hex";
}

TEST(Probe, answers_are_understood_however_they_are_cut) {
  // The whole talk is said at once: greeting, EHLO, and no STARTTLS.
  for (size_t piece : {1u, 2u, 3u, 7u, 4096u}) {
    EXPECT_THAT(
        codes(probe_script("submission", "220-a\r\n220 b\r\n250-mail.test\r\n250-AUTH PLAIN\r\n250 SIZE\r\n", piece)),
        ElementsAre("auth-in-clear", "starttls-missing"));
    EXPECT_THAT(codes(probe_script("imap", "* OK hello\r\n* CAPABILITY IMAP4rev1\r\nA1 OK\r\n", piece)),
                ElementsAre("login-in-clear", "starttls-missing"));
    EXPECT_THAT(codes(probe_script("pop3", "+OK\r\n+OK\r\nUSER\r\n.\r\n", piece)), ElementsAre("starttls-missing"));
  }
}

TEST(Probe, what_breaks_off_is_named_by_its_place) {
  EXPECT_THAT(codes(probe_script("imap", "")), Contains("greeting-missing"));
  EXPECT_THAT(codes(probe_script("imap", "* OK hello\r\n* CAPA")), ElementsAre("no-capabilities"));
  EXPECT_THAT(codes(probe_script("imap", "* OK [CAPABILITY LOGINDISABLED STARTTLS] a\r\nA1 NO b\r\n")),
              ElementsAre("starttls-refused"));
  EXPECT_THAT(codes(probe_script("submission", "220 a\r\n")), Contains("ehlo-unanswered"));
  EXPECT_THAT(codes(probe_script("submission", "220 a\r\n550 no\r\n")), Contains("ehlo-refused"));
  EXPECT_THAT(codes(probe_script("pop3", "-ERR\r\n")), ElementsAre("greeting-garbage"));
  EXPECT_THAT(codes(probe_script("submission", "220 a\r\n250-STARTTLS\r\n250 x\r\n220 go\r\nno handshake\r\n")),
              Contains("tls-silent"))
      << "what came in clear behind the 220 is thrown away";
}

TEST(Probe, endless_answers_are_bounded) {
  std::string lines = "220 a\r\n";
  for (int i = 0; i < 1000; ++i) lines += "250-x\r\n";
  EXPECT_THAT(codes(probe_script("submission", lines)), Contains("ehlo-unanswered"));
  EXPECT_THAT(codes(probe_script("imap", "* OK " + std::string(20'000, 'x'))), ElementsAre("greeting-missing"));
  EXPECT_THAT(codes(probe_script("imap", "* OK a\r\n* X {999999999}\r\n")), ElementsAre("no-capabilities"));
  std::string untagged = "* OK a\r\n";
  for (int i = 0; i < 6000; ++i) untagged += "* x\r\n";
  EXPECT_THAT(codes(probe_script("imap", untagged)), ElementsAre("no-capabilities"));
}

TEST(Probe, a_server_in_clear_where_tls_must_begin_is_told_so) {
  EXPECT_THAT(codes(probe_script("imaps", "* OK hello\r\n")), ElementsAre("tls-failed", "plain-text-on-tls-port"));
  EXPECT_THAT(codes(probe_script("imaps", "")), ElementsAre("tls-silent"));
}

}  // namespace
}  // namespace bz::probe
