// splice(): a callback state machine without a coroutine per direction. Each half runs until it must wait for one
// direction of one descriptor; bytes pass through the loop's scratch buffer and get a buffer of their own only while the
// other side does not take them.
#include <cstring>

#include "net/stream_impl.h"

namespace bz::net {

namespace {
constexpr size_t kSharePerTurn = 1 << 20;  // bytes of one half and round; then the other descriptors get their turn
// With a witness, when b has ended: how long a may take nothing of what is left, and how long it may go on talking after
// that. A socket closed while the peer still talks is reset, and a reset takes unread bytes away from the peer.
constexpr Millis kLastBytes{30'000}, kLinger{5'000};
}  // namespace

class Splice final : private TimerNode {
 public:
  Splice(Stream& a, Stream& b, Millis idle, SpliceWitness* witness)
      : TimerNode(a.loop_.impl()), loop_(a.loop_), idle_(idle), witness_(witness), sides_{a.impl_.get(), b.impl_.get()} {
    for (int i = 0; i < 2; ++i) {
      halves_[i].from = sides_[i];
      halves_[i].to = sides_[1 - i];
      sides_[i]->splice = this;
      if (!sides_[i]->watch) continue;
      sides_[i]->watch->on_ready([this, i](bool readable, bool writable) { ready(i, readable, writable); });
    }
  }
  ~Splice() override {
    for (Stream::Impl* side : sides_) {
      side->splice = nullptr;
      if (side->watch) side->watch->on_ready(nullptr);
    }
  }

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    active_ = std::chrono::steady_clock::now();
    again_ = true;
    arm(active_);
  }
  SpliceEnd await_resume() {
    end_.a_to_b = halves_[0].moved;
    end_.b_to_a = halves_[1].moved;
    end_.b_at_line_end = !halves_[1].rest && halves_[1].last == '\n';
    return std::move(end_);
  }
  void closed() { over("closed here"); }

 private:
  struct Half {
    Stream::Impl* from = nullptr;
    Stream::Impl* to = nullptr;
    // What it waits for: a direction of `from` or `to`. Done: the end has been passed on.
    enum class Wait : uint8_t { Run, FromRead, FromWrite, ToRead, ToWrite, Done } wait = Wait::Run;
    bool ended = false;
    bool broken = false;           // the source failed after bytes that are still to be passed on
    bool dropping = false;         // nobody takes what is read
    std::unique_ptr<char[]> rest;  // read and not yet taken
    size_t rest_begin = 0, rest_end = 0;
    uint64_t moved = 0;
    char last = 0;  // byte that was taken
  };

  void ready(int side, bool readable, bool writable) {
    if (ended_) return;
    for (int i = 0; i < 2; ++i) {
      using Wait = Half::Wait;
      Wait wait = halves_[i].wait;
      const bool source = i == side;
      if ((readable && wait == (source ? Wait::FromRead : Wait::ToRead)) ||
          (writable && wait == (source ? Wait::FromWrite : Wait::ToWrite))) {
        halves_[i].wait = Wait::Run;
      }
    }
    run();
  }

  void run() {
    uint64_t before = halves_[0].moved + halves_[1].moved;
    for (Half& half : halves_) {
      if (!ended_) run_half(half);
    }
    if (ended_) return;
    if (halves_[0].moved + halves_[1].moved != before) active_ = std::chrono::steady_clock::now();
    again_ = halves_[0].wait == Half::Wait::Run || halves_[1].wait == Half::Wait::Run;
    if (halves_[0].wait == Half::Wait::Done && halves_[1].wait == Half::Wait::Done) {
      over(first_ == 0 ? "a ended" : "b ended");
    } else if (again_) {
      arm(std::chrono::steady_clock::now());
    } else if (!timed_) {
      arm(active_ + idle_);  // moved only when it fires: no heap work per event
      timed_ = true;
    }
  }

  void run_half(Half& half) {
    size_t share = 0;
    while (half.wait == Half::Wait::Run && !ended_ && share < kSharePerTurn) {
      if (half.dropping) {
        share += drop(half);
      } else if (half.rest) {
        drain(half);
      } else if (half.broken) {
        block(half, Io::Failed, true);
      } else if (half.ended) {
        pass_end(half);
      } else {
        share += fill(half);
      }
    }
  }

  void block(Half& half, Io io, bool source) {
    using Wait = Half::Wait;
    if (io == Io::WantRead) {
      half.wait = source ? Wait::FromRead : Wait::ToRead;
    } else if (io == Io::WantWrite) {
      half.wait = source ? Wait::FromWrite : Wait::ToWrite;
      (source ? half.from : half.to)->watch->want_writable();
    } else if (witness_ != nullptr && &half == &halves_[0] && !source) {
      back_end_gone(kLastBytes);
    } else {
      Stream::Impl* side = source ? half.from : half.to;
      over((side == sides_[0] ? "a: " : "b: ") + (side->error ? side->error->to_string() : "ended while written to"));
    }
  }

