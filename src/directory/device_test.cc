#include "directory/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "crypto/seal.h"
#include "directory/embedded.h"
#include "kv/memory.h"

namespace bz::directory {
namespace {

using base::run_now;
using testing::HasSubstr;
using testing::Not;

TEST(DevicePassword, is_five_groups_of_four_letters_that_nobody_takes_for_another) {
  base::SeededRandom random{7};
  std::set<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    const Secret password = make_device_password(random);
    const std::string text(password.reveal());
    ASSERT_EQ(text.size(), 24u) << text;
    for (size_t at = 0; at < text.size(); ++at)
      ASSERT_TRUE(at % 5 == 4 ? text[at] == '-' : base::is_alpha(text[at])) << text;
    EXPECT_EQ(text.find_first_of("ilo0123456789"), text.npos) << text;
    EXPECT_TRUE(is_printed_device_password(text));
    all.insert(text);
  }
  EXPECT_EQ(all.size(), 1000u);
}

TEST(DevicePassword, is_taken_with_capitals_blanks_and_without_dashes) {
  base::SeededRandom random{7};
  const std::string text(make_device_password(random).reveal());
  std::string bare, blanks = text;
  for (char& c : blanks) c = c == '-' ? ' ' : c;
  for (char c : text)
    if (c != '-') bare += c;
  for (const std::string& typed : {text, base::upper(text), bare, blanks, " " + text + " "}) {
    auto read = device_password(typed);
    ASSERT_TRUE(read) << typed;
    EXPECT_EQ(read->reveal(), text);
  }
  EXPECT_FALSE(is_printed_device_password(bare)) << "a password somebody may have chosen";
  EXPECT_TRUE(is_printed_device_password(base::upper(text)));
}

TEST(DevicePassword, any_one_wrong_letter_and_any_two_exchanged_neighbours_are_noticed) {
  base::SeededRandom random{9};
  const std::string text(make_device_password(random).reveal());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '-') continue;
    for (char c = 'a'; c <= 'z'; ++c) {
      std::string wrong = text;
      wrong[at] = c;
      EXPECT_EQ(device_password(wrong).has_value(), c == text[at]) << wrong;
    }
    if (at + 1 == text.size() || text[at + 1] == '-' || text[at] == text[at + 1]) continue;
    std::string wrong = text;
    std::swap(wrong[at], wrong[at + 1]);
    EXPECT_FALSE(device_password(wrong)) << wrong;
  }
  for (std::string_view bad : {"", "abcd", "pencil", "abcd-efgh-jkmn-pqrs-tuvw-xyza", "\xff\xff"})
    EXPECT_FALSE(device_password(bad)) << bad;
}

TEST(DeviceLabel, is_what_a_login_name_can_carry) {
  EXPECT_EQ(device_label("iPhone de Ana"), "iphone-de-ana");
  EXPECT_EQ(device_label("  Bob's  iPad (2) "), "bob-s-ipad-2");
  EXPECT_EQ(device_label("Телефон"), "device");
  EXPECT_EQ(device_label("Móvil"), "m-vil");
  EXPECT_LE(device_label(std::string(64, 'x')).size(), kMaxDeviceLabel);
}

TEST(ChosenDevice, stands_behind_the_domain) {
  struct Case {
    std::string_view login, user, label;
  };
  for (const Case& c :
       {Case{"ana@example.test/iPhone", "ana@example.test", "iphone"}, Case{"ana@example.test", "ana@example.test", ""},
        Case{"a/b@example.test", "a/b@example.test", ""}, Case{"a/b@example.test/c", "a/b@example.test", "c"},
        Case{"ana/iphone", "ana/iphone", ""}, Case{"ana@example.test/", "ana@example.test", ""}, Case{"", "", ""}}) {
    const ChosenDevice chosen = chosen_device(c.login);
    EXPECT_EQ(chosen.user, c.user) << c.login;
    EXPECT_EQ(chosen.label, c.label) << c.login;
  }
}

