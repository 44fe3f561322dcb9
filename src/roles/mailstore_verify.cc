#include "roles/mailstore_verify.h"

#include <filesystem>

#include "base/env.h"

namespace bz::roles {
namespace {

constexpr uint32_t kListPage = 1000;

Task<Result<std::vector<kv::PartitionId>>> list_accounts(kv::Store& store, uint64_t after, base::Executor& executor) {
  auto listing = store.list(kv::kAccountPartition, after, kListPage, executor);
  auto listed = co_await listing;
  co_return std::move(listed);
}

void put_json(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += ' ';
    else
      out += c;
  }
  out += '"';
}

// Goes with its files, whatever happens.
struct Copy {
  std::string path;
  ~Copy() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace

std::string VerifyReport::to_text() const {
  std::string out =
      "mail: " + std::to_string(accounts) + " accounts, " + std::to_string(findings.size()) +
      (online ? " findings (checked online, on a checkpoint)\n" : " findings (checked offline, under the lock)\n");
  for (const Line& line : findings)
    out += (line.account ? "account " + std::to_string(line.account) + ", " : std::string()) + line.where + ": " +
           line.what + "\n";
  return out;
}

std::string VerifyReport::to_json() const {
  std::string out = "{\"role\":\"mailstore\",\"online\":" + std::string(online ? "true" : "false") +
                    ",\"accounts\":" + std::to_string(accounts) + ",\"findings\":[";
  for (const Line& line : findings) {
    if (out.back() != '[') out += ',';
    out += "{\"account\":" + std::to_string(line.account) + ",\"where\":";
    put_json(out, line.where);
    out += ",\"what\":";
    put_json(out, line.what);
    out += '}';
  }
  return out + "]}\n";
}

Result<VerifyReport> verify_store(kv::Store& store, base::ManualExecutor& executor) {
  VerifyReport report;
  for (uint64_t after = 0;;) {
    BZ_TRY(auto page, base::run_on(executor, list_accounts(store, after, executor)));
    for (const auto& id : page) {
      ++report.accounts;
      auto found = base::run_on(executor, store::verify_account(store, AccountId(id.id), executor));
      if (!found) {
        report.findings.push_back({id.id, "account", found.error().to_string()});
        continue;
      }
      for (auto& finding : *found) report.findings.push_back({id.id, std::move(finding.where), std::move(finding.what)});
    }
    if (page.empty()) break;
    after = page.back().id;
  }
  return report;
}

Result<VerifyReport> verify_checkpoint(kv::RocksStore& store, const std::string& folder) {
  Copy copy{folder + "/verify-" + base::system_random().id(8)};
  BZ_TRY_VOID(store.checkpoint(copy.path));
  BZ_TRY(auto report, verify_database(copy.path, LogEnd::MayBeTorn));
  report.online = true;
  return report;
}

Result<VerifyReport> verify_database(const std::string& path, LogEnd log) {
  base::ManualExecutor executor;
  kv::RocksConfig config;
  config.create = false;
  config.strict_log = log == LogEnd::Strict;
  config.block_cache_bytes = 16 << 20;
  config.reader_threads = 1;
  BZ_TRY(auto opened, kv::open_rocks(path, std::move(config)));
  // The files first: what is wrong with a file explains what is wrong with the accounts in it.
  const auto whole = opened->verify();
  auto report = verify_store(*opened, executor);
  if (!report && whole) return report;
  VerifyReport all = report ? std::move(*report) : VerifyReport{};
  if (!report) all.findings.push_back({0, "accounts", report.error().to_string()});
  if (!whole) all.findings.insert(all.findings.begin(), {0, "database", whole.error().to_string()});
  return all;
}

}  // namespace bz::roles
