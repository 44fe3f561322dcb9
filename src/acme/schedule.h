// When a certificate is renewed and what is remembered about it: STATE/acme/state.json. Pure functions; times are Unix
// seconds.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/x509.h"

namespace bz::acme {

// Of one certificate of the configuration, by its name among them.
struct Record {
  std::string sha256{};    // of the leaf that was issued last, hex; empty: none yet
  int64_t issued = 0;      // when
  int64_t tried = 0;       // last attempt; written before it begins, so that no crash hammers the authority
  int64_t not_before = 0;  // no attempt earlier: back-off, or the authority's own word
  unsigned failures = 0;   // in a row
  std::string error{};     // of the last attempt, for people; empty: it went well
};
using Records = std::map<std::string, Record>;
// Invalid: no state of ours.
Result<Records> parse_records(std::string_view json);
std::string print_records(const Records& records);

struct Due {
  int64_t at = 0;
  std::string why;  // "a third of its life is left"
};
// `present`: what is served now; nullptr: cannot be read. At once when none has been issued or a name is
// missing, a day after the last issue when something else is served, else when a third of
// its life is left, earlier by up to a twentieth so that not all certificates of the world come due together (the digest
// decides, so a restart changes nothing). Never before record.not_before.
Due next_renewal(const crypto::CertificateFacts* present, const std::vector<std::string>& names, const Record& record,
                 int64_t now);
// Seconds to wait after `failures` (1 or more) in a row: five minutes, twice as much each time, a day at most, a tenth more
// or less. `asked`: what the authority wants at least; 0: nothing.
int64_t back_off(unsigned failures, int64_t asked, uint64_t random);

}  // namespace bz::acme