TEST(Protocols, are_read_and_told) {
  EXPECT_EQ(*parse_protocols("imap, Submission"), 5);
  EXPECT_EQ(protocols_text(5), "imap, submission");
  EXPECT_EQ(protocols_text(kAllProtocols), "imap, pop3, submission");
  for (std::string_view bad : {"", "smtp", "imap,,pop3", "imap;pop3"}) {
    auto r = parse_protocols(bad);
    ASSERT_FALSE(r) << bad;
    EXPECT_THAT(r.error().text(), HasSubstr("submission"));
  }
}

TEST(DeviceRecords, golden_vectors) {
  DeviceBook book;
  book.account = "ana@x.test";
  book.devices_only = true;
  book.next_number = 3;
  Device device;
  device.number = 2, device.name = "iPad", device.label = "ipad", device.protocols = 5;
  device.created = 1, device.expires = 2;
  device.salt = std::string(16, 's'), device.hash = std::string(32, 'h'), device.secrets = Secret("S");
  book.devices.push_back(device);
  const std::string hex =
      "010a616e6140782e74657374010301"
      "5102"
      "0469506164"
      "0469706164"
      "05"
      "0000000000000001"
      "0000000000000002"
      "10" +
      base::hex(std::string(16, 's')) + "20" + base::hex(std::string(32, 'h')) + "0153" + "00";
  EXPECT_EQ(base::hex(book.encode().reveal()), hex);
  auto read = DeviceBook::decode(*base::from_hex(hex));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(base::hex(read->encode().reveal()), hex);
  EXPECT_EQ(base::hex(CertificateRow{AccountId(300), 2, true}.encode()), "01ac020201");
  EXPECT_EQ(base::hex(DeviceUse{1, "::1", "iOS"}.encode()), "010000000000000001033a3a3103694f53");
}

TEST(DeviceRecords, every_cut_and_every_lie_is_refused) {
  DeviceBook book;
  book.next_number = 3;
  Device device;
  device.number = 2, device.name = "iPad", device.label = "ipad";
  book.devices = {device};
  const std::string good(book.encode().reveal());
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(DeviceBook::decode(good.substr(0, size))) << size;
  auto broken = [&](auto change) {
    DeviceBook b = book;
    change(b);
    return !DeviceBook::decode(b.encode().reveal());
  };
  EXPECT_TRUE(broken([](DeviceBook& b) { b.next_number = 2; })) << "a number that would be used twice";
  EXPECT_TRUE(broken([](DeviceBook& b) { b.devices.push_back(b.devices[0]); })) << "two of one label";
  EXPECT_TRUE(broken([](DeviceBook& b) { b.devices[0].name.clear(); }));
  EXPECT_TRUE(broken([](DeviceBook& b) { b.devices[0].salt = "short"; }));
  EXPECT_TRUE(broken([](DeviceBook& b) { b.devices[0].hash = std::string(32, 'h'); })) << "a hash without salt";
  EXPECT_TRUE(broken([](DeviceBook& b) { b.devices[0].certificate = "x"; }));
  EXPECT_TRUE(broken([](DeviceBook& b) { b.devices[0].protocols = 8; }));
  EXPECT_FALSE(CertificateRow::decode("\x02\x01\x01"));
  EXPECT_FALSE(DeviceUse::decode("\x01"));
}

struct DevicesTest : testing::Test {
  base::ManualClock clock;
  base::SeededRandom random{33};
  base::ManualExecutor executor;
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store({}, true);
  std::unique_ptr<Embedded> d = open();
  const AccountId ana{7};

  std::unique_ptr<Embedded> open(std::string key = std::string(crypto::kSealKeySize, 'k')) {
    auto r =
        run_now(Embedded::open(*store, executor, {{"example.org"}, Secret(std::move(key)), {64, 1, 1}}, clock, random));
    EXPECT_TRUE(r) << (r ? "" : r.error().to_string());
    return r ? std::move(*r) : nullptr;
  }
  Result<Device> add(std::string name, std::string_view password = "", std::string certificate = "") {
    return run_now(d->devices().add(
        ana, "ana@example.org",
        {std::move(name), "", kAllProtocols, 0, Secret(std::string(password)), {}, std::move(certificate)}));
  }
  DeviceBook book() { return *run_now(d->devices().book(ana)); }
};

