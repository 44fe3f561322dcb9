// Whose mailbox is where: the administrator's [[server]] and [[route]] tables against what the directory says of an
// account. First the account's own mail host, then the nearest rule that fits: for the account, for an attribute or server
// type, for a group, for the domain, for everybody; of equals the first one. Then our own mail store. A mail host that the
// configuration does not allow is an error, never a fall-back: mail in two places is worse than mail that waits. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "directory/entry.h"
#include "wire/handoff.h"

namespace bz::authd {

// "mail.example.net" fits itself, and "*.example.net" every name below example.net. ASCII case does not count.
bool host_fits(std::string_view pattern, std::string_view host);

struct ForeignServer {
  std::string name, host;            // host may be empty: then only hosts the directory names
  std::vector<std::string> hosts{};  // patterns of hosts that the directory may name
  bool imap = false, pop3 = false, submission = false, delivery = false;
  bool by_master = false;   // never with the user's password
  bool has_master = false;  // when the user's password is not known
  bool local_part = false;  // login name there: "ana", not "ana@example.org"
  bool sent_copy = false;   // of what is submitted through us: wanted there
  bool takes_sent_copy() const { return sent_copy && imap && has_master; }
  bool serves(wire::Service service) const;
};

struct RouteRule {
  std::string account, domain, type;  // all that are set must fit; lower case
  std::string server;                 // "-": our own mail store
  std::string group{};                // as Account::groups has it
  std::string attribute{}, value{};   // as Account::attributes; "*": any value. ASCII case does not count
  bool fits(const directory::Account& account) const;
  int distance() const;  // 0: for this account alone, ... 4: for everybody
};

// server null: our own mail store.
struct Place {
  const ForeignServer* server = nullptr;
  std::string host;
};

struct Routes {
  std::vector<ForeignServer> servers{};
  std::vector<RouteRule> rules{};
  std::string own_host{};                                          // a mail host of this name is our own mail store
  bool empty() const { return servers.empty() && rules.empty(); }  // every mailbox is here, whatever else is said of it
  // Denied: the directory names a mail host that no [[server]] allows.
  Result<Place> place_of(const directory::Account& account) const;
  std::string login_name(const ForeignServer& server, const directory::Account& account) const;

 private:
  const ForeignServer* find(std::string_view name) const;
};

}  // namespace bz::authd
