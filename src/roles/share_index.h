// Who may have given whom a right to a mailbox: what a LIST of the other users' namespace looks through. A hint only, which
// may say too much and never too little; what holds are the access lists in the owners' accounts. One partition of the mail
// store's database (docs/keyspace-shares.md), used on one lane.
#pragma once
#include <memory>
#include <vector>

#include "base/task.h"
#include "kv/partition.h"
#include "store/acl.h"

namespace bz::roles {

inline constexpr uint8_t kSharesPartition = 4;  // kind, beside kv::PartitionKind (docs/keyspace.md)

class ShareIndex {
 public:
  // All calls on `lane`. Destroyed before the store, when the lane is stopped.
  ShareIndex(kv::Store& store, base::Executor& lane) : store_(store), lane_(lane) {}
  // Durable when done. `with` not set: all of the owner's domain.
  Task<Result<bool>> add(store::Identity owner, AccountId with);
  // At most kMaxOwners of either kind.
  Task<Result<std::vector<store::Identity>>> owners(store::Identity user);

  static constexpr size_t kMaxOwners = 5'000;

 private:
  using PartitionPtr = std::shared_ptr<kv::Partition>;
  Task<Result<PartitionPtr>> partition();
  Task<Result<bool>> collect(std::string prefix, AccountId user, std::vector<store::Identity>& owners);
  kv::Store& store_;
  base::Executor& lane_;
  PartitionPtr partition_;
  bool opening_ = false;
  std::vector<base::Completion<bool>::Promise> waiting_;
};

}  // namespace bz::roles
