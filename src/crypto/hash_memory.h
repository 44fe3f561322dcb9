// The memory that a memory-hard hash works in, kept by its thread from one hash to the next. libsodium maps the 19 MiB of
// one Argon2id and unmaps them behind it, page by page, which costs the kernel as much as the hash costs us; it has no hook
// for that. So while a Loan lives, its thread's next large mapping is answered with the thread's own block, in huge pages
// where the kernel has some, and the unmapping leaves it there (docs/decisions/0015). Nothing else is touched: mappings of
// other threads, small ones and those of files go to the kernel as ever, and so does everything in sanitizer builds.
#pragma once
#include <cstddef>

#include "base/env.h"

namespace bz::crypto {

class HashMemory {
 public:
  static constexpr size_t kSmallest = 1 << 20, kLargest = 64 << 20;  // octets; others are not lent
  // One mapping of about `size` octets is lent to this thread's next caller of mmap. One loan at a time and thread.
  class Loan {
   public:
    // keep: the block stays with the thread, as the hash left it; else it goes with the loan.
    Loan(size_t size, bool keep);
    Loan(const Loan&) = delete;
    ~Loan();

   private:
    const bool lends_, keep_;
  };
  static void release();  // gives this thread's block back to the kernel
  // The same for every thread that has had no loan for `age`. Any thread; does not wait for a hash that runs.
  static void release_idle(base::Millis age);
  static size_t kept();  // octets of this thread's block; 0: none
  static bool lends();   // false in sanitizer builds
};

}  // namespace bz::crypto
