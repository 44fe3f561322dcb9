// XAPPLEPUSHSERVICE as a phone says it.
#include <gmock/gmock.h>

#include "imapd/world_for_test.h"

namespace bz::imapd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kTopic = "com.apple.mail.XServer.0a1b", kToken(64, 'a');

struct ApplePush : ::testing::Test {
  World w;
  std::unique_ptr<Client> client;
  void SetUp() override {
    w.session_config.push_topic = kTopic;
    client = std::make_unique<Client>(w);
  }
  static std::string command(std::string version, std::string mailboxes, std::string subtopic = "com.apple.mobilemail") {
    return "a XAPPLEPUSHSERVICE aps-version " + version + " aps-account-id 0715A26B-CA09 aps-device-token " + kToken +
           " aps-subtopic " + subtopic + (mailboxes.empty() ? "" : " mailboxes " + mailboxes);
  }
  MailboxId id_of(std::string_view name) { return w.account->find(name)->id; }
};

TEST_F(ApplePush, registers_the_device_and_says_the_topic) {
  EXPECT_THAT(client->ask("a CAPABILITY"), HasSubstr(" XAPPLEPUSHSERVICE\r\n"));
  EXPECT_EQ(client->ask(command("2", "(INBOX Sent)")),
            "* XAPPLEPUSHSERVICE aps-version \"2\" aps-topic \"" + kTopic + "\"\r\na OK XAPPLEPUSHSERVICE completed\r\n");
  ASSERT_EQ(w.account->push_devices().size(), 1u);
  const store::PushDevice& device = w.account->push_devices()[0];
  EXPECT_EQ(device.account_id, "0715A26B-CA09");
  EXPECT_EQ(device.token, kToken);
  EXPECT_THAT(device.mailboxes, ElementsAre(id_of("INBOX"), id_of("Sent")));
}

TEST_F(ApplePush, version_1_means_the_inbox_and_newer_ones_are_answered_with_ours) {
  EXPECT_THAT(client->ask(command("1", "(Sent)")), StartsWith("* XAPPLEPUSHSERVICE aps-version \"1\" "));
  EXPECT_THAT(w.account->push_devices()[0].mailboxes, ElementsAre(id_of("INBOX")));
  EXPECT_THAT(client->ask(command("3", "(Sent)")), StartsWith("* XAPPLEPUSHSERVICE aps-version \"2\" "));
  EXPECT_THAT(w.account->push_devices()[0].mailboxes, ElementsAre(id_of("Sent")));
}

TEST_F(ApplePush, does_not_tell_which_mailboxes_there_are) {
  const std::string there = client->ask(command("2", "(INBOX)"));
  EXPECT_EQ(client->ask(command("2", "(INBOX Nowhere \"a//b\")")), there);
  EXPECT_THAT(w.account->push_devices()[0].mailboxes, ElementsAre(id_of("INBOX")));
  EXPECT_EQ(client->ask(command("2", "(Nowhere)")), there);
}

TEST_F(ApplePush, is_for_mail) {
  EXPECT_THAT(client->ask(command("2", "(INBOX)", "com.apple.mobilecal")), StartsWith("a NO [CANNOT] "));
  EXPECT_TRUE(w.account->push_devices().empty());
}

TEST_F(ApplePush, is_unknown_without_a_certificate) {
  w.session_config.push_topic.clear();
  Client other(w);
  EXPECT_THAT(other.ask("a CAPABILITY"), Not(HasSubstr("XAPPLE")));
  EXPECT_EQ(other.ask(command("2", "(INBOX)")), "a BAD Unknown command\r\n");
  EXPECT_TRUE(w.account->push_devices().empty());
}

TEST_F(ApplePush, what_a_registered_session_brings_itself_is_told_apart) {
  client->ask(command("2", "(INBOX)"));
  const std::string text = World::mail(1);
  client->send("b APPEND INBOX {" + std::to_string(text.size()) + "+}\r\n" + text + "\r\n");
  EXPECT_THAT(client->until("b"), HasSubstr("b OK"));
  client->ask("c SELECT INBOX");
  client->ask("d COPY 1 Sent");
  EXPECT_THAT(w.own_arrivals, ElementsAre(kToken + " " + std::to_string(id_of("INBOX").value()) + " 1-1",
                                          kToken + " " + std::to_string(id_of("Sent").value()) + " 1-1"));
  Client other(w);
  other.ask("e SELECT INBOX");
  other.ask("f COPY 1 Sent");
  EXPECT_EQ(w.own_arrivals.size(), 2u);
}

}  // namespace
}  // namespace bz::imapd
