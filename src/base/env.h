// What a room may know of the world outside its arguments: time, randomness and the log. A constructor parameter
// everywhere, so that tests move the time themselves and draw the same ids each run.
#pragma once
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bz::base {

using Millis = std::chrono::milliseconds;
using MonoTime = std::chrono::steady_clock::time_point;  // deadlines, measurements
using WallTime = std::chrono::system_clock::time_point;  // what is stored or shown

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono() const = 0;
  virtual WallTime wall() const = 0;
  int64_t unix_seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(wall().time_since_epoch()).count();
  }
  int64_t unix_millis() const { return std::chrono::duration_cast<Millis>(wall().time_since_epoch()).count(); }
};

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<char> out) = 0;  // cryptographic in production
  uint64_t u64();
  std::string bytes(size_t count);
  std::string id(size_t chars);  // [0-9a-z] without look-alikes, for session, queue and message ids
};

Clock& system_clock();    // the kernel's
Random& system_random();  // getrandom(2)

class ManualClock : public Clock {
 public:
  explicit ManualClock(WallTime start = WallTime(std::chrono::seconds(1'795'000'000))) : wall_(start) {}
  MonoTime mono() const override { return mono_; }
  WallTime wall() const override { return wall_; }
  void advance(Millis by) {
    mono_ += by;
    wall_ += by;
  }

 private:
  MonoTime mono_{std::chrono::seconds(1000)};
  WallTime wall_;
};

class SeededRandom : public Random {  // splitmix64; tests only
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void fill(std::span<char> out) override;

 private:
  uint64_t state_;
};

}  // namespace bz::base
