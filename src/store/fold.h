// Fold: carries the change records of an account, oldest first, into the pages of its mailboxes and into the reference
// counts of its messages, and prunes old change records. Each step is one atomic, lazily synced batch that also says how
// far it got, so each change is folded exactly once, whatever is lost by a crash; a change of a million messages is folded
// over many steps.
//
// Because changes are folded in order over all mailboxes, a message whose count falls to zero is in no mailbox and in no
// later change: its record and blobs go in the same batch.
//
// Count of an email = entries of pages that name it. No C record means 1 (every append), or 0 while the append itself is
// not folded. Only the fold reads and writes P, C and F. One step at a time.
#pragma once
#include <map>
#include <optional>

#include "kv/partition.h"
#include "store/schema.h"

namespace bz::store {

class Folder {
 public:
  Folder(kv::Partition& partition, FoldRecord record, uint64_t keep_changes)
      : partition_(partition), record_(record), keep_changes_(keep_changes) {}
  const FoldRecord& record() const { return record_; }
  // Folds what fits one batch. False: everything committed before the call is folded.
  Task<Result<bool>> step();

 private:
  struct Cached {
    std::vector<Entry> entries;
    bool dirty = false;
  };
  enum class Outcome : uint8_t { Whole, Full };  // Full: the batch has no room, next_ says where to go on

  Task<Result<Outcome>> apply(Change change, uint64_t modseq);
  Task<Result<Outcome>> apply_append(Change change, uint64_t modseq);
  Task<Result<Outcome>> apply_remove(Change change);
  Task<Result<Outcome>> apply_ranges(Change change, uint64_t modseq);
  Task<Result<void>> apply_slice(const Change& change, UidSet::Range slice, uint64_t modseq);
  Task<Result<Cached*>> page(MailboxId mailbox, uint32_t number);
  Task<Result<void>> put_references(kv::Batch& batch);
  Task<Result<void>> flush();
  bool room() const;
  bool untouched() const { return cache_.empty() && references_.empty() && removed_.empty(); }

  kv::Partition& partition_;
  FoldRecord record_;
  const uint64_t keep_changes_;
  // Of the step under way:
  FoldRecord next_;
  std::map<std::pair<MailboxId, uint32_t>, Cached> cache_;
  std::map<uint64_t, int64_t> references_;
  std::vector<std::string> removed_;  // keys of pages
};

}  // namespace bz::store
