#include "acme/schedule.h"

#include <algorithm>

#include "acme/json.h"
#include "base/text.h"

namespace bz::acme {
namespace {

namespace json = boost::json;
constexpr int64_t kFirstWait = 300, kLongestWait = 86'400, kForeignWait = 86'400;
constexpr size_t kMaxRecords = 1000;

bool covers(const crypto::CertificateFacts& facts, const std::string& name) {
  if (std::find(facts.names.begin(), facts.names.end(), base::lower(name)) != facts.names.end()) return true;
  return !name.starts_with("*.") && crypto::certificate_covers(facts, name);
}

int64_t spread(const std::string& sha256, int64_t range) {
  const auto bytes = base::from_hex(sha256.substr(0, 8));
  if (!bytes || bytes->size() != 4 || range <= 0) return 0;
  int64_t number = 0;
  for (char c : *bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number % range;
}

}  // namespace

Result<Records> parse_records(std::string_view text) {
  BZ_TRY(json::object object, parse_object(text));
  Records out;
  for (const auto& [name, value] : object) {
    const json::object* one = value.if_object();
    if (!one || out.size() == kMaxRecords) return fail(Errc::Invalid, "no state of ACME");
    Record& record = out[std::string(name)];
    record.sha256 = text_of(*one, "sha256");
    record.issued = number_of(*one, "issued");
    record.tried = number_of(*one, "tried");
    record.not_before = number_of(*one, "not_before");
    record.failures = static_cast<unsigned>(std::clamp<int64_t>(number_of(*one, "failures"), 0, 1000));
    record.error = text_of(*one, "error");
  }
  return out;
}

std::string print_records(const Records& records) {
  json::object out;
  for (const auto& [name, record] : records) {
    out[name] = json::object{{"sha256", record.sha256},         {"issued", record.issued},     {"tried", record.tried},
                             {"not_before", record.not_before}, {"failures", record.failures}, {"error", record.error}};
  }
  return json::serialize(out) + "\n";
}

Due next_renewal(const crypto::CertificateFacts* present, const std::vector<std::string>& names, const Record& record,
                 int64_t now) {
  Due due{now, {}};
  const auto missing = [&](const std::string& name) { return !covers(*present, name); };
  if (record.sha256.empty()) {
    due.why = "none has been issued yet";
  } else if (!present || present->sha256 != record.sha256) {
    // Not at once: whoever has put another one there may know why, and a system that cannot take the new one must not ask
    // for one after the other.
    due.at = std::max(now, record.issued + kForeignWait);
    due.why = "the one that is served is another than the last one issued";
  } else if (std::any_of(names.begin(), names.end(), missing)) {
    due.why = "it lacks a name";
  } else {
    const int64_t life = present->not_after - present->not_before;
    due.at = present->not_after - life / 3 - spread(present->sha256, life / 20);
    due.why = "a third of its life is left then";
  }
  if (record.not_before > due.at) due.at = record.not_before;
  return due;
}

int64_t back_off(unsigned failures, int64_t asked, uint64_t random) {
  int64_t wait = kFirstWait;
  for (unsigned i = 1; i < failures && wait < kLongestWait; ++i) wait *= 2;
  wait = std::min(wait, kLongestWait);
  wait += static_cast<int64_t>(random % static_cast<uint64_t>(wait / 5 + 1)) - wait / 10;
  return std::max(wait, asked);
}

}  // namespace bz::acme
