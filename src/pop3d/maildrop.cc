#include "pop3d/maildrop.h"

#include <utility>

namespace bz::pop3d {

Maildrop::Maildrop(store::MailboxPtr inbox)
    : inbox_(std::move(inbox)), validity_(std::to_string(inbox_->info().uid_validity.value()) + ".") {
  all_.reserve(inbox_->entries().size());
  for (const store::Entry& e : inbox_->entries()) {
    all_.push_back({e.uid, e.size});
    octets_ += e.size;
  }
  messages_ = last();
}

void Maildrop::append_unique_id(std::string& out, uint32_t number) const {
  out.append(validity_).append(std::to_string(all_[number - 1].uid));
}

void Maildrop::mark_deleted(uint32_t number) {
  Message& message = all_[number - 1];
  if (std::exchange(message.deleted, true)) return;
  --messages_;
  octets_ -= message.size;
}

void Maildrop::reset() {
  for (Message& message : all_) {
    if (!std::exchange(message.deleted, false)) continue;
    ++messages_;
    octets_ += message.size;
  }
}

UidSet Maildrop::deleted() const {
  UidSet uids;
  for (const Message& message : all_)
    if (message.deleted) uids.add(message.uid);
  return uids;
}

UidSet Maildrop::retrieved() const {
  UidSet uids;
  for (const Message& message : all_)
    if (message.retrieved && !message.deleted) uids.add(message.uid);
  return uids;
}

}  // namespace bz::pop3d
