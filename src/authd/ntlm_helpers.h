// The processes that ask a Windows domain about NTLM logins (Samba's ntlm_auth; the supervisor starts them and hands one
// end of their standard input and output over). Each holds one conversation at a time, from the challenge to the verdict:
// who comes while all of them talk waits in a line that is bounded in number and time. The clients of one address have at
// most half of the helpers at once, so that one who asks for challenges and stays silent leaves the other half to the rest.
//
// A helper that ends, is late, or says what nobody asked for is thrown away: its end of the socket closes, the process ends
// and the supervisor starts another one. One thread: the loop's.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <string>

#include "net/channel.h"
#include "net/stream.h"
#include "sasl/ntlm_helper.h"

namespace bz::authd {

class NtlmHelpers {
  struct Helper;

 public:
  struct Limits {
    base::Millis answer{20'000};  // for one answer of a helper, and for a place in the line
    size_t waiting = 200;
  };
  NtlmHelpers(net::Loop& loop, Limits limits) : loop_(loop), limits_(limits) {}
  ~NtlmHelpers();
  NtlmHelpers(const NtlmHelpers&) = delete;
  void set_limits(Limits limits) { limits_ = limits; }

  void add(net::OwnedFd socket);  // of a process that has just been started
  // The end is near: nobody gets a helper any more, and nobody is told.
  void close() { closed_ = true; }

  struct Counts {
    size_t alive = 0, talking = 0, waiting = 0;
  };
  Counts counts();  // also lets go of those that have ended meanwhile

  // A helper for one login. Must not outlive the helpers; destroyed, it gives the helper to the next.
  class Conversation {
   public:
    ~Conversation();
    Conversation(const Conversation&) = delete;
    // Unavailable, with a text for the log: it is gone, late or out of its mind; nothing more can be asked then.
    Task<Result<sasl::ntlm::HelperAnswer>> negotiate(std::string message);
    Task<Result<sasl::ntlm::HelperAnswer>> authenticate(std::string message);

   private:
    friend class NtlmHelpers;
    Conversation(NtlmHelpers& home, Helper& helper, std::string address);
    Task<Result<sasl::ntlm::HelperAnswer>> ask(std::string line);

    NtlmHelpers& home_;
    Helper& helper_;
    std::string address_;
  };
  using ConversationPtr = std::unique_ptr<Conversation>;
  // `address`: whose share it is of (directory::address_key); empty: nobody's. Unavailable: no helper runs. Limit: the line
  // is full. Timeout: it was too long.
  Task<Result<ConversationPtr>> begin(std::string address);

 private:
  struct Helper {
    std::unique_ptr<net::Stream> stream;
    sasl::ntlm::HelperTalk talk{};
    bool taken = false, broken = false;
  };
  struct Waiter {
    uint64_t id;
    std::string address;
    base::Completion<ConversationPtr>::Promise promise;
    std::unique_ptr<net::Loop::Timer> timer{};
  };
  Helper* find_free(const std::string& address);
  bool has_share(const std::string& address) const;
  void drop_ended();
  void give_places();
  void give_up(uint64_t waiter);
  void leave(Helper& helper, const std::string& address);

  net::Loop& loop_;
  Limits limits_;
  bool closed_ = false;
  std::list<Helper> helpers_;
  std::list<Waiter> waiting_;
  uint64_t last_waiter_ = 0;
  std::map<std::string, size_t, std::less<>> of_address_;  // conversations
};

}  // namespace bz::authd