TEST_F(DevicesTest, a_password_finds_its_device_and_no_other) {
  std::vector<std::string> passwords;
  for (size_t i = 0; i < kMaxDevices; ++i) {
    passwords.emplace_back(make_device_password(random).reveal());
    auto added = add("phone " + std::to_string(i), passwords.back());
    ASSERT_TRUE(added) << added.error().to_string();
  }
  const DeviceBook b = book();
  for (size_t i = 0; i < kMaxDevices; ++i) {
    const Device* found = b.open(Secret(base::upper(passwords[i])), "");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->label, "phone-" + std::to_string(i));
    EXPECT_EQ(b.open(Secret(passwords[i]), "phone-" + std::to_string(i)), found);
    EXPECT_EQ(b.open(Secret(passwords[i]), "phone-" + std::to_string((i + 1) % kMaxDevices)), nullptr);
  }
  EXPECT_EQ(b.open(Secret("pencil"), ""), nullptr);
  EXPECT_EQ(b.open(make_device_password(random), ""), nullptr);
  EXPECT_EQ(DeviceBook{}.open(Secret(passwords[0]), ""), nullptr);
  EXPECT_EQ(add("one too many").error().code(), Errc::Limit);
}

TEST_F(DevicesTest, a_device_without_password_is_opened_by_none) {
  ASSERT_TRUE(add("certificate only", "", std::string(32, 'c')));
  EXPECT_EQ(book().open(Secret(""), ""), nullptr);
  EXPECT_EQ(book().open(Secret("-"), ""), nullptr);
}

TEST_F(DevicesTest, names_are_unique_whatever_their_case_and_labels_are_made_so) {
  ASSERT_TRUE(add("iPhone"));
  EXPECT_EQ(add("IPHONE").error().code(), Errc::Exists);
  EXPECT_EQ(add("iPhone!")->label, "iphone-2");
  EXPECT_EQ(add("iPhone?")->label, "iphone-3");
  for (std::string bad : {std::string(), std::string(65, 'x'), std::string("a\nb"), std::string("\xff")})
    EXPECT_EQ(add(bad).error().code(), Errc::Invalid) << bad;
}

TEST_F(DevicesTest, numbers_are_not_used_again) {
  EXPECT_EQ(add("a")->number, 1u);
  ASSERT_TRUE(run_now(d->devices().revoke(ana, "A")));
  EXPECT_EQ(add("a")->number, 2u);
  EXPECT_EQ(run_now(d->devices().revoke(ana, "b")).error().code(), Errc::NotFound);
}

TEST_F(DevicesTest, added_and_revoked_outlive_a_power_cut_that_follows_the_answer) {
  const std::string password(make_device_password(random).reveal());
  ASSERT_TRUE(add("iPhone", password, std::string(32, 'c')));
  ASSERT_TRUE(add("iPad"));
  store->power_cut();
  d = open();
  EXPECT_NE(book().open(Secret(password), ""), nullptr);
  ASSERT_TRUE(run_now(d->devices().revoke(ana, "iPhone")));
  store->power_cut();
  d = open();
  EXPECT_EQ(book().open(Secret(password), ""), nullptr);
  ASSERT_EQ(book().devices.size(), 1u);
  EXPECT_EQ(book().devices[0].name, "iPad");
  auto row = run_now(d->devices().certificate(std::string(32, 'c')));
  ASSERT_TRUE(row && *row);
  EXPECT_TRUE((*row)->revoked);
}

