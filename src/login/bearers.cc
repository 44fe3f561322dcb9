#include "login/bearers.h"

namespace bz::login {

void Bearers::Entry::name(uint64_t account_id, std::string device) {
  clear();
  account_id_ = account_id;
  device_ = std::move(device);
  number_ = ++table_.last_;
  table_.entries_.emplace(std::pair(account_id_, number_), this);
}

void Bearers::Entry::clear() {
  if (number_ != 0) table_.entries_.erase({account_id_, number_});
  number_ = 0;
  ordered_.reset();
  on_order_ = nullptr;
}

void Bearers::Entry::on_order(std::function<void(const std::string&)> end) {
  on_order_ = std::move(end);
  if (ordered_) on_order_(*ordered_);
}

std::vector<uint64_t> Bearers::of(uint64_t account_id, std::string_view device) const {
  std::vector<uint64_t> numbers;
  for (auto it = entries_.lower_bound({account_id, 0}); it != entries_.end() && it->first.first == account_id; ++it) {
    if (device.empty() || it->second->device_ == device) numbers.push_back(it->first.second);
  }
  return numbers;
}

std::vector<std::string> Bearers::devices(uint64_t account_id, size_t most) const {
  std::vector<std::string> out;
  for (auto it = entries_.lower_bound({account_id, 0}); it != entries_.end() && it->first.first == account_id; ++it) {
    if (out.size() == most) break;
    out.push_back(it->second->device_);
  }
  return out;
}

void Bearers::order(uint64_t account_id, uint64_t number, const std::string& reason) {
  auto it = entries_.find({account_id, number});
  if (it == entries_.end()) return;
  it->second->ordered_ = reason;
  if (it->second->on_order_) it->second->on_order_(reason);
}

bool Bearers::close(uint64_t account_id, uint64_t number) {
  auto it = entries_.find({account_id, number});
  if (it == entries_.end()) return false;
  it->second->stream_.close();  // may resume its task, which takes the entry out
  return true;
}

}  // namespace bz::login
