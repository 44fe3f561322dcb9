// Lets those who are under suspicion at the slow hashes few at a time, in the order they came, so that guessers wait for
// one another and not everybody for them. Bounded: beyond `queue` waiting ones the next is sent away. One thread.
#pragma once
#include <deque>
#include <memory>
#include <utility>

#include "base/task.h"

namespace bz::authd {

class Turnstile {
 public:
  Turnstile(size_t places, size_t queue) : free_(places), queue_(queue) {}
  Turnstile(const Turnstile&) = delete;

  // A place; given back when it is destroyed. The turnstile must outlive it.
  class Place {
   public:
    explicit Place(Turnstile& turnstile) : turnstile_(turnstile) {}
    Place(const Place&) = delete;
    ~Place() { turnstile_.leave(); }

   private:
    Turnstile& turnstile_;
  };
  using PlacePtr = std::unique_ptr<Place>;
  // Limit: the queue is full.
  Task<Result<PlacePtr>> enter() {
    if (free_ > 0) {
      --free_;
      co_return std::make_unique<Place>(*this);
    }
    if (waiting_.size() >= queue_) co_return fail(Errc::Limit, "too many suspicious logins are waiting");
    base::Completion<PlacePtr> turn;
    waiting_.push_back(turn.promise());
    auto place = co_await turn;
    co_return std::move(place);
  }
  size_t waiting() const { return waiting_.size(); }
  // The end is near: nobody is let in any more, and nobody is told.
  void close() { closed_ = true; }

 private:
  // The place travels in the promise: a waiter that is gone gives it back by dropping it, and the next one has it.
  void leave() {
    ++free_;
    while (!closed_ && free_ > 0 && !waiting_.empty()) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      --free_;
      next.set(std::make_unique<Place>(*this));
    }
  }
  size_t free_;
  const size_t queue_;
  bool closed_ = false;
  std::deque<base::Completion<PlacePtr>::Promise> waiting_;
};

}  // namespace bz::authd
