#include "crypto/hash_memory.h"

#include <argon2.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "crypto/password.h"

namespace bz::crypto {
namespace {

constexpr size_t kMiB = 1 << 20;
constexpr PasswordCost kTwoPasses{4096, 2, 1}, kOnePass{4096, 1, 1};

// What the reference implementation makes of it.
std::string reference(const PasswordCost& cost, std::string_view password) {
  const std::string salt = "sixteen bytes ok";
  std::string out(256, '\0');
  EXPECT_EQ(argon2id_hash_encoded(cost.passes, cost.memory_kib, cost.lanes, password.data(), password.size(), salt.data(),
                                  salt.size(), 32, out.data(), out.size()),
            ARGON2_OK);
  out.resize(out.find('\0'));
  return out;
}

long page_faults() {
  rusage use{};
  getrusage(RUSAGE_THREAD, &use);
  return use.ru_minflt;
}

void* map(size_t size) { return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

class HashMemoryTest : public testing::Test {
 protected:
  HashMemoryTest() { HashMemory::release(); }
  ~HashMemoryTest() override { HashMemory::release(); }
};

TEST_F(HashMemoryTest, a_hash_works_in_what_the_one_before_left_and_is_the_same) {
  const std::string verifier = reference(kTwoPasses, "pencil");
  EXPECT_TRUE(verify_password(verifier, Secret("pencil")));
  EXPECT_EQ(HashMemory::kept(), HashMemory::lends() ? 4 * kMiB : 0);
  const long before = page_faults();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(verify_password(verifier, Secret("pencils")).error().code(), Errc::AuthFailed);
    EXPECT_TRUE(verify_password(verifier, Secret("pencil")));
  }
  if (HashMemory::lends()) {
    EXPECT_LT(page_faults() - before, 200) << "six hashes touch 6,144 pages";
  }
  const PasswordCost small{2048, 2, 1}, large{9000, 3, 1};
  for (const PasswordCost& cost : {small, large, kTwoPasses, kOnePass})
    EXPECT_TRUE(verify_password(reference(cost, "pencil"), Secret("pencil"))) << cost.memory_kib;
}

TEST_F(HashMemoryTest, nothing_stays_after_one_pass_or_when_it_is_given_back) {
  EXPECT_TRUE(verify_password(reference(kOnePass, "pencil"), Secret("pencil")));
  EXPECT_EQ(HashMemory::kept(), 0u);
  EXPECT_TRUE(verify_password(reference(kTwoPasses, "pencil"), Secret("pencil")));
  HashMemory::release();
  EXPECT_EQ(HashMemory::kept(), 0u);
}

TEST_F(HashMemoryTest, each_thread_has_its_own) {
  const std::string verifier = reference(kTwoPasses, "pencil");
  EXPECT_TRUE(verify_password(verifier, Secret("pencil")));
  const size_t ours = HashMemory::kept();
  std::thread([&] {
    EXPECT_EQ(HashMemory::kept(), 0u);
    EXPECT_TRUE(verify_password(verifier, Secret("pencil")));
    EXPECT_EQ(HashMemory::kept(), ours);
  }).join();
  EXPECT_EQ(HashMemory::kept(), ours);
}

TEST_F(HashMemoryTest, what_no_hash_has_used_for_a_while_is_given_back) {
  const std::string verifier = reference(kTwoPasses, "pencil");
  std::mutex mutex;
  std::condition_variable turn;
  int step = 0;
  const auto wait_for = [&](int wanted) {
    std::unique_lock lock(mutex);
    turn.wait(lock, [&] { return step == wanted; });
  };
  const auto go = [&](int next) {
    std::lock_guard lock(mutex);
    step = next;
    turn.notify_all();
  };
  std::thread worker([&] {
    EXPECT_TRUE(verify_password(verifier, Secret("pencil")));
    EXPECT_EQ(HashMemory::kept(), HashMemory::lends() ? 4 * kMiB : 0);
    go(1);
    wait_for(2);
    EXPECT_EQ(HashMemory::kept(), HashMemory::lends() ? 4 * kMiB : 0) << "used within the last hour";
    go(3);
    wait_for(4);
    EXPECT_EQ(HashMemory::kept(), 0u);
    EXPECT_TRUE(verify_password(verifier, Secret("pencil")));
  });
  wait_for(1);
  HashMemory::release_idle(base::Millis(3'600'000));
  go(2);
  wait_for(3);
  HashMemory::release_idle(base::Millis(0));
  go(4);
  worker.join();
}

// Whoever maps memory meanwhile gets the kernel's, zeroed and his own.
TEST_F(HashMemoryTest, only_the_mapping_that_was_announced_is_lent) {
  EXPECT_TRUE(verify_password(reference(kTwoPasses, "pencil"), Secret("pencil")));
  void* outside = map(4 * kMiB);
  ASSERT_NE(outside, MAP_FAILED);
  void *small = nullptr, *first = nullptr, *second = nullptr;
  {
    const HashMemory::Loan loan(4 * kMiB, true);
    small = map(kMiB / 2);
    first = map(4 * kMiB);
    second = map(4 * kMiB);
    std::memset(first, 1, 4 * kMiB);
    std::memset(small, 1, kMiB / 2);
    EXPECT_EQ(static_cast<const char*>(second)[4 * kMiB - 1], 0);
    ::munmap(first, 4 * kMiB);
    void* again = map(4 * kMiB);
    if (HashMemory::lends()) {
      EXPECT_EQ(again, first);
    }
    ::munmap(again, 4 * kMiB);
  }
  EXPECT_EQ(static_cast<const char*>(outside)[kMiB], 0);
  ::munmap(outside, 4 * kMiB);
  ::munmap(small, kMiB / 2);
  ::munmap(second, 4 * kMiB);
  EXPECT_EQ(HashMemory::kept(), HashMemory::lends() ? 4 * kMiB : 0);
}

}  // namespace
}  // namespace bz::crypto
