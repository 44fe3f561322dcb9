#include "acme/http_challenge.h"

#include <unistd.h>

#include <array>

#include "base/log.h"

namespace bz::acme {
namespace {

constexpr net::Millis kTime{5'000};
constexpr size_t kMaxConnections = 200;

std::string reply(std::string_view status, std::string_view body) {
  std::string out = "HTTP/1.1 ";
  out += status;
  out += "\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n";
  out += body;
  return out;
}

}  // namespace

std::string answer_request(std::string_view head, const Authorizations& authorizations) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const size_t first = line.find(' '), second = line.find(' ', first == line.npos ? first : first + 1);
  if (second == line.npos || !line.substr(second + 1).starts_with("HTTP/1.")) return reply("400 Bad Request", "");
  if (line.substr(0, first) != "GET") return reply("405 Method Not Allowed", "");
  std::string_view path = line.substr(first + 1, second - first - 1);
  if (!path.starts_with(kChallengePath)) return reply("404 Not Found", "");
  auto found = authorizations.find(path.substr(kChallengePath.size()));
  if (found == authorizations.end()) return reply("404 Not Found", "");
  return reply("200 OK", found->second);
}

HttpDoor::HttpDoor(net::Loop& loop) : loop_(loop), tasks_(loop) {}
HttpDoor::~HttpDoor() { tasks_.cancel(); }

void HttpDoor::listen(const std::vector<int>& fds) {
  listeners_.clear();
  for (int fd : fds) {
    listeners_.push_back(std::make_unique<net::Listener>(loop_, fd, [this](int connection) {
      if (tasks_.size() < kMaxConnections) return tasks_.spawn(serve(connection));
      ::close(connection);
    }));
  }
}

Task<void> HttpDoor::serve(int fd) {
  net::Stream stream(loop_, fd);
  const net::Deadline deadline = net::Deadline::in(kTime);
  std::string head;
  std::array<char, 1024> buffer{};
  while (head.find("\r\n\r\n") == head.npos) {
    auto got = co_await stream.read_some(buffer, deadline);
    if (!got || *got == 0 || head.size() + *got > kMaxRequest) co_return;
    head.append(buffer.data(), *got);
  }
  const std::string answer = answer_request(head, authorizations_);
  if (answer.starts_with("HTTP/1.1 200")) log::event(log::Info, "challenge_fetched");
  auto written = co_await stream.write_all(answer, deadline);
  if (!written) co_return;
  auto ended = co_await stream.shutdown(deadline);
  if (!ended) log::event(log::Debug, "challenge_shutdown").error(ended.error());
}

}  // namespace bz::acme
