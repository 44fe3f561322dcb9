// One open session on the loop: any number of searches at the same time, one bind. Answers are read when the socket has
// something; nothing here waits. A link that failed once is dead and stays so: its owner opens another.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ldap/person.h"
#include "ldap/session.h"
#include "net/loop.h"

struct ldapmsg;

namespace bz::ldap {

struct Search {
  enum class Scope : uint8_t { Base, Subtree };
  std::string base;
  Scope scope = Scope::Subtree;
  std::string filter = "(objectClass=*)";
  std::vector<std::string> attributes{};
  size_t max_entries = 2;  // more: the answer's code is kSizeLimit
};
inline constexpr int kSuccess = 0, kSizeLimit = 4, kNoSuchObject = 32, kInvalidCredentials = 49;  // RFC 4511 4.1.9
struct Answer {
  int code = kSuccess;  // RFC 4511 4.1.9
  std::string text{};   // the code in words, and what the server said
  std::vector<Entry> entries{};
};

class Link {
 public:
  Link(net::Loop& loop, Session session);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  bool alive() const { return session_ != nullptr; }

  // Errors: Closed (the link is dead), Timeout (the search is given up, the link lives), TooLarge, Internal.
  Task<Result<Answer>> search(Search search, net::Deadline deadline);
  // Empty DN and password: anonymous. Not while another bind or search is under way. After an error the link is dead, since
  // nobody knows as whom it is bound.
  Task<Result<Answer>> bind(std::string dn, Secret password, net::Deadline deadline);

 private:
  using Promise = base::Completion<Answer>::Promise;
  struct Pending {
    Promise promise;
    base::MonoTime until;
    Answer answer{};
    size_t bytes = 0, max_entries = 0;
  };
  using Settled = std::vector<std::pair<Promise, Result<Answer>>>;
  Task<Result<Answer>> wait_for(int id, size_t max_entries, net::Deadline deadline);
  void pump();
  void take(::ldapmsg* message, Settled& settled);
  void take_entry(Pending& pending, int id, ::ldapmsg* message, Settled& settled);
  void take_result(int id, ::ldapmsg* message, Settled& settled);
  void expire();
  void arm();
  void die(const Error& why, Settled& settled);
  void settle(Settled settled);

  net::Loop& loop_;
  Session session_;
  std::unique_ptr<net::Loop::Watch> watch_;  // goes before the session, whose descriptor it watches
  net::Loop::Timer timer_;
  base::MonoTime armed_ = base::MonoTime::max();
  std::map<int, Pending> pending_;
};

}  // namespace bz::ldap
