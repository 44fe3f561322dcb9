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
  config.strict_log = true;
  BZ_TRY(auto store, kv::open_rocks(kDatabase, std::move(config)));
  return store->verify();
}

wire::ControlAnswer broken(const std::string& name, const Error& why) {
  std::string text = name + ": " + why.to_string() + "\n";
  if (why.code() != Errc::Corrupt) return {1, {}, text};
  text += name + ": keep a copy of its folder before anything else\n";
  text += name + ": a log that ends in the middle of a record is what a power cut leaves: buzon drops it when it starts\n";
  text += name + ": anything else is damage: restore the folder from a backup\n";
  return {1, {}, text};
}

}  // namespace

wire::ControlAnswer verify_offline(std::string_view role, bool json) {
  const std::string name(role);
  log::set_level(log::Err);  // a tool's output, not a log
  if (!os::exists(os::kHere, kDatabase)) return {0, name + ": never started, there is nothing to check\n", {}};
  if (role == "mailstore") {
    auto report = verify_database(kDatabase, LogEnd::Strict);
    if (report) return {report->findings.empty() ? 0u : 1u, json ? report->to_json() : report->to_text(), {}};
    return broken(name, report.error());
  }
  if (auto good = verify_files(); !good) return broken(name, good.error());
  return {0, name + (role == "auth" ? ": the directory's" : ": the queue's") + " database is good " + kHow, {}};
}

}  // namespace bz::roles
