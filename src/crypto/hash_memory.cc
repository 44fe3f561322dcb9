#include "crypto/hash_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>

#include "base/check.h"

// Sanitizers have an mmap of their own, and want to see every mapping.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BZ_LENDS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define BZ_LENDS_MEMORY 0
#endif
#endif
#ifndef BZ_LENDS_MEMORY
#define BZ_LENDS_MEMORY 1
#endif

namespace bz::crypto {
namespace {

constexpr size_t kHugePage = 2 << 20;

void* kernel_map(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  return reinterpret_cast<void*>(::syscall(SYS_mmap, address, size, protection, flags, fd, offset));
}
int kernel_unmap(void* address, size_t size) { return static_cast<int>(::syscall(SYS_munmap, address, size)); }

class Block;
// Every thread's block, for release_idle().
struct Register {
  std::mutex mutex;
  std::set<Block*> blocks;
};
Register& all() {
  static auto* made = new Register;  // threads may end after everything else
  return *made;
}

// What a thread keeps. A loan holds the mutex, or release_idle() does.
class Block {
 public:
  Block() {
    std::lock_guard lock(all().mutex);
    all().blocks.insert(this);
  }
  Block(const Block&) = delete;
  ~Block() {
    std::lock_guard lock(all().mutex);
    all().blocks.erase(this);
    unmap();
  }

  std::mutex& mutex() { return mutex_; }
  void lend(size_t size) { wanted_ = size; }
  void end_loan(bool keep) {
    lent_ = false;
    used_ = std::chrono::steady_clock::now();
    if (!keep) unmap();
  }
  bool fits(size_t size) const { return !lent_ && size >= wanted_ && size - wanted_ < kHugePage; }
  bool is_lent(const void* address) const { return lent_ && address == start_; }
  void* take(size_t size) {
    if (size > size_) {
      unmap();
      if (!map(size)) return MAP_FAILED;
    }
    lent_ = true;
    return start_;
  }
  void come_back() { lent_ = false; }
  void unmap() {
    if (size_ > 0) kernel_unmap(start_, size_);
    size_ = 0;
  }
  size_t size() const { return size_; }
  base::MonoTime used() const { return used_; }

 private:
  // Whole huge pages, without what lies around them.
  bool map(size_t size) {
    const size_t whole = (size + kHugePage - 1) / kHugePage * kHugePage;
    void* raw = kernel_map(nullptr, whole + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) return false;
    char* begin = static_cast<char*>(raw);
    const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(raw) % kHugePage) % kHugePage;
    if (before > 0) kernel_unmap(begin, before);
    start_ = begin + before;
    size_ = whole;
    if (before < kHugePage) kernel_unmap(start_ + size_, kHugePage - before);
    // A wish: a kernel without huge pages, or without a free one, gives small ones.
    ::madvise(start_, size_, MADV_HUGEPAGE);
    return true;
  }

  std::mutex mutex_;
  char* start_ = nullptr;
  size_t size_ = 0, wanted_ = 0;
  bool lent_ = false;
  base::MonoTime used_{};
};

thread_local Block t_block;
// Where mmap and munmap look: needs no constructor, for they are called from anywhere.
constinit thread_local Block* t_lender = nullptr;

}  // namespace

HashMemory::Loan::Loan(size_t size, bool keep)
    : lends_(BZ_LENDS_MEMORY && size >= kSmallest && size <= kLargest), keep_(keep) {
  if (!lends_) return;
  BZ_CHECK(t_lender == nullptr, "two loans at a time");
  t_block.mutex().lock();
  t_block.lend(size);
  t_lender = &t_block;
}
HashMemory::Loan::~Loan() {
  if (!lends_) return;
  t_lender = nullptr;
  t_block.end_loan(keep_);
  t_block.mutex().unlock();
}

void HashMemory::release() {
  std::lock_guard lock(t_block.mutex());
  t_block.unmap();
}

void HashMemory::release_idle(base::Millis age) {
  const base::MonoTime since = std::chrono::steady_clock::now() - age;
  std::lock_guard lock(all().mutex);
  for (Block* block : all().blocks) {
    std::unique_lock one(block->mutex(), std::try_to_lock);
    if (one && block->used() <= since) block->unmap();
  }
}

size_t HashMemory::kept() {
  std::lock_guard lock(t_block.mutex());
  return t_block.size();
}
bool HashMemory::lends() { return BZ_LENDS_MEMORY; }

}  // namespace bz::crypto

#if BZ_LENDS_MEMORY
// These take the place of the C library's for the whole process, its libraries included; the C library itself has its own
// way to the kernel. What no loan asks for is passed on as it is.
extern "C" __attribute__((visibility("default"))) void* mmap(void* address, size_t size, int protection, int flags, int fd,
                                                             off_t offset) noexcept {
  using namespace bz::crypto;
  constexpr int kPlain = MAP_PRIVATE | MAP_ANONYMOUS;
  const bool plain = address == nullptr && protection == (PROT_READ | PROT_WRITE) && (flags & kPlain) == kPlain &&
                     (flags & ~(kPlain | MAP_POPULATE | MAP_NORESERVE)) == 0;
  if (t_lender != nullptr && plain && t_lender->fits(size)) return t_lender->take(size);
  return kernel_map(address, size, protection, flags, fd, offset);
}

extern "C" __attribute__((visibility("default"))) int munmap(void* address, size_t size) noexcept {
  using namespace bz::crypto;
  if (t_lender != nullptr && t_lender->is_lent(address)) {
    t_lender->come_back();
    return 0;
  }
  return kernel_unmap(address, size);
}
#endif
