// `buzon verify` of the mail store. Online: a consistent copy of the running database (a checkpoint, hard links below the
// role's folder) is opened beside it, every file's checksums and every account are checked, the copy is removed. Offline,
// while no buzon serves the state folder: the database itself. Blocks for as long as it takes: pool or tool only.
#pragma once
#include <string>
#include <vector>

#include "kv/rocks.h"
#include "store/account.h"

namespace bz::roles {

struct VerifyReport {
  bool online = false;
  size_t accounts = 0;
  struct Line {
    uint64_t account = 0;  // 0: the database itself
    std::string where, what;
  };
  std::vector<Line> findings;
  std::string to_text() const;
  std::string to_json() const;
};

// `folder`: where the copy is made for the time of the check, on the file system of the database.
Result<VerifyReport> verify_checkpoint(kv::RocksStore& store, const std::string& folder);
// The database at `path`, which nobody else has open. Strict: a log that ends in the middle of a record is Corrupt.
enum class LogEnd : uint8_t { MayBeTorn, Strict };
Result<VerifyReport> verify_database(const std::string& path, LogEnd log);
// The accounts of a store that nobody else uses. The executor outlives the store.
Result<VerifyReport> verify_store(kv::Store& store, base::ManualExecutor& executor);

}  // namespace bz::roles
