// Records: the message records of one account, with the parsed form of those read last kept in memory (LRU, by bytes).
// Reading only; lane only. The owner (Account) outlives every task of it.
#pragma once
#include <list>
#include <memory>
#include <unordered_map>

#include "kv/partition.h"
#include "mime/record.h"
#include "store/schema.h"

namespace bz::store {

struct StoredMessage {
  kv::BlobRef blob;
  std::string prefix;
  std::string head;  // MessageRecord::head
  mime::ParsedMessage parsed;
};
using StoredPtr = std::shared_ptr<const StoredMessage>;

class Records {
 public:
  static constexpr size_t kCacheBytes = 4 << 20;
  explicit Records(kv::Partition& partition) : partition_(partition) {}
  Task<Result<StoredPtr>> get(EmailId email);
  StoredPtr cached(EmailId email);  // null: only get() can tell
  Task<Result<std::string>> read(EmailId email, uint64_t offset, uint64_t length);
  // Account::stored_records().
  Task<Result<std::vector<std::string>>> stored(std::vector<EmailId> emails);
  void keep(EmailId email, StoredPtr message, size_t parsed_bytes);

 private:
  struct Item {
    uint64_t email;
    StoredPtr message;
    size_t bytes;
  };
  kv::Partition& partition_;
  std::list<Item> recent_;  // latest first
  std::unordered_map<uint64_t, std::list<Item>::iterator> index_;
  size_t bytes_ = 0;
};

}  // namespace bz::store
