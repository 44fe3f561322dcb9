// The durable side of the queue: one partition. A message becomes Queued by ONE synced commit that holds its envelope and,
// up to 256 KiB, its bytes; larger ones stream into a blob before that, which the commit links: one fsync to 250 either
// way. Marks of progress are lazy: after a power cut a recipient may be tried again, and the mail store then recognizes
// queue id + recipient. Single-threaded: everything runs on the partition's executor.
//
// Keys: q <id> h           head of the envelope (envelope.h); without it the rest does not count
//       q <id> r <be32 g>  group of recipients
//       q <id> s <be32 i>  progress of recipient i, newer than its group
//       m <id> <be32 n>    n-th piece of an inline message
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "kv/partition.h"
#include "queue/envelope.h"

namespace bz::queue {

inline constexpr size_t kInlineMessage = 256 << 10;

// Where the bytes of a message lie.
struct Content {
  kv::BlobRef blob;  // id 0: inline
  uint64_t size = 0;
};

struct Entry {
  Envelope envelope;
  Content content;
};

// The changed recipients of one message, for mark() and for commits that settle another message at once (bounces).
struct Mark {
  const Envelope* envelope;
  std::vector<size_t> recipients;  // indexes
};

class Ledger {
 public:
  explicit Ledger(std::unique_ptr<kv::Partition> partition) : partition_(std::move(partition)) {}

  // A message on its way in. Dropping it before commit() leaves nothing (blobs are reclaimed by kv).
  class Spool {
   public:
    explicit Spool(Ledger& ledger) : ledger_(ledger) {}
    // Errors: OverQuota (disk full), Unavailable.
    Task<Result<void>> write(std::string_view bytes);
    uint64_t size() const { return size_; }
    // Durable when done. `marks` (lazy changes of other messages) go into the same commit. Limit: too many recipients.
    Task<Result<Content>> commit(const Envelope& envelope, std::vector<Mark> marks = {});

   private:
    Task<Result<void>> to_blob(std::string_view bytes);
    Ledger& ledger_;
    std::string inline_;
    std::unique_ptr<kv::BlobWriter> writer_;
    uint64_t size_ = 0;
  };

  // Everything Queued, and drops what a crash has left half done. Records that cannot be read are kept aside (logged, left
  // in the store) and do not stop the others.
  Task<Result<std::vector<Entry>>> recover();
  // Lazy: applied and ordered, on disk no later than the next synced commit.
  Task<Result<void>> mark(Mark mark);
  // Lazy too: at worst a message comes back after a power cut and is recognized.
  Task<Result<void>> remove(QueueId id, Content content);
  // Bytes [at, at+size), cut at the end; at most 256 KiB per call.
  Task<Result<std::string>> read(QueueId id, Content content, uint64_t at, uint64_t size);

 private:
  void put_mark(kv::Batch& batch, const Mark& mark) const;
  Task<Result<void>> sweep(std::vector<std::string> heads);
  std::unique_ptr<kv::Partition> partition_;
};

// The bytes of a message as one kind of recipient gets them: the Sent copy without our trace but with Bcc, everybody else
// the other way round. `ledger` and `envelope` outlive the reader.
class ContentReader {
 public:
  enum class View : uint8_t { Deliver, SentCopy, Header };
  ContentReader(Ledger& ledger, const Envelope& envelope, Content content, View view);
  uint64_t size() const { return size_; }  // exact
  Task<Result<std::string>> next();        // up to 256 KiB; empty: the end
  static uint64_t size_of(const Envelope& envelope, View view);

 private:
  static std::vector<ByteRange> ranges(const Envelope& envelope, View view);
  Ledger& ledger_;
  QueueId id_;
  Content content_;
  std::vector<ByteRange> ranges_;  // still to be read
  uint64_t size_ = 0;
};

}  // namespace bz::queue
