// Dns over libunbound. Its own thread resolves; a pipe tells the loop, which calls ub_process(). A query is known to the
// callback by a number, never by an address: it may be gone when the answer comes.
#include "net/dns.h"

#include <unbound.h>

#include <unordered_map>

#include "base/log.h"
#include "net/dns_rdata.h"
#include "net/loop_impl.h"

namespace bz::net {

namespace {
constexpr int kA = 1, kMxType = 15, kTxt = 16, kAaaa = 28, kClassIn = 1;
constexpr size_t kMaxRecords = 256;  // of one answer that we look at

struct Answer {
  Result<void> state;
  std::vector<std::string> data;
};

// What is no name cannot exist.
Answer failed(int error) { return {fail(error == UB_SYNTAX ? Errc::NotFound : Errc::Unavailable, ub_strerror(error)), {}}; }

Answer to_answer(int error, const ub_result* result) {
  if (error != 0 || result == nullptr) return failed(error);
  if (result->bogus != 0) {
    const char* why = result->why_bogus != nullptr ? result->why_bogus : "DNSSEC";
    return {fail(Errc::Unavailable, std::string("bogus: ") + why), {}};
  }
  if (result->nxdomain != 0) return {fail(Errc::NotFound, "no such name"), {}};
  if (result->rcode != 0) return {fail(Errc::Unavailable, "rcode " + std::to_string(result->rcode)), {}};
  if (result->havedata == 0) return {fail(Errc::NotFound, "no record of this type"), {}};
  Answer out;
  for (size_t i = 0; result->data[i] != nullptr && i < kMaxRecords; ++i) {
    out.data.emplace_back(result->data[i], static_cast<size_t>(result->len[i]));
  }
  return out;
}

class UnboundDns;

// One question under way. Starts when made, so that several may run side by side; destroying it forgets it.
class Query final : private TimerNode {
 public:
  Query(UnboundDns& dns, const std::string& name, int type);
  ~Query() override;
  bool await_ready() const { return answer_.has_value(); }
  void await_suspend(std::coroutine_handle<> waiting) { waiting_ = waiting; }
  Answer await_resume() { return std::move(*answer_); }
  void deliver(Answer answer);  // resumes

 private:
  void fire() override;
  void forget();
  UnboundDns& dns_;
  uintptr_t number_;
  int async_id_ = -1;
  std::optional<Answer> answer_;
  std::coroutine_handle<> waiting_;
};

class UnboundDns final : public Dns {
 public:
  UnboundDns(Loop& loop, Millis timeout) : loop_(loop), timeout_(timeout), context_(ub_ctx_create(), &ub_ctx_delete) {}
  ~UnboundDns() override {
    watch_.reset();
    BZ_CHECK(queries_.empty(), "Dns destroyed under a question");
  }
  Result<void> open(const std::string& config_file);
  Task<Result<std::vector<Mx>>> mx(std::string name) override;
  Task<Result<std::vector<std::string>>> addresses(std::string host) override;
  Task<Result<std::vector<std::string>>> txt(std::string name) override;

 private:
  friend class Query;
  static void on_answer(void* number, int error, ub_result* result);
  void process();

