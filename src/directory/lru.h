// A bounded table: when it is full, the least recently touched entry goes. One thread.
#pragma once
#include <algorithm>
#include <list>
#include <string>
#include <unordered_map>

namespace bz::directory {

template <class T>
class Lru {
 public:
  struct Entry {
    std::string key;
    T value;
  };
  // nullptr: not there. Counts as no use. Valid until the next touch() or erase().
  const T* find(const std::string& key) const {
    auto it = map_.find(key);
    return it == map_.end() ? nullptr : &it->second->value;
  }
  T* find(const std::string& key) {
    auto it = map_.find(key);
    return it == map_.end() ? nullptr : &it->second->value;
  }
  // Finds or makes it. Makes room first: never more than `limit` entries (1 at least).
  T& touch(const std::string& key, size_t limit) {
    if (auto it = map_.find(key); it != map_.end()) {
      order_.splice(order_.begin(), order_, it->second);
      return order_.front().value;
    }
    while (map_.size() >= std::max<size_t>(limit, 1)) erase(std::string(order_.back().key));
    order_.push_front({key, T{}});
    map_.emplace(key, order_.begin());
    return order_.front().value;
  }
  bool erase(const std::string& key) {
    auto it = map_.find(key);
    if (it == map_.end()) return false;
    order_.erase(it->second);
    map_.erase(it);
    return true;
  }
  // All whose key and value `is_meant` wants.
  template <class Wanted>
  size_t erase_if(Wanted is_meant) {
    size_t count = 0;
    for (auto it = order_.begin(); it != order_.end();) {
      auto next = std::next(it);
      if (is_meant(it->key, it->value)) {
        map_.erase(it->key);
        order_.erase(it);
        ++count;
      }
      it = next;
    }
    return count;
  }
  const std::list<Entry>& entries() const { return order_; }  // most recent first
  size_t size() const { return map_.size(); }

 private:
  std::list<Entry> order_;
  std::unordered_map<std::string, typename std::list<Entry>::iterator> map_;
};

}  // namespace bz::directory
