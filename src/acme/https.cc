#include "acme/https.h"

#include "https/fetch.h"

namespace bz::acme {
namespace {

constexpr size_t kQueue = 64;
constexpr https::Limits kLimits{.body = kMaxReply, .connect_time = Millis(10'000), .time = Millis(30'000)};

Result<HttpReply> perform(const HttpRequest& request, const std::string& ca_pem, Https::Allow allow,
                          const std::atomic<bool>& stop) {
  https::Request asked{.url = request.url, .method = request.method, .body = Secret(request.body)};
  asked.scheme = allow == Https::Allow::TlsOnly ? https::Scheme::Https : https::Scheme::Http;
  if (!request.content_type.empty()) asked.headers.emplace_back("Content-Type", Secret(request.content_type));
  if (!request.accept.empty()) asked.headers.emplace_back("Accept", Secret(request.accept));
  BZ_TRY(auto reply, https::fetch(asked, kLimits, ca_pem, &stop));
  HttpReply out;
  out.status = reply.status;
  out.nonce = reply.header("replay-nonce");
  out.location = reply.header("location");
  out.retry_after = reply.header("retry-after");
  out.body = std::move(reply.body);
  return out;
}

}  // namespace

Result<void> Https::prepare() { return https::prepare(); }

Https::Https(net::Loop& loop, Allow allow)
    : loop_(loop),
      ca_pem_(std::make_shared<const std::string>()),
      allow_(allow),
      stop_(std::make_shared<std::atomic<bool>>(false)),
      pool_(1, kQueue) {}

Https::~Https() { stop_->store(true); }

Task<Result<HttpReply>> Https::send(HttpRequest request) {
  auto work = [request = std::move(request), ca = ca_pem_, allow = allow_, stop = stop_] {
    return stop->load() ? Result<HttpReply>(fail(Errc::Cancelled, "the role is ending"))
                        : perform(request, *ca, allow, *stop);
  };
  auto working = pool_.run<HttpReply>(loop_, std::move(work));
  auto reply = co_await working;
  co_return std::move(reply);
}

}  // namespace bz::acme
