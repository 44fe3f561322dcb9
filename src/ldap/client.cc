#include "ldap/client.h"

#include <algorithm>

#include "base/log.h"

namespace bz::ldap {

namespace {

constexpr size_t kMaxQueue = 1000;  // connections waiting for a thread of the pool

// RFC 4511 appendix A: the server, not the question, is at fault: ask another one.
bool is_server_trouble(int code) {
  constexpr int kBusy = 51, kUnavailable = 52;
  return code == kBusy || code == kUnavailable;
}
bool is_wrong_password(int code) {
  constexpr int kInappropriateAuthentication = 48;  // the entry has no password
  return code == kInvalidCredentials || code == kInappropriateAuthentication || code == kNoSuchObject;
}
// The next server is asked after these; after any other the question itself is at fault.
bool is_trouble(const Error& error) {
  return error.code() == Errc::Unavailable || error.code() == Errc::Timeout || error.code() == Errc::Closed;
}

bool is_over(net::Deadline deadline) { return deadline.at() <= std::chrono::steady_clock::now(); }

}  // namespace

Client::Client(net::Loop& loop, ClientOptions options)
    : loop_(loop),
      options_(std::move(options)),
      pool_(static_cast<unsigned>(std::max<size_t>(2, 2 * options_.servers.size())), kMaxQueue),
      tasks_(loop) {
  for (const Server& server : options_.servers) servers_.push_back(std::make_unique<ServerState>(ServerState{server}));
}

Client::~Client() {
  tasks_.cancel();
  for (const auto& weak : cuts_)
    if (auto cut = weak.lock()) cut->cut();
}

bool Client::any_up() const {
  return std::any_of(servers_.begin(), servers_.end(), [](const auto& server) { return server->up; });
}

std::string Client::state() const {
  std::string out;
  for (const auto& server : servers_) {
    out += (out.empty() ? "" : ", ") + server->server.to_string() + (server->up ? " up" : " down");
    if (!server->up) out += " (" + server->trouble + ")";
  }
  return out;
}

Error Client::nobody() const { return Error(Errc::Unavailable, "no server answers: " + state()); }

net::Deadline Client::share(net::Deadline deadline) const {
  return net::Deadline(std::min(deadline.at(), net::Deadline::in(options_.server_time).at()));
}

// A little less than all: our own steps take time, too.
bool Client::had_time(base::MonoTime began, net::Deadline deadline) const {
  return deadline.at() - began >= options_.server_time * 3 / 4;
}

// Opening ---------------------------------------------------------------------------------------------------------------

// `began`: when a thread of the pool took it up; MonoTime::max(): none did.
Task<Result<Session>> Client::connect(const Server& server, net::Deadline deadline, std::shared_ptr<base::MonoTime> began) {
  auto cut = std::make_shared<Cut>();
  std::erase_if(cuts_, [](const auto& weak) { return weak.expired(); });
  cuts_.push_back(cut);
  net::Loop::Timer watchdog(loop_, [cut] { cut->cut(); });
  watchdog.arm(deadline);
  using namespace std::chrono;
  std::function<Result<Session>()> work = [server, ca = options_.ca_file, deadline, cut, began]() {
    *began = steady_clock::now();
    auto time = duration_cast<base::Millis>(deadline.at() - *began);
    return open_session(server, ca, std::max(time, base::Millis(1)), *cut);
  };
  auto opening = pool_.run<Session>(loop_, std::move(work));
  auto session = co_await opening;
  co_return std::move(session);
}

Task<Result<Client::LinkPtr>> Client::open(ServerState& server, net::Deadline deadline) {
  auto began = std::make_shared<base::MonoTime>(base::MonoTime::max());
  auto connecting = connect(server.server, deadline, began);
  auto session = co_await std::move(connecting);
  if (session) co_return std::make_shared<Link>(loop_, std::move(*session));
  const bool late = session.error().code() == Errc::Timeout;
  if (*began == base::MonoTime::max() || (late && !had_time(*began, deadline)))
    co_return fail(Errc::Timeout, "no connection was opened in time");
  // Whatever it is that keeps us from a server, another one may be better.
  co_return failed(server, late ? std::move(session).error() : Error(Errc::Unavailable, session.error().text()));
}

Task<void> Client::open_searching(ServerState& server) {
  net::Deadline deadline = net::Deadline::in(options_.server_time);
  auto opening = open(server, deadline);
  auto link = co_await std::move(opening);
  if (link && !options_.bind_dn.empty()) {
    auto binding = (*link)->bind(options_.bind_dn, options_.bind_password, deadline);
    auto bound = co_await std::move(binding);
    if (!bound) {
      link = failed(server, std::move(bound).error());
    } else if (bound->code != kSuccess) {
      link = failed(server, Error(Errc::Unavailable, "bind as " + options_.bind_dn + ": " + bound->text));
    }
  }
  server.opening = false;
  if (link) server.searching = *link;
  for (auto& promise : std::exchange(server.waiting, {})) promise.set(link);
}

Task<Result<Client::LinkPtr>> Client::searching_link(ServerState& server, net::Deadline deadline) {
  if (server.searching && server.searching->alive()) co_return server.searching;
  base::Completion<LinkPtr> done;
  auto promise = done.promise();
  server.waiting.push_back(promise);
  if (!std::exchange(server.opening, true)) tasks_.spawn(open_searching(server));
  net::Loop::Timer timer(loop_, [promise] { promise.set(fail(Errc::Timeout, "no connection in time")); });
  timer.arm(deadline);
  auto link = co_await done;
  co_return std::move(link);
}

// Health ----------------------------------------------------------------------------------------------------------------

void Client::fail_server(ServerState& server, const Error& why) {
  server.trouble = why.text();
  if (!std::exchange(server.up, false)) return;
  log::event(log::Warn, "directory_server_down")
      .field("directory", options_.name)
      .field("server", server.server.to_string())
      .error(why);
  server.searching.reset();
  server.bind_links -= server.idle.size();
  server.idle.clear();
  while (!server.waiting_to_bind.empty()) wake(server, fail(Errc::Unavailable, why.text()));
  tasks_.spawn(probe(server));
}

Error Client::failed(ServerState& server, Error why) {
  fail_server(server, why);
  return why;
}

// That a connection comes about says little: it must answer a question that every server answers (RFC 4512 5.1).
Task<Result<void>> Client::try_server(ServerState& server) {
  net::Deadline deadline = net::Deadline::in(options_.server_time);
  auto connecting = searching_link(server, deadline);
  BZ_CO_TRY(LinkPtr link, co_await std::move(connecting));
  Search root{"", Search::Scope::Base, "(objectClass=*)", {"1.1"}, 1};
  auto asking = link->search(std::move(root), deadline);
  auto answer = co_await std::move(asking);
  if (answer && !is_server_trouble(answer->code)) co_return Result<void>();
  server.searching.reset();
  if (!answer) co_return std::move(answer).error();
  co_return fail(Errc::Unavailable, answer->text);
}

Task<void> Client::probe(ServerState& server) {
  base::Millis wait = options_.probe_first;
  for (;;) {
    auto pause = loop_.sleep(net::Deadline::in(wait));
    co_await std::move(pause);
    auto trying = try_server(server);
    auto well = co_await std::move(trying);
    if (well) break;
    server.trouble = well.error().text();
    wait = std::min(wait * 2, options_.probe_max);
  }
  server.up = true;
  log::event(log::Info, "directory_server_up").field("directory", options_.name).field("server", server.server.to_string());
}

// Searches --------------------------------------------------------------------------------------------------------------

Task<Result<Client::Found>> Client::search(Search search, net::Deadline deadline) {
  Error last(Errc::Timeout);
  for (const auto& server : servers_) {
    if (!server->up) continue;
    if (is_over(deadline)) co_return fail(Errc::Timeout, "no server answered in time: " + state());
    auto asking = search_on(*server, search, share(deadline));
    auto found = co_await std::move(asking);
    if (found || !is_trouble(found.error())) co_return std::move(found);
    last = found.error();
  }
  co_return any_up() ? last : nobody();
}

Task<Result<Client::Found>> Client::search_on(ServerState& server, Search search, net::Deadline deadline) {
  Error last(Errc::Unavailable);
  const auto began = std::chrono::steady_clock::now();
  // A connection may have been closed by the server just now: that is no fault of the server. A second time it is.
  for (int tries = 0; tries < 2; ++tries) {
    auto connecting = searching_link(server, deadline);
    auto link = co_await std::move(connecting);
    if (!link) co_return std::move(link).error();
    LinkPtr held = *link;
    auto asking = held->search(search, deadline);
    auto answer = co_await std::move(asking);
    if (!answer) {
      last = answer.error();
      if (last.code() == Errc::Closed) continue;
      if (last.code() == Errc::Timeout && had_time(began, deadline)) fail_server(server, last);
      co_return last;
    }
    if (answer->code == kSuccess || answer->code == kNoSuchObject)
      co_return Found{server.server.to_string(), std::move(answer->entries)};
    if (answer->code == kSizeLimit) co_return fail(Errc::Limit, "more entries than allowed: " + search.filter);
    std::string text = "search below \"" + search.base + "\": " + answer->text;
    if (is_server_trouble(answer->code)) co_return failed(server, Error(Errc::Unavailable, std::move(text)));
    co_return fail(Errc::Denied, std::move(text));
  }
  co_return failed(server, std::move(last));
}

// Binds -----------------------------------------------------------------------------------------------------------------

// A connection for one bind, or the right to open it; goes back when the bind is over, however it ended.
class Client::BindLink {
 public:
  BindLink(Client& client, ServerState& server, LinkPtr link) : client_(client), server_(server), link_(std::move(link)) {}
  BindLink(const BindLink&) = delete;
  BindLink& operator=(const BindLink&) = delete;
  ~BindLink() { client_.give_back(server_, std::move(link_)); }
  bool empty() const { return !link_; }
  void fill(LinkPtr link) { link_ = std::move(link); }
  Link& operator*() { return *link_; }