TEST_F(DevicesTest, a_change_that_fails_to_be_written_is_an_error) {
  store->fail_commit(1);
  EXPECT_EQ(add("iPhone").error().code(), Errc::Unavailable);
  d = open();
  EXPECT_TRUE(book().devices.empty());
}

TEST_F(DevicesTest, a_certificate_is_one_devices_and_stays_revoked) {
  const std::string sha(32, 'c');
  EXPECT_FALSE(*run_now(d->devices().certificate(sha)));
  ASSERT_TRUE(add("iPhone", "", sha));
  auto row = run_now(d->devices().certificate(sha));
  EXPECT_EQ(**row, (CertificateRow{ana, 1, false}));
  EXPECT_EQ(add("iPad", "", sha).error().code(), Errc::Exists);
  ASSERT_TRUE(run_now(d->devices().revoke(ana, "iPhone")));
  EXPECT_EQ(add("iPad", "", sha).error().code(), Errc::Denied);
}

TEST_F(DevicesTest, books_are_sealed_under_the_key_file_and_open_with_no_other) {
  ASSERT_TRUE(add("iPhone"));
  d = open(std::string(crypto::kSealKeySize, 'x'));
  EXPECT_EQ(run_now(d->devices().book(ana)).error().code(), Errc::Corrupt);
  d = open("");
  EXPECT_EQ(run_now(d->devices().book(ana)).error().code(), Errc::Corrupt);
  EXPECT_TRUE(run_now(d->devices().book(AccountId(8)))) << "an account without devices";
}

TEST_F(DevicesTest, last_use_is_exact_in_memory_and_written_every_quarter_of_an_hour_without_a_sync) {
  ASSERT_TRUE(add("iPhone"));
  const size_t before = store->not_durable();
  run_now(d->devices().used(ana, 1, {100, "192.0.2.1", "iOS"}));
  EXPECT_GT(store->not_durable(), before) << "nobody waits for the disk";
  clock.advance(base::Millis(14 * 60'000));
  const size_t written = store->not_durable();
  run_now(d->devices().used(ana, 1, {200, "192.0.2.2", ""}));
  EXPECT_EQ(store->not_durable(), written);
  auto uses = *run_now(d->devices().uses(ana));
  EXPECT_EQ(uses.at(1), (DeviceUse{200, "192.0.2.2", "iOS"})) << "a login without ID leaves the last one";
  clock.advance(base::Millis(60'000));
  run_now(d->devices().used(ana, 1, {300, "192.0.2.3", "iOS"}));
  EXPECT_GT(store->not_durable(), written);
  ASSERT_TRUE(add("iPad"));  // synced, and all before it
  store->power_cut();
  d = open();
  uses = *run_now(d->devices().uses(ana));
  EXPECT_EQ(uses.at(1).at, 300);
}

TEST_F(DevicesTest, an_account_is_found_by_the_name_its_devices_were_made_under) {
  ASSERT_TRUE(add("iPhone"));
  EXPECT_EQ(*run_now(d->devices().account_of("ana@example.org")), ana);
  EXPECT_EQ(run_now(d->devices().account_of("eva@example.org")).error().code(), Errc::NotFound);
}

TEST_F(DevicesTest, a_purge_forgets_devices_and_keeps_certificates_revoked) {
  auto secrets = make_secrets("eva@example.org", Secret("pencil"), {{64, 1, 1}, 4096, {}, ""}, random);
  const AccountId eva = run_now(d->add({"eva"}, std::move(*secrets)))->id;
  ASSERT_TRUE(
      run_now(d->devices().add(eva, "eva@example.org", {"iPhone", "", kAllProtocols, 0, {}, {}, std::string(32, 'c')})));
  ASSERT_TRUE(run_now(d->set_state("eva", State::Removed)));
  ASSERT_TRUE(run_now(d->purge("eva")));
  EXPECT_TRUE(run_now(d->devices().book(eva))->devices.empty());
  EXPECT_TRUE((*run_now(d->devices().certificate(std::string(32, 'c'))))->revoked);
}

}  // namespace
}  // namespace bz::directory
