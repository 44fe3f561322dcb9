// Password guessing made slow, without a way to lock anybody out of his account: failures cost time, not access.
//   - An address (IPv4, IPv6 /64) has a budget of failures; each failure beyond a few doubles the delay of its next
//   answers,
//     and past `max_failures` within the window its logins are put off unread until the window has moved on. Each account
//     that has logged in from there widens the budget: many phones behind one NAT are not one guesser.
//   - An account has a delay of its own against guessing from many addresses; past `max_account_failures` its directory is
//     not asked any more on behalf of strangers, so that they cannot get it locked there. Only what is known to be right
//     opens it then (Verdict::FromMemory).
//   - A familiar place, an address from which the account has logged in before, feels neither: it has a budget of its own,
//     and each device (client ID) that has logged in there has its own again. So neither a guesser behind the same NAT nor
//     one elsewhere keeps the owner out.
//   - The same wrong password again (a phone with an old one) counts once.
// Trusted networks are never delayed, limited or counted. Pure: knows no sockets, sleeps nowhere. One thread. All of it is
// in memory, bounded, and gone with the process.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/env.h"
#include "directory/lru.h"
#include "directory/network.h"

namespace bz::directory {

struct GuardOptions {
  std::vector<Network> trusted{}, denied{};
  unsigned max_failures = 20;
  unsigned max_account_failures = 0;  // 0: an account is never closed to strangers, only slow
  base::Millis window{15 * 60'000};
  base::Millis max_delay{2000};
  size_t max_entries = 100'000;  // of each table; the least recently used go first
};

// One login that is tried.
struct Attempt {
  std::string_view address, account;  // numeric; as the directory would call it, or what the client wrote
  std::string_view device{};          // what the client calls itself; empty: not told. Anybody's word, so it widens nothing
  uint64_t fingerprint = 0;           // of account and password by a keyed hash; 0: unknown (SCRAM, CRAM-MD5)
  std::string_view owner{};  // the account that answers to `account`, by its own name; empty: none, or not known yet
};

class Guard {
 public:
  Guard(GuardOptions options, const base::Clock& clock) : options_(std::move(options)), clock_(clock) {}
  void set_options(GuardOptions options) { options_ = std::move(options); }

  enum class Verdict : uint8_t {
    Pass,
    FromMemory,  // only a password that was right not long ago; nobody else is asked about it
    TooMany,     // unread: temporary failure
    Denied,      // unread: the administrator wants none from there
  };
  struct Judgement {
    Verdict verdict = Verdict::Pass;
    base::Millis delay{0};  // how long the answer is held back, good or bad alike
    bool suspect = false;   // failures of this place or address: may wait behind others
    bool stranger = false;  // the account has not logged in there before
  };
  // Asked before an attempt is looked at.
  Judgement judge(const Attempt& attempt) const;
  // An account may answer to several names (aliases, a user principal name), and its directory counts them as one. True: a
  // stranger must not have it asked about the owner any more, whatever name he used. Who is told so learns that two names
  // are one, so the answer must be that to a wrong password.
  bool is_spent_by_all_names(const Attempt& attempt) const;
  // What a failure was: a repetition of before, or counted, and then how many the address has now.
  struct Failure {
    bool counted = false;
    unsigned of_address = 0;
  };
  Failure failed(const Attempt& attempt);
  void succeeded(const Attempt& attempt);

  bool is_trusted(std::string_view address) const { return standing(address) == Standing::Trusted; }
  bool is_denied(std::string_view address) const { return standing(address) == Standing::Denied; }

  // The administrator's word, before the lists of the configuration; the last said counts. `life` 0: until the process
  // ends. Limit: too many.
  Result<void> allow(std::string_view network, base::Millis life) { return list(network, true, life); }
  Result<void> deny(std::string_view network, base::Millis life) { return list(network, false, life); }
  // Failures and words of before about an address, a network as it was listed, or an account. False: there were none.
  bool forget(std::string_view name);

  struct Row {
    std::string name;   // address, account or network
    unsigned failures;  // rounded up
  };
  std::vector<Row> addresses() const;  // with failures, most first; at most 1,000
  std::vector<Row> accounts() const;   // names as clients wrote them: not for a log before they are looked at
  struct Listed {
    std::string text;
    Network network;
    bool allowed;
    base::MonoTime until;  // MonoTime::max(): no end
  };
  std::vector<Listed> listed() const;
  size_t entries() const {
    return addresses_.size() + accounts_.size() + owners_.size() + places_.size() + familiar_.size();
  }

 private:
  enum class Standing : uint8_t { Usual, Trusted, Denied };
  struct Budget {
    double failures = 0;  // decays to nothing over the window
    base::MonoTime at{};
    unsigned residents = 0;  // of an address: accounts that have logged in there
  };
  struct Keys;
  Keys keys_of(const Attempt& attempt) const;
  Standing standing(std::string_view address) const;
  Result<void> list(std::string_view network, bool allowed, base::Millis life);
  bool is_recent(const Lru<base::MonoTime>& table, const std::string& key, base::Millis life) const;
  bool repeats(const std::string& key);
  double limit_in(const Lru<Budget>& table) const;  // failures of one window
  double current(const Lru<Budget>& table, const Budget& budget) const;
  double failures_in(const Lru<Budget>& table, const std::string& key) const;
  double limit_of(const std::string& address) const;
  base::Millis delay_of(double failures) const;
  double add(Lru<Budget>& table, const std::string& key, double weight);
  std::vector<Row> rows_of(const Lru<Budget>& table, bool keys_are_addresses) const;

  GuardOptions options_;
  const base::Clock& clock_;
  Lru<Budget> addresses_, accounts_, places_;
  Lru<Budget> owners_;            // as accounts_, by the owner's name: never in a verdict of judge()
  Lru<base::MonoTime> familiar_;  // "address account" and "address account device" -> last success
  Lru<base::MonoTime> seen_;      // fingerprints, alone and with an address -> when first
  std::vector<Listed> listed_;
};

}  // namespace bz::directory