 private:
  Client& client_;
  ServerState& server_;
  LinkPtr link_;
};

// Stands in the queue as long as it lives: a link is never handed to somebody who has gone.
struct Client::BindWaiter {
  std::list<BindWaiter*>& queue;
  base::Completion<LinkPtr> done{};
  LinkPromise promise = done.promise();
  explicit BindWaiter(std::list<BindWaiter*>& q) : queue(q) { queue.push_back(this); }
  BindWaiter(const BindWaiter&) = delete;
  BindWaiter& operator=(const BindWaiter&) = delete;
  ~BindWaiter() { queue.remove(this); }
};

void Client::wake(ServerState& server, Result<LinkPtr> link) {
  LinkPromise promise = server.waiting_to_bind.front()->promise;
  server.waiting_to_bind.pop_front();
  promise.set(std::move(link));
}

void Client::give_back(ServerState& server, LinkPtr link) {
  if (!link || !link->alive() || !server.up) {
    --server.bind_links;
    link.reset();
  }
  if (!server.waiting_to_bind.empty()) return wake(server, std::move(link));
  if (link) server.idle.push_back(std::move(link));
}

Task<Result<Client::LinkPtr>> Client::bind_turn(ServerState& server, net::Deadline deadline) {
  for (;;) {
    while (!server.idle.empty()) {
      LinkPtr link = std::move(server.idle.back());
      server.idle.pop_back();
      if (link->alive()) co_return std::move(link);
      --server.bind_links;
    }
    if (server.bind_links < options_.bind_connections) break;
    BindWaiter waiter(server.waiting_to_bind);
    net::Loop::Timer timer(
        loop_, [promise = waiter.promise] { promise.set(fail(Errc::Timeout, "all connections for binds are in use")); });
    timer.arm(deadline);
    auto link = co_await waiter.done;
    if (!link) co_return std::move(link).error();
    if (*link && (*link)->alive()) co_return std::move(link);
  }
  ++server.bind_links;
  co_return LinkPtr();
}

Task<Result<Client::Verdict>> Client::check(std::string dn, Secret password, net::Deadline deadline) {
  if (dn.empty() || password.empty()) co_return Verdict{false, {}, "an empty password is never sent"};
  Error last(Errc::Timeout);
  for (const auto& server : servers_) {
    if (!server->up) continue;
    if (is_over(deadline)) co_return fail(Errc::Timeout, "no server answered in time: " + state());
    auto asking = check_on(*server, dn, password, deadline);
    auto verdict = co_await std::move(asking);
    if (verdict || !is_trouble(verdict.error())) co_return std::move(verdict);
    last = verdict.error();
  }
  co_return any_up() ? last : nobody();
}

// The server's time begins when it is this bind's turn.
Task<Result<Client::Verdict>> Client::check_on(ServerState& server, std::string dn, Secret password,
                                               net::Deadline deadline) {
  Error last(Errc::Unavailable);
  for (int tries = 0; tries < 2; ++tries) {
    auto queueing = bind_turn(server, share(deadline));
    auto turn = co_await std::move(queueing);
    if (!turn) co_return std::move(turn).error();
    BindLink held(*this, server, std::move(*turn));
    const auto began = std::chrono::steady_clock::now();
    const net::Deadline until = share(deadline);
    if (held.empty()) {
      auto opening = open(server, until);
      auto link = co_await std::move(opening);
      if (!link) co_return std::move(link).error();
      held.fill(std::move(*link));
    }
    auto binding = (*held).bind(dn, password, until);
    auto answer = co_await std::move(binding);
    if (!answer) {
      last = answer.error();
      if (last.code() == Errc::Closed) continue;
      if (last.code() == Errc::Timeout && had_time(began, until)) fail_server(server, last);
      co_return last;
    }
    if (answer->code == kSuccess) co_return Verdict{true, server.server.to_string(), answer->text};
    if (is_wrong_password(answer->code)) co_return Verdict{false, server.server.to_string(), answer->text};
    std::string text = "bind as " + dn + ": " + answer->text;
    if (is_server_trouble(answer->code)) co_return failed(server, Error(Errc::Unavailable, std::move(text)));
    co_return fail(Errc::Denied, std::move(text));
  }
  co_return failed(server, std::move(last));
}

}  // namespace bz::ldap