  // Reads as much as fits into the scratch buffer (TLS gives one record at a time), then writes it.
  size_t fill(Half& half) {
    auto buffer = loop_.scratch();
    size_t size = 0;
    Io io = Io::Done;
    while (buffer.size() - size >= kRecord) {
      size_t got = 0;
      io = half.from->try_read(buffer.subspan(size), got);
      if (io != Io::Done) break;
      size += got;
      if (half.from->ssl == nullptr && size < buffer.size()) break;  // very likely all there was
    }
    const bool witnessed = witness_ != nullptr && &half == &halves_[1];
    if (witnessed && io == Io::Failed) io = Io::End;  // it was killed, perhaps: an end like any other
    if (witnessed && size > 0) witness_->passing({buffer.data(), size});
    if (io == Io::End && !half.ended) {
      half.ended = true;
      if (first_ < 0) first_ = half.from == sides_[0] ? 0 : 1;
      if (witnessed) back_end_gone(kLastBytes);
    } else if (io == Io::Failed && size > 0) {
      half.broken = true;
    } else if (io != Io::Done) {
      block(half, io, true);
    }
    size_t taken = write(half, buffer.data(), size);
    if (taken < size && !half.dropping) {
      half.rest = std::make_unique_for_overwrite<char[]>(size - taken);
      std::memcpy(half.rest.get(), buffer.data() + taken, size - taken);
      half.rest_begin = 0;
      half.rest_end = size - taken;
    }
    return size;
  }

  size_t write(Half& half, const char* data, size_t size) {
    size_t done = 0;
    while (done < size && !ended_) {
      size_t put = 0;
      Io io = half.to->try_write({data + done, size - done}, put);
      if (io != Io::Done) {
        block(half, io, false);
        break;
      }
      done += put;
      if (put > 0) half.last = data[done - 1];
      half.moved += put;
    }
    return done;
  }

  void drain(Half& half) {
    half.rest_begin += write(half, half.rest.get() + half.rest_begin, half.rest_end - half.rest_begin);
    if (half.dropping || half.rest_begin == half.rest_end) half.rest.reset();
  }

  size_t drop(Half& half) {
    size_t got = 0;
    Io io = half.from->try_read(loop_.scratch(), got);
    if (io == Io::End || io == Io::Failed) {
      half.wait = Half::Wait::Done;
    } else if (io != Io::Done) {
      block(half, io, true);
    }
    return got;
  }

  // b is dead: nothing goes there any more, what it said before still goes to a, within `limit`.
  void back_end_gone(Millis limit) {
    Half& there = halves_[0];
    if (there.wait != Half::Wait::Done && !there.dropping) {
      there.dropping = true;
      there.wait = there.ended ? Half::Wait::Done : Half::Wait::Run;
    }
    leaving_ = true;
    idle_ = std::min(idle_, limit);
    active_ = std::chrono::steady_clock::now();
    arm(active_ + idle_);
    timed_ = true;
  }

  void say_last_words(Half& half) {
    last_words_said_ = true;
    const std::string words = halves_[0].ended ? std::string() : witness_->last_words();
    if (words.empty()) return;
    half.rest = std::make_unique_for_overwrite<char[]>(words.size());
    std::memcpy(half.rest.get(), words.data(), words.size());
    half.rest_begin = 0;
    half.rest_end = words.size();
  }

  void pass_end(Half& half) {
    const bool witnessed = witness_ != nullptr && &half == &halves_[1];
    if (witnessed && !last_words_said_) return say_last_words(half);
    Io io = half.to->try_shutdown();
    if (io == Io::Done) {
      half.wait = Half::Wait::Done;
      if (witnessed) back_end_gone(kLinger);
    } else {
      block(half, io, false);
    }
  }

  void fire() override {
    timed_ = false;
    if (ended_) return waiting_.resume();  // destroys *this
    if (again_) {
      run();
    } else if (active_ + idle_ <= std::chrono::steady_clock::now()) {
      over(leaving_ ? "b ended" : "idle");
    } else {
      arm(active_ + idle_);
      timed_ = true;
    }
  }

  // The waiter is resumed from the loop: the one who calls here may be what it destroys.
  void over(std::string reason) {
    if (ended_) return;
    ended_ = true;
    end_.reason = std::move(reason);
    arm(MonoTime::min());
  }

  static constexpr size_t kRecord = 16 << 10;
  Loop& loop_;
  Millis idle_;
  SpliceWitness* witness_;
  Stream::Impl* sides_[2];
  Half halves_[2];
  std::coroutine_handle<> waiting_;
  MonoTime active_{};
  int first_ = -1;  // the side that ended first
  bool again_ = false, timed_ = false, ended_ = false;
  bool leaving_ = false;  // b has ended, before a witness
  bool last_words_said_ = false;
  SpliceEnd end_;
};

void tell_closed(Splice& splice) { splice.closed(); }

Task<SpliceEnd> splice(Stream& a, Stream& b, Millis idle, SpliceWitness* witness) {
  Splice state(a, b, idle, witness);
  co_return co_await state;
}

}  // namespace bz::net
