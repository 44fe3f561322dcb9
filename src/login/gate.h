// The doors of one gateway worker: takes connections, lets the right front speak, and moves bytes after the hand-over. What
// a session costs then is its two streams and the splice between them. One thread; owns its sessions.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "login/admission.h"
#include "login/client.h"
#include "login/settings.h"

namespace bz::login {

class Gate {
 public:
  struct Capacity {
    Admission::Limits before_login;
    size_t sessions = 100'000;  // of all kinds
  };
  // `services` must outlive the gate.
  Gate(const Services& services, std::shared_ptr<const Settings> settings, Capacity capacity);
  ~Gate();
  // For the connections that follow.
  void set(std::shared_ptr<const Settings> settings, Capacity capacity);
  // A connection from the door's listener; owns `fd`.
  void accept(std::shared_ptr<const Door> door, int fd);
  // Ends the connections of an account (device empty: of all its devices), those in login too; how many. The back ends say
  // goodbye first, we where there is none between us and somebody else's server: what has not ended after half a second is
  // closed here. Connections that come later are not meant.
  size_t end_sessions(uint64_t account_id, const std::string& device, const std::string& reason = {});
  std::vector<std::string> devices_of(uint64_t account_id, size_t most) const { return bearers_.devices(account_id, most); }
  size_t sessions() const { return tasks_.size(); }
  size_t before_login() const { return admission_.size(); }

 private:
  Task<void> serve(std::shared_ptr<const Door> door, int fd, std::string sid);
  Task<FrontEnd> greet(Client& client);
  static Task<FrontEnd> pass_lmtp(Client& client);
  Task<void> close_late(uint64_t account_id, std::vector<uint64_t> numbers);

  const Services& services_;
  std::shared_ptr<const Settings> settings_;
  Admission admission_;
  size_t max_sessions_;
  Bearers bearers_;
  net::TaskGroup tasks_, orders_;
};

}  // namespace bz::login
