// What the tests of this room share: a client on one end of a socket pair, without an event loop.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace bz::roles {

// A client that blocks, for at most 10 s at a time.
class Client {
 public:
  explicit Client(int fd) : fd_(fd) { ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) & ~O_NONBLOCK); }
  ~Client() { ::close(fd_); }
  void say(std::string_view text) { ASSERT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), ssize_t(text.size())); }
  // Up to and with `end`; "" in `end`: until the other side ends.
  std::string hear(std::string_view end) {
    while (end.empty() || text_.find(end) == std::string::npos) {
      pollfd poll{fd_, POLLIN, 0};
      char buffer[4096];
      if (::poll(&poll, 1, 10'000) <= 0) return text_ + "(silence)";
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      text_.append(buffer, static_cast<size_t>(got));
    }
    const size_t at = text_.find(end);
    if (end.empty() || at == std::string::npos) return std::exchange(text_, {});
    std::string heard = text_.substr(0, at + end.size());
    text_.erase(0, heard.size());
    return heard;
  }

 private:
  int fd_;
  std::string text_;
};

}  // namespace bz::roles
