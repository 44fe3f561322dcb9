// Lets those who are under suspicion, or strange, at the slow hashes and the directories few at a time, in the order they
// came, so that guessers wait for one another and not everybody for them. Bounded: beyond `queue` waiting ones the next is
// sent away. One thread.
#pragma once
#include <deque>
#include <memory>
#include <utility>

#include "base/task.h"

namespace bz::authd {

class Turnstile {
 public:
  Turnstile(size_t places, size_t queue) : places_(places), queue_(queue) {}
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
    if (taken_ < places_) {
      ++taken_;
      co_return std::make_unique<Place>(*this);
    }
    if (waiting_.size() >= queue_) co_return fail(Errc::Limit, "too many strange or suspicious logins are waiting");
    base::Completion<PlacePtr> turn;
    waiting_.push_back(turn.promise());
    auto place = co_await turn;
    co_return std::move(place);
  }
  // A place that is free now; null: there is none.
  PlacePtr try_enter() {
    if (taken_ >= places_ || closed_) return nullptr;
    ++taken_;
    return std::make_unique<Place>(*this);
  }
  size_t waiting() const { return waiting_.size(); }
  // Another number of places; who has one keeps it.
  void resize(size_t places) {
    places_ = places;
    let_in();
  }
  // The end is near: nobody is let in any more, and nobody is told.
  void close() { closed_ = true; }

 private:
  // The place travels in the promise: a waiter that is gone gives it back by dropping it, and the next one has it.
  void leave() {
    --taken_;
    let_in();
  }
  void let_in() {
    while (!closed_ && taken_ < places_ && !waiting_.empty()) {
      auto next = std::move(waiting_.front());
      waiting_.pop_front();
      ++taken_;
      next.set(std::make_unique<Place>(*this));
    }
  }
  size_t places_, taken_ = 0;
  const size_t queue_;
  bool closed_ = false;
  std::deque<base::Completion<PlacePtr>::Promise> waiting_;
};

}  // namespace bz::authd
