#include "roles/offline_verify.h"

#include "base/log.h"
#include "os/file.h"
#include "roles/mailstore_verify.h"

namespace bz::roles {
namespace {

constexpr char kDatabase[] = "db";
constexpr char kHow[] = "(checked offline, under the lock)\n";

Result<void> verify_files() {
  kv::RocksConfig config;
  config.create = false;
  config.reader_threads = 1;
  BZ_TRY(auto store, kv::open_rocks(kDatabase, std::move(config)));
  return store->verify();
}

}  // namespace

wire::ControlAnswer verify_offline(std::string_view role, bool json) {
  const std::string name(role);
  log::set_level(log::Err);  // a tool's output, not a log
  if (!os::exists(os::kHere, kDatabase)) return {0, name + ": never started, there is nothing to check\n", {}};
  if (role == "mailstore") {
    auto report = verify_database(kDatabase);
    if (report) return {report->findings.empty() ? 0u : 1u, json ? report->to_json() : report->to_text(), {}};
    return {1, {}, name + ": " + report.error().to_string() + "\n"};
  }
  if (auto good = verify_files(); !good) return {1, {}, name + ": " + good.error().to_string() + "\n"};
  return {0, name + (role == "auth" ? ": the directory's" : ": the queue's") + " database is good " + kHow, {}};
}

}  // namespace bz::roles