  Loop& loop_;
  Millis timeout_;
  std::unique_ptr<ub_ctx, void (*)(ub_ctx*)> context_;
  std::optional<Loop::Watch> watch_;
  std::unordered_map<uintptr_t, Query*> queries_;
  uintptr_t last_ = 0;
};

// Where on_answer() finds the batch: the library hands back one pointer only, and that is the query's number. Set for the
// length of one ub_process(): answers are delivered after it, since a resumed task may ask again or go.
thread_local std::vector<std::pair<uintptr_t, Answer>>* current_batch = nullptr;

Query::Query(UnboundDns& dns, const std::string& name, int type)
    : TimerNode(dns.loop_.impl()), dns_(dns), number_(++dns.last_) {
  dns_.queries_.emplace(number_, this);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the number comes back as it went, nobody follows it
  void* const key = reinterpret_cast<void*>(number_);
  int error = ub_resolve_async(dns_.context_.get(), name.c_str(), type, kClassIn, key, &UnboundDns::on_answer, &async_id_);
  if (error == 0) {
    arm(std::chrono::steady_clock::now() + dns_.timeout_);
  } else {
    forget();
    answer_ = failed(error);
  }
}

Query::~Query() {
  if (answer_) return;
  ub_cancel(dns_.context_.get(), async_id_);
  forget();
}

void Query::fire() {
  ub_cancel(dns_.context_.get(), async_id_);
  deliver({fail(Errc::Unavailable, "no answer in time"), {}});
}

void Query::forget() { dns_.queries_.erase(number_); }

void Query::deliver(Answer answer) {
  disarm();
  forget();
  answer_ = std::move(answer);
  if (waiting_) waiting_.resume();
}

void UnboundDns::on_answer(void* number, int error, ub_result* result) {
  if (current_batch != nullptr) {
    current_batch->emplace_back(reinterpret_cast<uintptr_t>(number), to_answer(error, result));
  }
  ub_resolve_free(result);
}

void UnboundDns::process() {
  std::vector<std::pair<uintptr_t, Answer>> batch;
  current_batch = &batch;
  int error = ub_process(context_.get());
  current_batch = nullptr;
  if (error != 0) log::event(log::Err, "dns.process").field("error", ub_strerror(error));
  for (auto& [number, answer] : batch) {
    auto found = queries_.find(number);
    if (found != queries_.end()) found->second->deliver(std::move(answer));
  }
}

Result<void> UnboundDns::open(const std::string& config_file) {
  if (!context_) return fail(Errc::Internal, "no memory for a resolver");
  int error = 0;
  if (config_file.empty()) {
    error = ub_ctx_resolvconf(context_.get(), nullptr);
    if (error == 0) error = ub_ctx_hosts(context_.get(), nullptr);
  } else {
    error = ub_ctx_config(context_.get(), config_file.c_str());
  }
  if (error == 0) error = ub_ctx_async(context_.get(), 1);
  if (error != 0) return fail(Errc::Invalid, "resolver " + config_file + ": " + ub_strerror(error));
  watch_.emplace(loop_, ub_fd(context_.get()));
  watch_->on_ready([this](bool readable, bool) {
    if (readable) process();
  });
  return {};
}

template <class T>
Result<std::vector<T>> parse_all(Answer answer, std::optional<T> (*parse)(std::string_view)) {
  BZ_TRY_VOID(std::move(answer.state));
  std::vector<T> out;
  for (const auto& data : answer.data) {
    if (auto one = parse(data)) out.push_back(std::move(*one));
  }
  if (out.empty()) return fail(Errc::Unavailable, "an answer without one usable record");
  return out;
}

Task<Result<std::vector<Dns::Mx>>> UnboundDns::mx(std::string name) {
  Query query(*this, name, kMxType);
  auto answer = co_await query;
  co_return parse_all<Mx>(std::move(answer), parse_mx);
}

Task<Result<std::vector<std::string>>> UnboundDns::txt(std::string name) {
  Query query(*this, name, kTxt);
  auto answer = co_await query;
  co_return parse_all<std::string>(std::move(answer), parse_txt);
}

Task<Result<std::vector<std::string>>> UnboundDns::addresses(std::string host) {
  Query query6(*this, host, kAaaa), query4(*this, host, kA);
  auto answer6 = co_await query6;
  auto answer4 = co_await query4;
  auto v6 = parse_all<std::string>(std::move(answer6), parse_address);
  auto v4 = parse_all<std::string>(std::move(answer4), parse_address);
  if (v6 && v4) v6->insert(v6->end(), v4->begin(), v4->end());
  if (v6) co_return v6;
  if (v4) co_return v4;
  // One family that could not be asked leaves the question open, whatever the other says.
  if (v6.error().code() != Errc::NotFound) co_return v6;
  co_return v4;
}
}  // namespace

Result<std::unique_ptr<Dns>> make_dns(Loop& loop, const Dns::Config& config) {
  auto dns = std::make_unique<UnboundDns>(loop, config.timeout);
  BZ_TRY_VOID(dns->open(config.config_file));
  return std::unique_ptr<Dns>(std::move(dns));
}

}  // namespace bz::net
