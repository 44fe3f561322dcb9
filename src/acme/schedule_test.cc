#include "acme/schedule.h"

#include <gtest/gtest.h>

namespace bz::acme {
namespace {

constexpr int64_t kNow = 1'800'000'000, kDay = 86'400;
const std::string kSha(64, 'a');

crypto::CertificateFacts facts(int64_t age_days, int64_t life_days) {
  crypto::CertificateFacts out;
  out.names = {"mail.example.test"};
  out.not_before = kNow - age_days * kDay;
  out.not_after = out.not_before + life_days * kDay;
  out.sha256 = kSha;
  return out;
}
Record issued() { return {.sha256 = kSha, .issued = kNow - kDay, .error = {}}; }
const std::vector<std::string> kNames{"mail.example.test"};

TEST(Schedule, at_once_when_none_has_been_issued_or_a_name_is_missing) {
  auto young = facts(1, 90);
  EXPECT_EQ(next_renewal(&young, kNames, {}, kNow).at, kNow);
  EXPECT_EQ(next_renewal(nullptr, kNames, {}, kNow).at, kNow);
  EXPECT_EQ(next_renewal(&young, {"mail.example.test", "imap.example.test"}, issued(), kNow).at, kNow);
  EXPECT_EQ(next_renewal(&young, {"*.example.test"}, issued(), kNow).at, kNow);
}

TEST(Schedule, when_a_third_is_left_or_a_little_earlier) {
  for (int64_t life : {6, 45, 90, 365}) {
    auto young = facts(1, life);
    const int64_t at = next_renewal(&young, kNames, issued(), kNow).at;
    const int64_t third = young.not_after - life * kDay / 3;
    EXPECT_LE(at, third);
    EXPECT_GT(at, third - life * kDay / 20);
    EXPECT_EQ(next_renewal(&young, kNames, issued(), kNow + 5).at, at) << "a restart changes nothing";
    young.sha256 = std::string(64, 'b');
    EXPECT_NE(next_renewal(&young, kNames, {.sha256 = young.sha256, .error = {}}, kNow).at, at)
        << "another certificate, another time";
  }
}

TEST(Schedule, a_system_that_cannot_take_the_new_one_does_not_ask_for_more) {
  auto other = facts(1, 90);
  other.sha256 = std::string(64, 'c');
  EXPECT_EQ(next_renewal(&other, kNames, {.sha256 = kSha, .issued = kNow, .error = {}}, kNow).at, kNow + kDay);
  EXPECT_EQ(next_renewal(&other, kNames, {.sha256 = kSha, .issued = kNow - 2 * kDay, .error = {}}, kNow).at, kNow);
}

TEST(Schedule, never_before_the_back_off_is_over) {
  auto old = facts(80, 90);
  Record record = issued();
  record.not_before = kNow + 100;
  EXPECT_EQ(next_renewal(&old, kNames, record, kNow).at, kNow + 100);
  EXPECT_EQ(next_renewal(nullptr, kNames, {.not_before = kNow + 100, .error = {}}, kNow).at, kNow + 100);
}

TEST(Schedule, back_off_doubles_to_a_day_and_heeds_the_authority) {
  int64_t before = 0;
  for (unsigned failures = 1; failures <= 9; ++failures) {
    const int64_t least = back_off(failures, 0, 0);
    EXPECT_GT(least, before);
    before = least;
  }
  for (uint64_t random : {0ull, 1ull, 12'345ull, ~0ull}) {
    EXPECT_GE(back_off(1, 0, random), 270);
    EXPECT_LE(back_off(1, 0, random), 330);
    EXPECT_LE(back_off(1'000'000, 0, random), kDay * 11 / 10);
    EXPECT_EQ(back_off(1, 7 * kDay, random), 7 * kDay);
  }
}

TEST(Schedule, records_come_back_as_they_were) {
  Records records{
      {"tls", {.sha256 = kSha, .issued = 1, .tried = 2, .not_before = 3, .failures = 4, .error = "a \"text\"\n"}},
      {"certificate.1", {}}};
  auto again = parse_records(print_records(records));
  ASSERT_TRUE(again);
  EXPECT_EQ(print_records(*again), print_records(records));
  EXPECT_EQ(again->at("tls").failures, 4u);
  EXPECT_EQ(again->at("tls").error, "a \"text\"\n");
  EXPECT_TRUE(parse_records("{}")->empty());
  for (const char* bad : {"", "[]", "{\"tls\":7}", "{"}) EXPECT_FALSE(parse_records(bad)) << bad;
  EXPECT_EQ(parse_records(R"({"tls":{"failures":-5}})")->at("tls").failures, 0u);
}

}  // namespace
}  // namespace bz::acme
