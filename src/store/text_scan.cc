// The scan: every message that is asked about is read and decoded.
#include <atomic>
#include <functional>

#include "kv/pool.h"
#include "mime/text.h"
#include "store/text_search.h"

namespace bz::store {
namespace {

struct Read {  // a message under way
  explicit Read(Candidate c) : candidate(std::move(c)) {}
  Candidate candidate;
  std::vector<std::string> parts;  // of the text parts, still encoded
  bool body_read = false;
  bool gone = false;
  Verdict found = Verdict::Unknown;
  uint8_t relevancy = 100;
};

// What the lane and a thread of the pool hand to each other; the lane does not look at it while the thread works.
struct Work {
  std::shared_ptr<const Query> query;
  std::vector<Read*> messages;
  std::vector<std::unique_ptr<Read>> all;
  std::atomic<bool> cancelled = false;
};
using WorkPtr = std::shared_ptr<Work>;

// The task that waits for the work is gone: nobody wants the rest.
class CancelAtEnd {
 public:
  explicit CancelAtEnd(WorkPtr work) : work_(std::move(work)) {}
  CancelAtEnd(const CancelAtEnd&) = delete;
  ~CancelAtEnd() { work_->cancelled = true; }

 private:
  WorkPtr work_;
};

void judge_all(Work& work) {
  for (Read* message : work.messages) {
    if (work.cancelled) return;
    Candidate& candidate = message->candidate;
    if (message->body_read) {
      size_t at = 0;
      for (const auto& part : candidate.record->parts)
        if (part.text) {
          candidate.body_folded += mime::fold(mime::decode_text(message->parts[at], part.encoding, part.charset)) + '\n';
          std::string().swap(message->parts[at++]);
        }
      candidate.body_known = true;
    }
    message->found = judge(*work.query, candidate);
    if (message->found == Verdict::Yes && work.query->asks_fuzzy()) message->relevancy = relevancy(*work.query, candidate);
    if (message->found == Verdict::Unknown) continue;  // its header is looked at again, with the body
    for (std::string* text : {&candidate.header, &candidate.header_folded, &candidate.body_folded})
      std::string().swap(*text);
  }
}

Task<Result<void>> load_header(Account& account, Candidate& message) {
  const EmailId email(message.entry.email);
  auto getting = account.record(email);
  auto got = co_await std::move(getting);
  BZ_CO_TRY(message.record, std::move(got));
  uint64_t end = 0;
  for (const auto& field : message.record->fields) end = std::max<uint64_t>(end, uint64_t{field.at} + field.size);
  auto reading = account.read(email, 0, end);
  auto read = co_await std::move(reading);
  BZ_CO_TRY(message.header, std::move(read));
  message.header_known = true;
  co_return Result<void>();
}

// The octets of the text parts, in their order; decoded aside.
Task<Result<void>> load_body(Account& account, Read& message) {
  for (const auto& part : message.candidate.record->parts) {
    if (!part.text) continue;
    auto reading = account.read(EmailId(message.candidate.entry.email), part.body.at, part.body.size);
    auto read = co_await std::move(reading);
    BZ_CO_TRY(std::string raw, std::move(read));
    message.parts.push_back(std::move(raw));
  }
  message.body_read = true;
  co_return Result<void>();
}

class Scan final : public TextSearch {
 public:
  explicit Scan(unsigned threads) {
    if (threads > 0) pool_ = std::make_unique<kv::Pool>(static_cast<int>(threads));
  }

  Task<Result<std::vector<Match>>> matching(Account& account, std::shared_ptr<const Query> query,
                                            std::vector<Candidate> messages, base::Executor& lane) override {
    auto work = std::make_shared<Work>();
    const CancelAtEnd cancel(work);
    work->query = std::move(query);
    for (Candidate& candidate : messages) work->all.push_back(std::make_unique<Read>(std::move(candidate)));
    auto with_header = judge_unknown(account, work, false, lane);
    auto judged = co_await std::move(with_header);
    BZ_CO_TRY_VOID(std::move(judged));
    auto with_body = judge_unknown(account, work, true, lane);
    judged = co_await std::move(with_body);
    BZ_CO_TRY_VOID(std::move(judged));
    std::vector<Match> matches;
    for (const auto& message : work->all) {
      BZ_CHECK(message->gone || message->found != Verdict::Unknown, "a search key that nothing decides");
      if (!message->gone && message->found == Verdict::Yes)
        matches.push_back({message->candidate.entry.uid, message->relevancy});
    }
    co_return matches;
  }

 private:
  // Reads header or body of those that are undecided, and judges them whenever enough is read.
  Task<Result<void>> judge_unknown(Account& account, WorkPtr work, bool body, base::Executor& lane) {
    size_t octets = 0;
    for (const auto& message : work->all) {
      if (message->gone || message->found != Verdict::Unknown) continue;
      auto loading = body ? load_body(account, *message) : load_header(account, message->candidate);
      auto loaded = co_await std::move(loading);
      if (!loaded && loaded.error().code() == Errc::NotFound) {
        message->gone = true;  // expunged while we read it
        continue;
      }
      BZ_CO_TRY_VOID(std::move(loaded));
      octets += message->candidate.header.size();
      for (const std::string& part : message->parts) octets += part.size();
      work->messages.push_back(message.get());
      if (octets < kScanOctets) continue;
      auto judging = run_aside(work, lane);
      auto judged = co_await std::move(judging);
      BZ_CO_TRY_VOID(std::move(judged));
      octets = 0;
    }
    if (work->messages.empty()) co_return Result<void>();
    auto judging = run_aside(work, lane);
    auto judged = co_await std::move(judging);
    co_return std::move(judged);
  }

  Task<Result<void>> run_aside(WorkPtr work, base::Executor& lane) {
    if (!pool_) {
      judge_all(*work);
    } else {
      base::Completion<bool> done;
      // The promise goes back to the lane before it is touched or dropped.
      auto promise = std::make_shared<base::Completion<bool>::Promise>(done.promise());
      pool_->submit([&lane, work, promise]() mutable {
        if (!work->cancelled) judge_all(*work);
        lane.post([work = std::move(work), promise = std::move(promise)] { promise->set(true); });
      });
      auto judged = co_await done;
      if (!judged) co_return std::move(judged).error();
    }
    work->messages.clear();
    co_return Result<void>();
  }

  std::unique_ptr<kv::Pool> pool_;
};

}  // namespace

std::unique_ptr<TextSearch> make_scan(unsigned threads) { return std::make_unique<Scan>(threads); }

}  // namespace bz::store
