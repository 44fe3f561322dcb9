// Answers of a directory, kept for a while: fresh ones save the question, stale ones stand in for a directory that does not
// answer. Bounded; the least recently used go first. One thread.
#pragma once
#include <list>
#include <string>
#include <unordered_map>

#include "base/env.h"

namespace bz::ldap {

struct CacheTimes {
  base::Millis fresh{60'000}, stale{3'600'000};
};

template <class Value>
class Cache {
 public:
  Cache(const base::Clock& clock, size_t max_entries) : clock_(clock), max_entries_(max_entries) {}

  struct Hit {
    const Value* value = nullptr;  // nullptr: nothing usable; valid until the next call
    bool fresh = false;
  };
  Hit find(const std::string& key, const CacheTimes& times) {
    auto it = map_.find(key);
    if (it == map_.end()) return {};
    auto age = clock_.mono() - it->second->at;
    if (age > std::max(times.fresh, times.stale)) {
      order_.erase(it->second);
      map_.erase(it);
      return {};
    }
    order_.splice(order_.begin(), order_, it->second);
    return {&it->second->value, age <= times.fresh};
  }
  void put(const std::string& key, Value value) {
    erase(key);
    while (!order_.empty() && map_.size() >= max_entries_) erase(std::string(order_.back().key));
    order_.push_front({key, std::move(value), clock_.mono()});
    map_.emplace(key, order_.begin());
  }
  void erase(const std::string& key) {
    auto it = map_.find(key);
    if (it == map_.end()) return;
    order_.erase(it->second);
    map_.erase(it);
  }
  size_t size() const { return map_.size(); }

 private:
  struct Entry {
    std::string key;
    Value value;
    base::MonoTime at;
  };
  const base::Clock& clock_;
  size_t max_entries_;
  std::list<Entry> order_;  // most recent first
  std::unordered_map<std::string, typename std::list<Entry>::iterator> map_;
};

}  // namespace bz::ldap
