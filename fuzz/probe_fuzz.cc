// rooms: probe
// What a stranger's server says in clear, at a door that begins with STARTTLS: the first byte chooses the door, the rest is
// all the server says on each connection before it ends. The visit ends, the report can be printed, and every finding has
// its texts.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "probe/probe.h"

using namespace bz;

namespace {

constexpr size_t kMaxScript = 60 << 10;  // fits into the socket's buffer

Result<std::unique_ptr<net::Stream>> server_that_says(net::Loop& loop, std::string_view script) {
  auto ends = net::socket_pair();
  if (!ends) std::abort();
  if (::send(ends->second, script.data(), script.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && !script.empty()) std::abort();
  ::shutdown(ends->second, SHUT_WR);
  // What the visitor says stays unread; closing would throw away what he has not read yet.
  static int last = -1;
  if (last >= 0) ::close(last);
  last = ends->second;
  return std::make_unique<net::Stream>(loop, ends->first);
}

Task<void> run(net::Loop& loop, probe::Options options, probe::Report& report) {
  auto probing = probe::probe(loop, std::move(options));
  report = co_await std::move(probing);
  loop.post([&loop] { loop.stop(); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > kMaxScript) return 0;
  static const char* const kDoors[] = {"imap", "pop3", "submission", "smtp"};
  std::string_view script(reinterpret_cast<const char*>(data) + 1, size - 1);
  net::Loop loop;
  probe::Options options;
  options.host = "mail.test";
  options.doors = *probe::parse_doors(kDoors[data[0] % 4]);
  options.user = "ana@mail.test";
  options.password = Secret("secret");
  options.patience = net::Millis(2000);
  options.open = [&](const probe::Door&) { return server_that_says(loop, script); };
  probe::Report report;
  {
    net::TaskGroup tasks(loop);
    tasks.spawn(run(loop, std::move(options), report));
    loop.run();
  }
  if (report.text().empty() || report.json().find("secret\"") != std::string::npos) std::abort();
  for (const probe::Finding& finding : report.findings) {
    if (finding.what.code.empty() || finding.what.text.empty() || finding.what.advice.empty()) std::abort();
  }
  return 0;
}
