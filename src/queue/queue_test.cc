#include "queue/queue.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "kv/memory.h"
#include "queue/bounce.h"

namespace bz::queue {
namespace {

constexpr kv::PartitionId kPartition{kv::kQueuePartition, 1};

class FakeDirectory : public Directory {
 public:
  Task<Result<RecipientVerdict>> lookup_recipient(smtp::Address address) override {
    if (down) co_return fail(Errc::Unavailable, "no auth");
    RecipientVerdict verdict;
    if (address.domain == "us.example") {
      verdict.kind = address.local == "joe" ? RecipientVerdict::Kind::Local : RecipientVerdict::Kind::Unknown;
      if (address.local == "joe") verdict.targets.push_back({AccountId(7), "joe", address});
    }
    co_return verdict;
  }
  Task<Result<bool>> may_send_as(AccountId, smtp::Address address) override { co_return !address.is_null(); }
  bool down = false;
};

class QueueTest : public testing::Test {
 protected:
  QueueTest() {
    log::set_sink([](std::string_view) {});
    start();
  }
  ~QueueTest() override { log::set_sink(nullptr); }

  void start() {
    queue_.reset();
    auto open = store_->open(kPartition, true, executor_);
    EXPECT_TRUE(open.ready());
    auto partition = open.await_resume();
    ASSERT_TRUE(partition);
    QueueConfig config;
    config.hostname = "mx.us.example";
    queue_ = std::make_unique<Queue>(std::move(*partition), config, directory_, clock_, random_);
    ASSERT_TRUE(run_now(queue_->start()));
  }

  Envelope envelope(std::initializer_list<const char*> recipients, const std::string& content) {
    Envelope e;
    e.id = queue_->new_id();
    e.sender = *smtp::parse_address("joe@us.example");
    e.size = content.size();
    e.header_size = content.find("\r\n\r\n") + 4;
    for (const char* r : recipients) {
      Recipient to;
      to.rcpt.recipient = *smtp::parse_address(r);
      e.recipients.push_back(to);
    }
    return e;
  }

