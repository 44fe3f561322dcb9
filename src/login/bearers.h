// Whose connections a gateway worker carries, from the moment auth has said yes: what end_sessions looks through. The back
// ends end their own sessions; this is the second line, for one that does not, and for clients that have not been handed
// over yet. One thread.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/stream.h"

namespace bz::login {

class Bearers {
 public:
  // One connection; in the table from name() to its destruction. The table and the stream must outlive it.
  class Entry {
   public:
    Entry(Bearers& table, net::Stream& stream) : table_(table), stream_(stream) {}
    Entry(const Entry&) = delete;
    ~Entry() { clear(); }
    void name(uint64_t account_id, std::string device);
    void clear();
    // Called when the account's sessions are to end, with the reason; at once if that was ordered since name().
    void on_order(std::function<void(const std::string& reason)> end);

   private:
    friend class Bearers;
    Bearers& table_;
    net::Stream& stream_;
    std::string device_;
    std::optional<std::string> ordered_;
    std::function<void(const std::string&)> on_order_;
    uint64_t account_id_ = 0, number_ = 0;
  };

  // Numbers of the account's connections (device empty: of all its devices); never used twice.
  std::vector<uint64_t> of(uint64_t account_id, std::string_view device) const;
  // The device of each of the account's connections, `most` at most; "": the account's own password.
  std::vector<std::string> devices(uint64_t account_id, size_t most) const;
  void order(uint64_t account_id, uint64_t number, const std::string& reason);
  // Closes the stream of one that is still there.
  bool close(uint64_t account_id, uint64_t number);

 private:
  std::map<std::pair<uint64_t, uint64_t>, Entry*> entries_;  // by account and number
  uint64_t last_ = 0;
};

}  // namespace bz::login