  Result<void> put(const Envelope& e, const std::string& content) {
    auto spool = queue_->spool();
    for (size_t at = 0; at < content.size(); at += 100'000) {
      auto written = run_now(spool.write(std::string_view(content).substr(at, 100'000)));
      if (!written) return written;
    }
    return run_now(queue_->enqueue(spool, e));
  }

  std::string read(const Entry& entry, ContentReader::View view) {
    auto reader = queue_->reader(entry, view);
    std::string out;
    while (true) {
      const auto piece = run_now(reader.next());
      EXPECT_TRUE(piece);
      if (!piece || piece->empty()) break;
      out += *piece;
    }
    EXPECT_EQ(out.size(), reader.size());
    return out;
  }

  static Attempt attempt(uint16_t code, const char* status = "") {
    using Kind = smtp::Outcome::Kind;
    const Kind kind = code < 300 ? Kind::Done : code < 500 ? Kind::Temporary : Kind::Permanent;
    return {{kind, smtp::Reply(code, status, "text")}, "mx.there", false};
  }

  Result<void> settle(const Job& job, std::vector<Attempt> attempts) {
    return run_now(queue_->settle(job, std::move(attempts)));
  }

  std::unique_ptr<kv::MemoryStore> store_ = kv::make_memory_store({}, true);
  base::ManualExecutor executor_;
  FakeDirectory directory_;
  base::ManualClock clock_;
  base::SeededRandom random_{1};
  std::unique_ptr<Queue> queue_;
};

const std::string kSmall = "Subject: hi\r\n\r\nbody\r\n";

TEST_F(QueueTest, DeliversAndForgets) {
  int woken = 0;
  queue_->on_work([&] { ++woken; });
  ASSERT_TRUE(put(envelope({"a@x", "b@y"}, kSmall), kSmall));
  EXPECT_EQ(woken, 1);
  auto first = queue_->next_job();
  auto second = queue_->next_job();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(read(*queue_->find(first->id), ContentReader::View::Deliver), kSmall);
  ASSERT_TRUE(settle(*first, {attempt(250)}));
  EXPECT_EQ(queue_->list().size(), 1u);
  ASSERT_TRUE(settle(*second, {attempt(250)}));
  EXPECT_TRUE(queue_->list().empty());
  start();
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(QueueTest, AcknowledgedMailSurvivesAPowerCut) {
  const std::string large = "Subject: big\r\n\r\n" + std::string(700'000, 'x') + "end";
  ASSERT_TRUE(put(envelope({"a@x"}, kSmall), kSmall));
  ASSERT_TRUE(put(envelope({"b@x"}, large), large));
  store_->power_cut();
  start();
  ASSERT_EQ(queue_->list().size(), 2u);
  for (const auto* entry : queue_->list()) {
    const bool big = entry->envelope.size == large.size();
    EXPECT_EQ(read(*entry, ContentReader::View::Deliver), big ? large : kSmall);
  }
  EXPECT_TRUE(queue_->next_job());
  EXPECT_TRUE(queue_->next_job());
}

// Sizes around the inline limit, the piece size and the chunk size.
TEST_F(QueueTest, MessagesOfEverySizeComeBackWhole) {
  for (const size_t size : {30ul, (60ul << 10) - 1, 60ul << 10, (60ul << 10) + 1, (256ul << 10) - 1, 256ul << 10,
                            (256ul << 10) + 1, 512ul << 10, (512ul << 10) + 7}) {
    std::string content = "Subject: hi\r\n\r\n";
    while (content.size() < size) content += static_cast<char>('a' + content.size() % 23);
    const auto e = envelope({"a@x"}, content);
    ASSERT_TRUE(put(e, content)) << size;
    EXPECT_EQ(read(*queue_->find(e.id), ContentReader::View::Deliver), content) << size;
    EXPECT_TRUE(run_now(queue_->remove(e.id)));
  }
}

TEST_F(QueueTest, MailNotCommittedIsNotThere) {
  int broken = 0;
  queue_->on_broken([&](const Error&) { ++broken; });
  store_->fail_commit(1);
  EXPECT_FALSE(put(envelope({"a@x"}, kSmall), kSmall));
  EXPECT_EQ(broken, 1);
  EXPECT_TRUE(queue_->list().empty());
  EXPECT_FALSE(queue_->next_job());
}

TEST_F(QueueTest, SentCopyKeepsBccAndLosesTheTrace) {
  const std::string content = "Received: us\r\nSubject: hi\r\nBcc: x@y\r\nTo: a@b\r\n\r\nbody\r\n";
  auto e = envelope({"a@x"}, content);
  e.trace_size = 14;
  e.bcc = {{27, 10}};
  ASSERT_TRUE(put(e, content));
  const auto& entry = *queue_->find(e.id);
  EXPECT_EQ(read(entry, ContentReader::View::SentCopy), "Subject: hi\r\nBcc: x@y\r\nTo: a@b\r\n\r\nbody\r\n");
  EXPECT_EQ(read(entry, ContentReader::View::Deliver), "Received: us\r\nSubject: hi\r\nTo: a@b\r\n\r\nbody\r\n");
  EXPECT_EQ(read(entry, ContentReader::View::Header), "Received: us\r\nSubject: hi\r\nTo: a@b\r\n\r\n");
}

TEST_F(QueueTest, TemporaryFailureWaitsAndIsRememberedAcrossAStart) {
  const auto e = envelope({"a@x"}, kSmall);
  ASSERT_TRUE(put(e, kSmall));
  ASSERT_TRUE(settle(*queue_->next_job(), {attempt(451, "4.2.0")}));
  EXPECT_FALSE(queue_->next_job());
  EXPECT_EQ(queue_->next_due(), clock_.unix_millis() + 5 * 60'000);
  start();
  EXPECT_FALSE(queue_->next_job());
  EXPECT_EQ(queue_->list()[0]->envelope.recipients[0].attempts, 1u);
  EXPECT_EQ(queue_->list()[0]->envelope.recipients[0].last_reply.code, 451);
  clock_.advance(std::chrono::minutes(5));
  EXPECT_TRUE(queue_->next_job());
}

TEST_F(QueueTest, PermanentFailureTellsTheLocalSenderOnce) {
  const auto e = envelope({"a@x", "b@x"}, kSmall);
  ASSERT_TRUE(put(e, kSmall));
  ASSERT_TRUE(settle(*queue_->next_job(), {attempt(550, "5.1.1"), attempt(250)}));
  ASSERT_EQ(queue_->list().size(), 1u) << "the original is gone, the notification is there";
  const auto job = queue_->next_job();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->destination, "local");
  const auto& bounce = *queue_->find(job->id);
  EXPECT_TRUE(bounce.envelope.sender.is_null());
  EXPECT_EQ(bounce.envelope.recipients[0].rcpt.account, AccountId(7));
  const auto text = read(bounce, ContentReader::View::Deliver);
  EXPECT_NE(text.find("Final-Recipient: rfc822; a@x\r\nAction: failed\r\nStatus: 5.1.1\r\n"), std::string::npos);
  EXPECT_EQ(text.find("b@x"), std::string::npos);
  EXPECT_NE(text.find("Subject: hi\r\n"), std::string::npos);
  // Never a bounce of a bounce.
  ASSERT_TRUE(settle(*job, {attempt(550, "5.2.1")}));
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(QueueTest, ExpiryTellsTheSenderWithTheLastReply) {
  ASSERT_TRUE(put(envelope({"a@x"}, kSmall), kSmall));
  int attempts = 0;
  for (const auto* delay = &queue_->list()[0]->envelope; delay != nullptr; ++attempts) {
    ASSERT_LT(attempts, 20);
    const auto due = queue_->next_due();
    if (due && *due > clock_.unix_millis()) clock_.advance(base::Millis(*due - clock_.unix_millis()));
    const auto job = queue_->next_job();
    ASSERT_TRUE(job);
    const bool told = queue_->find(job->id)->envelope.sender.is_null();
    if (told)
      EXPECT_NE(read(*queue_->find(job->id), ContentReader::View::Deliver).find("Action: delayed"), std::string::npos);
    if (told) EXPECT_GE(clock_.unix_millis() - delay->received, 4 * 3600 * 1000);
    ASSERT_TRUE(settle(*job, {attempt(told ? 250 : 450, "4.2.0")}));
    if (told) delay = nullptr;
  }
  EXPECT_GT(attempts, 5);
  for (attempts = 0; queue_->list()[0]->envelope.sender.is_null() == false; ++attempts) {
    const auto due = queue_->next_due();
    ASSERT_TRUE(due);
    if (*due > clock_.unix_millis()) clock_.advance(base::Millis(*due - clock_.unix_millis()));
    ASSERT_TRUE(settle(*queue_->next_job(), {attempt(450, "4.2.0")}));
    ASSERT_LT(attempts, 100);
  }
  EXPECT_GT(attempts, 20);
  ASSERT_EQ(queue_->list().size(), 1u) << "told once of the delay, once of the end";
  const auto text = read(*queue_->list()[0], ContentReader::View::Deliver);
  EXPECT_NE(text.find("Action: failed\r\nStatus: 4.2.0\r\n"), std::string::npos);
}

// Its message has gone its way; only the copy is missing, and only the administrator is told.
TEST_F(QueueTest, SentCopyForAnotherServerIsTriedLessAndLessAndThenGivenUpWithALine) {
  static std::vector<std::string> lines;
  lines.clear();
  log::set_sink([](std::string_view line) { lines.emplace_back(line); });
  auto e = envelope({"joe@us.example"}, kSmall);
  e.account_name = "joe@us.example";
  e.message_id = "<1@us.example>";
  e.recipients[0].cls = RecipientClass::SentCopy;
  e.recipients[0].server = "exchange";
  ASSERT_TRUE(put(e, kSmall));
  std::vector<int64_t> waits;
  const int64_t begun = clock_.unix_millis();
  while (!queue_->list().empty()) {
    ASSERT_LT(waits.size(), 200u);
    const int64_t wait = std::max<int64_t>(0, *queue_->next_due() - clock_.unix_millis());
    waits.push_back(wait);
    clock_.advance(base::Millis(wait));
    ASSERT_TRUE(settle(*queue_->next_job(), {attempt(waits.size() % 2 ? 451 : 550, "4.4.1")}));
  }
  EXPECT_EQ(waits[1], 5 * 60'000);
  EXPECT_EQ(waits[2], 10 * 60'000);
  EXPECT_EQ(waits.back(), 4 * 3'600'000);
  const int64_t age = clock_.unix_millis() - begun, limit = 14LL * 24 * 3600 * 1000;
  EXPECT_GE(age, limit);
  EXPECT_LT(age, limit + 4 * 3'600'000);
  size_t said = 0;
  for (const std::string& line : lines) {
    if (line.find("sent_copy_given_up") == line.npos) continue;
    ++said;
    for (const char* part : {"account=joe@us.example", "msgid=<1@us.example>", "server=exchange", "hours=337", "reply="})
      EXPECT_NE(line.find(part), line.npos) << line;
  }
  EXPECT_EQ(said, 1u);
}

TEST_F(QueueTest, NotifyIsObeyed) {
  auto never = envelope({"a@x"}, kSmall);
  never.recipients[0].rcpt.notify.bits = smtp::Notify::kNever;
  ASSERT_TRUE(put(never, kSmall));
  ASSERT_TRUE(settle(*queue_->next_job(), {attempt(550)}));
  EXPECT_TRUE(queue_->list().empty());
  auto success = envelope({"a@x"}, kSmall);
  success.recipients[0].rcpt.notify.bits = smtp::Notify::kSuccess;
  ASSERT_TRUE(put(success, kSmall));
  ASSERT_TRUE(settle(*queue_->next_job(), {attempt(250)}));
  ASSERT_EQ(queue_->list().size(), 1u);
  EXPECT_NE(read(*queue_->list()[0], ContentReader::View::Deliver).find("Action: relayed"), std::string::npos);
}

TEST_F(QueueTest, NotificationWaitsWhileTheDirectoryIsDown) {
  ASSERT_TRUE(put(envelope({"a@x"}, kSmall), kSmall));
  directory_.down = true;
  ASSERT_TRUE(settle(*queue_->next_job(), {attempt(550)}));
  ASSERT_EQ(queue_->list().size(), 1u);
  EXPECT_FALSE(queue_->list()[0]->envelope.sender.is_null()) << "the original is kept";
  start();  // and survives
  EXPECT_EQ(queue_->list().size(), 1u);
  directory_.down = false;
  clock_.advance(base::Millis(60'001));
  ASSERT_TRUE(run_now(queue_->retry_reports()));
  ASSERT_EQ(queue_->list().size(), 1u);
  EXPECT_TRUE(queue_->list()[0]->envelope.sender.is_null());
}

// Power goes at every step of a failing delivery, with any part of the unsynced marks on disk: after the start there is the
// original or its notification, never neither.
TEST_F(QueueTest, FailureIsNeverForgotten) {
  for (size_t keep = 0; keep < 6; ++keep) {
    store_ = kv::make_memory_store({}, true);
    start();
    ASSERT_TRUE(put(envelope({"a@x"}, kSmall), kSmall));
    ASSERT_TRUE(settle(*queue_->next_job(), {attempt(550)}));
    store_->power_cut(keep);
    start();
    ASSERT_TRUE(run_now(queue_->retry_reports()));
    EXPECT_GE(queue_->list().size(), 1u) << keep;
    bool told = false, waits = false;
    for (const auto* entry : queue_->list()) {
      told = told || entry->envelope.sender.is_null();
      waits = waits || entry->envelope.any_waiting();
    }
    EXPECT_TRUE(told || waits) << keep;
  }
}

TEST_F(QueueTest, ManyRecipientsFitOneCommit) {
  std::string content = kSmall;
  while (content.size() < kInlineMessage - 100) content += "line\r\n";  // both together would be too much for a batch
  auto e = envelope({}, content);
  for (int i = 0; i < 1000; ++i) {
    Recipient r;
    r.rcpt.recipient = smtp::Address{"user" + std::to_string(i), "d" + std::to_string(i % 10) + ".example"};
    r.rcpt.orcpt = "rfc822;" + std::string(500, 'o');
    e.recipients.push_back(r);
  }
  ASSERT_TRUE(put(e, content));
  start();
  EXPECT_EQ(read(*queue_->list()[0], ContentReader::View::Deliver), content);
  ASSERT_EQ(queue_->list().size(), 1u);
  EXPECT_EQ(queue_->list()[0]->envelope.recipients.size(), 1000u);
  EXPECT_EQ(queue_->list()[0]->envelope.recipients[999].rcpt.recipient.local, "user999");
  size_t jobs = 0;
  while (auto job = queue_->next_job()) {
    ++jobs;
    std::vector<Attempt> attempts(job->recipients.size(), attempt(250));
    ASSERT_TRUE(settle(*job, std::move(attempts)));
  }
  EXPECT_EQ(jobs, 10u);
  EXPECT_TRUE(queue_->list().empty());
}

TEST_F(QueueTest, AnotherSmartHostTakesWhatWaits) {
  const std::string content = "Subject: x\r\n\r\nbody\r\n";
  ASSERT_TRUE(put(envelope({"a@far.example", "b@else.example"}, content), content));
  int calls = 0;
  queue_->on_work([&] { ++calls; });
  QueueConfig config = queue_->config();
  config.route.smart_host = "relay.example";
  config.schedule.retry = {7'000};
  queue_->set_config(config);
  EXPECT_EQ(calls, 1) << "the worker looks again";
  const auto job = queue_->next_job();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->destination, "host:relay.example:587");
  EXPECT_EQ(job->recipients.size(), 2u) << "one connection for both now";
  EXPECT_FALSE(queue_->next_job());
}

TEST_F(QueueTest, AdministratorRemovesAndFlushes) {
  const auto e = envelope({"a@x"}, kSmall);
  ASSERT_TRUE(put(e, kSmall));
  const auto job = queue_->next_job();
  EXPECT_EQ(run_now(queue_->remove(e.id)).error().code(), Errc::Conflict);
  ASSERT_TRUE(settle(*job, {attempt(450)}));
  queue_->flush();
  const auto again = queue_->next_job();
  ASSERT_TRUE(again);
  ASSERT_TRUE(settle(*again, {attempt(450)}));
  EXPECT_TRUE(run_now(queue_->remove(e.id)));
  EXPECT_EQ(run_now(queue_->remove(e.id)).error().code(), Errc::NotFound);
  EXPECT_FALSE(queue_->next_due());
}

}  // namespace
}  // namespace bz::queue
